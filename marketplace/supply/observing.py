"""What the market's own milestones teach about slips, and how its projections kept: read from the rows."""

from datetime import date

from django.db.models import Min

from marketplace.supply.learning.updating import Observation
from marketplace.supply.models import Milestone, ProjectOutlook


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
