"""Handing over and accepting delivery, before the clock deems it done. Tests of delivery come with their own issue."""

from collections.abc import Collection
from datetime import datetime, timedelta

from marketplace.journal.actor import Actor
from reservations.booking import states
from reservations.booking.lifecycle import check, lock_reservation, move
from reservations.booking.models import Reservation

HAND_OVER_AHEAD = timedelta(days=1)  # access may be given a day before the first one


class HandoverTooEarly(Exception):
    """It is too long before the first day. Nothing was changed."""

    def __init__(self, earliest: datetime) -> None:
        super().__init__(f"Access can be handed over from {earliest:%Y-%m-%d %H:%M} UTC on, not sooner.")
        self.earliest = earliest


def accept_delivery(
    *, reservation: str, by: Actor, organisation_id: int | None, roles: Collection[str], reason: str = ""
) -> Reservation:
    """The customer, or staff for it, accepts what was handed over. This cannot be undone.

    Raises ReservationNotFound, NotInThisState or NotYourRole.
    """
    found, now = lock_reservation(public_id=reservation, organisation_id=organisation_id)
    move(found, action=states.ACCEPT_DELIVERY, by=by, roles=roles, now=now, reason=reason)
    return found


def hand_over(*, reservation: str, by: Actor, roles: Collection[str], reason: str = "") -> Reservation:
    """Staff give access, at most a day before the first one. Without them the clock does, as that day begins.

    Raises ReservationNotFound, NotInThisState, NotYourRole or HandoverTooEarly.
    """
    found, now = lock_reservation(public_id=reservation, organisation_id=None)
    check(found, action=states.HAND_OVER, roles=roles, now=now)
    earliest = states.midnight(found.start) - HAND_OVER_AHEAD
    if now < earliest:
        raise HandoverTooEarly(earliest)
    move(found, action=states.HAND_OVER, by=by, roles=roles, now=now, reason=reason)
    return found
