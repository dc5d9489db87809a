from django.urls import path

from reservations.api import problems
from reservations.api.assignments import (
    AcceptAssignment,
    Assignments,
    DeclineAssignment,
    OfferAssignment,
    OneAssignment,
    WithdrawAssignment,
)
from reservations.api.changes import AcceptDelivery, Changes, Transitions
from reservations.api.money import Dues, Receipts
from reservations.api.views import AcceptQuote, OneReservation, Reservations

__all__ = ["problems", "urlpatterns"]  # importing the problems registers them

urlpatterns = [
    path("quotes/<slug:public_id>/accept", AcceptQuote.as_view()),
    path("reservations", Reservations.as_view()),
    path("reservations/<slug:public_id>", OneReservation.as_view()),
    path("reservations/<slug:public_id>/changes", Changes.as_view()),
    path("reservations/<slug:public_id>/transitions", Transitions.as_view()),
    path("reservations/<slug:public_id>/accept-delivery", AcceptDelivery.as_view()),
    path("reservations/<slug:public_id>/assignments", OfferAssignment.as_view()),
    path("assignments", Assignments.as_view()),
    path("assignments/<slug:public_id>", OneAssignment.as_view()),
    path("assignments/<slug:public_id>/accept", AcceptAssignment.as_view()),
    path("assignments/<slug:public_id>/decline", DeclineAssignment.as_view()),
    path("assignments/<slug:public_id>/withdraw", WithdrawAssignment.as_view()),
    path("dues", Dues.as_view()),
    path("receipts", Receipts.as_view()),
]
