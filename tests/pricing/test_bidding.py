"""Bid prices in the product: a seller's own forecast against what is left of its supply, and why they move."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marketplace.supply.queries import latest_projection
from marketplace.units import clock
from marketplace.units.period import Period
from pricing.clearing.requests import Requests, pooled
from pricing.curve.actions import solve_again, solve_if_due
from pricing.curve.bidding import SPREAD_DAYS, duals_of, spread
from pricing.curve.models import PoolCurve, PricePolicy, PriceVersion
from pricing.curve.solving import Duals
from pricing.demand.versions import store_forecast
from tests.market import Market, block_taken

REASON = "to see"


def duals(market: Market) -> Duals:
    seller, now, projection = market.seller.organisation, clock.now(), latest_projection()
    assert projection is not None
    policy = PricePolicy.objects.in_force(seller, now)
    found = duals_of(seller_id=seller.pk, policy=policy, projection=projection, previous=None, now=now)
    assert found is not None
    return found


def solved(market: Market) -> PoolCurve:
    version = solve_again(seller_id=market.h100.seller_id, reason=REASON, now=clock.now())
    assert version is not None
    return version.curves.get(pool=market.h100)


def test_without_a_forecast_there_is_no_dual(market: Market) -> None:
    curve = solved(market)
    assert curve.version.forecast == ""
    assert not np.any(curve.dual)


def test_a_first_forecast_is_a_reason_to_solve(market: Market) -> None:
    seller_id, now = market.h100.seller_id, clock.now()
    assert solve_if_due(seller_id=seller_id, now=now) is None
    store_forecast(seller=market.seller.organisation, now=now)
    version = solve_if_due(seller_id=seller_id, now=clock.now())
    assert version is not None
    assert version.reason == "first forecast of demand"
    assert solve_if_due(seller_id=seller_id, now=clock.now()) is None


def test_the_same_inputs_give_the_same_duals_to_the_bit(market: Market) -> None:
    store_forecast(seller=market.seller.organisation, now=clock.now())
    with clock.frozen(clock.now()):
        first, second = duals(market), duals(market)
    assert first.by_pool.keys() == second.by_pool.keys() == {market.h100.pk}
    assert np.array_equal(first.by_pool[market.h100.pk], second.by_pool[market.h100.pk])


def test_less_left_is_worth_more(market: Market) -> None:
    store_forecast(seller=market.seller.organisation, now=clock.now())
    before = duals(market).by_pool[market.h100.pk][0]
    block_taken(market.h100, Period(market.day(100), market.day(200)), 2048)
    after = duals(market).by_pool[market.h100.pk][0]
    assert after[100:200].mean() > before[100:200].mean()


def test_what_was_sold_since_is_said_to_be_the_reason(market: Market) -> None:
    store_forecast(seller=market.seller.organisation, now=clock.now())
    solved(market)
    block_taken(market.h100, Period(market.day(100), market.day(200)), 2048)
    moved = [each for each in solved(market).movements if each["firmness"] == "firm"]
    assert {(each["cause"], each["reason"]) for each in moved} <= {
        ("demand", "sold since the solve before: less is left"),
        ("time", "solved again, within the tolerance of the policy"),
    }


def test_another_sellers_forecast_changes_nothing(market: Market) -> None:
    store_forecast(seller=market.seller.organisation, now=clock.now())
    with clock.frozen(clock.now()):
        before = duals(market).by_pool[market.h100.pk]
        store_forecast(seller=market.other_seller.organisation, now=clock.now())
        assert np.array_equal(duals(market).by_pool[market.h100.pk], before)
    assert PriceVersion.objects.filter(seller=market.other_seller.organisation).count() == 1


@given(arrays(np.float64, (2, 60), elements=st.floats(0, 20)))
def test_a_spread_keeps_what_a_long_block_is_worth(found: np.ndarray) -> None:
    spread_out = spread(found)
    assert spread_out.shape == found.shape
    assert (spread_out >= 0).all()
    assert (spread_out <= found.max() + 1e-9).all()
    # All that is far from the ends stays, wherever it went.
    inner = np.zeros_like(found)
    inner[:, 2 * SPREAD_DAYS : -2 * SPREAD_DAYS] = found[:, 2 * SPREAD_DAYS : -2 * SPREAD_DAYS]
    assert np.allclose(spread(inner).sum(axis=1), inner.sum(axis=1))


def test_pooled_futures_are_each_as_likely() -> None:
    def future(gpus: int) -> Requests:
        def whole(*values: int) -> np.ndarray:
            return np.array(values, dtype=np.int64)

        return Requests(
            gpus=whole(gpus, 8),
            days=whole(3, 2),
            worth=np.array([2.0, 3.0]),
            weight=np.array([1.0, 2.0]),
            first=whole(0, 2, 3),
            pool=whole(0, 1, 1),
            start=whole(5, 6, 7),
        )

    both = pooled([future(16), future(64)])
    assert both.gpus.tolist() == [16, 8, 64, 8]
    assert both.weight.tolist() == [0.5, 1.0, 0.5, 1.0]
    assert both.first.tolist() == [0, 2, 3, 5, 6]
    assert both.pool.tolist() == [0, 1, 1, 0, 1, 1]
