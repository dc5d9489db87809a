"""A bank with blocks in two countries, and a third site elsewhere that could take them."""

from typing import Any

import pytest

from marketplace.catalogue.actions import set_service_spec
from marketplace.models import Pool, Project, ProjectOutlook
from marketplace.units import clock
from pricing.curve.actions import publish_tape, solve_prices
from pricing.curve.models import PricePolicy
from reservations.booking.models import Reservation
from tests.market import GB200_LIMITS, H100_LIMITS, Market, open_market, pool, project_flat
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept


@pytest.fixture
def market(db: None) -> Market:
    found = open_market()
    elsewhere(found)
    return found


def elsewhere(market: Market) -> Pool:
    """A pool of H100s in France, with a better network."""
    ProjectOutlook.objects.all().delete()
    Project.objects.all().delete()
    third, now = pool(market.seller.organisation, "h100", "Champ Nord", "FR", lot=8), clock.now()
    set_service_spec(pool=third, document={"delivery": "bare metal", "network_gbps_per_gpu": 400}, now=now)
    set_service_spec(pool=market.h100, document={"delivery": "bare metal", "network_gbps_per_gpu": 200}, now=now)
    supply = {market.h100: H100_LIMITS, third: H100_LIMITS, market.gb200: GB200_LIMITS}
    projection = project_flat(supply, now)
    policy = PricePolicy.objects.get()
    for party in (market.seller, market.other_seller):
        solve_prices(seller=party.organisation, policy=policy, projection=projection, reason="a third site", now=now)
    publish_tape(now=now)
    return third


def bought(market: Market, site: str = "Northfield", **changed: Any) -> Reservation:
    """The bank's block: 64 H100 for 30 days from day 10, unless asked otherwise."""
    chosen = Pool.objects.get(site__name=site)
    asked = {"accelerators": [chosen.accelerator.key], "sites": [chosen.site.public_id], **changed}
    return accept(market.bank, take(market, market.bank, **asked))


def starting(market: Market, day: int) -> dict[str, str]:
    return {"from": market.day(day).isoformat(), "to": market.day(day).isoformat()}
