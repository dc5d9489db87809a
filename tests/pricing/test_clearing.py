"""Shadow prices by price ascent: their bound against the exact linear program, over small and middling markets."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import coo_array, vstack

from pricing.clearing.ascent import Ascent, duals
from pricing.clearing.options import RequestsDoNotFit, ranges_highest, ranges_lowest
from pricing.clearing.requests import Floats, Requests


def requests_of(*asked: tuple[int, int, float, float, list[tuple[int, int]]]) -> Requests:
    """Each is (gpus, days, worth, weight, options as (pool, start))."""
    gpus, days, worth, weight, options = (list(column) for column in zip(*asked, strict=True)) if asked else ([],) * 5
    flat = [option for some in options for option in some]
    return Requests(
        gpus=np.array(gpus, np.int64),
        days=np.array(days, np.int64),
        worth=np.array(worth, float),
        weight=np.array(weight, float),
        first=np.concatenate([[0], np.cumsum([len(some) for some in options])]).astype(np.int64),
        pool=np.array([pool for pool, _ in flat], np.int64),
        start=np.array([start for _, start in flat], np.int64),
    )


def exact(requests: Requests, supply: Floats, floor: Floats) -> float:
    """The best value net of the floor, USD, by HiGHS on the linear program written out day by day."""
    owner = np.repeat(np.arange(len(requests)), np.diff(requests.first))
    if not len(owner):
        return 0.0
    gpus, days = (requests.weight * requests.gpus)[owner], requests.days[owner]
    value = 24 * gpus * days * (requests.worth[owner] - floor[requests.pool])
    columns = np.repeat(np.arange(len(owner)), days)
    offset = np.arange(len(columns)) - np.repeat(np.cumsum(days) - days, days)
    rows = np.repeat(requests.pool * supply.shape[1] + requests.start, days) + offset
    use = coo_array((gpus[columns], (rows, columns)), shape=(supply.size, len(owner)))
    once = coo_array((np.ones(len(owner)), (owner, np.arange(len(owner)))), shape=(len(requests), len(owner)))
    limits = np.concatenate([supply.ravel(), np.ones(len(requests))])
    found = linprog(-value, A_ub=vstack([use, once]).tocsr(), b_ub=limits, bounds=(0, 1), method="highs")
    return float(-found.fun)


def market(seed: int, count: int, shape: tuple[int, int], load: float) -> tuple[Requests, Floats, Floats]:
    """Lumpy random requests that ask for about `load` times the supply, two pools open to half of them."""
    rng = np.random.default_rng(seed)
    asked = []
    for _ in range(count):
        days = int(rng.integers(1, max(2, shape[1] // 3)))
        pools = rng.choice(shape[0], min(shape[0], int(rng.integers(1, 3))), replace=False)
        starts = rng.integers(0, shape[1] - days + 1) + np.arange(int(rng.integers(1, 4)))
        options = [(int(pool), int(start)) for pool in pools for start in starts if start + days <= shape[1]]
        asked.append((int(8 * 2 ** rng.integers(0, 6)), days, float(rng.lognormal(0.9, 0.4)), 1.0, options))
    requests = requests_of(*asked)
    mean = float((requests.gpus * requests.days).sum()) / load / (shape[0] * shape[1])
    supply = np.where(np.arange(shape[1]) < rng.integers(0, shape[1], (shape[0], 1)), 0.7, 1.3)  # one ramp a pool
    return requests, np.round(mean * supply), rng.uniform(0.5, 1.5, shape[0])


@st.composite
def small_markets(draw: st.DrawFn) -> tuple[Requests, Floats, Floats]:
    pools, days = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    worths = st.one_of(st.sampled_from([1.0, 2.0]), st.floats(0, 8))
    asked = []
    for _ in range(draw(st.integers(0, 8))):
        length = draw(st.integers(1, days))
        option = st.tuples(st.integers(0, pools - 1), st.integers(0, days - length))
        options = draw(st.lists(option, max_size=4))
        weight = draw(st.sampled_from([0.0, 1 / 3, 1.0, 2.5]))
        asked.append((draw(st.integers(0, 64)), length, draw(worths), weight, options))
    supply = draw(st.lists(st.integers(0, 80), min_size=pools * days, max_size=pools * days))
    floor = draw(st.lists(st.sampled_from([0.0, 0.5, 1.5]), min_size=pools, max_size=pools))
    return requests_of(*asked), np.array(supply, float).reshape(pools, days), np.array(floor)


@settings(deadline=None)
@given(small_markets(), st.sampled_from([1, 7, 60]))
def test_no_choice_is_worth_more_than_the_bound_nor_less_than_what_is_proved(
    of: tuple[Requests, Floats, Floats], iterations: int
) -> None:
    best = exact(*of)
    found = duals(*of, iterations=iterations, prove=True)
    close = 1e-6 * max(1.0, best)
    assert found.bound >= best - close
    assert (found.history >= best - close).all()
    assert found.reached <= best + close
    assert (found.duals >= 0).all()


@pytest.mark.parametrize(("seed", "load"), [(1, 0.7), (2, 1.2), (3, 2.0)])
def test_the_bound_is_within_half_a_percent_of_the_exact_one(seed: int, load: float) -> None:
    of = market(seed, 600, (4, 90), load)
    found = duals(*of, iterations=1500, prove=True)
    assert found.bound <= exact(*of) * 1.005
    assert found.gap < 0.03
    assert found.gaps[-1] < 0.01


def test_a_warm_start_needs_a_fraction_of_the_iterations() -> None:
    requests, supply, floor = market(4, 400, (3, 60), 1.5)
    before = duals(requests, supply, floor, iterations=800)
    cold = duals(requests, supply * 0.97, floor, iterations=25)
    warm = duals(requests, supply * 0.97, floor, iterations=25, start=before.last)
    best = exact(requests, supply * 0.97, floor)
    assert warm.bound <= best * 1.01
    assert warm.bound - best < (cold.bound - best) / 2


def test_a_weight_of_three_is_worth_as_much_as_three_requests() -> None:
    requests, supply, floor = market(5, 60, (2, 30), 1.0)
    thrice = replace(requests, weight=requests.weight * 3)
    assert duals(thrice, supply * 3, floor).bound == pytest.approx(3 * duals(requests, supply, floor).bound)
    three = requests_of(*[(8, 2, 3.0, 1.0, [(0, 0)])] * 3)
    one = requests_of((8, 2, 3.0, 3.0, [(0, 0)]))
    tight = np.full((1, 2), 12.0)
    assert duals(one, tight, np.array([1.0])).duals == pytest.approx(duals(three, tight, np.array([1.0])).duals)


def test_demand_below_supply_costs_nothing_and_demand_above_it_the_worth_of_the_last_one_out() -> None:
    asked = [(8, 1, worth, 1.0, [(0, 0)]) for worth in (5.0, 4.0, 3.0, 2.0)]
    floor = np.array([1.0])
    assert duals(requests_of(*asked), np.array([[32.0]]), floor).duals[0, 0] == 0.0
    scarce = duals(requests_of(*asked), np.array([[20.0]]), floor, iterations=2000, prove=True)
    assert scarce.duals[0, 0] == pytest.approx(2.0, abs=0.02)  # 2.5 requests fit: the half one is worth 3, 2 net
    assert scarce.bound == pytest.approx(24 * (8 * 4 + 8 * 3 + 4 * 2), rel=0.005)
    assert scarce.gap < 0.02


def test_requests_are_valued_net_of_the_floor_of_the_pool_they_take() -> None:
    requests = requests_of((8, 1, 3.0, 1.0, [(0, 0), (1, 0)]))
    plenty = np.full((2, 1), 100.0)
    assert duals(requests, plenty, np.array([1.0, 2.5])).bound == pytest.approx(24 * 8 * 2.0)
    assert duals(requests, plenty, np.array([3.0, 2.5])).bound == pytest.approx(24 * 8 * 0.5)
    assert duals(requests, plenty, np.array([3.0, 3.5])).bound == 0.0


def test_a_day_without_supply_is_priced_at_what_the_keenest_would_add_for_it() -> None:
    requests = requests_of((8, 2, 3.0, 1.0, [(0, 0)]), (8, 1, 2.0, 1.0, [(0, 1)]), (8, 1, 1.5, 1.0, [(0, 2)]))
    supply = np.array([[100.0, 0.0, 100.0, 0.0]])
    found = duals(requests, supply, np.array([1.0]), prove=True)
    assert found.duals.tolist() == [[0.0, 2.0, 0.0, 0.0]]  # the first has 4 to spare over two days, at most 2 a day
    assert found.bound == found.reached == pytest.approx(24 * 8 * 0.5)


def test_nothing_asked_for_costs_nothing() -> None:
    found = duals(requests_of(), np.full((2, 3), 10.0), np.array([1.0, 1.0]), prove=True)
    assert found.duals.shape == (2, 3)
    assert not found.duals.any()
    assert found.bound == found.reached == found.gap == 0.0
    unable = requests_of((8, 1, 0.5, 1.0, [(0, 0)]), (8, 1, 5.0, 0.0, [(0, 0)]), (8, 1, 5.0, 1.0, []))
    assert not duals(unable, np.full((2, 3), 10.0), np.array([1.0, 1.0]), start=np.ones((2, 3))).duals.any()


def test_equals_are_told_apart_by_their_order_and_two_runs_agree_to_the_bit() -> None:
    tied = requests_of(*[(8, 2, 3.0, 1.0, [(1, 0), (0, 0), (0, 1)])] * 4)
    supply = np.full((2, 3), 9.0)
    runs = [duals(tied, supply, np.array([1.0, 1.0]), iterations=1000) for _ in range(2)]
    assert (runs[0].duals == runs[1].duals).all()
    assert (runs[0].history == runs[1].history).all()
    best = exact(tied, supply, np.array([1.0, 1.0]))
    assert best - 1e-6 <= runs[0].bound <= best * 1.03


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"first": np.array([0, 2])}, "first must run from 0 to 1"),
        ({"pool": np.array([2])}, "pool must lie within 0..1"),
        ({"start": np.array([2])}, "an option leaves the 3 days"),
        ({"worth": np.array([np.nan])}, "worth has an entry that is not a number"),
        ({"weight": np.array([-1.0])}, "weight must be at least 0"),
        ({"days": np.array([1, 2])}, "days has 2 entries for 1 requests"),
    ],
)
def test_arrays_that_contradict_each_other_are_refused_with_the_reason(wrong: dict[str, Any], says: str) -> None:
    requests = replace(requests_of((8, 2, 3.0, 1.0, [(0, 0)])), **wrong)
    with pytest.raises(RequestsDoNotFit, match=says):
        duals(requests, np.ones((2, 3)), np.ones(2))


def test_prices_to_start_from_must_have_the_supply_s_shape() -> None:
    with pytest.raises(RequestsDoNotFit, match=r"have shape \(2, 2\)"):
        duals(requests_of(), np.ones((2, 3)), np.ones(2), start=np.ones((2, 2)))


@given(st.integers(0, 10_000))
def test_extremes_over_ranges_equal_those_taken_day_by_day(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = rng.integers(0, 9, (2, int(rng.integers(1, 20)))).astype(float)
    count = int(rng.integers(1, 8))
    pool, start = rng.integers(0, 2, count), rng.integers(0, grid.shape[1], count)
    end = start + 1 + (rng.random(count) * (grid.shape[1] - start)).astype(np.int64)
    lowest = [grid[p, a:b].min() for p, a, b in zip(pool, start, end, strict=True)]
    assert ranges_lowest(grid, pool, start, end).tolist() == lowest
    values, highest = rng.random(count), np.zeros_like(grid)
    for value, p, a, b in zip(values, pool, start, end, strict=True):
        highest[p, a:b] = np.maximum(highest[p, a:b], value)
    assert (ranges_highest(values, grid.shape, pool, start, end) == highest).all()


def test_what_the_ascent_says_of_itself() -> None:
    found = duals(*market(6, 50, (2, 20), 1.5), iterations=40, prove=True)
    assert isinstance(found, Ascent)
    assert found.iterations == len(found.history) == 40
    assert found.bound <= found.history.min()
    assert 0 <= found.gap < 1
    assert np.isnan(duals(*market(6, 50, (2, 20), 1.5), iterations=40).reached)
