"""Importing campuses into the database: twice is once, what moves is updated, what people report outranks the file."""

import shutil
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Model

from marketplace.catalogue.models import Accelerator, Pool, ServiceSpec, Site
from marketplace.journal.actor import Actor
from marketplace.journal.models import Entry
from marketplace.parties.models import Organisation
from marketplace.supply.models import Milestone, MilestoneNote, Project, ProjectionDue
from marketplace.supply.reporting import report_milestone
from marketplace.units import clock

pytestmark = pytest.mark.django_db

SAMPLE = Path(__file__).parent / "campuses"
TIMELINES = "data_center_timelines.csv"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STAFF = Actor("planner@headroom.example", is_staff=True)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path / "campuses"))


def change(files: Path, old: str, new: str) -> None:
    path = files / TIMELINES
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def import_(files: Path) -> str:
    said = StringIO()
    with clock.frozen(NOW):
        call_command("import_campuses", files, assumptions=files / "assumptions.toml", stdout=said, stderr=said)
    return said.getvalue()


MODELS: tuple[type[Model], ...] = (
    Organisation, Accelerator, Site, Pool, ServiceSpec, Project, Milestone, MilestoneNote, ProjectionDue, Entry,
)  # fmt: skip


def everything() -> dict[str, list[dict[str, Any]]]:
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in MODELS}


def phase(ordinal: int) -> Project:
    return Project.objects.get(campus="Acme Heron Marsh", ordinal=ordinal)


def last(ordinal: int) -> Milestone:
    return phase(ordinal).milestones.get(kind="commissioning")


def test_a_first_import_makes_sites_pools_projects_and_asks_for_a_projection(files: Path) -> None:
    said = import_(files)
    assert "created 3 sites" in said
    assert "created 5 projects" in said
    assert Site.objects.get(key="Acme Otter Weir").latitude == 41.185187
    pool = phase(3).pool
    assert (pool.accelerator.key, pool.seller.name, pool.lot) == ("gb200", "Acme Compute", 72)
    assert pool.specs.get().document["nvlink_domain_gpus"] == 72
    assert (last(3).planned, last(3).forecast, last(3).actual) == (date(2027, 3, 3), None, None)
    assert last(1).actual == date(2025, 6, 28)
    assert [note.text for note in last(3).notes.all()] == ["Walls of building 3", "Cooling of building 3"]
    assert ProjectionDue.objects.count() == 1


def test_the_same_files_twice_change_nothing(files: Path) -> None:
    change(files, ",147.0,", ",147.123456,")
    import_(files)
    before = everything()
    assert "Nothing changed." in import_(files)
    assert everything() == before


def test_a_moved_date_is_a_slip_of_the_same_project_and_moving_it_back_ends_it(files: Path) -> None:
    import_(files)
    projects = list(Project.objects.values_list("pk", flat=True))
    change(files, "2027-03-03", "2027-09-03")
    import_(files)
    assert list(Project.objects.values_list("pk", flat=True)) == projects
    assert (last(3).planned, last(3).forecast) == (date(2027, 3, 3), date(2027, 9, 3))
    assert Entry.objects.filter(verb="milestone.moved", subject=phase(3).public_id).exists()
    assert ProjectionDue.objects.count() == 2
    reports = last(3).reports.filter(forecast=date(2027, 9, 3)).values_list("source", "reported_by")
    assert [source for source, _ in reports] == ["import"], "an import reports as everybody does"
    change(files, "2027-09-03", "2027-03-03")
    import_(files)
    assert (last(3).planned, last(3).forecast) == (date(2027, 3, 3), None)


def test_a_note_whose_day_moves_is_not_kept_twice(files: Path) -> None:
    import_(files)
    change(files, "2027-01-10", "2027-01-24")
    import_(files)
    assert [note.date for note in last(3).notes.all()] == [date(2026, 2, 1), date(2027, 1, 24)]


def test_what_the_planner_reported_outranks_the_file(files: Path) -> None:
    import_(files)
    late = date(2027, 12, 24)
    report_milestone(milestone=last(3), forecast=late, actual=None, by=STAFF, now=NOW, reason="transformer")
    before = everything()
    import_(files)
    assert everything() == before
    change(files, "2027-03-03", "2027-04-03")
    import_(files)
    assert last(3).forecast == late
    assert phase(3).milestones.get(kind="power").forecast == date(2027, 1, 3)


def test_a_phase_that_the_files_no_longer_have_is_withdrawn_and_can_come_back(files: Path) -> None:
    import_(files)
    row = "2027-03-03,Acme Heron Marsh,Building 3 operational,595.0,1e6,3,1.008E+21\n"
    change(files, row, "")
    assert "withdrawn 1 project" in import_(files)
    assert phase(3).is_withdrawn
    change(files, "2027-01-10,", row + "2027-01-10,")
    import_(files)
    assert not phase(3).is_withdrawn
    assert Project.objects.filter(campus="Acme Heron Marsh").count() == 3


def test_bad_files_import_nothing_and_say_every_reason(files: Path) -> None:
    change(files, ",147.0,", ",-147,")
    change(files, "2024-05-31", "2024-05-32")
    said = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("import_campuses", files, assumptions=files / "assumptions.toml", stderr=said)
    assert ended.value.code == 1
    assert said.getvalue().splitlines() == [
        f"{TIMELINES}:2: Date '2024-05-32' is not a date such as 2027-03-31",
        f"{TIMELINES}:3: Power (MW) '-147' is negative",
        "Nothing was imported: 2 problems.",
    ]
    assert not any(everything().values())
