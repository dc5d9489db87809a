from django.urls import path

from pricing.api import negotiation
from pricing.api.bundles import Bundles, OneBundle, ReleaseBundle
from pricing.api.demand import Demand
from pricing.api.explanations import QuotePrice
from pricing.api.market import Headroom, Prices, Supply
from pricing.api.policies import Policies
from pricing.api.projects import OneProject, OneProjection, Projections, Projects
from pricing.api.signals import BuildSignals
from pricing.api.versions import Versions
from pricing.api.views import Offers, OneQuote, Quotes, ReleaseQuote

urlpatterns = [
    path("supply", Supply.as_view()),
    path("headroom", Headroom.as_view()),
    path("prices", Prices.as_view()),
    path("demand", Demand.as_view()),
    path("price-policies", Policies.as_view()),
    path("price-versions", Versions.as_view()),
    path("projects", Projects.as_view()),
    path("projects/<slug:public_id>", OneProject.as_view()),
    path("projections", Projections.as_view()),
    path("projections/<slug:public_id>", OneProjection.as_view()),
    path("build-signals", BuildSignals.as_view()),
    path("offers", Offers.as_view()),
    path("bundles", Bundles.as_view()),
    path("bundles/<slug:public_id>", OneBundle.as_view()),
    path("bundles/<slug:public_id>/release", ReleaseBundle.as_view()),
    path("quotes", Quotes.as_view()),
    path("quotes/<slug:public_id>", OneQuote.as_view()),
    path("quotes/<slug:public_id>/price", QuotePrice.as_view()),
    path("quotes/<slug:public_id>/release", ReleaseQuote.as_view()),
    path("quotes/<slug:public_id>/counter", negotiation.CounterQuote.as_view()),
    path("negotiations", negotiation.Negotiations.as_view()),
    path("negotiations/<slug:public_id>", negotiation.OneNegotiation.as_view()),
    path("negotiations/<slug:public_id>/take", negotiation.TakeTrade.as_view()),
    path("negotiations/<slug:public_id>/insist", negotiation.Insist.as_view()),
    path("negotiations/<slug:public_id>/reply", negotiation.Reply.as_view()),
    path("negotiations/<slug:public_id>/withdraw", negotiation.Withdraw.as_view()),
]
