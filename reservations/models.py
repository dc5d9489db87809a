"""Every model of the package in one place, for Django; the rooms define them."""

from reservations.booking.amendments import Assignment, ReservationChange
from reservations.booking.approvals import ApprovalStage
from reservations.booking.feeds import CalendarFeed
from reservations.booking.models import Reservation, ReservationTransition
from reservations.booking.money import Due, Receipt
from reservations.booking.papers import OrderForm
from reservations.booking.waitlist.models import WaitlistEntry, WaitlistOffer, WaitlistPass
from reservations.continuity.models import Scenario, ScenarioResult

__all__ = [
    "ApprovalStage",
    "Assignment",
    "CalendarFeed",
    "Due",
    "OrderForm",
    "Receipt",
    "Reservation",
    "ReservationChange",
    "ReservationTransition",
    "Scenario",
    "ScenarioResult",
    "WaitlistEntry",
    "WaitlistOffer",
    "WaitlistPass",
]
