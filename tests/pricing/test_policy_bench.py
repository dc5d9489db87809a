"""The benchmark's market: it must not sell twice, nor change with what it measures beside."""

from dataclasses import replace

import numpy as np
import pytest

from bench._policy_instances import DAYS, POOLS, Instance, pooled, supply, synthetic
from bench._policy_market import Market, wish_of
from bench._policy_ours import Constants, Plan, after, sell_posted
from bench._policy_prices import Fixed, Linear
from bench._policy_slip import make_room
from pricing.clearing.requests import Floats

FEW = Constants(resolve_days=90.0, iterations=4, first_iterations=8)


@pytest.fixture(scope="module")
def instance() -> Instance:
    return synthetic(700, 0.05)


def scarce() -> Floats:
    return supply() / 20


def use_of(market: Market, setting: int) -> Floats:
    use = np.zeros((POOLS, DAYS))
    asked = market.instance.requests
    for number in np.flatnonzero(market.taken[setting] >= 0):
        option = market.taken[setting, number]
        begin = asked.start[option]
        use[asked.pool[option], begin : begin + asked.days[number]] += asked.gpus[number]
    return use


def test_each_takes_one_of_its_own_options_and_no_day_is_sold_twice(instance: Instance) -> None:
    market = sell_posted(instance, instance, [1.0, 1.3], Plan(scarce()), FEW)
    first = instance.requests.first
    for setting in (0, 1):
        served = np.flatnonzero(market.taken[setting] >= 0)
        taken = market.taken[setting, served]
        assert ((first[served] <= taken) & (taken < first[served + 1])).all()
        assert (use_of(market, setting) <= scarce() + 1e-9).all()
        assert (use_of(market, setting).ravel() == market.use[setting]).all()
    assert (market.revenue() <= market.worth()).all()


def test_settings_tried_in_one_pass_do_not_meet(instance: Instance) -> None:
    both = Market.opened(instance, scarce(), 2)
    both.sell(0, len(instance.requests), Linear(np.array([[1.5], [2.5]]), np.array([[2.0], [1.0]]), scarce().ravel()))
    for setting, (base, rise) in enumerate([(1.5, 2.0), (2.5, 1.0)]):
        alone = Market.opened(instance, scarce(), 1)
        alone.sell(0, len(instance.requests), Linear(np.array([[base]]), np.array([[rise]]), scarce().ravel()))
        assert (alone.taken[0] == both.taken[setting]).all()


def test_nobody_pays_more_than_it_is_worth_to_them(instance: Instance) -> None:
    market = Market.opened(instance, supply(), 1)
    market.sell(0, len(instance.requests), Fixed(np.array([[2.5]])))
    served = market.taken[0] >= 0
    assert (instance.requests.worth[served] >= 2.5).all()
    assert (instance.requests.worth[~served] < 2.5).all()  # there is room for everybody


def test_a_wish_s_cells_are_those_of_its_options(instance: Instance) -> None:
    asked = instance.requests
    for number in range(0, len(asked), 7):
        wish = wish_of(instance, number)
        for at, option in enumerate(range(asked.first[number], asked.first[number + 1])):
            first = asked.pool[option] * DAYS + asked.start[option]
            found = wish.cells[wish.begin[at] : wish.end[at]]
            assert found.tolist() == list(range(first, first + asked.days[number]))


def test_a_slip_takes_from_the_latest_only_what_no_longer_fits(instance: Instance) -> None:
    market = Market.opened(instance, scarce(), 1)
    market.sell(0, len(instance.requests), Fixed(np.array([[1.5]])))
    before = market.taken[0].copy()
    kept = replace(market, taken=market.taken.copy(), use=market.use.copy(), cancelled=market.cancelled.copy())
    make_room(kept, scarce(), 60, len(instance.requests))
    assert (kept.taken[0] == before).all()  # nothing slipped, nothing moves
    late = scarce()
    late[1, 60:] *= 0.5
    sold = float(market.sold()[0])
    make_room(market, late, 60, len(instance.requests))
    assert (use_of(market, 0)[:, 60:] <= late[:, 60:] + 1e-9).all()
    assert market.cancelled[0] > 0
    assert market.sold()[0] == pytest.approx(sold)
    moved = np.flatnonzero((market.taken[0] != before) & (market.taken[0] >= 0))
    assert (instance.requests.start[market.taken[0, moved]] >= 60).all()


def test_a_pooled_forecast_weighs_as_much_as_one_future_and_forgets_what_has_passed() -> None:
    futures = [synthetic(seed, 0.05) for seed in (701, 702)]
    forecast = pooled(futures)
    volumes = [float((one.requests.gpus * one.requests.days).sum()) for one in futures]
    asked = forecast.requests
    assert float((asked.weight * asked.gpus * asked.days).sum()) == pytest.approx(np.mean(volumes))
    rest = after(forecast, 100.0)
    assert len(rest) == int((forecast.arrival >= 100).sum())
    assert rest.first[0] == 0
    assert rest.first[-1] == len(rest.pool) == len(rest.start)
