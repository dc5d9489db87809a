"""Dates of our own move the distributions: late ones later, open late ones too, timely ones in; none, not at all."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import exp
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.journal.actor import SYSTEM
from marketplace.supply.actions import project_supply
from marketplace.supply.assumptions import read_assumptions
from marketplace.supply.campuses import read
from marketplace.supply.importing import import_campuses
from marketplace.supply.learning.updating import Observation, learned_policy
from marketplace.supply.models import Milestone, Projection
from marketplace.supply.observing import slip_observations
from marketplace.supply.slips import DEFAULT_POLICY, ProjectionPolicy, SlipModel

SAMPLE = Path(__file__).parent / "campuses"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHELL = DEFAULT_POLICY.slips[1]


def came(slip: float, *, site: str = "abilene", late_by: float | None = None) -> Observation:
    return Observation("shell", site, lead=365.0, slip=slip, open=False, late_by=late_by)


def still_open(slip: float, *, late_by: float | None = None, site: str = "abilene") -> Observation:
    return Observation("shell", site, lead=365.0, slip=slip, open=True, late_by=late_by)


def shell(*observations: Observation) -> SlipModel:
    return learned_policy(DEFAULT_POLICY, observations).policy.slips[1]


def at_sites(observation: Observation, sites: int) -> list[Observation]:
    return [replace(observation, site=f"site {number}") for number in range(sites)]


def test_no_dates_leave_the_shipped_figures() -> None:
    assert learned_policy(DEFAULT_POLICY, []).policy == DEFAULT_POLICY


def test_late_dates_move_their_kind_later_and_no_other() -> None:
    learned = learned_policy(DEFAULT_POLICY, at_sites(came(150.0), 5)).policy
    assert learned.slips[1].median_days > SHELL.median_days + 3
    assert learned.slips[1].p90_days > SHELL.p90_days + 10
    assert learned.slips[0] == DEFAULT_POLICY.slips[0]
    assert learned.slips[2:] == DEFAULT_POLICY.slips[2:]


def test_what_is_late_and_still_open_moves_it_later_and_more_the_later_it_is() -> None:
    medians = [shell(*at_sites(still_open(slip), 5)).median_days for slip in (10.0, 60.0, 200.0)]
    assert SHELL.median_days < medians[0] < medians[1] < medians[2]


def test_dates_on_time_pull_it_in() -> None:
    learned = shell(*at_sites(came(0.0), 8))
    assert learned.median_days < SHELL.median_days
    assert learned.p90_days < SHELL.p90_days


def test_what_was_late_when_first_seen_teaches_nothing_until_a_day_has_passed() -> None:
    assert shell(still_open(60.0, late_by=60.0)) == SHELL
    assert shell(still_open(90.0, late_by=60.0)).median_days < shell(still_open(90.0)).median_days


def test_twenty_dates_weigh_as_much_as_the_prior() -> None:
    learned = shell(*at_sites(came(exp(SHELL.mu + SHELL.sigma) - SHELL.early_days), 20))
    assert learned.mu - SHELL.mu == pytest.approx(0.5 * SHELL.sigma, rel=0.1)


def test_dates_of_one_site_count_for_less_than_those_of_many() -> None:
    one, many = shell(*[came(150.0)] * 5), shell(*at_sites(came(150.0), 5))
    assert SHELL.median_days < one.median_days < many.median_days


def test_one_mistyped_date_does_not_decide() -> None:
    assert shell(came(100_000.0)) == replace(shell(came(3_000.0)), source=shell(came(100_000.0)).source)
    assert shell(came(100_000.0)).median_days < 2 * SHELL.median_days


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.floats(-15, 600), st.booleans(), st.integers(0, 3)), max_size=8),
    place=st.integers(0, 7),
    days=st.floats(1, 300),
)
def test_a_later_date_never_brings_the_middle_forward(
    rows: list[tuple[float, bool, int]], place: int, days: float
) -> None:
    seen = [replace(still_open(slip) if is_open else came(slip), site=f"{site}") for slip, is_open, site in rows]
    before = learned_policy(DEFAULT_POLICY, seen)
    assert learned_policy(DEFAULT_POLICY, seen[::-1]).policy == before.policy
    for model in before.policy.slips:
        assert -model.early_days < model.median_days < model.p90_days
    open_ones = [at for at, each in enumerate(seen) if each.open]
    if open_ones:
        chosen = open_ones[place % len(open_ones)]
        waited = [replace(each, slip=each.slip + days) if at == chosen else each for at, each in enumerate(seen)]
        assert learned_policy(DEFAULT_POLICY, waited).policy.slips[1].mu >= before.policy.slips[1].mu - 0.02


@pytest.mark.django_db
class TestInUse:
    """Acme's marsh, first projected today, seen again after its plans should have been met."""

    @pytest.fixture(autouse=True)
    def _build_out(self) -> None:
        plan = read(SAMPLE, read_assumptions(SAMPLE / "assumptions.toml"), today=NOW.date())
        import_campuses(plan, by=SYSTEM, now=NOW)

    def projected(self, *, days: int = 0) -> Projection:
        return project_supply(reason="test", now=NOW + timedelta(days=days), scenarios=50, days=400)

    def plan(self, milestone: Milestone, *, planned: date, actual: date | None = None) -> None:
        Milestone.objects.filter(pk=milestone.pk).update(planned=planned, forecast=None, actual=actual)

    def an_open_one(self) -> Milestone:
        return Milestone.objects.filter(project__campus="Acme Heron Marsh", actual=None, planned__gt=NOW.date())[0]

    def slips(self, projection: Projection, kind: str) -> SlipModel:
        policy = ProjectionPolicy.from_json(projection.inputs["policy"])
        return next(model for model in policy.slips if model.kind == kind)

    def shipped(self, kind: str) -> SlipModel:
        return next(model for model in DEFAULT_POLICY.slips if model.kind == kind)

    def test_a_first_projection_knows_nothing_of_its_own(self) -> None:
        projection = self.projected()
        assert ProjectionPolicy.from_json(projection.inputs["policy"]) == DEFAULT_POLICY
        assert projection.inputs["learned"]["observations"] == []

    def test_a_milestone_late_and_open_moves_its_kind_in_the_next_projection(self) -> None:
        milestone = self.an_open_one()
        self.plan(milestone, planned=NOW.date() + timedelta(days=30))
        self.projected()
        after = self.projected(days=200)
        assert self.slips(after, milestone.kind).median_days > self.shipped(milestone.kind).median_days
        [stored] = [each for each in after.inputs["learned"]["observations"] if each["kind"] == milestone.kind]
        assert (stored["open"], stored["slip"], stored["lead"]) == (True, 170.0, 30.0)
        assert "1 open" in self.slips(after, milestone.kind).source

    def test_one_that_came_on_time_pulls_its_kind_in(self) -> None:
        milestone = self.an_open_one()
        due = NOW.date() + timedelta(days=30)
        self.plan(milestone, planned=due)
        self.projected()
        self.plan(milestone, planned=due, actual=due)
        after = self.projected(days=30)
        assert self.slips(after, milestone.kind).median_days < self.shipped(milestone.kind).median_days

    def test_what_was_there_before_the_first_projection_teaches_nothing(self) -> None:
        self.projected()
        actual = Milestone.objects.exclude(actual=None)
        assert actual.exists()
        assert slip_observations(NOW.date()) == []

    def test_a_date_still_ahead_and_a_withdrawn_project_teach_nothing(self) -> None:
        milestone = self.an_open_one()
        due = NOW.date() + timedelta(days=30)
        self.plan(milestone, planned=due, actual=NOW.date() + timedelta(days=5))
        self.projected()
        today = NOW.date() + timedelta(days=10)
        assert [each for each in slip_observations(today) if each.kind == milestone.kind and each.lead == 30] == []
        milestone.project.is_withdrawn = True
        milestone.project.save()
        assert [each for each in slip_observations(due) if each.kind == milestone.kind and each.lead == 30] == []
