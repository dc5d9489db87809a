"""Limits that keep their class's promise for every block within them, whatever its start and length."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.supply.projection import (
    ProjectedSupply,
    block_confidence,
    class_limits,
    delivery_confidence,
    project,
    readiness,
    usable_supply,
)
from marketplace.supply.promises import Promises, nested, promised_limits, scenarios_kept
from marketplace.supply.slips import DEFAULT_POLICY
from marketplace.supply.world import Ints, World
from tests.marketplace.test_projection import campus, done, due, worlds

SEED, OTHER_SEED, SCENARIOS, DAYS = 7, 8, 400, 300
SHIPPED = Promises(0.95, 0.75, 0.0)
# Two halls that are late for different reasons: each has its P90 in nine of ten scenarios, but not in the same ones.
TWO_HALLS = campus(("a", 0, 800, due(60, "crew")), ("b", 0, 800, due(160, "chips")))


def limits_of(
    world: World,
    promises: Promises = SHIPPED,
    *,
    scenarios: int = SCENARIOS,
    days: int = DAYS,
    firm_days: int = DAYS,
) -> tuple[ProjectedSupply, Ints]:
    supply = project(world, DEFAULT_POLICY, seed=SEED, scenarios=scenarios, days=days)
    quantiles = (supply.p90, supply.p50, supply.p10)
    found = promised_limits(
        world, supply.ready.days, DEFAULT_POLICY, promises, quantiles, seed=SEED, firm_days=firm_days
    )
    return supply, found


def confidence(world: World, ready: Any, pool: int, first: int, required: Ints, *, seed: int = SEED) -> float:
    return block_confidence(world, ready, DEFAULT_POLICY, seed=seed, pool=pool, first=first, required=required)


class TestEveryBlockWithinTheLimits:
    @settings(max_examples=25, deadline=None)
    @given(
        world=worlds,
        promises=st.sampled_from([SHIPPED, Promises(0.99, 0.5, 0.2), Promises(0.6, 0.6, 0.6), Promises(0.9, 0, 0)]),
        firm_days=st.integers(0, DAYS),
        first=st.integers(0, DAYS - 1),
        length=st.integers(1, DAYS),
        pool=st.integers(0, 1),
    )
    def test_is_there_whole_in_the_share_of_scenarios_that_is_promised(
        self, world: World, promises: Promises, firm_days: int, first: int, length: int, pool: int
    ) -> None:
        supply, limits = limits_of(world, promises, firm_days=firm_days)
        end = min(first + length, DAYS)
        for place, promise in enumerate(promises.by_class()):
            until = min(end, firm_days) if place == 0 else end
            if until > first:
                sold = limits[pool, place, first:until]
                assert confidence(world, supply.ready.days, pool, first, sold) >= promise

    @settings(max_examples=25, deadline=None)
    @given(world=worlds, promises=st.sampled_from([SHIPPED, Promises(0.5, 0.3, 0.1)]), firm_days=st.integers(-1, 400))
    def test_stands_under_the_quantile_of_its_class_in_whole_lots(
        self, world: World, promises: Promises, firm_days: int
    ) -> None:
        supply, limits = limits_of(world, promises, firm_days=firm_days)
        for pool, lot in enumerate(world.pools.lot):
            by_day = class_limits(supply.p90[pool], supply.p50[pool], supply.p10[pool], lot, firm_days=firm_days)
            assert (limits[pool] <= by_day).all()
            assert (limits[pool] % lot == 0).all()
            assert (limits[pool] == nested(limits[pool])).all()
            assert (limits[pool] >= 0).all()

    def test_without_a_promise_the_quantiles_stand_alone(self) -> None:
        supply, limits = limits_of(TWO_HALLS, Promises(0, 0, 0))
        by_day = class_limits(supply.p90[0], supply.p50[0], supply.p10[0], 8, firm_days=DAYS)
        assert (limits[0] == by_day).all()

    def test_on_one_seed_is_the_same_to_the_gpu(self) -> None:
        assert (limits_of(TWO_HALLS)[1] == limits_of(TWO_HALLS)[1]).all()


def renewed() -> World:
    """Two halls are retired, each some days after the hall in its place is there in nine scenarios of ten."""
    return campus(
        ("old", 0, 1600, done(-100)),
        ("first retired", 0, -800, due(100, "commissioning")),
        ("first new", 0, 800, due(66, "chips")),
        ("second retired", 0, -800, due(200, "commissioning")),
        ("second new", 0, 800, due(170, "crew")),
        ("far", 0, 8, due(400, "shell")),
    )


class TestQuantilesOfSingleDays:
    def test_sell_a_block_as_firm_that_is_not(self) -> None:
        """1,400 GPUs from day 50 to day 280: within P90 on every day, and there as a whole far less often."""
        supply, limits = limits_of(renewed(), scenarios=4000)
        block = np.full(230, 1400, dtype=np.int64)
        assert (supply.p90[0, 50:280] >= block).all()
        found = confidence(renewed(), supply.ready.days, 0, 50, block)
        assert 0.75 <= found < 0.9
        assert (limits[0, 0, 50:280] >= block).any()
        assert not (limits[0, 0, 50:280] >= block).all()  # not firm
        assert (limits[0, 1, 50:280] >= block).all()  # but standard

    def test_promise_too_much_and_the_limits_do_not(self) -> None:
        """Nine in ten on every single day, but well under 0.95 over the block as a whole."""
        supply, limits = limits_of(TWO_HALLS, scenarios=4000)
        ready, by_day = supply.ready.days, supply.p90[0].astype(np.int64) // 8 * 8
        usable = usable_supply(TWO_HALLS, ready, DEFAULT_POLICY, seed=SEED, pool=0, first=0, end=DAYS)
        assert ((usable >= by_day).mean(axis=0) >= 0.9).all()
        assert delivery_confidence(usable, by_day) < 0.85
        assert confidence(TWO_HALLS, ready, 0, 0, by_day) == delivery_confidence(usable, by_day)
        assert confidence(TWO_HALLS, ready, 0, 0, limits[0, 0]) >= 0.95

    def test_of_0_95_on_each_day_are_not_enough_either(self) -> None:
        supply, _ = limits_of(TWO_HALLS, scenarios=4000)
        usable = usable_supply(TWO_HALLS, supply.ready.days, DEFAULT_POLICY, seed=SEED, pool=0, first=0, end=DAYS)
        by_day = np.quantile(usable, 0.05, axis=0, method="lower").astype(np.int64)
        assert ((usable >= by_day).mean(axis=0) >= 0.95).all()
        assert delivery_confidence(usable, by_day) < 0.93


class TestTheMargin:
    @pytest.mark.parametrize("world", [TWO_HALLS, campus(("a", 0, 8000, due(40)), ("b", 0, 8000, due(90, "shell")))])
    def test_keeps_the_promise_in_scenarios_that_the_limits_have_not_seen(self, world: World) -> None:
        """As many as a projection has. Two standard errors are no proof, which no sample gives."""
        _, limits = limits_of(world, scenarios=10_000)
        unseen = readiness(world, DEFAULT_POLICY, seed=OTHER_SEED, scenarios=20_000).days
        for place, promise in ((0, 0.95), (1, 0.75)):
            luck = 2 * (promise * (1 - promise) / 20_000) ** 0.5  # of the scenarios that it is tried on
            assert confidence(world, unseen, 0, 0, limits[0, place], seed=OTHER_SEED) >= promise - luck

    def test_is_two_standard_errors_and_never_more_than_all_scenarios(self) -> None:
        assert scenarios_kept(0.95, 10_000) == 9544
        assert scenarios_kept(0.75, 10_000) == 7587
        assert scenarios_kept(0.95, 20) == 20


class TestSupplyThatIsCertain:
    def test_is_sold_whole_but_for_the_derate_and_the_lot(self) -> None:
        supply, limits = limits_of(campus(("a", 0, 800, done(-10))))
        assert len(set(limits[0, 0])) == 1
        assert 0.9 * supply.p90[0, 0] < limits[0, 0, 0] <= supply.p90[0, 0]

    def test_of_nothing_is_nothing(self) -> None:
        _, limits = limits_of(campus())
        assert limits.max() == 0

    def test_firm_ends_where_knowledge_does_and_is_promised_up_to_there(self) -> None:
        _, short = limits_of(TWO_HALLS, firm_days=100)
        _, whole = limits_of(TWO_HALLS)
        assert short[0, 0, 100:].max() == 0
        assert short[0, 0, :100].sum() >= whole[0, 0, :100].sum()
        assert (short[0, 1] == whole[0, 1]).all()


def test_a_surer_class_never_promises_less() -> None:
    for wrong in ((0.7, 0.8, 0.0), (1.0, 0.8, 0.0), (0.9, 0.5, -0.1), (0.9, 0.5, 0.6)):
        with pytest.raises(ValueError, match="surer class"):
            Promises(*wrong)
    assert Promises.from_json(SHIPPED.as_json()) == SHIPPED
