"""The demand forecast on the seller's page and in the cockpit, and the sweep that stores it."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from marketplace.parties.models import VIEWER
from marketplace.units import clock
from marketplace.units.firmness import FIRMNESS
from pricing.demand.models import DemandForecast
from pricing.demand.queries import weekly_demand
from pricing.demand.versions import store_forecast
from pricing.tasks import forecast_due_demand
from tests.cockpit import Cockpit, signed_in
from tests.market import Market, member

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_the_sweep_stores_a_forecast_of_every_seller_once_a_day(market: Market) -> None:
    assert forecast_due_demand() == 2
    assert forecast_due_demand() == 0
    with clock.frozen(clock.now() + timedelta(days=1, minutes=1)):
        assert forecast_due_demand() == 2
    sellers = set(DemandForecast.objects.values_list("seller", flat=True))
    assert sellers == {market.seller.organisation.pk, market.other_seller.organisation.pk}


def test_every_member_of_the_seller_sees_the_demand_for_its_pools(market: Market) -> None:
    store_forecast(seller=market.seller.organisation, now=clock.now())
    viewer = member(market.seller.organisation, "viewer@northwind.example", VIEWER)
    for user in (market.seller.buyer, viewer):
        answer = signed_in(user).get(reverse("demand"), {"firmness": "firm"})
        assert answer.status_code == 200
        found = weekly_demand(pool=market.h100, firmness="firm", now=clock.now())
        assert found is not None
        assert answer.context["expected"] == pytest.approx(found.expected[:13].sum())
        assert "Northfield H100" in text(answer)
        assert "How early it is asked for" in text(answer)


def test_another_sellers_pool_is_like_none_at_all(market: Market) -> None:
    store_forecast(seller=market.other_seller.organisation, now=clock.now())
    seller, bank = signed_in(market.seller.buyer), signed_in(market.bank.buyer)
    for client in (seller, bank):
        theirs = client.get(reverse("demand"), {"pool": market.gb200.public_id})
        unknown = client.get(reverse("demand"), {"pool": f"pol_{'0' * 22}"})
        assert (theirs.status_code, unknown.status_code) == (404, 404)
    assert "You sell nothing here yet" in text(bank.get(reverse("demand")))
    assert signed_in(market.bank.buyer).get(reverse("selling")).content.decode().count(reverse("demand")) == 0


def test_without_a_forecast_the_page_says_when_there_will_be_one(market: Market) -> None:
    assert "No forecast yet" in text(signed_in(market.seller.buyer).get(reverse("demand")))


def test_a_page_a_week_later_shows_what_was_expected_before(market: Market) -> None:
    old = store_forecast(seller=market.seller.organisation, now=clock.now())
    later = clock.now() + timedelta(days=7, minutes=1)
    with clock.frozen(later):
        store_forecast(seller=market.seller.organisation, now=later)
        found = weekly_demand(pool=market.h100, firmness=None, now=later)
        assert found is not None
        assert found.before_id == old.public_id
        assert found.before[0] == pytest.approx(sum(old.pools.get().expected[each][1] for each in range(3)), abs=0.2)
        assert "Expected a week ago" in text(signed_in(market.seller.buyer).get(reverse("demand")))


def test_staff_read_forecasts_with_their_assumptions_and_nobody_types_one(cockpit: Cockpit) -> None:
    forecast = store_forecast(seller=cockpit.seller, now=clock.now())
    page = reverse("admin:pricing_demandforecast_change", args=[forecast.pk])
    for user in (cockpit.sales, cockpit.planner, cockpit.root):
        shown = text(signed_in(user).get(page, {"firmness": FIRMNESS[0]}))
        assert "Refused" in shown
        assert "worth over floor" in shown
        assert "assumed: a market in balance" in shown
    assert signed_in(cockpit.guest).get(page).status_code == 403
    root = signed_in(cockpit.root)
    assert root.get(reverse("admin:pricing_demandforecast_add")).status_code == 403
    assert root.post(page, {"weeks": "1"}).status_code == 403
    assert root.get(reverse("admin:pricing_demandforecast_changelist")).status_code == 200
    assert root.get(reverse("admin:pricing_enquiry_changelist")).status_code == 200
    assert root.get(reverse("admin:pricing_demandforecast_change", args=[forecast.pk + 1])).status_code == 302
