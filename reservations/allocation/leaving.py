"""Leaving a contract that is late beyond its long-stop date: a right of its own, whether or not a remedy is open."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from marketplace.journal.actor import Actor
from marketplace.units.period import in_words
from reservations.allocation.applying import leave
from reservations.allocation.credits import credit_now
from reservations.allocation.lateness import agreed, settled_of
from reservations.booking import states
from reservations.booking.lifecycle import NotInThisState, check, lock_reservation
from reservations.booking.models import Reservation


class NoLongStop(Exception):
    """The contract names no long-stop date. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("This contract names no long-stop date: cancelling it goes by the contract's other ways out.")


class LongStopNotReached(Exception):
    """The date from which one may leave has not come. Nothing was changed."""

    def __init__(self, opens_on: date) -> None:
        super().__init__(
            f"You may leave with a full refund from {in_words(opens_on)} on, if it is not delivered by then."
        )
        self.opens_on = opens_on


def long_stop_of(reservation: Reservation) -> date | None:
    """The first day on which its holder may leave; None where the contract names none."""
    terms = reservation.quote.contract_terms.delay_terms
    if terms is None:
        return None
    first = agreed(reservation, settled_of([reservation]).get(reservation.pk, [])).start
    return first + timedelta(days=terms.long_stop_days)


def may_leave(reservation: Reservation, now: datetime) -> bool:
    opens_on = long_stop_of(reservation)
    return opens_on is not None and now.date() >= opens_on and reservation.state(now) == states.SCHEDULED


def leave_at_long_stop(
    *, reservation: str, by: Actor, organisation_id: int | None, roles: Collection[str]
) -> Reservation:
    """Ends it, with everything that was due returned and the credits kept. This cannot be undone.

    Raises ReservationNotFound, NotInThisState, NotYourRole, NoLongStop or LongStopNotReached.
    """
    found, now = lock_reservation(public_id=reservation, organisation_id=organisation_id)
    check(found, action=states.CANCEL, roles=roles, now=now)
    if found.status != states.SCHEDULED:
        raise NotInThisState(states.CANCEL, found.status)
    opens_on = long_stop_of(found)
    if opens_on is None:
        raise NoLongStop
    if now.date() < opens_on:
        raise LongStopNotReached(opens_on)
    credit_now(found, now)
    leave(found, by=by, now=now)
    return found
