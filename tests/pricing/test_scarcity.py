"""The price of scarcity: rules 3 and 4 of the market, over random limits and uses."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.curve import scarcity

amounts = st.integers(0, 30_000)


def curve_of(limit: int, use: int, dual: float = 0.0, *, floor: float = 1.5, cap: float = 8.0) -> scarcity.Curve:
    return scarcity.curve(
        limit=np.array([float(limit)]),
        use=np.array([float(use)]),
        dual=np.array([dual]),
        base=floor,
        adder=2.0,
        cap=cap,
        lot=8,
        fill_steepness=8.0,
        dual_steepness=0.5,
    )


def price(of: scarcity.Curve, x: float) -> float:
    return float(scarcity.unit_price(of, np.array([x]))[0])


def cents(of: scarcity.Curve, x: float) -> int:
    return int(scarcity.cumulative_cents(of, np.array([x]))[0])


curves = st.builds(curve_of, amounts, amounts, st.floats(0, 10))


def test_an_empty_pool_costs_hardly_more_than_its_floor_and_a_full_one_the_cap_at_most() -> None:
    of = curve_of(10_000, 0)
    assert price(of, 0) == pytest.approx(1.5 + 2 * np.exp(-8))
    assert price(of, 5_000) == pytest.approx(1.5 + 2 * np.exp(-4))
    assert price(of, 9_999) == pytest.approx(3.5, abs=0.01)
    assert price(of, 10_000) == 8.0


def test_the_dual_grows_by_half_an_e_fold_over_what_was_left_at_the_solve() -> None:
    of = curve_of(10_000, 4_000, 1.0, cap=80)
    fill = 2 * np.exp(8 * (0.7 - 1))
    assert price(of, 7_000) == pytest.approx(1.5 + np.exp(0.5 * 3_000 / 6_000) + fill)
    assert price(of, 2_000) == pytest.approx(1.5 + 1.0 + 2 * np.exp(8 * (0.2 - 1)))


@given(curves, amounts, amounts)
def test_the_unit_price_never_falls_as_use_grows(of: scarcity.Curve, x: int, more: int) -> None:
    assert price(of, x + more) >= price(of, x) - 1e-12


@given(curves, st.integers(-30_000, 60_000))
def test_the_unit_price_stays_between_floor_and_cap(of: scarcity.Curve, x: int) -> None:
    assert 1.5 - 1e-12 <= price(of, x) <= 8.0


@given(curves, amounts, st.lists(st.integers(1, 500), min_size=2, max_size=6))
def test_cutting_a_block_into_several_orders_costs_the_same_to_the_cent(
    of: scarcity.Curve, x: int, parts: list[int]
) -> None:
    whole = cents(of, x + sum(parts)) - cents(of, x)
    at, cut = x, 0
    for part in parts:
        cut += cents(of, at + part) - cents(of, at)
        at += part
    assert cut == whole


@given(curves, amounts, st.integers(1, 2_000))
def test_the_cumulative_price_is_the_sum_of_unit_prices(of: scarcity.Curve, x: int, quantity: int) -> None:
    steps = np.arange(quantity * 16) / 16 + x + 1 / 32
    limit, use, dual, capped = (np.full(len(steps), v[0]) for v in (of.limit, of.use, of.dual, of.capped_from))
    wide = replace(of, limit=limit, use=use, dual=dual, capped_from=capped)
    by_hand = scarcity.unit_price(wide, steps).sum() / 16 * 24 * 100
    # The midpoint rule is off by up to half a step of the jump to the cap, wherever that lies.
    assert cents(of, x + quantity) - cents(of, x) == pytest.approx(by_hand, rel=2e-3, abs=24 * 100 * 8.0 / 16 + 2)


@pytest.mark.parametrize(("limit", "use"), [(1_000, 1_000), (500, 1_000), (0, 0), (0, 50)])
def test_a_pool_without_room_is_priced_without_a_fault(limit: int, use: int) -> None:
    of = curve_of(limit, use, 1.0)
    assert price(of, max(limit, use)) == 8.0
    assert np.isfinite(cents(of, use + 64))


@st.composite
def corners(draw: Any) -> tuple[scarcity.Curve, int]:
    """A curve whose limit lies at, just below or just above its use at the solve, and a use around both."""
    limit, near = draw(st.integers(0, 5_000)), st.integers(-16, 16)
    use = draw(st.one_of(st.just(limit), near.map(lambda by: limit + by), st.integers(0, 8_000)))
    of = curve_of(limit, use, draw(st.floats(0, 10)))
    around = st.sampled_from([limit, use])
    x = draw(st.one_of(st.tuples(around, near).map(sum), st.integers(-500, 9_000)))
    return of, x


@given(corners(), st.integers(1, 64))
def test_around_limit_and_solve_the_unit_price_never_falls_and_keeps_its_bounds(
    at: tuple[scarcity.Curve, int], more: int
) -> None:
    of, x = at
    assert 1.5 - 1e-12 <= price(of, x) <= price(of, x + more) + 1e-12 <= 8.0 + 1e-12
    if x >= of.limit[0]:
        assert price(of, x) == 8.0


@given(corners(), st.lists(st.integers(1, 200), min_size=2, max_size=5))
def test_around_limit_and_solve_cutting_costs_the_same(at: tuple[scarcity.Curve, int], parts: list[int]) -> None:
    of, x = at
    ends = [x, *(x + sum(parts[: index + 1]) for index in range(len(parts)))]
    cut = [cents(of, last) - cents(of, first) for first, last in pairwise(ends)]
    assert sum(cut) == cents(of, ends[-1]) - cents(of, x)
    assert min(cut) >= 0


@given(corners(), st.integers(1, 500), st.integers(1, 200))
def test_around_limit_and_solve_less_room_makes_no_block_cheaper_by_more_than_a_cent(
    at: tuple[scarcity.Curve, int], less: int, quantity: int
) -> None:
    of, x = at
    block = [cents(of, first + quantity) - cents(of, first) for first in (x, x + less)]
    assert block[1] >= block[0] - 1


def test_without_the_max_the_price_would_fall_when_the_limit_is_cut_below_the_solve() -> None:
    """The twin: the formula as it was first tried."""
    of = curve_of(500, 1_000, 1.0)
    spread = max(500 - 1_000, 8)
    tried = [1.5 + np.exp(0.5 * (x - 1_000) / spread) for x in (100, 400)]
    assert tried[0] < 1.5 + 1e-9
    assert price(of, 100) > tried[0] + 0.9


@given(curves, amounts, amounts)
def test_less_room_never_makes_a_block_cheaper_by_more_than_a_cent(of: scarcity.Curve, x: int, more: int) -> None:
    block = [cents(of, at + 64) - cents(of, at) for at in (x, x + more)]
    assert block[1] >= block[0] - 1
