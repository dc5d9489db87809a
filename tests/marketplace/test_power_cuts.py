"""A site that has less power for a time: every pool there is cut to the same fraction, and only then."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.supply.projection import project
from marketplace.supply.slips import DEFAULT_POLICY
from marketplace.supply.world import World

DAYS = 30


def campus(*cuts: tuple[str, int, int, int, float], mw: float = 2.4) -> World:
    """2.4 MW at a PUE of 1.2: 2,000 kW for GPUs, of which 1,000 h100 and 500 gb200 at 1 kW each draw 1,500."""
    return World.of(
        sites=[("a", 1.2, mw, 1.0), ("b", 1.2, 2.4, 1.0)],
        pools=[("a/h100", 0, 1.0, 8), ("a/gb200", 0, 1.0, 8), ("b/h100", 1, 1.0, 8)],
        projects=[("a#1", 0, 1000, 1.0), ("a#2", 1, 500, 1.0), ("b#1", 2, 1000, 1.0)],
        milestones=[(0, "power", -9, None, -9), (1, "power", -9, None, -9), (2, "power", -9, None, -9)],
        cuts=cuts,
    )


def p50(world: World) -> np.ndarray:
    return project(world, DEFAULT_POLICY, seed=1, scenarios=200, days=DAYS).p50


def test_a_cut_leaves_what_the_power_carries_for_its_days_alone() -> None:
    plain, cut = p50(campus()), p50(campus(("dis_1", 0, 10, 20, 0.9)))
    assert (plain[:, :10] == cut[:, :10]).all()
    assert (plain[:, 20:] == cut[:, 20:]).all()
    # 0.9 MW / 1.2 = 750 kW, half of the 1,500 that are installed.
    assert cut[0, 10:20].tolist() == [500] * 10
    assert cut[1, 10:20].tolist() == [250] * 10
    assert (plain[2] == cut[2]).all(), "another site has its power"


def test_a_cut_that_does_not_bind_changes_nothing() -> None:
    assert (p50(campus()) == p50(campus(("dis_1", 0, 10, 20, 2.0)))).all()


def test_of_two_cuts_at_once_the_lower_counts() -> None:
    both = p50(campus(("dis_1", 0, 5, 20, 0.9), ("dis_2", 0, 10, 25, 0.6)))
    assert [both[0, day] for day in (4, 5, 10, 20, 25)] == [
        p50(campus())[0, 0], 500, 333, 333, p50(campus())[0, 0],
    ]  # fmt: skip


def test_no_power_is_no_gpus_and_a_site_of_unknown_power_can_be_cut() -> None:
    assert (p50(campus(("dis_1", 0, 0, DAYS, 0.0)))[:2] == 0).all()
    assert p50(campus(("dis_1", 0, 3, 4, 0.9), mw=np.inf))[0, 3] == 500


@settings(max_examples=30)
@given(st.floats(0.0, 3.0), st.floats(0.0, 3.0), st.integers(0, 25), st.integers(1, 10))
def test_less_power_is_never_more_gpus(one: float, other: float, starts: int, days: int) -> None:
    low, high = sorted((one, other))
    less, more = (p50(campus(("dis_1", 0, starts, starts + days, mw))) for mw in (low, high))
    assert (less <= more).all()


def test_what_is_stored_is_what_was_projected() -> None:
    world = campus(("dis_1", 0, 10, 20, 0.9))
    again = World.from_json(world.as_json())
    assert (p50(world) == p50(again)).all()
    assert again.cuts.keys == ("dis_1",)
    older = {name: rows for name, rows in world.as_json().items() if name != "cuts"}
    assert World.from_json(older).cuts.keys == ()


@pytest.mark.parametrize("pool", [0, 1])
def test_scenarios_asked_for_one_pool_are_those_of_the_projection(pool: int) -> None:
    from marketplace.supply.projection import exceeded, usable_supply

    world = campus(("dis_1", 0, 10, 20, 0.9))
    found = project(world, DEFAULT_POLICY, seed=1, scenarios=200, days=DAYS)
    usable = usable_supply(world, found.ready.days, DEFAULT_POLICY, seed=1, pool=pool, first=0, end=DAYS)
    for day in (9, 10, 19, 20):
        assert exceeded(usable[:, day][None])[1, 0] == found.p50[pool, day]
