from django.urls import path

from reservations.web import approvals, bookings

urlpatterns = [
    path("quotes/<str:public_id>/accept/", bookings.accept, name="accept-quote"),
    path("reservations/", bookings.portfolio, name="portfolio"),
    path("reservations.csv", bookings.export, name="portfolio-csv"),
    path("approvals/", approvals.inbox, name="approvals"),
    path("reservations/<str:public_id>/approve/", approvals.approve, name="approve-reservation"),
    path("reservations/<str:public_id>/decline/", approvals.decline, name="decline-reservation"),
    path("reservations/<str:public_id>/withdraw/", approvals.withdraw, name="withdraw-reservation"),
    path("reservations/<str:public_id>/order-form/", approvals.paper, name="order-form"),
    path("reservations/<str:public_id>/", bookings.show, name="reservation"),
]
