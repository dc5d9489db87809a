"""A seller looks at the demand for its pools: readable for everybody, in both themes, on a desk and on a phone."""

from pathlib import Path

import pytest
from django.urls import reverse

from marketplace.units import clock
from pricing.demand.versions import store_forecast
from tests.browser.conftest import Desk
from tests.browser.test_every_page import look_around
from tests.market import Market
from tests.pricing.test_quotes import take

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_sellers_demand_page_has_no_fault(market: Market, desk: Desk, screenshots: Path) -> None:
    desk.sit_down(market.seller.buyer)
    desk.go(reverse("demand"))
    assert desk.page.get_by_text("No forecast yet").count() == 1
    take(market, market.bank, quantity=512)
    store_forecast(seller=market.seller.organisation, now=clock.now())
    desk.go(reverse("demand"))
    assert desk.page.get_by_text("How early it is asked for").count() == 1
    assert look_around(desk, "demand", screenshots) == {}
