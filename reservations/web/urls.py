from django.urls import path

from reservations.web import bookings, bundles, waitlist

urlpatterns = [
    path("waitlist/", waitlist.listing, name="waitlist"),
    path("waitlist/join/", waitlist.join, name="join-waitlist"),
    path("waitlist/<str:public_id>/withdraw/", waitlist.withdraw, name="withdraw-waitlist"),
    path("bundles/<str:public_id>/accept/", bundles.accept, name="accept-bundle"),
    path("quotes/<str:public_id>/accept/", bookings.accept, name="accept-quote"),
    path("reservations/", bookings.portfolio, name="portfolio"),
    path("reservations.csv", bookings.export, name="portfolio-csv"),
    path("reservations/<str:public_id>/", bookings.show, name="reservation"),
]
