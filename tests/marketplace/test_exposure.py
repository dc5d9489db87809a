"""Late GPU-days behind what is sold: from the joint scenarios, against a second, plain implementation."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.supply.exposure import Exposure, exposure_of, late_gpu_days
from marketplace.supply.projection import readiness, usable_supply
from marketplace.supply.slips import DEFAULT_POLICY
from marketplace.supply.world import Floats, Ints, World
from tests.marketplace.test_projection import campus, done, due, worlds

SEED, SCENARIOS, DAYS = 7, 100, 120
steps = st.lists(st.integers(0, 6000), min_size=1, max_size=6)


def late_of(world: World, use: Ints, first: int = 0) -> Floats:
    ready = readiness(world, DEFAULT_POLICY, seed=SEED, scenarios=SCENARIOS).days
    return late_gpu_days(world, ready, DEFAULT_POLICY, seed=SEED, use=use, first=first)


def in_steps(levels: list[int]) -> Ints:
    """(DAYS,) use that keeps each level for a while."""
    return np.repeat(np.array(levels, dtype=np.int64), ceil(DAYS / len(levels)))[:DAYS]


@settings(max_examples=25, deadline=None)
@given(world=worlds, here=steps, there=steps, first=st.integers(0, 200))
def test_agrees_with_its_definition(world: World, here: list[int], there: list[int], first: int) -> None:
    use = np.stack([in_steps(here), in_steps(there)])
    late = late_of(world, use, first)
    ready = readiness(world, DEFAULT_POLICY, seed=SEED, scenarios=SCENARIOS).days
    for pool in range(2):
        usable = usable_supply(world, ready, DEFAULT_POLICY, seed=SEED, pool=pool, first=first, end=first + DAYS)
        assert (late[pool] == np.maximum(use[pool] - usable, 0).sum(axis=1)).all()


def test_nothing_sold_is_nothing_late() -> None:
    none = np.zeros((2, DAYS), dtype=np.int64)
    assert exposure_of(late_of(campus(("a", 0, 800, due(60))), none), none) == Exposure(0, 0.0, 0)


def test_what_stands_is_late_by_nothing_and_what_never_comes_by_all_of_it() -> None:
    use = np.full((2, DAYS), 400, dtype=np.int64)
    late = late_of(campus(("a", 0, 800, done(-10))), use)
    assert exposure_of(late[:1], use[:1]) == Exposure(400 * DAYS, 0.0, 0)
    assert exposure_of(late[1:], use[1:]) == Exposure(400 * DAYS, 400.0 * DAYS, 400 * DAYS)


def test_worst_in_20_is_exceeded_in_one_scenario_of_20_and_in_no_more() -> None:
    late = np.arange(100.0)[None]
    found = exposure_of(late, np.full((1, 10), 50, dtype=np.int64))
    assert (found.worst, found.expected, found.sold) == (94, 49.5, 500)
    assert (late > found.worst).mean() == 0.05


def test_the_worst_of_a_site_is_of_its_sum_in_each_scenario() -> None:
    """Two pools that are late in other scenarios are never late together."""
    late = np.zeros((2, 100))
    late[0, :10], late[1, 10:20] = 100.0, 100.0
    use = np.full((2, 1), 100, dtype=np.int64)
    assert [exposure_of(late[row : row + 1], use[row : row + 1]).worst for row in range(2)] == [100, 100]
    assert exposure_of(late, use).worst == 100
    assert exposure_of(late, use).expected == pytest.approx(20.0)
    late[1] = late[0]
    assert exposure_of(late, use).worst == 200
