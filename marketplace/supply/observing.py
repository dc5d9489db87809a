"""What the market's own milestones teach about slips, and how its projections kept: read from the rows."""

from collections import defaultdict
from datetime import date

from django.db.models import Min

from marketplace.supply.learning.trust import Announcement
from marketplace.supply.learning.updating import Observation
from marketplace.supply.models import Milestone, MilestoneReport, ProjectOutlook


def slip_observations(today: date) -> list[Observation]:
    """Milestones that were open when their project was first projected and whose planned date has come, as of today.

    Both those that came and those that are still open enter on the planned date: if the early ones entered when they
    come, and the others when they are late, a market with many open plans would look faster than it is. What was there
    before the first projection was never forecast, and a retirement does not slip (projection.py).
    """
    since = dict(
        ProjectOutlook.objects.values_list("project_id").annotate(since=Min("projection__first_day")).order_by()
    )
    milestones = Milestone.objects.filter(
        project__in=list(since), project__is_withdrawn=False, project__gpus__gt=0, planned__lte=today
    ).select_related("project__pool__site")
    seen = (_observation(milestone, since[milestone.project_id], today) for milestone in milestones)
    return [each for each in seen if each is not None]


def _observation(milestone: Milestone, since: date, today: date) -> Observation | None:
    came = milestone.actual if milestone.actual and milestone.actual <= today else None
    end = came or today
    if end <= since:
        return None
    late_by = (since - milestone.planned).days
    return Observation(
        kind=milestone.kind,
        site=milestone.project.pool.site.key,
        lead=float(max(-late_by, 0)),
        slip=float((end - milestone.planned).days),
        open=came is None,
        late_by=float(late_by) if late_by > 0 else None,
    )


def provider_announcements(today: date) -> dict[int, list[Announcement]]:
    """By seller: what its projects' milestones were announced for, and what came of it, as of today.

    A milestone is announced first by its plan, on the day of its project's first projection; then by every report with
    a forecast that was still ahead. An announcement counts from its day on, whether the milestone came or not.
    """
    since = dict(
        ProjectOutlook.objects.values_list("project_id").annotate(since=Min("projection__first_day")).order_by()
    )
    milestones = Milestone.objects.filter(
        project__in=list(since), project__is_withdrawn=False, project__gpus__gt=0
    ).select_related("project__pool__site")
    found: dict[int, list[Announcement]] = defaultdict(list)
    for milestone in milestones.prefetch_related("reports"):
        said = [(since[milestone.project_id], milestone.planned, True)]
        said += [(each.at.date(), each.forecast, False) for each in milestone.reports.all() if each.forecast]
        made = (_announcement(milestone, *each, today) for each in said)
        found[milestone.project.pool.seller_id] += [each for each in made if each is not None]
    return dict(found)


def _announcement(milestone: Milestone, on: date, day: date, first: bool, today: date) -> Announcement | None:
    came = milestone.actual if milestone.actual and milestone.actual <= today else None
    end = came or today
    if day > today or day <= on or end <= on:
        return None
    return Announcement(
        milestone=f"{milestone.project.campus}#{milestone.project.ordinal}/{milestone.kind}",
        kind=milestone.kind,
        site=milestone.project.pool.site.key,
        said_on=on.toordinal(),
        lead=float((day - on).days),
        slip=float((end - day).days),
        open=came is None,
        first=first,
    )


def forecast_moves(provider_id: int) -> list[int]:
    """Days by which each report moved the date that a milestone of the provider's was expected on."""
    reports = (
        MilestoneReport.objects.filter(milestone__project__pool__seller_id=provider_id)
        .select_related("milestone")
        .order_by("milestone_id", "pk")
    )
    moves, milestone, expected = [], None, None
    for report in reports:
        if report.milestone_id != milestone:
            milestone, expected = report.milestone_id, report.milestone.planned
        if report.forecast and expected:
            moves.append((report.forecast - expected).days)
            expected = report.forecast
    return [days for days in moves if days]
