"""A provider's file of reports against what the market has: what it would change, and taking it in, whole or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.supply.models import Milestone, Project
from marketplace.supply.providing import Said, own_projects, report_faults, report_own_milestone
from marketplace.supply.report_files import Fault, Line, judged, read


class FileRefused(Exception):
    """Nothing of the file was taken in; `faults` names every place that is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults; the first: {faults[0]}")
        self.faults = list(faults)


@dataclass(frozen=True)
class Effect:
    """What one line changes: the day on which the milestone was expected before, and is now."""

    line: int
    project: str
    name: str
    kind: str
    before: date | None
    after: date

    @property
    def days(self) -> int | None:
        return None if self.before is None else (self.after - self.before).days


def preview(*, provider_id: int, raw: bytes, today: date) -> list[Effect]:
    """What the file would change, by line, without what changes nothing. Writes nothing. Raises FileRefused."""
    lines, faults = read(raw)
    projects = _projects(provider_id, lines)
    faults = faults + judged(lines, lambda line: _faults(line, projects, today)) if lines else faults
    if faults:
        raise FileRefused(sorted(set(faults), key=lambda fault: (fault.line, fault.column)))
    effects = [_effect(line, projects[line.project]) for line in lines]
    return [each for each in effects if each is not None]


def take_in(*, provider_id: int, raw: bytes, by: Actor, now: datetime) -> list[Effect]:
    """Every line as a report of its own, all of them or none. Raises FileRefused."""
    effects = preview(provider_id=provider_id, raw=raw, today=now.date())
    changed = {each.line for each in effects}
    for line in read(raw)[0]:
        if line.number in changed:
            report_own_milestone(provider_id=provider_id, project=line.project, said=_said(line), by=by, now=now)
    record(by=by, verb="supply_file.taken_in", subject=f"organisation:{provider_id}", now=now, after=len(effects))
    return effects


def _projects(provider_id: int, lines: Sequence[Line]) -> dict[str, Project]:
    named = {line.project for line in lines}
    rows = own_projects(provider_id).filter(public_id__in=named).prefetch_related("milestones")
    return {project.public_id: project for project in rows}


def _milestone(project: Project, kind: str) -> Milestone | None:
    return next((each for each in project.milestones.all() if each.kind == kind), None)


def _faults(line: Line, projects: dict[str, Project], today: date) -> dict[str, str]:
    if not line.project or not line.kind:
        return {}  # said already
    project = projects.get(line.project)
    if project is None:
        return {"project": f"You have no project “{line.project[:40]}”. GET /api/v1/projects and the page list them."}
    return report_faults(_said(line), _milestone(project, line.kind), today=today)


def _said(line: Line) -> Said:
    return Said(line.kind, line.planned, line.forecast, line.actual, line.note)


def _effect(line: Line, project: Project) -> Effect | None:
    row = _milestone(project, line.kind)
    after = line.actual or line.forecast or line.planned
    assert after is not None, "a line without a date has a fault"
    if row is None:
        return Effect(line.number, project.public_id, project.name, line.kind, None, after)
    if (row.forecast, row.actual) == (line.forecast, line.actual):
        return None
    return Effect(
        line.number, project.public_id, project.name, line.kind, row.actual or row.forecast or row.planned, after
    )
