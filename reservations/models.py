"""Every model of the package in one place, for Django; the rooms define them."""

from reservations.allocation.models import (
    AllocationPolicy,
    Concern,
    Plan,
    PlannedReservation,
    PlanOverride,
    PoolWatch,
    Shortfall,
)
from reservations.billing.models import Posting, PostingLine
from reservations.booking.amendments import Assignment, ReservationChange
from reservations.booking.approvals import ApprovalStage
from reservations.booking.feeds import CalendarFeed
from reservations.booking.models import Reservation, ReservationTransition
from reservations.booking.money import Due, Receipt
from reservations.booking.papers import OrderForm
from reservations.booking.waitlist.models import WaitlistEntry, WaitlistOffer, WaitlistPass
from reservations.continuity.models import Scenario, ScenarioResult

__all__ = [
    "AllocationPolicy",
    "ApprovalStage",
    "Assignment",
    "CalendarFeed",
    "Concern",
    "Due",
    "OrderForm",
    "Plan",
    "PlanOverride",
    "PlannedReservation",
    "PoolWatch",
    "Posting",
    "PostingLine",
    "Receipt",
    "Reservation",
    "ReservationChange",
    "ReservationTransition",
    "Scenario",
    "ScenarioResult",
    "Shortfall",
    "WaitlistEntry",
    "WaitlistOffer",
    "WaitlistPass",
]
