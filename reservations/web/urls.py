from django.urls import path

from reservations.web import bookings, long_holds

urlpatterns = [
    path("quotes/<str:public_id>/accept/", bookings.accept, name="accept-quote"),
    path("quotes/<str:public_id>/hold/", long_holds.keep, name="hold-longer"),
    path("reservations/", bookings.portfolio, name="portfolio"),
    path("reservations.csv", bookings.export, name="portfolio-csv"),
    path("reservations/<str:public_id>/", bookings.show, name="reservation"),
]
