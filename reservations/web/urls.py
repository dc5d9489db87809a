from django.urls import path

from reservations.web import approvals, assigning, billing, bookings, bundles, calendars, changing, long_holds, waitlist

urlpatterns = [
    path("waitlist/", waitlist.listing, name="waitlist"),
    path("waitlist/join/", waitlist.join, name="join-waitlist"),
    path("waitlist/<str:public_id>/withdraw/", waitlist.withdraw, name="withdraw-waitlist"),
    path("bundles/<str:public_id>/accept/", bundles.accept, name="accept-bundle"),
    path("quotes/<str:public_id>/accept/", bookings.accept, name="accept-quote"),
    path("quotes/<str:public_id>/hold/", long_holds.keep, name="hold-longer"),
    path("reservations/", bookings.portfolio, name="portfolio"),
    path("reservations.csv", bookings.export, name="portfolio-csv"),
    path("everything.csv", calendars.everything, name="everything-csv"),
    path("billing/", billing.account, name="billing"),
    path("billing.csv", billing.export, name="billing-csv"),
    path("calendar/", calendars.page, name="calendar"),
    path("calendar/<slug:secret>.ics", calendars.feed, name="calendar-feed"),
    path("approvals/", approvals.inbox, name="approvals"),
    path("reservations/<str:public_id>/approve/", approvals.approve, name="approve-reservation"),
    path("reservations/<str:public_id>/decline/", approvals.decline, name="decline-reservation"),
    path("reservations/<str:public_id>/withdraw/", approvals.withdraw, name="withdraw-reservation"),
    path("reservations/<str:public_id>/order-form/", approvals.paper, name="order-form"),
    path("reservations/<str:public_id>/", bookings.show, name="reservation"),
    path("reservations/<str:public_id>/accept-delivery/", changing.take_delivery, name="accept-delivery"),
    path("reservations/<str:public_id>/assign/", assigning.offer, name="assign"),
    path("reservations/<str:public_id>/change/<str:kind>/", changing.ask, name="change"),
    path("changes/<str:public_id>/", changing.quoted, name="change-quote"),
    path("assignments/", assigning.listing, name="assignments"),
    path("assignments/<str:public_id>/<str:decision>/", assigning.decide, name="decide-assignment"),
]
