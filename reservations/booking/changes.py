"""Asking for a change: a quote that shows what it would cost, add and return. `changed.py` makes it, whole or not.

The holder's own capacity on days that stay is never claimed twice: only what is added is held. What is given back comes
out of the pieces that were bought last. What a change costs and refunds is what the contract said when it was made.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from marketplace.journal.actor import Actor
from marketplace.units.money import usd_from_cents
from marketplace.units.period import Period, in_words
from pricing.quotes.changes import Part, Piece, added, fee_cents, give_back, occupied, parts_of, returned
from pricing.quotes.changing import Addition, Asked, cents_of, take_change
from pricing.quotes.contracts import ContractPolicy
from pricing.quotes.exits import OF_CUSTOMER
from pricing.quotes.models import Quote
from reservations.booking import states
from reservations.booking.amendments import ReservationChange
from reservations.booking.change_authority import TAKES_CAPACITY, check_clearance_of
from reservations.booking.lifecycle import check, lock_reservation
from reservations.booking.models import Reservation
from reservations.booking.pieces import as_json, parts, pieces_of
from reservations.booking.plans import Plan, Wish, plan_of

SHORTEST_REASON = 10
LOCKED_KINDS = (states.RESIZE, states.MOVE, states.CANCEL)


class Locked(Exception):
    """The start is so near that terms can no longer change. Nothing was changed."""

    def __init__(self, since: datetime) -> None:
        super().__init__(f"Terms are locked since {since:%Y-%m-%d %H:%M} UTC: they can no longer change.")
        self.since = since


class ServedElsewhere(Exception):
    """The block is served in another pool since a slip, and its price is that of the first. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("This block is served elsewhere since a slip: nothing can be added to it. Buy it beside it.")


class NoticeTooShort(Exception):
    """Days would be given back sooner than the exit's notice allows. Nothing was changed."""

    def __init__(self, earliest: date, days: int) -> None:
        super().__init__(
            f"This takes {days} days' notice: days from {in_words(earliest)} on can be given back, earlier ones cannot."
        )
        self.earliest = earliest


class CauseNeedsStaff(Exception):
    """Only staff give this cause, with evidence. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("This cause is for our staff to give, with evidence and a second person: write to us.")


class EvidenceMissing(ValueError):
    """Staff gave a cause without saying why, or where it can be checked. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__(f"Say why in {SHORTEST_REASON} characters or more, and give a reference to the evidence.")


@dataclass(frozen=True, eq=False)
class Effect:
    """What a change costs beside what it adds: all in cents, as the contract says."""

    back: list[tuple[Part, int]]
    fee: int
    kept: int
    refund: int

    @property
    def returned(self) -> int:
        return sum(cents for _, cents in self.back)


def quote_change(
    *,
    reservation: str,
    wish: Wish,
    by: Actor,
    organisation_id: int | None,
    roles: Collection[str],
    kept_for: timedelta | None = None,
) -> Quote:
    """A quote for a change of a reservation, which holds what it adds until it expires. Nothing changes before
    it is accepted. `kept_for` in place of the contract's minutes: the holder's first call.

    Raises ReservationNotFound, NotInThisState, NotYourRole, WrongWish, Locked, NoticeTooShort, CauseNeedsStaff,
    EvidenceMissing, ScreeningRequired, or what pricing raises where the addition does not fit or has no price.
    """
    found, now = lock_reservation(public_id=reservation, organisation_id=organisation_id)
    check(found, action=wish.kind, roles=roles, now=now)
    check_clearance_of(found, wish.kind, now)
    _check_cause(wish, roles)
    if wish.kind in TAKES_CAPACITY and found.pool_id != found.quote.pool_id:
        raise ServedElsewhere
    _check_lock(found, wish, now)
    contract, pieces = found.quote.contract_terms, pieces_of(found)
    plan = plan_of(wish, parts(found), lot=found.pool.lot, turnaround=contract.turnaround_days, today=now.date())
    _check_notice(plan, wish, contract, found, now)
    kept, effect = _given_back(found, wish, plan, pieces, contract, now)
    quote, additions = take_change(asked=_asked(found, wish, plan, effect, contract), by=by, now=now, kept_for=kept_for)
    _write(found, wish, quote, kept, additions, effect, by, now)
    return quote


def _check_cause(wish: Wish, roles: Collection[str]) -> None:
    if wish.cause in OF_CUSTOMER:
        return
    if states.STAFF not in roles:
        raise CauseNeedsStaff
    if len(wish.reason.strip()) < SHORTEST_REASON or not wish.evidence.strip():
        raise EvidenceMissing


def locked_since(reservation: Reservation) -> datetime:
    """The moment from which its terms can no longer change."""
    return states.midnight(reservation.start) - timedelta(hours=reservation.quote.contract_terms.lock_hours)


def _check_lock(reservation: Reservation, wish: Wish, now: datetime) -> None:
    """Before the first day only, and not for an exit that nobody chose."""
    scheduled = reservation.status in (states.SCHEDULED, states.PENDING_PAYMENT)
    if wish.kind in LOCKED_KINDS and scheduled and wish.cause in OF_CUSTOMER and now >= locked_since(reservation):
        raise Locked(locked_since(reservation))


def _check_notice(plan: Plan, wish: Wish, contract: ContractPolicy, reservation: Reservation, now: datetime) -> None:
    """A day that has begun is used; of the rest, those within the notice of the exit stay."""
    less = np.flatnonzero(returned(plan.before, plan.after))
    if not len(less):
        return
    days = contract.exit(wish.cause).notice_days
    earliest = now.date() + timedelta(days=days)
    if reservation.status in states.RUNNING:
        earliest = max(earliest, now.date() + timedelta(days=1))
    if plan.period.start + timedelta(days=int(less[0])) < earliest:
        raise NoticeTooShort(earliest, days)


def _given_back(
    reservation: Reservation, wish: Wish, plan: Plan, pieces: list[Piece], contract: ContractPolicy, now: datetime
) -> tuple[list[Piece], Effect]:
    less = returned(plan.before, plan.after)
    kept, back = give_back(pieces, less, plan.period)
    if not back or reservation.status == states.PENDING_PAYMENT:  # unpaid, it would lapse at no cost
        return kept, Effect(back, 0, 0, 0)
    way_out = contract.exit(wish.cause)
    first = min(part.period.start for part, _ in back)
    fee = fee_cents(back, way_out.fee_rate((first - now.date()).days))
    paid = sum(cents for _, cents in back) * reservation.quote.up_front_percent // 100
    refund = paid * way_out.refund // 100
    return kept, Effect(back, fee, paid - refund, refund)


def _asked(reservation: Reservation, wish: Wish, plan: Plan, effect: Effect, contract: ContractPolicy) -> Asked:
    turnaround = contract.turnaround_days
    held, needed = occupied(plan.before, turnaround), occupied(plan.after, turnaround)
    return Asked(
        of=reservation.quote,
        organisation_id=reservation.organisation_id,
        kind=wish.kind,
        changes=reservation.public_id,
        after=_block_of(reservation, plan),
        period=plan.period,
        added=tuple(parts_of(added(plan.before, plan.after), plan.period.start)),
        claimed=tuple(parts_of(added(held, needed), plan.period.start)),
        own=plan.before,
        occupied=np.maximum(held, needed),
        back=tuple(effect.back),
        fees=(("fee", effect.fee), ("kept_prepayment", effect.kept)),
        prepaid=reservation.quote.up_front_percent,
    )


def _block_of(reservation: Reservation, plan: Plan) -> Part:
    """The block after the change; as it is where nothing stays."""
    used = np.flatnonzero(plan.after)
    if not len(used):
        return Part(reservation.period, reservation.quantity)
    first, last = plan.period.start + timedelta(days=int(used[0])), plan.period.start + timedelta(days=int(used[-1]))
    return Part(Period(first, last + timedelta(days=1)), int(plan.after.max()))


def _write(
    reservation: Reservation,
    wish: Wish,
    quote: Quote,
    kept: list[Piece],
    additions: list[Addition],
    effect: Effect,
    by: Actor,
    now: datetime,
) -> None:
    more = [Piece(each.part, cents_of(each.price.total), each.weights) for each in additions]
    cents = sum(piece.cents for piece in more)
    up_front = cents * reservation.quote.up_front_percent // 100
    amounts = {
        "added": cents,
        "returned": effect.returned,
        "fee": effect.fee,
        "kept": effect.kept,
        "due_now": up_front,
        "refund": effect.refund,
    }
    ReservationChange.objects.create(
        reservation=reservation,
        quote=quote,
        kind=wish.kind,
        cause=wish.cause if effect.back else "",
        evidence=wish.evidence.strip(),
        reason=wish.reason.strip(),
        revision=reservation.revision,
        pieces=as_json([*kept, *more]),
        more=len(more),
        start=quote.start,
        end=quote.end,
        asked_at=now,
        asked_by=by.label,
        asked_by_user_id=by.user_id,
        **{name: usd_from_cents(value).amount for name, value in amounts.items()},
    )
