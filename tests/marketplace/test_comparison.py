"""What moved between two projections, by how much, and why: the causes are the whole move, to the day."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.journal.actor import SYSTEM
from marketplace.models import Disruption, Milestone, Projection
from marketplace.supply.actions import project_supply
from marketplace.supply.comparison import (
    DATES,
    DISRUPTIONS,
    POLICY,
    SIZE,
    TIME,
    UNKNOWN,
    Outlook,
    ProjectMove,
    change,
    project_moves,
)
from marketplace.supply.disrupting import enter_disruption, withdraw
from marketplace.supply.inputs import Inputs
from marketplace.supply.projection import readiness, ready_dates
from marketplace.supply.reporting import report_milestone
from marketplace.supply.slips import DEFAULT_POLICY, ProjectionPolicy
from marketplace.supply.versions import before, compare
from marketplace.supply.world import World
from marketplace.units import clock
from tests.cockpit import Cockpit, signed_in
from tests.marketplace.test_projection import campus, due

FIRST = date(2027, 1, 1)
SEED, SCENARIOS = 7, 300


def ran(
    world: World, *, first_day: date = FIRST, policy: ProjectionPolicy = DEFAULT_POLICY
) -> tuple[Inputs, dict[str, Outlook]]:
    """A projection as it is stored: its inputs, and what it said of each project."""
    document = {"world": world.as_json(), "policy": policy.as_json(), "stated": {}}
    found = ready_dates(readiness(world, policy, seed=SEED, scenarios=SCENARIOS).days)

    def day(offset: float) -> date:
        return first_day + timedelta(days=round(float(offset)))

    outlooks = {
        key: Outlook(day(found.p50[row]), day(found.p90[row]), day(found.expected[row]))
        for row, key in enumerate(world.projects.keys)
    }
    return Inputs.of(document, first_day=first_day, seed=SEED, scenarios=SCENARIOS), outlooks


def moved(before: World, after: World, **later: Any) -> dict[str, ProjectMove]:
    (was, then), (will, now) = ran(before), ran(after, **later)
    return {move.key: move for move in project_moves(was, will, then, now)}


def kinds(move: ProjectMove) -> set[str]:
    return {cause.kind for cause in move.causes}


class TestWhy:
    PLAN = campus(("a", 0, 800, due(100, "power", "chips")), ("b", 1, 720, due(150, "crew")))

    def test_nothing_moved_is_said_of_two_equal_runs(self) -> None:
        assert moved(self.PLAN, self.PLAN) == {}

    def test_a_date_that_moved_is_named_and_only_its_project_is(self) -> None:
        later = campus(("a", 0, 800, [("power", 100, 160, None), *due(100, "chips")]), ("b", 1, 720, due(150, "crew")))
        found = moved(self.PLAN, later)
        assert set(found) == {"a"}
        (cause,) = found["a"].causes
        assert (cause.kind, cause.p50_days, cause.p90_days) == (DATES, found["a"].p50_days, found["a"].p90_days)
        assert cause.said == ("power: expected 2027-06-10, 60 days later",)
        assert cause.p50_days > 0

    def test_what_came_what_was_added_and_what_is_no_longer_waited_for(self) -> None:
        came = campus(("a", 0, 800, [("power", 100, None, -2), *due(90, "racks")]), ("b", 1, 720, due(150, "crew")))
        (cause,) = moved(self.PLAN, came)["a"].causes
        assert cause.said == (
            "power: came on 2026-12-30",
            "chips: no longer waited for",
            "racks: added",
        )

    def test_days_that_pass_are_a_cause_of_their_own(self) -> None:
        passed = campus(("a", 0, 800, due(80, "power", "chips")), ("b", 1, 720, due(130, "crew")))
        found = moved(self.PLAN, passed, first_day=FIRST + timedelta(days=20))
        assert found
        for move in found.values():
            assert kinds(move) == {TIME}
            assert move.causes[0].said[0].startswith("20 days passed")

    def test_a_policy_that_draws_other_slips_is_named_with_its_kinds(self) -> None:
        power = DEFAULT_POLICY.slips[0]
        slower = (replace(power, median_days=power.median_days * 1.5), *DEFAULT_POLICY.slips[1:])
        found = moved(self.PLAN, self.PLAN, policy=replace(DEFAULT_POLICY, slips=slower))
        assert set(found) == {"a"}
        (cause,) = found["a"].causes
        assert (cause.kind, cause.said) == (POLICY, ("Slips of power are drawn from another distribution.",))

    def test_a_new_size_and_a_retirement_are_said_without_days(self) -> None:
        bigger = campus(("a", 0, 1600, due(100, "power", "chips")), ("b", 1, 720, due(150, "crew")), retires={"b": 600})
        found = moved(self.PLAN, bigger)
        assert [cause.said for cause in found["a"].causes] == [("1,600 GPUs, 800 before",)]
        assert found["b"].causes[0].said == ("retires 2028-08-23, on no known day before",)
        assert (found["a"].p50_days, kinds(found["a"])) == (0, {SIZE})

    def test_what_is_new_and_what_is_gone_come_first(self) -> None:
        other = campus(("a", 0, 800, due(100, "power", "chips")), ("c", 1, 720, due(150, "crew")))
        found = moved(self.PLAN, other)
        assert (found["b"].after, found["c"].before) == (None, None)
        assert found["c"].size > 10_000

    def test_a_version_of_an_earlier_release_says_that_it_cannot_tell(self) -> None:
        (was, then), (will, now) = ran(self.PLAN), ran(campus(("a", 0, 800, due(200, "power", "chips"))))
        (first, _) = project_moves(replace(was, is_whole=False), will, then, now)
        assert kinds(first) == {UNKNOWN}

    @settings(max_examples=25, deadline=None)
    @given(
        days=st.integers(0, 40),
        later=st.integers(-40, 200),
        storm=st.integers(1, 120),
        slower=st.floats(50, 200),
    )
    def test_causes_add_up_to_the_whole_move(self, days: int, later: int, storm: int, slower: float) -> None:
        plan = [("power", 100, None, None), ("crew", 60, None, None)]
        after = [("power", 100 - days, 100 - days + later, None), ("crew", 60 - days, None, None)]
        policy = replace(
            DEFAULT_POLICY, slips=(replace(DEFAULT_POLICY.slips[0], median_days=slower), *DEFAULT_POLICY.slips[1:])
        )
        stormy = campus(("a", 0, 800, after), delays=[("storm", 5, 300, storm, [1])])
        found = moved(campus(("a", 0, 800, plan)), stormy, first_day=FIRST + timedelta(days=days), policy=policy)
        for move in found.values():
            assert sum(cause.p50_days for cause in move.causes) == move.p50_days
            assert sum(cause.p90_days for cause in move.causes) == move.p90_days
            assert DISRUPTIONS in kinds(move)


class TestWhere:
    def test_the_first_the_last_and_the_largest_difference_over_the_days_that_both_have(self) -> None:
        then, now = np.array([8, 8, 8, 16, 16]), np.array([8, 9, 12, 17, 24])
        found = change(then, now, first_before=FIRST, first_after=FIRST + timedelta(days=1))
        assert found is not None
        assert (found.first, found.last) == (date(2027, 1, 3), date(2027, 1, 5))
        assert (found.largest, found.largest_on) == (-4, date(2027, 1, 4))

    def test_nothing_is_said_where_nothing_differs(self) -> None:
        same = np.array([1, 2, 3])
        assert change(same, same[1:], first_before=FIRST, first_after=FIRST + timedelta(days=1)) is None
        assert change(same, same, first_before=FIRST, first_after=FIRST + timedelta(days=9)) is None


def projected() -> Projection:
    return project_supply(reason="test", now=clock.now(), scenarios=200, days=300)


def storm(cockpit: Cockpit) -> Disruption:
    today = clock.today()
    wanted = Disruption(kind="weather", starts=today, ends=today + timedelta(days=60), site=cockpit.pool.site)
    wanted.milestone_kinds, wanted.delay_days, wanted.work_days = ["power"], 30, 3650
    wanted.usable_share, wanted.reason = Decimal("0.5"), "a hurricane"
    return enter_disruption(disruption=wanted, by=SYSTEM, now=clock.now())


def test_a_disruption_that_is_new_is_named_with_its_days_and_its_pool(cockpit: Cockpit) -> None:
    Milestone.objects.filter(pk=cockpit.milestone.pk).update(planned=clock.today() - timedelta(days=30))
    first = projected()
    storm(cockpit)
    second = projected()
    assert before(second) == first
    found = compare(second, first)
    ((project, move),) = found.projects
    assert (project, move.p50_days, move.p90_days, move.expected_days) == (cockpit.project, 30, 30, 30)
    assert move.causes[0].said[0].startswith("new: Weather, Northfield")
    ((_, change_of_pool),) = [each for each in found.pools if each[0] == cockpit.pool]
    assert change_of_pool.p50 is not None
    assert change_of_pool.p50.largest < 0


def test_a_disruption_that_was_withdrawn_is_named_with_the_reason(cockpit: Cockpit) -> None:
    entered = storm(cockpit)
    first = projected()
    withdraw(stated=entered, by=SYSTEM, now=clock.now(), reason="it turned away")
    ((_, move),) = compare(projected(), first).projects
    assert (move.p50_days, move.causes[0].kind) == (-30, DISRUPTIONS)
    assert move.causes[0].said[0].startswith("withdrawn, it turned away: Weather")


def test_the_projections_page_says_in_words_what_moved_since_the_one_before(cockpit: Cockpit) -> None:
    first = projected()
    late = cockpit.milestone.planned + timedelta(days=80)
    report_milestone(
        milestone=cockpit.milestone, forecast=late, actual=None, by=SYSTEM, now=clock.now(), reason="no cable"
    )
    second, third = projected(), projected()
    planner = signed_in(cockpit.planner)

    def page(projection: Projection, **query: str) -> str:
        address = reverse("admin:marketplace_projection_change", args=[projection.pk])
        return str(planner.get(address, query).content.decode())

    assert f"power: expected {late}, 80 days later" in page(second)
    assert "No project moved." in page(third)
    assert "80 days later" in page(third, against=first.public_id)
    assert '"slips"' not in page(second)
    oldest = Projection.objects.earliest("pk")
    assert "There is no earlier projection" in page(oldest)


def test_a_version_without_milestones_can_still_be_compared(cockpit: Cockpit) -> None:
    first = projected()
    world = {name: rows for name, rows in first.inputs["world"].items() if name in ("sites", "pools")}
    world["projects"] = [row[:4] for row in first.inputs["world"]["projects"]]
    Projection.objects.filter(pk=first.pk).update(inputs={**first.inputs, "world": world})
    report_milestone(
        milestone=cockpit.milestone,
        forecast=cockpit.milestone.planned + timedelta(days=80),
        actual=None,
        by=SYSTEM,
        now=clock.now(),
        reason="",
    )
    moves = dict(compare(projected(), first).projects)
    assert moves[cockpit.project].causes[0].kind == UNKNOWN
    assert (moves[cockpit.project].p50_days or 0) > 0
