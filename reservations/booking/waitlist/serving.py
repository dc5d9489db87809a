"""Serving the waitlist: one queue across all pools and phases, one offer at a time.

Who joined first comes first. On one reading of the market every entry is looked at in that order; the first that fits
under its ceiling gets the offer, and of each entry before it the reason why not is written down as of that reading. An
offer is a quote that holds its capacity, so it is never made without headroom. One that is let go or runs out passes
on: its entry keeps its place, but rests for REST, so that the others come first; after MOST_UNANSWERED it lapses.

Whoever serves holds the lock of the first entry in line: a sweep that finds it locked leaves the queue to the other.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from marketplace.capacity.ledger import Refused
from marketplace.journal.actor import SYSTEM, Actor
from marketplace.screening.queries import ScreeningRequired
from marketplace.units import clock
from marketplace.units.instants import rfc3339
from marketplace.units.money import Money, unit_price
from pricing.quotes.actions import take_quote
from pricing.quotes.bundle_offers import BundleOffer
from pricing.quotes.bundles import Bundle
from pricing.quotes.bundling import take_bundle
from pricing.quotes.holds import HoldCooldown, HoldLimit
from pricing.quotes.models import ACCEPTED, EXPIRED, OPEN, Quote
from pricing.quotes.need import Need, parse_stored
from pricing.quotes.offers import Offer
from pricing.quotes.reach import Reach, reach
from pricing.quotes.relax import best_block
from pricing.quotes.search import search
from pricing.quotes.splits import cheapest_spots
from pricing.quotes.spots import list_cents
from reservations.booking.waitlist.actions import tell_of
from reservations.booking.waitlist.models import (
    COOLDOWN,
    HOLD_LIMIT,
    LAPSED,
    LET_GO,
    NO_ROOM,
    NOT_CLEARED,
    OFFERED,
    RAN_OUT,
    SERVED,
    TAKEN,
    TOO_DEAR,
    WAITING,
    WaitlistEntry,
    WaitlistOffer,
    WaitlistPass,
)

OFFER_HOURS = 4  # an assumption: long enough to be seen on a working day, short enough for the next in line
REST = timedelta(hours=24)
MOST_UNANSWERED = 3
REASON_OF = {ScreeningRequired: NOT_CLEARED, HoldLimit: HOLD_LIMIT, HoldCooldown: COOLDOWN}


class NotServed(Exception):
    """The entry whose turn it was could not be given its offer: nothing was done, and the queue goes on after it."""

    def __init__(self, entry_id: int, reason: str, said: str) -> None:
        super().__init__(said)
        self.entry_id = entry_id
        self.reason = reason


class TakenMeanwhile(Refused):
    """Somebody was faster than the offer. Worth one more try without expired holds, like every refused claim."""

    def __init__(self, entry_id: int, refused: Refused) -> None:
        super().__init__(str(refused), refused.pool_ids, met_expired=refused.met_expired)
        self.entry_id = entry_id
        self.reason = TAKEN


@dataclass(frozen=True)
class _Looked:
    """What the reading says of one entry: that it fits, or why not."""

    entry: WaitlistEntry
    need: Need
    reason: str = ""
    detail: str = ""


def offer_next(*, skip: Collection[int] = ()) -> WaitlistOffer | None:
    """Makes one offer: to the first in line that fits. None where nobody does, or where somebody else serves.

    `skip` are entries that were tried a moment ago; why they were passed over is on record already. Raises NotServed or
    TakenMeanwhile, and has then done nothing.
    """
    now = clock.now()
    line = list(WaitlistEntry.objects.in_line().filter(last_start__gt=now.date()))
    if not line or not _is_ours(line[0]):
        return None
    able = [entry for entry in line if entry.pk not in skip and not (entry.rests_until and entry.rests_until > now)]
    needs = [_as_of(entry, now) for entry in able]
    if not needs:
        return None
    around = _read(needs, now)
    passed: list[_Looked] = []
    for entry, need in zip(able, needs, strict=True):
        looked = _look(entry, need, around)
        if not looked.reason:
            _pass_over(passed, now)
            return _offer(looked, now)
        passed.append(looked)
    _pass_over(passed, now)
    return None


def _is_ours(first: WaitlistEntry) -> bool:
    """Whether the queue can be served by us: its first entry is locked, and still the first."""
    return WaitlistEntry.objects.filter(pk=first.pk, status=WAITING).select_for_update(skip_locked=True).exists()


def _as_of(entry: WaitlistEntry, now: datetime) -> Need:
    """The need as it can still be met: no start of the past."""
    need = parse_stored(entry.need)
    return replace(need, start_from=max(need.start_from, now.date() + timedelta(days=1)))


def _read(needs: Sequence[Need], now: datetime) -> Reach:
    span = (min(need.start_from for need in needs), max(need.start_to for need in needs))
    return reach(needs, span, now)


def _look(entry: WaitlistEntry, need: Need, around: Reach) -> _Looked:
    """Whether something fits under the ceiling, on that reading."""
    price = _cheapest(need, around)
    if price is None:
        return _Looked(entry, need, NO_ROOM, f"Nothing that it accepts has room for {_quantity(need)}.")
    if price > entry.max_unit_price:
        said = f"The cheapest that fits costs {price} USD per GPU-hour, above its ceiling of {entry.max_unit_price}."
        return _Looked(entry, need, TOO_DEAR, said)
    return _Looked(entry, need)


def _quantity(need: Need) -> str:
    whole = f"all {need.quantity.least:,} GPUs"
    return whole if need.quantity.least == need.quantity.most else f"at least {need.quantity.least:,} GPUs"


def _cheapest(need: Need, around: Reach) -> Decimal | None:
    """USD per GPU-hour; None where nothing fits. Of a split its list price, which terms can only lower."""
    shelf = around.of(need)
    block = best_block(shelf, need)
    prices = [block.unit_price] if block is not None else []
    if need.divisible:
        for spots in cheapest_spots(shelf, need):
            hours = sum(spot.quantity * spot.period.days * 24 for spot in spots)
            prices.append(unit_price(Money(Decimal(list_cents(spots, shelf)).scaleb(-2)), hours))
    return min(prices, default=None)


def _offer(looked: _Looked, now: datetime) -> WaitlistOffer:
    """The offer to one entry: a quote, or a bundle where a split is cheaper."""
    waiting = WaitlistEntry.objects.select_related("organisation").filter(pk=looked.entry.pk, status=WAITING)
    entry = waiting.select_for_update(of=("self",)).first()
    if entry is None:
        raise NotServed(looked.entry.pk, "", "It was withdrawn in this very moment.")
    best = _best(entry, looked.need, now)
    held = _hold(entry, best, now)
    kind = "bundle" if isinstance(held, Bundle) else "quote"
    offer = WaitlistOffer.objects.create(entry=entry, made_at=now, **{kind: held})
    entry.status = OFFERED
    entry.save(update_fields=["status"])
    tell_of(entry, "waitlist.offered", SYSTEM, now, **{kind: held.public_id}, expires_at=rfc3339(held.expires_at))
    return offer


def _best(entry: WaitlistEntry, need: Need, now: datetime) -> Offer | BundleOffer:
    found = search(need=need, organisation_id=entry.organisation_id, now=now)
    offers: list[Offer | BundleOffer] = [*found.offers, *found.splits]
    best = min(offers, key=lambda offer: offer.unit_price, default=None)
    if best is None or best.unit_price > entry.max_unit_price:
        raise NotServed(entry.pk, TAKEN, "What fitted a moment ago was taken.")
    return best


def _hold(entry: WaitlistEntry, best: Offer | BundleOffer, now: datetime) -> Quote | Bundle:
    by = Actor("waitlist", organisation_id=entry.organisation_id)
    until = now + timedelta(hours=OFFER_HOURS)
    take: Callable[..., Quote | Bundle] = take_bundle if isinstance(best, BundleOffer) else take_quote
    try:
        return take(offer=best.id, organisation=entry.organisation, by=by, held_until=until)
    except Refused as refused:
        raise TakenMeanwhile(entry.pk, refused) from refused
    except (ScreeningRequired, HoldLimit, HoldCooldown) as refused:
        raise NotServed(entry.pk, REASON_OF[type(refused)], str(refused)) from refused


def pass_over(*, entry_id: int, reason: str, detail: str) -> None:
    """Writes down why an entry whose turn it was got nothing."""
    entry = WaitlistEntry.objects.get(pk=entry_id)
    _pass_over([_Looked(entry, _as_of(entry, clock.now()), reason, detail)], clock.now())


def _pass_over(passed: Sequence[_Looked], now: datetime) -> None:
    """One row as long as the reason is the same: the last of each entry is carried on, or a new one begun."""
    ids = [each.entry.pk for each in passed]
    latest = {
        row.entry_id: row
        for row in WaitlistPass.objects.filter(entry_id__in=ids).order_by("entry_id", "-pk").distinct("entry_id")
    }
    same = [
        latest[each.entry.pk].pk
        for each in passed
        if each.entry.pk in latest
        and (latest[each.entry.pk].reason, latest[each.entry.pk].detail) == (each.reason, each.detail)
    ]
    WaitlistPass.objects.filter(pk__in=same).update(until=now)
    kept = {pk for pk, row in latest.items() if row.pk in same}
    WaitlistPass.objects.bulk_create(
        WaitlistPass(entry=each.entry, reason=each.reason, detail=each.detail, since=now, until=now)
        for each in passed
        if each.entry.pk not in kept
    )


def settle_offer(*, entry_id: int) -> WaitlistEntry | None:
    """Writes down what became of an entry's offer. None where it is open, or where somebody else has the entry."""
    entry = WaitlistEntry.objects.filter(pk=entry_id, status=OFFERED).select_for_update(skip_locked=True).first()
    if entry is None or entry.offer is None:
        return None
    now, offer = clock.now(), entry.offer
    outcome = offer.state(now)
    if outcome == OPEN:
        return None
    offer.outcome = outcome
    offer.save(update_fields=["outcome"])
    if outcome == ACCEPTED:
        return _end(entry, SERVED, now)
    return _pass_on(entry, outcome, now)


def _pass_on(entry: WaitlistEntry, outcome: str, now: datetime) -> WaitlistEntry:
    reason = RAN_OUT if outcome == EXPIRED else LET_GO
    said = "Its offer ran out without being taken." if reason == RAN_OUT else "Its offer was let go."
    detail = f"{said} It passed on to the next; this entry comes again from {rfc3339(now + REST)}."
    WaitlistPass.objects.create(entry=entry, reason=reason, detail=detail, since=now, until=now + REST)
    if entry.offers.exclude(outcome=ACCEPTED).count() >= MOST_UNANSWERED:
        return _end(entry, LAPSED, now)
    entry.status, entry.rests_until = WAITING, now + REST
    entry.save(update_fields=["status", "rests_until"])
    tell_of(entry, "waitlist.offer_passed_on", SYSTEM, now, outcome=outcome)
    return entry


def lapse(*, entry_id: int) -> WaitlistEntry | None:
    """Ends an entry whose last start is over."""
    now = clock.now()
    due = WaitlistEntry.objects.filter(pk=entry_id, status=WAITING, last_start__lte=now.date())
    entry = due.select_for_update(skip_locked=True).first()
    return _end(entry, LAPSED, now) if entry is not None else None


def _end(entry: WaitlistEntry, status: str, now: datetime) -> WaitlistEntry:
    entry.status, entry.ended_at = status, now
    entry.save(update_fields=["status", "ended_at"])
    tell_of(entry, f"waitlist.{status}", SYSTEM, now)
    return entry
