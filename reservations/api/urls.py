from django.urls import path

from reservations.api import approval_problems, continuity_problems, problems
from reservations.api.account import AccountEntries, Balances
from reservations.api.approvals import Approvals, Approve, Decline, OrderFormDoor, Withdraw
from reservations.api.assignments import (
    AcceptAssignment,
    Assignments,
    DeclineAssignment,
    OfferAssignment,
    OneAssignment,
    WithdrawAssignment,
)
from reservations.api.bundles import AcceptBundle
from reservations.api.calendars import CalendarFeedDoor
from reservations.api.changes import AcceptDelivery, Changes, Transitions
from reservations.api.continuity import AskClosure, AskGrowth, AskOutage
from reservations.api.delivery import (
    AcceptHandover,
    Deliveries,
    DeliveryDoor,
    HandBack,
    HandOver,
    ProviderResults,
    Ready,
    RejectHandover,
    Results,
)
from reservations.api.energy import EnergyDoor
from reservations.api.long_holds import HoldQuote, PreviewHold
from reservations.api.money import Dues, Receipts
from reservations.api.remedies import (
    Causes,
    ChooseRemedy,
    Disputes,
    LeaveReservation,
    OneDispute,
    OneRemedy,
    PostToDispute,
    Remedies,
)
from reservations.api.report_previews import PreviewDisruption, PreviewMilestone
from reservations.api.scenarios import CompareScenarios, OneScenario, RecomputeScenario, Scenarios
from reservations.api.supply import Plans, ReservationSupply, Shortfalls
from reservations.api.views import AcceptQuote, OneReservation, Reservations
from reservations.api.waitlist import OneWaitlistEntry, Waitlist, WithdrawWaitlistEntry

__all__ = [
    "approval_problems",
    "continuity_problems",
    "problems",
    "urlpatterns",
]  # importing the problems registers them

urlpatterns = [
    path("waitlist", Waitlist.as_view()),
    path("waitlist/<slug:public_id>", OneWaitlistEntry.as_view()),
    path("waitlist/<slug:public_id>/withdraw", WithdrawWaitlistEntry.as_view()),
    path("bundles/<slug:public_id>/accept", AcceptBundle.as_view()),
    path("quotes/<slug:public_id>/accept", AcceptQuote.as_view()),
    path("quotes/<slug:public_id>/hold", HoldQuote.as_view()),
    path("quotes/<slug:public_id>/hold/preview", PreviewHold.as_view()),
    path("reservations", Reservations.as_view()),
    path("reservations/<slug:public_id>", OneReservation.as_view()),
    path("reservations/<slug:public_id>/approve", Approve.as_view()),
    path("reservations/<slug:public_id>/decline", Decline.as_view()),
    path("reservations/<slug:public_id>/withdraw", Withdraw.as_view()),
    path("reservations/<slug:public_id>/order-form", OrderFormDoor.as_view()),
    path("approvals", Approvals.as_view()),
    path("reservations/<slug:public_id>/changes", Changes.as_view()),
    path("reservations/<slug:public_id>/transitions", Transitions.as_view()),
    path("reservations/<slug:public_id>/accept-delivery", AcceptDelivery.as_view()),
    path("deliveries", Deliveries.as_view()),
    path("reservations/<slug:public_id>/delivery", DeliveryDoor.as_view()),
    path("reservations/<slug:public_id>/delivery/ready", Ready.as_view()),
    path("reservations/<slug:public_id>/delivery/handover", HandOver.as_view()),
    path("reservations/<slug:public_id>/delivery/provider-results", ProviderResults.as_view()),
    path("reservations/<slug:public_id>/delivery/results", Results.as_view()),
    path("reservations/<slug:public_id>/delivery/accept", AcceptHandover.as_view()),
    path("reservations/<slug:public_id>/delivery/reject", RejectHandover.as_view()),
    path("reservations/<slug:public_id>/delivery/hand-back", HandBack.as_view()),
    path("reservations/<slug:public_id>/assignments", OfferAssignment.as_view()),
    path("assignments", Assignments.as_view()),
    path("assignments/<slug:public_id>", OneAssignment.as_view()),
    path("assignments/<slug:public_id>/accept", AcceptAssignment.as_view()),
    path("assignments/<slug:public_id>/decline", DeclineAssignment.as_view()),
    path("assignments/<slug:public_id>/withdraw", WithdrawAssignment.as_view()),
    path("reservations/<slug:public_id>/supply", ReservationSupply.as_view()),
    path("projects/<slug:public_id>/milestones/preview", PreviewMilestone.as_view()),
    path("disruptions/preview", PreviewDisruption.as_view()),
    path("shortfalls", Shortfalls.as_view()),
    path("plans", Plans.as_view()),
    path("remedies", Remedies.as_view()),
    path("remedies/<slug:public_id>", OneRemedy.as_view()),
    path("remedies/<slug:public_id>/choose", ChooseRemedy.as_view()),
    path("reservations/<slug:public_id>/leave", LeaveReservation.as_view()),
    path("reservations/<slug:public_id>/causes", Causes.as_view()),
    path("reservations/<slug:public_id>/disputes", Disputes.as_view()),
    path("disputes/<slug:public_id>", OneDispute.as_view()),
    path("disputes/<slug:public_id>/posts", PostToDispute.as_view()),
    path("calendar-feed", CalendarFeedDoor.as_view()),
    path("energy", EnergyDoor.as_view()),
    path("continuity/outage", AskOutage.as_view()),
    path("continuity/growth", AskGrowth.as_view()),
    path("continuity/closure", AskClosure.as_view()),
    path("scenarios", Scenarios.as_view()),
    path("scenarios/compare", CompareScenarios.as_view()),
    path("scenarios/<slug:public_id>", OneScenario.as_view()),
    path("scenarios/<slug:public_id>/recompute", RecomputeScenario.as_view()),
    path("balances", Balances.as_view()),
    path("account-entries", AccountEntries.as_view()),
    path("dues", Dues.as_view()),
    path("receipts", Receipts.as_view()),
]
