"""Projected supply: quantiles, seeds, shared power, and a second, plain implementation that must agree."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.supply.projection import (
    NEVER,
    ProjectedSupply,
    block_confidence,
    class_limits,
    delivery_confidence,
    exceeded,
    project,
    readiness,
    usable_supply,
)
from marketplace.supply.slips import DEFAULT_POLICY, ProjectionPolicy, derates, given_above
from marketplace.supply.world import KINDS, World

SEED, SCENARIOS, DAYS = 7, 400, 500

Row = Sequence[Any]


def campus(
    *projects: tuple[str, int, int, Sequence[Row]],
    mw: float | None = None,
    pools: Sequence[Row] = (),
    retires: dict[str, int] | None = None,
    delays: Sequence[Row] = (),
    windows: Sequence[Row] = (),
) -> World:
    """One site with two pools (1 kW, lots of 8) and projects (key, pool, gpus, milestones (kind, planned, forecast,
    actual)); a day on which a project retires by its key."""
    return World.of(
        sites=[("site", 1.25, np.inf if mw is None else mw, 0.5)],
        pools=pools or [("h100", 0, 1.0, 8), ("gb200", 0, 2.0, 72)],
        projects=[(key, pool, gpus, 1.0, (retires or {}).get(key)) for key, pool, gpus, _ in projects],
        milestones=[(index, *row) for index, (*_, rows) in enumerate(projects) for row in rows],
        delays=delays,
        windows=windows,
    )


def due(day: float, *kinds: str) -> list[Row]:
    return [(kind, day, None, None) for kind in kinds or ("power", "chips", "commissioning")]


def done(day: float) -> list[Row]:
    return [("commissioning", day, None, day)]


def run(
    world: World, policy: ProjectionPolicy = DEFAULT_POLICY, *, seed: int = SEED, days: int = DAYS
) -> ProjectedSupply:
    return project(world, policy, seed=seed, scenarios=SCENARIOS, days=days)


plans = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(-4000, 8000),
        st.integers(-300, 600),
        st.lists(st.sampled_from(KINDS), min_size=1, max_size=4, unique=True),
        st.one_of(st.none(), st.integers(-50, 300)),
    ),
    max_size=6,
)
less = st.tuples(st.integers(0, 1), st.integers(-20, 110), st.integers(1, 60), st.floats(0, 0.95))
windows = st.lists(less, max_size=3)


def built(rows: list[Any], mw: float | None, less: list[Any]) -> World:
    return campus(
        *[(f"project {i}", pool, gpus, due(day, *kinds)) for i, (pool, gpus, day, kinds, _) in enumerate(rows)],
        mw=mw,
        retires={f"project {i}": until for i, (_, gpus, *_, until) in enumerate(rows) if until and gpus > 0},
        windows=[(f"window {i}", pool, at, at + days, usable) for i, (pool, at, days, usable) in enumerate(less)],
    )


worlds = st.builds(built, plans, st.one_of(st.none(), st.floats(0, 40)), windows)


class TestQuantiles:
    @settings(max_examples=25, deadline=None)
    @given(world=worlds, seed=st.integers(0, 2**31))
    def test_are_ordered_and_within_what_is_installed(self, world: World, seed: int) -> None:
        supply = run(world, seed=seed)
        assert (supply.p90 >= 0).all()
        assert (supply.p90 <= supply.p50).all()
        assert (supply.p50 <= supply.p10).all()
        added = np.bincount(world.projects.pool, weights=np.maximum(world.projects.gpus, 0), minlength=2)
        assert (supply.p10 <= added[:, None]).all()

    @given(
        values=st.lists(st.integers(0, 50), min_size=1, max_size=40),
        percent=st.sampled_from([(0, 90), (1, 50), (2, 10)]),
    )
    def test_name_the_largest_amount_that_their_share_reaches(
        self, values: list[int], percent: tuple[int, int]
    ) -> None:
        row, share = percent
        amount = exceeded(np.array([values], dtype=np.int32))[row, 0]
        enough = ceil(len(values) * share / 100)
        assert sum(value >= amount for value in values) >= enough
        assert sum(value > amount for value in values) < enough

    def test_of_dates_are_the_days_by_which_that_share_is_ready(self) -> None:
        ready = run(campus(("a", 0, 800, due(200))))
        (days,) = ready.ready.days
        for percent, day in ((10, ready.dates.p10[0]), (50, ready.dates.p50[0]), (90, ready.dates.p90[0])):
            assert (days <= day).mean() >= percent / 100
            assert (days < day).mean() < percent / 100
        assert ready.dates.expected[0] == pytest.approx(days.mean())


class TestAgainstAPlainImplementation:
    """The same from the definition, a scenario and a day at a time."""

    @settings(max_examples=15, deadline=None)
    @given(world=worlds)
    def test_supply(self, world: World) -> None:
        supply = project(world, DEFAULT_POLICY, seed=SEED, scenarios=30, days=120)
        usable = plainly_usable(world, supply.ready.days, days=120)
        for pool in range(2):
            stored = usable_supply(world, supply.ready.days, DEFAULT_POLICY, seed=SEED, pool=pool, first=0, end=120)
            assert (stored == usable[pool]).all()
            ranked = np.sort(usable[pool], axis=0)
            assert (supply.p90[pool] == ranked[3]).all()
            assert (supply.p50[pool] == ranked[15]).all()
            assert (supply.p10[pool] == ranked[27]).all()
            np.testing.assert_allclose(supply.mean[pool], usable[pool].mean(axis=0))

    def test_a_part_of_the_horizon_is_cut_from_the_whole(self) -> None:
        world = campus(("a", 0, 800, due(60)), ("b", 1, 720, due(90)), ("c", 0, -400, due(120)), mw=2.0)
        ready = readiness(world, DEFAULT_POLICY, seed=SEED, scenarios=50).days
        whole = usable_supply(world, ready, DEFAULT_POLICY, seed=SEED, pool=0, first=0, end=200)
        part = usable_supply(world, ready, DEFAULT_POLICY, seed=SEED, pool=0, first=70, end=150)
        assert (whole[:, 70:150] == part).all()


def plainly_usable(world: World, ready: np.ndarray[Any, Any], *, days: int) -> np.ndarray[Any, Any]:
    """(pools, scenarios, days)."""
    projects, pools = world.projects, world.pools
    scenarios = ready.shape[1]
    derate = [derates(DEFAULT_POLICY, seed=SEED, pool=key, scenarios=scenarios) for key in pools.keys]
    usable = np.zeros((len(pools.keys), scenarios, days), dtype=np.int64)
    for scenario in range(scenarios):
        for day in range(days):
            installed = [0] * len(pools.keys)
            for index, pool in enumerate(projects.pool):
                there = ready[index, scenario] <= day and not ready[index, scenario] >= projects.retires[index]
                there = there and not day >= projects.retires[index]
                installed[pool] += int(projects.gpus[index]) if there else 0
            installed = [max(gpus, 0) for gpus in installed]
            drawn = sum(gpus * kw for gpus, kw in zip(installed, pools.all_in_kw, strict=True))
            power = world.sites.gpu_kw[0]
            cut = power / drawn if drawn > power else 1.0
            for pool, gpus in enumerate(installed):
                left = usable_then(world, pool, day)
                usable[pool, scenario, day] = int(gpus * (min(derate[pool][scenario], cut) * left))
    return usable


def usable_then(world: World, pool: int, day: int) -> float:
    """What the windows that are open leave of a pool."""
    left, every = 1.0, world.windows
    for row in range(len(every.keys)):
        if every.pool[row] == pool and every.starts[row] <= day < every.ends[row]:
            left *= every.usable[row]
    return left


class TestSupplyProperties:
    """ENGINE.md's two, for additions where no power cap binds."""

    plans = st.lists(st.tuples(st.integers(1, 4000), st.integers(1, 600)), min_size=1, max_size=5)

    @settings(max_examples=25, deadline=None)
    @given(plans=plans, more=st.tuples(st.integers(1, 4000), st.integers(-50, 600)))
    def test_more_projects_never_lower_any_quantile(self, plans: list[tuple[int, int]], more: tuple[int, int]) -> None:
        fewer = campus(*[(f"{i}", 0, gpus, due(day)) for i, (gpus, day) in enumerate(plans)])
        with_more = campus(*[(f"{i}", 0, gpus, due(day)) for i, (gpus, day) in enumerate([*plans, more])])
        before, after = run(fewer), run(with_more)
        assert (after.p90 >= before.p90).all()
        assert (after.p50 >= before.p50).all()
        assert (after.p10 >= before.p10).all()

    @settings(max_examples=25, deadline=None)
    @given(plans=plans, which=st.integers(0, 4), days=st.integers(1, 200))
    def test_a_pure_delay_never_raises_supply(self, plans: list[tuple[int, int]], which: int, days: int) -> None:
        late = [(gpus, day + days * (i == which % len(plans))) for i, (gpus, day) in enumerate(plans)]
        before, after = (
            run(campus(*[(f"{i}", 0, gpus, due(day)) for i, (gpus, day) in enumerate(rows)])) for rows in (plans, late)
        )
        assert (after.ready.days >= before.ready.days).all()
        assert (after.p90 <= before.p90).all()
        assert (after.p50 <= before.p50).all()
        assert (after.p10 <= before.p10).all()


class TestSeeds:
    WORLD = campus(("a", 0, 800, due(100)), ("b", 1, 720, due(150)), ("c", 0, 1600, due(300)))

    def test_one_seed_agrees_to_the_bit(self) -> None:
        first, second = run(self.WORLD), run(self.WORLD)
        for name in ("p90", "p50", "p10", "mean"):
            assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
        assert first.ready.days.tobytes() == second.ready.days.tobytes()

    def test_another_seed_draws_other_scenarios(self) -> None:
        assert (run(self.WORLD).ready.days != run(self.WORLD, seed=8).ready.days).any()

    def test_a_change_in_one_project_leaves_the_draws_of_the_others_alone(self) -> None:
        changed = campus(("c", 0, 1600, due(300)), ("new", 0, 80, due(10)), ("a", 0, 800, due(130, "power", "crew")))
        before = run(self.WORLD).ready.days
        after = run(changed).ready.days
        assert (after[0] == before[2]).all()
        assert (after[2] != before[0]).any()

    def test_stored_sizes_are_enough_to_bring_the_scenarios_back(self) -> None:
        ready = run(self.WORLD).ready.days
        stored = World.from_json(self.WORLD.as_json())
        policy = ProjectionPolicy.from_json(DEFAULT_POLICY.as_json())
        assert policy == DEFAULT_POLICY
        before = usable_supply(self.WORLD, ready, DEFAULT_POLICY, seed=SEED, pool=0, first=0, end=DAYS)
        after = usable_supply(stored, ready, policy, seed=SEED, pool=0, first=0, end=DAYS)
        assert (before == after).all()


class TestReadiness:
    def test_a_project_is_ready_when_its_last_milestone_is(self) -> None:
        together = run(campus(("a", 0, 8, due(100, "power", "chips")))).ready.days[0]
        power = run(campus(("a", 0, 8, due(100, "power")))).ready.days[0]
        chips = run(campus(("a", 0, 8, due(100, "chips")))).ready.days[0]
        assert (together == np.maximum(power, chips)).all()

    def test_what_is_actual_is_certain(self) -> None:
        ready = run(campus(("a", 0, 800, done(-200)))).ready
        assert (ready.days == -200).all()
        assert ready.last[0].tolist() == [0, 0, 0, 0, 0, 0, 1.0]

    def test_a_forecast_replaces_the_plan(self) -> None:
        forecast = run(campus(("a", 0, 8, [("chips", 50, 220, None)]))).ready.days
        planned = run(campus(("a", 0, 8, due(220, "chips")))).ready.days
        assert (forecast == planned).all()

    def test_what_is_not_there_today_is_not_there_before_tomorrow(self) -> None:
        for day in (-400, -3, 0, 1, 5):
            assert run(campus(("a", 0, 8, due(day)))).ready.days.min() >= 1

    def test_a_milestone_that_is_overdue_is_drawn_from_what_is_left_of_its_distribution(self) -> None:
        model, overdue = DEFAULT_POLICY.slips[0], 15.0
        reach = DEFAULT_POLICY.reach(-overdue, model)
        world = campus(("a", 0, 8, due(-overdue, "power")))
        drawn = readiness(world, DEFAULT_POLICY, seed=SEED, scenarios=20_000).days[0]
        slips = model.slip(np.random.default_rng(1).standard_normal(2_000_000), reach)
        left = slips[slips >= overdue + 1] - overdue
        for percent in (10, 50, 90):
            assert np.percentile(drawn, percent) == pytest.approx(np.percentile(left, percent), rel=0.05, abs=1)

    def test_the_part_of_a_normal_above_a_bound_keeps_its_order(self) -> None:
        z = np.linspace(-4, 4, 101)
        for least in (-3.0, 0.0, 2.5, 8.0):
            moved = given_above(z, least)
            assert (np.diff(moved) > 0).all()
            assert moved[0] == pytest.approx(least, abs=0.05)
        assert (given_above(z, -np.inf) == z).all()

    def test_two_phases_on_one_campus_slip_together(self) -> None:
        one = run(campus(("a", 0, 8, due(300, "power")), ("b", 1, 72, due(300, "crew")))).ready.days
        assert np.corrcoef(np.log(one + 400.0))[0, 1] > 0.15

    def test_a_retirement_keeps_its_date(self) -> None:
        supply = run(campus(("a", 0, 800, done(-10)), ("b", 0, -400, due(100, "commissioning"))))
        assert (supply.ready.days[1] == 100).all()
        assert supply.p50[0, 99] > 2 * supply.p50[0, 100] - 8 > 0

    def test_a_project_without_milestones_is_never_ready(self) -> None:
        supply = run(campus(("a", 0, 800, [])))
        assert (supply.ready.days == NEVER).all()
        assert supply.p10.max() == 0

    def test_bottlenecks_are_shares_that_add_up(self) -> None:
        supply = run(campus(("a", 0, 800, due(100, "power", "shell", "chips"))))
        shares = supply.bottlenecks(0)
        assert set(shares) <= {"power", "shell", "chips"}
        assert sum(shares.values()) == pytest.approx(1)
        assert shares["power"] == max(shares.values())

    def test_slips_have_the_middle_and_the_tenth_that_the_policy_states(self) -> None:
        world = campus(("a", 0, 8, due(400, "power")))
        slip = readiness(world, DEFAULT_POLICY, seed=SEED, scenarios=20_000).days[0] - 400.0
        power = DEFAULT_POLICY.slips[0]
        assert np.median(slip) == pytest.approx(power.median_days, abs=8)
        assert np.percentile(slip, 90) == pytest.approx(power.p90_days, abs=60)


class TestPower:
    def test_a_site_short_of_power_cuts_its_pools_to_the_same_fraction_of_what_they_have(self) -> None:
        # 3 MW x 0.5 on sale / 1.25 = 1,200 kW for 1,000 GPUs of 1 kW and 700 of 2 kW.
        supply = run(campus(("a", 0, 1000, done(-1)), ("b", 1, 700, done(-1)), mw=3.0))
        assert supply.p50[:, 0].tolist() == [500, 350]
        assert supply.p90[:, 0].tolist() == [500, 350]

    def test_power_that_is_not_known_does_not_bind(self) -> None:
        assert run(campus(("a", 0, 1000, done(-1)))).p90[0, 0] > 900

    def test_one_pool_alone_can_be_short(self) -> None:
        assert run(campus(("a", 0, 2000, done(-1)), mw=1.25)).p10[0, 0] == 500


class TestPromises:
    def test_days_that_are_each_likely_may_be_unlikely_together(self) -> None:
        usable = np.array([[9, 10], [10, 9], [10, 10], [10, 10]], dtype=np.int32)
        assert delivery_confidence(usable, np.array([10, 10])) == 0.5
        assert delivery_confidence(usable, np.array([10, 9])) == 0.75
        assert delivery_confidence(usable, np.array([0, 0])) == 1

    @settings(max_examples=25, deadline=None)
    @given(
        world=worlds,
        first=st.integers(0, 100),
        required=st.lists(st.integers(0, 4000), min_size=1, max_size=40),
    )
    def test_a_block_without_its_scenarios_written_out_is_as_likely(
        self, world: World, first: int, required: list[int]
    ) -> None:
        ready = readiness(world, DEFAULT_POLICY, seed=SEED, scenarios=200).days
        needed, end = np.array(required), first + len(required)
        usable = usable_supply(world, ready, DEFAULT_POLICY, seed=SEED, pool=0, first=first, end=end)
        found = block_confidence(world, ready, DEFAULT_POLICY, seed=SEED, pool=0, first=first, required=needed)
        assert found == delivery_confidence(usable, needed)

    def test_limits_are_whole_lots_nested_and_firm_ends_where_knowledge_does(self) -> None:
        world = campus(("a", 0, 811, due(50)), ("b", 1, 743, due(80)))
        supply = run(world)
        assert world.last_known_day() == 80
        firm, standard, standby = limits = class_limits(supply.p90[1], supply.p50[1], supply.p10[1], 72, firm_days=81)
        assert (limits % 72 == 0).all()
        assert (firm <= standard).all()
        assert (standard <= standby).all()
        assert (standard <= supply.p50[1]).all()
        assert firm[81:].max() == 0
        assert class_limits([15], [16], [31], 8).tolist() == [[8], [16], [24]]

    def test_derates_have_the_stated_mean_and_stay_within_bounds(self) -> None:
        drawn = derates(DEFAULT_POLICY, seed=SEED, pool="h100", scenarios=50_000)
        assert drawn.mean() == pytest.approx(0.955, abs=0.0005)
        assert drawn.std() == pytest.approx((0.955 * 0.045 / 401) ** 0.5, rel=0.02)
        assert 0 < drawn.min() < drawn.max() < 1

    def test_a_policy_whose_plans_could_move_backwards_is_refused(self) -> None:
        with pytest.raises(ValueError, match="early_days"):
            replace(DEFAULT_POLICY, full_lead_days=15.0)
