"""Another seller's private data changes nothing in a seller's prices: not a bit (rule 9)."""

from typing import Any

import numpy as np
import pytest
from django.db import transaction

from marketplace.capacity.ledger import set_limits
from marketplace.journal.actor import SYSTEM
from marketplace.units import clock
from pricing.curve.actions import solve_prices
from pricing.curve.models import PoolCurve, PricePolicy, PriceVersion
from pricing.curve.policies import publish_policy
from pricing.curve.solving import Duals
from pricing.quotes.actions import release_quote
from tests.market import DAYS, Market
from tests.pricing.test_quotes import ask, take

pytestmark = pytest.mark.django_db


def solved(market: Market) -> list[dict[str, Any]]:
    """Every stored column of every curve of the first seller's next version, and of the version itself."""
    seller = market.seller.organisation
    last = PriceVersion.objects.filter(seller=seller).latest("pk")
    policy = PricePolicy.objects.in_force(seller, clock.now())
    version = solve_prices(seller=seller, policy=policy, projection=last.projection, reason="weekly", now=clock.now())
    rows = [vars(row).copy() for row in PoolCurve.objects.filter(version=version).order_by("pool_id")]
    for row in rows:
        for name in ("_state", "id", "version_id"):
            del row[name]
    return [*rows, {"policy": version.policy_id, "forecast": version.forecast, "reason": version.reason}]


def sell_and_ask(market: Market) -> None:
    take(market, market.rival, accelerators=["gb200"], quantity=720)
    given_back = take(market, market.bank, accelerators=["gb200"], quantity=144, firmness="standby")
    bank = market.bank
    by = bank.buyer.as_actor(bank.organisation.pk)
    release_quote(public_id=given_back.public_id, by=by, organisation_id=bank.organisation.pk)
    ask(market, market.bank, accelerators=["gb200"], quantity=100_000)


def change_limits(market: Market) -> None:
    set_limits(pool_id=market.gb200.pk, first_day=market.today, limits=np.full((3, DAYS), 72, dtype=np.int64))


def publish_its_own_policy(market: Market) -> None:
    policy = PricePolicy(seller=market.other_seller.organisation, starts_at=clock.now(), cap_over_floor=2)
    publish_policy(policy=policy, by=SYSTEM, now=clock.now())


def solve_with_a_forecast(market: Market) -> None:
    seller = market.other_seller.organisation
    last = PriceVersion.objects.filter(seller=seller).latest("pk")
    duals = Duals("another", {market.gb200.pk: np.full((3, DAYS), 2.0)})
    policy = PricePolicy.objects.in_force(seller, clock.now())
    solve_prices(seller=seller, policy=policy, projection=last.projection, reason="own", now=clock.now(), duals=duals)


@pytest.mark.parametrize("deed", [sell_and_ask, change_limits, publish_its_own_policy, solve_with_a_forecast])
def test_what_another_seller_does_changes_not_a_bit(market: Market, deed: Any) -> None:
    with clock.frozen(clock.now()):
        take(market, market.bank, quantity=512)
        with transaction.atomic():
            without = solved(market)
            transaction.set_rollback(True)
        deed(market)
        assert solved(market) == without


def test_the_same_deeds_in_its_own_pool_do_show(market: Market) -> None:
    """The twin: the comparison sees what it is meant to see."""
    with clock.frozen(clock.now()):
        with transaction.atomic():
            without = solved(market)
            transaction.set_rollback(True)
        set_limits(pool_id=market.h100.pk, first_day=market.today, limits=np.full((3, DAYS), 72, dtype=np.int64))
        assert solved(market) != without
