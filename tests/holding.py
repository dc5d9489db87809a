"""Holds under a policy of the test's own."""

from datetime import timedelta
from typing import Any

from marketplace.capacity.models import Claim
from marketplace.change import change
from marketplace.units import clock
from pricing.curve.models import PricePolicy
from pricing.quotes.actions import take_quote
from pricing.quotes.models import Quote
from pricing.quotes.need import parse_need
from pricing.quotes.offers import Offer
from pricing.quotes.queries import known_names
from pricing.quotes.search import search
from tests.market import Market, Party

BLOCK = 64 * 30 * 24  # GPU-hours of the market's usual need


def rules(market: Market, **changed: Any) -> PricePolicy:
    """A policy of the h100 pool's seller with these rules for holds, in force at once."""
    seller = market.seller.organisation
    version = PricePolicy.objects.filter(seller=seller).count() + 1
    return PricePolicy.objects.create(
        seller=seller, version=version, starts_at=clock.now() - timedelta(hours=1), published_by="tests", **changed
    )


def offered(market: Market, party: Party, **changed: Any) -> Offer:
    need = parse_need(market.need(**changed), today=clock.today(), known=known_names())
    return search(need=need, organisation_id=party.organisation.pk, now=clock.now()).offers[0]


def held(market: Market, party: Party, **changed: Any) -> Quote:
    """An open quote of that party, taken like any other."""
    offer = offered(market, party, **changed)
    by = party.buyer.as_actor(party.organisation.pk)
    return change.run(lambda: take_quote(offer=offer.id, organisation=party.organisation, by=by))


def claim_of(quote: Quote) -> Claim:
    """The hold that keeps a quote's capacity."""
    return Claim.objects.get(pk=quote.claim_id or 0)
