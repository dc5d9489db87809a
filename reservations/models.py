"""Every model of the package in one place, for Django; the rooms define them."""

from reservations.allocation.bounds import ReservationBounds
from reservations.allocation.causes import CauseDispute, DelayCause, DisputePost
from reservations.allocation.models import (
    AllocationPolicy,
    Concern,
    Plan,
    PlannedReservation,
    PoolWatch,
    Shortfall,
)
from reservations.allocation.remedies import Remedy, RemedyChoice, RemedyOverride
from reservations.billing.models import Posting, PostingLine
from reservations.booking.amendments import Assignment, ReservationChange
from reservations.booking.approvals import ApprovalStage
from reservations.booking.feeds import CalendarFeed
from reservations.booking.models import Reservation, ReservationTransition
from reservations.booking.money import Due, Receipt
from reservations.booking.papers import OrderForm
from reservations.booking.waitlist.models import WaitlistEntry, WaitlistOffer, WaitlistPass
from reservations.continuity.models import Scenario, ScenarioResult
from reservations.delivery.models import Delivery, DeliveryAct, EndNotice, NodeResult, Serving, ServingRun

__all__ = [
    "AllocationPolicy",
    "ApprovalStage",
    "Assignment",
    "CalendarFeed",
    "CauseDispute",
    "Concern",
    "DelayCause",
    "Delivery",
    "DeliveryAct",
    "DisputePost",
    "Due",
    "EndNotice",
    "NodeResult",
    "OrderForm",
    "Plan",
    "PlannedReservation",
    "PoolWatch",
    "Posting",
    "PostingLine",
    "Receipt",
    "Remedy",
    "RemedyChoice",
    "RemedyOverride",
    "Reservation",
    "ReservationBounds",
    "ReservationChange",
    "ReservationTransition",
    "Scenario",
    "ScenarioResult",
    "Serving",
    "ServingRun",
    "Shortfall",
    "WaitlistEntry",
    "WaitlistOffer",
    "WaitlistPass",
]
