"""Every model of the package in one place, for Django; the rooms define them."""

from reservations.booking.amendments import Assignment, ReservationChange
from reservations.booking.models import Reservation, ReservationTransition
from reservations.booking.money import Due, Receipt

__all__ = ["Assignment", "Due", "Receipt", "Reservation", "ReservationChange", "ReservationTransition"]
