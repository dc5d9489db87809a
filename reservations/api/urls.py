from django.urls import path

from reservations.api.long_holds import HoldQuote, PreviewHold
from reservations.api.views import AcceptQuote, OneReservation, Reservations

urlpatterns = [
    path("quotes/<slug:public_id>/accept", AcceptQuote.as_view()),
    path("quotes/<slug:public_id>/hold", HoldQuote.as_view()),
    path("quotes/<slug:public_id>/hold/preview", PreviewHold.as_view()),
    path("reservations", Reservations.as_view()),
    path("reservations/<slug:public_id>", OneReservation.as_view()),
]
