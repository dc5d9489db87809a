"""How often bands were kept, with the number of cases: as counted, as shown, and to whom."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from marketplace.supply.calibration import calibration, public_backtest
from marketplace.supply.learning.kept import Case, by_kind, by_lead, kept, wilson
from marketplace.supply.models import Milestone, Project, Projection, ProjectOutlook
from marketplace.units import clock
from tests.cockpit import Cockpit, signed_in
from tests.market import Market, phase

TODAY = date(2027, 6, 1)


def days(number: int) -> timedelta:
    return timedelta(days=number)


class TestShares:
    def test_a_share_has_its_cases_and_an_interval(self) -> None:
        cases = [Case("power", f"site {number}", 100, number < 40) for number in range(50)]
        found = kept("overall", cases)
        assert (found.cases, found.inside, found.share, found.is_enough) == (50, 40, 0.8, True)
        assert (found.low, found.high) == pytest.approx((0.6696, 0.8876), abs=1e-4)  # Wilson's, from tables

    def test_few_cases_are_too_few_and_none_have_no_share(self) -> None:
        assert not kept("overall", [Case("power", "one", 100, True)] * 29).is_enough
        assert kept("overall", []).share is None

    def test_cases_of_one_site_count_for_less(self) -> None:
        one = kept("one site", [Case("power", "abilene", 100, number < 40) for number in range(50)])
        many = kept("fifty", [Case("power", f"site {number}", 100, number < 40) for number in range(50)])
        assert not one.is_enough
        assert one.low is not None
        assert many.low is not None
        assert one.low < many.low
        assert one.share == many.share

    def test_an_interval_never_leaves_0_to_1(self) -> None:
        assert wilson(1.0, 3)[1] == 1.0
        assert wilson(0.0, 3)[0] == 0.0

    def test_groups_are_by_the_last_kind_and_by_how_far_ahead(self) -> None:
        cases = [Case("power", "a", 90, True), Case("chips", "b", 91, False), Case("power", "c", 800, True)]
        assert [(each.name, each.cases, each.inside) for each in by_kind(cases)] == [("chips", 1, 0), ("power", 2, 2)]
        assert [(each.name, each.cases) for each in by_lead(cases)] == [
            ("up to 90 days", 1), ("up to 180 days", 1), ("over 365 days", 1),
        ]  # fmt: skip


def projected(project: Project, first_day: date, p10: date, p50: date, p90: date) -> None:
    projection = Projection.objects.create(
        first_day=first_day, days=1, scenarios=1, seed=1, inputs={}, reason="test",
        created_at=datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC),
    )  # fmt: skip
    ProjectOutlook.objects.create(
        projection=projection, project=project, ready_days=b"\0\0", p10=p10, p50=p50, p90=p90, expected=p50,
        bottlenecks={},
    )  # fmt: skip


def milestones(project: Project, **actual: date | None) -> None:
    for kind, day in actual.items():
        dates = {"planned": TODAY - days(60), "actual": day}
        Milestone.objects.update_or_create(project=project, kind=kind, defaults=dates)


@pytest.mark.django_db
class TestInTheDatabase:
    """A phase that power finished on the first of May, projected 200, 100 and 20 days before."""

    READY = date(2027, 5, 1)

    @pytest.fixture
    def project(self, market: Market) -> Project:
        project = phase(market.h100, 70)
        milestones(project, shell=self.READY - days(50), power=self.READY)
        ready = self.READY
        projected(project, ready - days(200), ready - days(90), ready - days(60), ready - days(10))
        projected(project, ready - days(100), ready - days(20), ready - days(5), ready)
        projected(project, ready - days(20), ready + days(5), ready + days(9), ready + days(20))
        return project

    @pytest.mark.parametrize(("before", "inside", "lead"), [(30, 1, 95), (90, 1, 95), (180, 0, 140)])
    def test_the_last_projection_made_so_long_before_is_the_one_that_counts(
        self, project: Project, before: int, inside: int, lead: int
    ) -> None:
        found = calibration(days_before=before, today=TODAY)
        assert (found.overall.cases, found.overall.inside) == (1, inside)
        assert [each.name for each in found.kinds] == ["power"]
        assert [each.name for each in found.leads] == ["up to 180 days" if lead > 90 else "up to 90 days"]

    def test_a_project_that_waits_is_no_case_but_is_told_of_once_its_band_has_passed(self, project: Project) -> None:
        Milestone.objects.filter(project=project, kind="power").update(actual=None)
        found = calibration(days_before=30, today=TODAY)
        assert (found.overall.cases, found.open_beyond) == (0, 1)
        assert calibration(days_before=30, today=self.READY - days(10)).open_beyond == 0

    def test_what_will_have_come_has_not_come(self, project: Project) -> None:
        assert calibration(days_before=30, today=self.READY - days(1)).overall.cases == 0

    def test_retirements_and_withdrawn_projects_are_no_cases(self, project: Project) -> None:
        Project.objects.filter(pk=project.pk).update(is_withdrawn=True)
        assert calibration(days_before=30, today=TODAY).overall.cases == 0


def test_the_public_figures_are_ours_with_their_source() -> None:
    found = public_backtest()
    assert "ERCOT" in found["source"]
    assert found["overall"]["scored"] == sum(row["scored"] for row in found["origins"])
    assert all(0 < row["coverage_80"] <= 1 and row["standard_error"] > 0 for row in found["origins"])


@pytest.mark.django_db
class TestPages:
    def test_everybody_sees_that_there_are_too_few_cases_yet(self, market: Market, client: Client) -> None:
        page = client.get("/calibration/")
        assert page.status_code == 200
        text = page.content.decode()
        assert "Too few cases yet" in text
        assert "ERCOT" in text
        assert "/calibration/" in client.get("/").content.decode()

    def test_the_page_shows_the_share_with_its_cases(self, market: Market, client: Client) -> None:
        project, today = phase(market.h100, 71), clock.today()
        Milestone.objects.filter(project=project).update(kind="crew", planned=today, actual=today)
        projected(project, today - days(95), today - days(9), today, today + days(9))
        text = client.get("/calibration/?before=90").content.decode()
        assert "Too few cases yet to say" in text
        assert "Crew was last" in text
        assert "100\u202f%" in text
        assert "No project has become ready" in client.get("/calibration/?before=180").content.decode()

    def test_staff_see_it_in_the_cockpit_and_nobody_else_does(self, cockpit: Cockpit) -> None:
        allowed: Any = signed_in(cockpit.planner)
        page = allowed.get("/admin/marketplace/projection/calibration/")
        assert page.status_code == 200
        assert "What the newest projection draws slips from" in page.content.decode()
        assert signed_in(cockpit.guest).get("/admin/marketplace/projection/calibration/").status_code == 403
        assert Client().get("/admin/marketplace/projection/calibration/").status_code == 302
