"""Handing over and accepting delivery, before the clock deems it done. Tests of delivery come with their own issue."""

from collections.abc import Collection

from marketplace.journal.actor import Actor
from reservations.booking import states
from reservations.booking.lifecycle import lock_reservation, move
from reservations.booking.models import Reservation


def accept_delivery(
    *, reservation: str, by: Actor, organisation_id: int | None, roles: Collection[str], reason: str = ""
) -> Reservation:
    """The customer, or staff for it, accepts what was handed over. This cannot be undone.

    Raises ReservationNotFound, NotInThisState or NotYourRole.
    """
    found, now = lock_reservation(public_id=reservation, organisation_id=organisation_id)
    move(found, action=states.ACCEPT_DELIVERY, by=by, roles=roles, now=now, reason=reason)
    return found
