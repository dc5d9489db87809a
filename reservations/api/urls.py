from django.urls import path

from reservations.api.bundles import AcceptBundle
from reservations.api.views import AcceptQuote, OneReservation, Reservations
from reservations.api.waitlist import OneWaitlistEntry, Waitlist, WithdrawWaitlistEntry

urlpatterns = [
    path("waitlist", Waitlist.as_view()),
    path("waitlist/<slug:public_id>", OneWaitlistEntry.as_view()),
    path("waitlist/<slug:public_id>/withdraw", WithdrawWaitlistEntry.as_view()),
    path("bundles/<slug:public_id>/accept", AcceptBundle.as_view()),
    path("quotes/<slug:public_id>/accept", AcceptQuote.as_view()),
    path("reservations", Reservations.as_view()),
    path("reservations/<slug:public_id>", OneReservation.as_view()),
]
