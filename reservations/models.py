"""Every model of the package in one place, for Django; the rooms define them."""

from reservations.booking.models import Reservation, ReservationTransition

__all__ = ["Reservation", "ReservationTransition"]
