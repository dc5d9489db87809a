"""Joining and leaving the waitlist."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from marketplace.units import clock
from pricing.demand.actions import record_standing_wish
from pricing.demand.models import WAITLIST
from pricing.quotes.actions import QuoteClosed, QuoteExpired, release_quote
from pricing.quotes.bundling import release_bundle
from pricing.quotes.models import RELEASED
from pricing.quotes.need import BadNeed, Fault, Need, parse_need
from reservations.booking.waitlist.models import OFFERED, WAITING, WITHDRAWN, WaitlistEntry

MOST_ENTRIES = 50  # of one organisation that stand at one time
CEILING = "max_unit_price"
HIGHEST = Decimal(1_000)  # USD per GPU-hour
NOT_STANDING = ("sort", "relax")  # an entry has no order of offers and relaxes nothing


class WaitlistFull(Exception):
    """The organisation has as many standing requests as it may have."""

    def __init__(self) -> None:
        super().__init__(
            f"Your organisation has {MOST_ENTRIES} standing requests, the most at one time. Withdraw one first. "
            "Nothing was added."
        )


class EntryNotFound(Exception):
    """There is no such entry for this organisation."""


class EntryOver(Exception):
    """The entry does not stand any more; `state` says what became of it."""

    def __init__(self, state: str) -> None:
        super().__init__(f"This standing request is {state}. Nothing was changed.")
        self.state = state


def parse_wish(body: Any, *, now: datetime, known: Mapping[str, frozenset[str]]) -> tuple[Need, Decimal]:
    """The need and the ceiling of a body as it comes from outside. Raises BadNeed with every fault."""
    if not isinstance(body, Mapping):
        raise BadNeed([Fault("", "not_an_object", "Send an object with the fields of a need and max_unit_price.")])
    faults = [
        Fault(f"/{name}", "unknown_field", f"A standing request has no {name}.")
        for name in NOT_STANDING
        if name in body
    ]
    ceiling = _ceiling(body.get(CEILING), faults)
    wishes = {name: value for name, value in body.items() if name != CEILING and name not in NOT_STANDING}
    try:
        need = parse_need(wishes, today=now.date(), known=known)
    except BadNeed as bad:
        raise BadNeed([*faults, *bad.faults]) from bad
    if faults or ceiling is None:
        raise BadNeed(faults)
    return need, ceiling


def _ceiling(value: Any, faults: list[Fault]) -> Decimal | None:
    right = f'Send the most that a GPU-hour may cost, in USD: "2.50", up to {HIGHEST}, with at most four decimals.'
    try:
        found = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    exponent = found.as_tuple().exponent
    if not found.is_finite() or not 0 < found <= HIGHEST or not isinstance(exponent, int) or exponent < -4:
        faults.append(Fault(f"/{CEILING}", "required" if value is None else "invalid", right))
        return None
    return found


def join(*, need: Need, max_unit_price: Decimal, by: Actor, organisation_id: int) -> WaitlistEntry:
    """Puts a wish at the end of the one queue. Demand hears of it. Raises WaitlistFull."""
    now = clock.now()
    standing = WaitlistEntry.objects.of(organisation_id).filter(status__in=[WAITING, OFFERED])
    if standing.count() >= MOST_ENTRIES:
        raise WaitlistFull
    entry = WaitlistEntry.objects.create(
        organisation_id=organisation_id,
        need=need.as_json(),
        max_unit_price=max_unit_price,
        last_start=need.start_to,
        joined_at=now,
        joined_by=by.label,
    )
    record_standing_wish(
        need=need, organisation_id=organisation_id, source=WAITLIST, limit_price=max_unit_price, now=now
    )
    tell_of(entry, "waitlist.joined", by, now)
    return entry


def withdraw(*, public_id: str, by: Actor, organisation_id: int) -> WaitlistEntry:
    """Takes a standing request back, with the offer that it may have: its capacity goes to the next. Final.

    Raises EntryNotFound or EntryOver. The entry is locked before its quote, as everywhere.
    """
    entry = WaitlistEntry.objects.of(organisation_id).filter(public_id=public_id).select_for_update().first()
    if entry is None:
        raise EntryNotFound
    now = clock.now()
    state = entry.state(now)
    if state not in (WAITING, OFFERED):
        raise EntryOver(state)
    if state == OFFERED:
        _let_go(entry, by, organisation_id)
    entry.status, entry.ended_at = WITHDRAWN, now
    entry.save(update_fields=["status", "ended_at"])
    tell_of(entry, "waitlist.withdrawn", by, now)
    return entry


def _let_go(entry: WaitlistEntry, by: Actor, organisation_id: int) -> None:
    offer = entry.offer
    assert offer is not None
    release: Any = release_quote if offer.quote is not None else release_bundle
    try:
        release(public_id=offer.held.public_id, by=by, organisation_id=organisation_id)
    except QuoteExpired:  # its time ended in this very moment
        pass
    except QuoteClosed as closed:
        raise EntryOver("served" if closed.status == "accepted" else closed.status) from closed
    offer.outcome = RELEASED
    offer.save(update_fields=["outcome"])


def tell_of(entry: WaitlistEntry, name: str, by: Actor, now: datetime, **more: Any) -> None:
    """Journal and event of what happened to an entry: for its own organisation alone."""
    record(by=by, verb=name, subject=entry.public_id, now=now, after=more or None)
    emit(
        name=name,
        subject=entry.public_id,
        organisation_id=entry.organisation_id,
        data={"waitlist_entry": entry.public_id, **more},
        now=now,
    )
