"""What disruptions, windows and retirements do to supply: each takes away and none gives, in every scenario."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.local.home import ROOT
from marketplace.supply.disruptions import delayed
from marketplace.supply.projection import ProjectedSupply, block_confidence, project, readiness, usable_supply
from marketplace.supply.slips import DEFAULT_POLICY
from marketplace.supply.world import KINDS, World
from tests.marketplace.test_projection import SEED, campus, done, due, run, worlds

SCENARIOS, DAYS = 300, 400
storm = st.tuples(st.integers(-60, 300), st.integers(1, 200), st.integers(1, 400))
storms = st.lists(storm, min_size=1, max_size=3)
STEADY = campus(("a", 0, 800, due(100, "power", "chips")), ("b", 1, 720, due(150, "crew")), ("c", 0, 400, done(-5)))


def hit_by(world: World, *rows: Any) -> World:
    """The world with delays (starts, days under way after it, days lost, milestones hit; all of them if left out)."""
    every = list(range(len(world.milestones.project)))
    document = world.as_json()
    document["delays"] = [
        (f"storm {i}", starts, starts + reach, days, hit[0] if hit else every)
        for i, (starts, reach, days, *hit) in enumerate(rows)
    ]
    return World.from_json(document)


def less(world: World, *windows: Any) -> World:
    """The world with windows (pool, starts, ends, usable) added."""
    document = world.as_json()
    document["windows"] += [(f"more {i}", *window) for i, window in enumerate(windows)]
    return World.from_json(document)


def nowhere_more(after: ProjectedSupply, before: ProjectedSupply) -> None:
    for name in ("p90", "p50", "p10", "mean"):
        assert (getattr(after, name) <= getattr(before, name)).all(), name


STORMY = less(hit_by(STEADY, (5, 90, 20), (-30, 60, 15, [0, 2])), (0, 9, 30, 0.7), (1, 20, 25, 0.0))


class TestADelay:
    def test_moves_what_is_under_way_by_its_days_and_lets_nothing_overtake(self) -> None:
        dates = np.array([9.5, 10.0, 40.0, 50.0, 60.0, 90.0])
        late = delayed(dates, starts=10.0, until=50.0, days=30.0)
        assert late.tolist() == [9.5, 40.0, 70.0, 80.0, 80.0, 90.0]

    @given(
        dates=st.lists(st.floats(1, 2000), min_size=2, max_size=20),
        storms=storms,
    )
    def test_never_reorders_dates_and_never_brings_one_forward(self, dates: list[float], storms: Any) -> None:
        before = np.sort(np.array(dates))
        after = before
        for starts, reach, days in sorted(storms):
            after = delayed(after, starts=starts, until=starts + reach, days=days)
        assert (np.diff(after) >= 0).all()
        assert (after >= before).all()

    @settings(max_examples=20, deadline=None)
    @given(world=worlds, storms=storms)
    def test_makes_no_project_ready_earlier_in_any_scenario(self, world: World, storms: Any) -> None:
        before = readiness(world, DEFAULT_POLICY, seed=SEED, scenarios=SCENARIOS).days
        after = readiness(hit_by(world, *storms), DEFAULT_POLICY, seed=SEED, scenarios=SCENARIOS).days
        assert (after >= before).all()

    @settings(max_examples=15, deadline=None)
    @given(
        plans=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 4000), st.integers(1, 400)), min_size=1, max_size=5),
        storms=storms,
        retires=st.one_of(st.none(), st.integers(1, 300)),
    )
    def test_never_raises_supply_where_no_power_binds(self, plans: Any, storms: Any, retires: int | None) -> None:
        rows = [(f"{i}", pool, gpus, due(day)) for i, (pool, gpus, day) in enumerate(plans)]
        world = campus(*rows, retires={"0": retires} if retires else {})
        before, after = run(world), run(hit_by(world, *storms))
        for pool in range(2):
            usable = [
                usable_supply(each, seen.ready.days, DEFAULT_POLICY, seed=SEED, pool=pool, first=0, end=DAYS)
                for each, seen in ((world, before), (hit_by(world, *storms), after))
            ]
            assert (usable[1] <= usable[0]).all()
        nowhere_more(after, before)

    @settings(max_examples=15, deadline=None)
    @given(
        plans=st.lists(st.tuples(st.integers(1, 4000), st.integers(1, 600)), min_size=1, max_size=4),
        which=st.integers(0, 3),
        later=st.integers(1, 200),
        storms=storms,
    )
    def test_keeps_a_later_announcement_from_raising_supply(
        self, plans: Any, which: int, later: int, storms: Any
    ) -> None:
        moved = [(gpus, day + later * (i == which % len(plans))) for i, (gpus, day) in enumerate(plans)]
        before, after = (
            run(hit_by(campus(*[(f"{i}", 0, gpus, due(day)) for i, (gpus, day) in enumerate(rows)]), *storms))
            for rows in (plans, moved)
        )
        assert (after.ready.days >= before.ready.days).all()
        nowhere_more(after, before)

    def test_leaves_alone_what_it_does_not_name_and_what_is_there(self) -> None:
        before, after = run(STEADY), run(hit_by(STEADY, (-10, 500, 60, [0, 3])))
        assert (after.ready.days[0] > before.ready.days[0]).any()
        assert (after.ready.days[1] == before.ready.days[1]).all()
        assert (after.ready.days[2] == -5).all()

    def test_moves_every_scenario_of_what_is_under_way_by_exactly_its_days(self) -> None:
        before, after = run(STEADY), run(hit_by(STEADY, (0, 2000, 45, [2])))
        assert (after.ready.days[1] - before.ready.days[1] == 45).all()
        assert (after.ready.days[0] == before.ready.days[0]).all()

    def test_can_change_what_a_project_waits_for(self) -> None:
        before, after = run(STEADY), run(hit_by(STEADY, (0, 2000, 20_000, [1])))
        assert before.ready.last[0][KINDS.index("power")] > 0.5
        assert after.ready.last[0][KINDS.index("chips")] == 1

    def test_leaves_a_retirement_its_date(self) -> None:
        world = campus(("a", 0, 800, done(-5)), ("gone", 0, -400, due(100, "commissioning")))
        assert (run(hit_by(world, (0, 2000, 45))).ready.days[1] == 100).all()


class TestAWindow:
    @settings(max_examples=20, deadline=None)
    @given(
        world=worlds, pool=st.integers(0, 1), at=st.integers(-20, 300), days=st.integers(1, 200), usable=st.floats(0, 1)
    )
    def test_never_raises_any_pools_supply_in_any_scenario(
        self, world: World, pool: int, at: int, days: int, usable: float
    ) -> None:
        ready = readiness(world, DEFAULT_POLICY, seed=SEED, scenarios=50).days
        derated = less(world, (pool, at, at + days, usable))
        for each in range(2):
            before, after = (
                usable_supply(w, ready, DEFAULT_POLICY, seed=SEED, pool=each, first=0, end=DAYS)
                for w in (world, derated)
            )
            assert (after <= before).all()
            if each != pool:
                assert (after == before).all()

    def test_takes_its_share_for_its_days_and_no_others(self) -> None:
        world = campus(("a", 0, 1000, done(-1)))
        whole, part = run(world), run(less(world, (0, 10, 20, 0.5)))
        assert (part.p50[0, :10] == whole.p50[0, :10]).all()
        assert (part.p50[0, 20:] == whole.p50[0, 20:]).all()
        assert part.mean[0, 10:20] == pytest.approx(whole.mean[0, 10] / 2, abs=1)

    def test_windows_that_overlap_multiply(self) -> None:
        world = less(campus(("a", 0, 4000, done(-1))), (0, 10, 30, 0.5), (0, 20, 40, 0.5))
        mean = run(world).mean[0]
        assert [round(mean[day] / mean[0], 2) for day in (9, 10, 19, 20, 29, 30, 39, 40)] == [
            *(1, 0.5, 0.5, 0.25, 0.25, 0.5, 0.5, 1)
        ]

    def test_that_leaves_nothing_leaves_nothing(self) -> None:
        supply = run(less(campus(("a", 0, 1000, done(-1))), (0, -3, 5, 0.0)))
        assert supply.p10[0, :5].max() == 0 < supply.p90[0, 5]

    def test_lowers_the_confidence_of_a_block_that_it_meets_and_of_no_other(self) -> None:
        world = campus(("a", 0, 1000, done(-1)))
        ready = run(world).ready.days
        needed = np.full(10, 900)

        def confidence(seen: World, first: int) -> float:
            return block_confidence(seen, ready, DEFAULT_POLICY, seed=SEED, pool=0, first=first, required=needed)

        derated = less(world, (0, 15, 16, 0.8))
        assert confidence(derated, 10) == 0 < confidence(world, 10)
        assert confidence(derated, 16) == confidence(world, 16)


class TestARetirement:
    def test_takes_its_gpus_away_for_good(self) -> None:
        kept, gone = campus(("a", 0, 800, done(-5))), campus(("a", 0, 800, done(-5)), retires={"a": 60})
        before, after = run(kept), run(gone)
        assert (after.p50[0, :60] == before.p50[0, :60]).all()
        assert after.p10[0, 60:].max() == 0

    def test_of_what_was_never_ready_takes_nothing_from_the_others(self) -> None:
        alone = run(campus(("a", 0, 800, done(-5))))
        both = run(campus(("a", 0, 800, done(-5)), ("b", 0, 400, due(300)), retires={"b": 30}))
        assert (both.p50 == alone.p50).all()


class TestPower:
    """A site's power caps what can run, whatever is installed."""

    @settings(max_examples=20, deadline=None)
    @given(world=worlds, mw=st.floats(0, 10))
    def test_is_never_exceeded_in_any_scenario_on_any_day(self, world: World, mw: float) -> None:
        document = world.as_json()
        document["sites"][0][2] = mw
        capped = World.from_json(document)
        ready = readiness(capped, DEFAULT_POLICY, seed=SEED, scenarios=50).days
        usable = [
            usable_supply(capped, ready, DEFAULT_POLICY, seed=SEED, pool=pool, first=0, end=200) for pool in range(2)
        ]
        drawn = sum(gpus * kw for gpus, kw in zip(usable, capped.pools.all_in_kw, strict=True))
        assert (drawn <= capped.sites.gpu_kw[0] + 1e-6).all()

    def test_more_gpus_at_a_full_site_add_none_that_run(self) -> None:
        full = run(campus(("a", 0, 2000, done(-1)), mw=2.5))
        fuller = run(campus(("a", 0, 2000, done(-1)), ("b", 0, 2000, done(-1)), mw=2.5))
        assert full.p50[0, 0] == fuller.p50[0, 0] == 1000

    def test_a_late_neighbour_helps_where_power_is_short(self) -> None:
        world = campus(("a", 0, 1000, done(-1)), ("b", 1, 700, due(100, "chips")), mw=3.0)
        before, after = run(world), run(hit_by(world, (0, 2000, 90, [1])))
        assert (after.p90[0] >= before.p90[0]).all()
        assert (after.p90[0] > before.p90[0]).any()


class TestOthersAreLeftAlone:
    @settings(max_examples=20, deadline=None)
    @given(
        world=worlds,
        which=st.integers(0, 5),
        later=st.integers(-60, 200),
        gpus=st.integers(1, 9000),
        storm=storm,
    )
    def test_by_a_change_in_one_project(self, world: World, which: int, later: int, gpus: int, storm: Any) -> None:
        if not world.projects.keys:
            return
        changed = which % len(world.projects.keys)
        document = world.as_json()
        document["projects"][changed][2] = gpus
        own = [row for row, found in enumerate(document["milestones"]) if found[0] == changed]
        for row in own:
            document["milestones"][row][3] = document["milestones"][row][2] + later
        starts, reach, days = storm
        document["delays"] = [("storm", starts, starts + reach, days, own)]
        before, after = (
            readiness(each, DEFAULT_POLICY, seed=SEED, scenarios=SCENARIOS).days
            for each in (world, World.from_json(document))
        )
        others = np.arange(len(before)) != changed
        assert (after[others] == before[others]).all()


IN_ANOTHER_PROCESS = """
from hashlib import sha256
from tests.marketplace.test_disruptions import STORMY, run
supply = run(STORMY)
parts = (supply.p90, supply.p50, supply.p10, supply.mean, supply.ready.days)
print(sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
"""


def test_two_processes_with_one_seed_agree_to_the_bit() -> None:
    answers = {
        subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS],
            env=os.environ | {"PYTHONHASHSEED": str(number)},
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for number in (1, 2)
    }
    (answer,) = answers
    assert len(answer.strip()) == 64


class TestWhatIsStored:
    def test_makes_the_same_run_again_to_the_bit(self) -> None:
        world = less(
            hit_by(campus(("a", 0, 800, due(60)), ("b", 1, 72, due(9)), retires={"b": 90}), (5, 90, 20)),
            (0, 9, 30, 0.7),
        )
        again = World.from_json(world.as_json())
        for name in ("p90", "p50", "p10", "mean"):
            assert getattr(run(world), name).tobytes() == getattr(run(again), name).tobytes()
        assert run(world).ready.days.tobytes() == run(again).ready.days.tobytes()

    def test_a_document_from_before_there_were_disruptions_still_loads(self) -> None:
        document = STEADY.as_json()
        old = {
            "sites": document["sites"],
            "pools": document["pools"],
            "projects": [row[:4] for row in document["projects"]],
        }
        ready = project(STEADY, DEFAULT_POLICY, seed=SEED, scenarios=50, days=10).ready.days
        seen = [
            usable_supply(world, ready, DEFAULT_POLICY, seed=SEED, pool=0, first=0, end=DAYS)
            for world in (STEADY, World.from_json(old))
        ]
        assert (seen[0] == seen[1]).all()
