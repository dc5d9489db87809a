from django.urls import path

from pricing.web import bundles, capacity, demand, market, negotiation, quotes, selling, starts_csv

urlpatterns = [
    path("", market.board, name="market"),
    path("capacity/", capacity.search_page, name="capacity"),
    path("capacity.csv", starts_csv.export, name="capacity-csv"),
    path("capacity/together/", bundles.together, name="together"),
    path("capacity/ramp/", bundles.ramp, name="ramp"),
    path("bundles/", bundles.listing, name="bundles"),
    path("bundles/<str:public_id>/", bundles.show, name="bundle"),
    path("bundles/<str:public_id>/release/", bundles.release, name="release-bundle"),
    path("capacity/quote/", capacity.take, name="take-quote"),
    path("selling/", selling.supply, name="selling"),
    path("selling/demand/", demand.page, name="demand"),
    path("quotes/", quotes.listing, name="quotes"),
    path("quotes/<str:public_id>/", quotes.show, name="quote"),
    path("quotes/<str:public_id>/release/", quotes.release, name="release-quote"),
    path("quotes/<str:public_id>/counter/", negotiation.counter, name="counter-quote"),
    path("negotiations/<str:public_id>/take/", negotiation.take, name="take-trade"),
    path("negotiations/<str:public_id>/insist/", negotiation.insist, name="insist"),
    path("negotiations/<str:public_id>/reply/", negotiation.reply, name="reply"),
    path("negotiations/<str:public_id>/withdraw/", negotiation.withdraw, name="withdraw"),
]
