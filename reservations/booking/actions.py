"""Accepting a quote: one pipeline, each step a small function, in the lock order of docs/locking.md."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from marketplace.capacity import ledger
from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from marketplace.units.money import Money
from pricing.demand.actions import record_taken
from pricing.quotes.actions import QuoteExpired, lock_open_quote
from pricing.quotes.models import ACCEPTED, Quote
from reservations.booking.models import Reservation
from reservations.booking.states import PENDING, SCHEDULED

AGREED = (
    "organisation_id", "pool_id", "firmness", "quantity", "start", "end", "total", "currency", "claim_id",
    "terms_digest",
)  # fmt: skip
DEEMED_DAYS = 1  # delivery is deemed accepted this long after the first day, until the tests of delivery are there


@dataclass(frozen=True)
class Acceptance:
    """A quote that is locked and open, on its way to a reservation; what every step of the pipeline is given."""

    quote: Quote
    by: Actor
    now: datetime
    together: tuple[Quote, ...] = ()  # of a bundle: all of its parts, this one included

    @property
    def amount(self) -> Money:
        """What is agreed to with this acceptance: of a bundle the whole, which authority and approval look at."""
        quotes = self.together or (self.quote,)
        return Money(sum((quote.total for quote in quotes), Decimal(0)), self.quote.currency)


@dataclass(frozen=True)
class Opening:
    """The first state of a reservation, with the deadline of a pending one."""

    status: str
    deadline: datetime | None = None


def accept_quote(*, public_id: str, by: Actor, organisation_id: int) -> Reservation:
    """Makes a reservation of an open quote, at its price, once. Binding: this cannot be undone.

    Raises QuoteNotFound, QuoteExpired, QuoteClosed or PartOfBundle. Capacity always suffices: the hold becomes a
    commitment and no sum changes.
    """
    quote, now = lock_open_quote(public_id=public_id, organisation_id=organisation_id)
    (reservation,) = accept_all([Acceptance(quote, by, now)])
    return reservation


def accept_all(accepting: Sequence[Acceptance]) -> list[Reservation]:
    """The pipeline, for one quote or for all parts of a bundle: every check before anything is written."""
    for each in accepting:
        for check in CHECKS:
            check(each)
    openings = [opening_of(each) for each in accepting]
    for each, opening in zip(accepting, openings, strict=True):
        _keep_capacity(each, opening)
    return [_book(each, opening) for each, opening in zip(accepting, openings, strict=True)]


# What may refuse an acceptance, in this order: who may sign and for whom, screening. Each is a
# function of an Acceptance that raises an error named for the failure.
CHECKS: tuple[Callable[[Acceptance], None], ...] = ()


def opening_of(accepting: Acceptance) -> Opening:
    """Where the reservation starts: approval first, where a chain asks for it; then the budget; then payment."""
    return after_approval(accepting)


def after_approval(accepting: Acceptance) -> Opening:
    """Where it goes once nobody has to approve it (any more): to payment, if something is due up front."""
    return Opening(SCHEDULED)


def _keep_capacity(accepting: Acceptance, opening: Opening) -> None:
    """The hold becomes a commitment, or is kept until the deadline of the pending state. No sum changes."""
    quote, now = accepting.quote, accepting.now
    try:
        if opening.status in PENDING:
            assert opening.deadline is not None
            ledger.prolong_hold(claim_id=quote.claim_id, expires_at=opening.deadline, now=now)
        else:
            ledger.commit_hold(claim_id=quote.claim_id, now=now)
    except ledger.HoldGone as gone:  # a sweep freed it in the very moment of its expiry
        raise QuoteExpired from gone


def _book(accepting: Acceptance, opening: Opening) -> Reservation:
    quote, by, now = accepting.quote, accepting.by, accepting.now
    quote.status = ACCEPTED
    quote.save(update_fields=["status"])
    record_taken(quote=quote.public_id, now=now)
    reservation = Reservation(
        quote=quote,
        status=opening.status,
        deadline=opening.deadline,
        delivered_on=deemed_delivered_on(quote.start, quote.end),
        accepted_by=by.label,
        accepted_by_user_id=by.user_id,
        accepted_by_key_id=by.key_id,
        accepted_at=now,
        **{name: getattr(quote, name) for name in AGREED},
    )
    reservation.next_at = reservation.schedule.due_at(opening.status)
    reservation.save(force_insert=True)
    _tell_of(reservation, by)
    return reservation


def deemed_delivered_on(start: date, end: date) -> date:
    return min(start + timedelta(days=DEEMED_DAYS), end)


def _tell_of(reservation: Reservation, by: Actor) -> None:
    quote, now = reservation.quote, reservation.accepted_at
    record(by=by, verb="quote.accepted", subject=quote.public_id, now=now, after={"reservation": reservation.public_id})
    emit(
        name="quote.accepted",
        subject=quote.public_id,
        organisation_id=quote.organisation_id,
        data={
            "quote": quote.public_id,
            "reservation": reservation.public_id,
            "status": reservation.status,
            "total": reservation.money.as_json(),
        },
        now=now,
    )
