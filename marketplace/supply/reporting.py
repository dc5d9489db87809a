"""What staff and providers report about the build-out: every report is journalled and asks for a new projection."""

from datetime import date, datetime

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.supply.models import IMPORT, STAFF, Milestone, MilestoneReport, ProjectionDue

LONGEST_REASON = 200
VERBS = {IMPORT: "milestone.moved"}


def request_projection(*, reason: str, now: datetime) -> ProjectionDue:
    """Writes down that supply has to be projected again, and why; a sweep drains the rows."""
    return ProjectionDue.objects.create(reason=reason[:LONGEST_REASON], requested_at=now)


def report_milestone(
    *,
    milestone: Milestone,
    forecast: date | None,
    actual: date | None,
    by: Actor,
    now: datetime,
    reason: str,
    source: str = STAFF,
) -> Milestone:
    """Takes a milestone's newest dates in. The plan stays, so that the slip can be seen. Nothing new, nothing done.

    Staff, the provider and an import all report here: each report stays on record with its author.
    """
    before = _dates(milestone)
    milestone.forecast, milestone.actual = forecast, actual
    if _dates(milestone) == before:
        return milestone
    milestone.save(update_fields=["forecast", "actual"])
    _keep(milestone, by, now, reason, source)
    _journal(milestone, VERBS.get(source, "milestone.reported"), before, by, now, reason)
    if source != IMPORT:  # which asks once, for all that it brings
        _ask(milestone, now, reason)
    return milestone


def add_milestone(*, milestone: Milestone, by: Actor, now: datetime, reason: str, source: str = STAFF) -> Milestone:
    """Adds one more thing that a project waits for."""
    milestone.save()
    if milestone.forecast or milestone.actual:
        _keep(milestone, by, now, reason, source)
    _journal(milestone, "milestone.added", None, by, now, reason)
    _ask(milestone, now, reason)
    return milestone


def _keep(milestone: Milestone, by: Actor, now: datetime, note: str, source: str) -> None:
    MilestoneReport.objects.create(
        milestone=milestone,
        forecast=milestone.forecast,
        actual=milestone.actual,
        note=note,
        source=source,
        reported_by=by.label,
        organisation_id=by.organisation_id,
        at=now,
    )


def _dates(milestone: Milestone) -> dict[str, str | None]:
    dates = {"planned": milestone.planned, "forecast": milestone.forecast, "actual": milestone.actual}
    return {name: day.isoformat() if day else None for name, day in dates.items()}


def _journal(
    milestone: Milestone, verb: str, before: dict[str, str | None] | None, by: Actor, now: datetime, reason: str
) -> None:
    after = {"kind": milestone.kind, **_dates(milestone)}
    subject = milestone.project.public_id
    record(by=by, verb=verb, subject=subject, now=now, before=before, after=after, reason=reason)


def _ask(milestone: Milestone, now: datetime, reason: str) -> None:
    request_projection(reason=f"{milestone.kind} of {milestone.project.name}: {reason or 'new dates'}", now=now)
