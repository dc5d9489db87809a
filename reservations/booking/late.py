"""How late a delivery is, in whole days: what the credit for being late counts."""

from datetime import datetime

from reservations.booking.models import Reservation
from reservations.booking.states import HAND_OVER, SCHEDULED


def late_days(reservation: Reservation, now: datetime) -> int:
    """Days from the first day to the one on which it was handed over, or to today while it was not; 0 if in time."""
    if reservation.state(now) == SCHEDULED:
        return max((now.date() - reservation.start).days, 0)
    handed_over = reservation.transitions.filter(action=HAND_OVER).order_by("pk").last()
    if handed_over is None:
        return 0
    return max((handed_over.effective_at.date() - reservation.start).days, 0)
