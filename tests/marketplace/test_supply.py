"""Projections in the database: made when asked for, stored whole, and the same scenarios when they are read back."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from marketplace.journal.actor import SYSTEM
from marketplace.supply.actions import project_due, project_supply
from marketplace.supply.assumptions import read_assumptions
from marketplace.supply.campuses import read
from marketplace.supply.importing import import_campuses
from marketplace.supply.models import Milestone, Projection, ProjectionDue, ProjectOutlook
from marketplace.supply.projection import project
from marketplace.supply.queries import build_out, delivery_confidence
from marketplace.supply.reporting import report_milestone
from marketplace.supply.slips import DEFAULT_POLICY
from marketplace.units.period import Period

pytestmark = pytest.mark.django_db

SAMPLE = Path(__file__).parent / "campuses"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = NOW.date()
SCENARIOS, DAYS = 300, 400


@pytest.fixture(autouse=True)
def _build_out() -> None:
    plan = read(SAMPLE, read_assumptions(SAMPLE / "assumptions.toml"), today=TODAY)
    import_campuses(plan, by=SYSTEM, now=NOW)


def projected() -> Projection:
    return project_supply(reason="test", now=NOW, scenarios=SCENARIOS, days=DAYS)


def ready_days(projection: Projection, ordinal: int) -> bytes:
    outlook = ProjectOutlook.objects.get(
        projection=projection, project__campus="Acme Heron Marsh", project__ordinal=ordinal
    )
    return bytes(outlook.ready_days)


def test_what_is_stored_is_what_the_pure_projection_says() -> None:
    projection, found = projected(), build_out(TODAY)
    supply = project(found.world, DEFAULT_POLICY, seed=projection.seed, scenarios=SCENARIOS, days=DAYS)
    for place, pool in enumerate(found.pools):
        outlook = projection.pools.get(pool=pool)
        assert outlook.p90 == supply.p90[place].tolist()
        assert outlook.p50 == supply.p50[place].tolist()
        assert outlook.p10 == supply.p10[place].tolist()
    dates = projection.projects.get(project__campus="Acme Heron Marsh", project__ordinal=3)
    assert TODAY < dates.p10 <= dates.p50 <= dates.p90
    assert sum(dates.bottlenecks.values()) == pytest.approx(1)


def test_delivery_confidence_comes_from_the_stored_scenarios() -> None:
    projection = projected()
    outlook = projection.pools.get(pool__accelerator__key="gb200")
    day = 150
    period = Period(TODAY + timedelta(days=day), TODAY + timedelta(days=day + 30))

    def confidence(gpus: int) -> float:
        required = np.full(period.days, gpus)
        return delivery_confidence(pool_id=outlook.pool_id, period=period, required=required, projection=projection)

    assert confidence(0) == 1
    assert confidence(outlook.p90[day]) >= 0.9
    assert confidence(outlook.p50[day] + 1) < 0.5 <= confidence(outlook.p50[day])


def test_a_slip_moves_its_own_project_and_no_other() -> None:
    before = projected()
    milestone = Milestone.objects.get(project__campus="Acme Heron Marsh", project__ordinal=3, kind="commissioning")
    report_milestone(milestone=milestone, forecast=date(2027, 8, 1), actual=None, by=SYSTEM, now=NOW, reason="late")
    after = projected()
    assert ready_days(after, 1) == ready_days(before, 1)
    assert ready_days(after, 3) != ready_days(before, 3)
    late = [p.projects.get(project=milestone.project).p50 for p in (before, after)]
    assert late[0] < date(2027, 6, 1) < date(2027, 7, 20) < late[1]


def test_requests_are_answered_once() -> None:
    projection = project_due(now=NOW)
    assert projection is not None
    assert ProjectionDue.objects.filter(done_at=NOW, projection=projection).count() == 1
    assert project_due(now=NOW) is None
