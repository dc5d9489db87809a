"""What cannot be promised firm is offered as the next class, and never as firm."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from marketplace.capacity.actions import publish_limits, publish_projection
from marketplace.change import change
from marketplace.models import Milestone, PoolOutlook, Project, Projection
from marketplace.supply.actions import project_supply
from marketplace.units import clock
from pricing.curve.actions import solve_prices
from pricing.curve.models import PricePolicy
from pricing.quotes.need import Need, Range
from pricing.quotes.search import Search, search
from tests.market import Market

pytestmark = pytest.mark.django_db
DAYS, SCENARIOS, GPUS, START, LENGTH = 420, 2000, 1400, 50, 230


@pytest.fixture(scope="module")
def opened(opened: Market) -> Market:
    """The h100 pool renews itself: two halls are retired, each soon after the hall in its place should be there."""
    market = opened
    market.h100.projects.all().delete()
    hall(market, 1, 1600, "commissioning", -100, actual=True)
    hall(market, 2, 800, "chips", 66)
    hall(market, 3, -800, "commissioning", 100)
    hall(market, 4, 800, "crew", 170)
    hall(market, 5, -800, "commissioning", 200)
    hall(market, 6, 8, "shell", 400)
    publish(market)
    return market


def hall(market: Market, ordinal: int, gpus: int, kind: str, day: int, *, actual: bool = False) -> None:
    project = Project.objects.create(
        pool=market.h100,
        campus="Northfield",
        ordinal=ordinal,
        name=f"Hall {ordinal}",
        gpus=gpus,
        mw=Decimal("1.00"),
        h100_equivalents=gpus,
    )
    on = market.day(day)
    Milestone.objects.create(project=project, kind=kind, planned=on, actual=on if actual else None)


def publish(market: Market) -> Projection:
    now = clock.now()
    projection = project_supply(reason="halls are renewed", now=now, scenarios=SCENARIOS, days=DAYS)
    for pool in (market.h100, market.gb200):
        change.run(lambda pool=pool: publish_limits(projection=projection, pool=pool))  # type: ignore[misc]
    publish_projection(projection=projection, now=now)
    policy = PricePolicy.objects.get()
    solve_prices(
        seller=market.seller.organisation, policy=policy, projection=projection, reason="halls are renewed", now=now
    )
    return projection


def ask(market: Market, firmness: str, **changed: Any) -> Search:
    start = market.day(START)
    need = Need(Range(GPUS, GPUS), Range(LENGTH, LENGTH), start, start, firmness, accelerators=("h100",))
    return search(need=need, organisation_id=market.bank.organisation.pk, now=clock.now())


def test_the_block_is_within_p90_on_each_of_its_days(market: Market) -> None:
    outlook = PoolOutlook.objects.get(projection=Projection.objects.latest("pk"), pool=market.h100)
    assert (np.array(outlook.p90)[START : START + LENGTH] >= GPUS).all()


def test_it_is_refused_as_firm_and_standard_is_the_nearest_class(market: Market) -> None:
    found = ask(market, "firm")
    assert found.offers == ()
    assert found.refusal is not None
    same = [
        need
        for need in found.refusal.nearest
        if need.quantity.most >= GPUS and need.duration.most >= LENGTH and need.start_from == market.day(START)
    ]
    assert [need.firmness for need in same] == ["standard"]


def test_every_alternative_can_be_had_as_it_stands_at_the_promise_of_its_class(market: Market) -> None:
    refused = ask(market, "firm").refusal
    assert refused is not None
    assert refused.nearest
    for need in refused.nearest:
        answer = search(need=need, organisation_id=market.bank.organisation.pk, now=clock.now())
        least = {"firm": Decimal("0.95"), "standard": Decimal("0.75"), "standby": Decimal(0)}[need.firmness]
        assert answer.offers, need
        assert all(offer.delivery_confidence >= least for offer in answer.offers)


def test_as_standard_it_is_sold_with_the_odds_that_it_has(market: Market) -> None:
    (offer,) = ask(market, "standard").offers
    assert Decimal("0.75") <= offer.delivery_confidence < Decimal("0.90")


def test_what_fits_as_firm_is_promised_firm_however_long(market: Market) -> None:
    for days in (1, 30, LENGTH, 340):
        start = market.day(START)
        need = Need(Range(8, GPUS), Range(days, days), start, start + timedelta(days=9), "firm", accelerators=("h100",))
        found = search(need=need, organisation_id=market.bank.organisation.pk, now=clock.now())
        assert found.offers
        assert all(offer.delivery_confidence >= Decimal("0.95") for offer in found.offers)
