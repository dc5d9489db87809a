"""Making a change that was quoted: all of it at once, or nothing."""

from datetime import date, datetime, timedelta
from typing import Any

from marketplace.capacity import ledger
from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from marketplace.units.money import Money
from marketplace.units.period import Period
from pricing.quotes.actions import QuoteExpired
from pricing.quotes.changes import Part, per_day
from pricing.quotes.exits import OF_CUSTOMER
from pricing.quotes.models import ACCEPTED, Quote
from reservations.booking import states
from reservations.booking.amendments import ReservationChange
from reservations.booking.calling import call_at
from reservations.booking.change_authority import charge_change, check_change
from reservations.booking.dues import owe
from reservations.booking.lifecycle import check, lock_reservation, move
from reservations.booking.models import Reservation
from reservations.booking.money import CHANGE, FEE, RETURNED
from reservations.booking.pieces import cuts, flattened, parts, read_pieces

ADDS_ONLY = (states.EXTEND, states.RESIZE)  # a move exchanges days: what it leaves owing stays a debt


class SecondPersonNeeded(Exception):
    """The same person asked for it and confirms it. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("A second person confirms an exit for this cause: not the one who asked for it.")


class ChangeStale(Exception):
    """The reservation was changed after this quote was made. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("The reservation has been changed since: ask again, the figures are others now.")


def accept_change(*, quote: Quote, by: Actor) -> Reservation:
    """Makes a change of its quote, which is locked and open. This cannot be undone.

    Raises ChangeStale, SecondPersonNeeded, NotInThisState or QuoteExpired; ScreeningRequired, NoAgreement, NoAuthority,
    ApprovalNeeded or OverBudget.
    """
    change = ReservationChange.objects.select_related("reservation").get(quote=quote)
    found, now = lock_reservation(public_id=quote.changes, organisation_id=quote.organisation_id)
    _check(found, change, by, now)
    check_change(found, change, by, now)
    charge_change(found, change, now)
    quote.status = ACCEPTED
    quote.save(update_fields=["status"])
    change.accepted_at, change.accepted_by, change.pay_by = now, by.label, _pay_by(found, change, now)
    change.save(update_fields=["accepted_at", "accepted_by", "pay_by"])
    before = _summary(found)
    if change.kind == states.CANCEL:
        said = " ".join(filter(None, (change.get_cause_display(), change.reason)))
        move(found, action=states.CANCEL, by=by, roles=states.CUSTOMER, now=now, reason=said)
    else:
        _take_and_give_back(found, quote, change, now)
    _become(found, quote, change)
    _owe(found, change, now)
    _tell_of(found, change, before, by, now)
    return found


def _pay_by(found: Reservation, change: ReservationChange, now: datetime) -> datetime | None:
    """Until when what an added part owes up front is paid, or it is given back (see unpaid.py)."""
    return _due_at(found, now) if change.due_now and change.kind in ADDS_ONLY else None


def _due_at(found: Reservation, now: datetime) -> datetime:
    return now + timedelta(days=found.quote.contract_terms.payment_days)


def _check(found: Reservation, change: ReservationChange, by: Actor, now: datetime) -> None:
    if found.revision != change.revision:
        raise ChangeStale
    check(found, action=change.kind, roles=states.CUSTOMER, now=now)
    # Where the customer confirms what staff asked for, those are two people; two of the staff are, too.
    by_staff = change.cause and change.cause not in OF_CUSTOMER
    if by_staff and by.user_id is not None and by.user_id == change.asked_by_user_id:
        raise SecondPersonNeeded


def _take_and_give_back(found: Reservation, quote: Quote, change: ReservationChange, now: datetime) -> None:
    """One call into the ledger: the hold is committed, and the claims that lose days are cut."""
    turnaround = quote.contract_terms.turnaround_days
    before, after = parts(found), flattened(read_pieces(change.pieces))
    period = _cover([*before, *after], turnaround)
    kept = cuts(
        pool_id=found.pool_id,
        claim_ids=found.claim_ids,
        before=per_day(before, period),
        after=per_day(after, period),
        period=period,
        turnaround=turnaround,
    )
    try:
        ledger.amend(commit=quote.claim_id, kept=kept, now=now)
    except ledger.HoldGone as gone:  # a sweep freed it in the very moment of its expiry
        raise QuoteExpired from gone


def _cover(held: list[Part], turnaround: int) -> Period:
    first, last = min(part.period.start for part in held), max(part.period.end for part in held)
    return Period(first, last + timedelta(days=turnaround))


def _become(found: Reservation, quote: Quote, change: ReservationChange) -> None:
    """The reservation as it is from now on."""
    moved, ended = change.start != found.start, found.end
    found.start, found.end, found.quantity = change.start, change.end, quote.quantity
    found.total += change.added - change.returned
    found.pieces, found.revision = change.pieces, found.revision + 1
    if quote.claim_id is not None:
        found.more_claims = [*found.more_claims, quote.claim_id]
    if moved and found.by_clock:
        found.delivered_on = found.start + timedelta(days=quote.contract_terms.acceptance_days)
    if found.delivered_on is not None:
        found.delivered_on = min(found.delivered_on, found.end)
    found.next_at = found.schedule.due_at(found.status)
    if found.status == states.CANCELLED:
        found.call_at = None
    elif change.end > ended:
        found.call_at = call_at(found.quote, found.end)
    found.save(update_fields=CHANGED)


CHANGED = [
    "start",
    "end",
    "quantity",
    "total",
    "pieces",
    "revision",
    "more_claims",
    "delivered_on",
    "next_at",
    "call_at",
]


def _owe(found: Reservation, change: ReservationChange, now: datetime) -> None:
    """What is due for it: up front for what was added, the fee, and what comes back."""
    due_at = _due_at(found, now)
    for reason, amount in ((CHANGE, change.due_now), (FEE, change.fee), (RETURNED, -change.refund)):
        money = Money(amount, found.currency)
        owe(found, key=f"{reason}:{found.revision}", money=money, reason=reason, due_at=due_at, now=now)


def _summary(found: Reservation) -> dict[str, Any]:
    blocks = [(part.period.start, part.period.end, part.quantity) for part in parts(found)]
    return {
        "total": found.money.as_json(),
        "days": [{"start": _iso(start), "end_exclusive": _iso(end), "quantity": gpus} for start, end, gpus in blocks],
    }


def _iso(day: date) -> str:
    return day.isoformat()


def _tell_of(found: Reservation, change: ReservationChange, before: dict[str, Any], by: Actor, now: datetime) -> None:
    record(
        by=by,
        verb=f"reservation.{change.kind}",
        subject=found.public_id,
        now=now,
        before=before,
        after={**_summary(found), "quote": change.quote.public_id, "cause": change.cause, "evidence": change.evidence},
        reason=change.reason,
    )
    emit(
        name="reservation.changed",
        subject=found.public_id,
        organisation_id=found.organisation_id,
        data={"reservation": found.public_id, "quote": change.quote.public_id, "kind": change.kind, **_summary(found)},
        now=now,
    )
