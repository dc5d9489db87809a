"""What providers of the demo market report of their build-out before it opens, through the same doors as any."""

from datetime import datetime, timedelta

from marketplace.change import change
from marketplace.journal.actor import Actor
from marketplace.supply.models import EVERYBODY, HOLDERS, Milestone, MilestoneReport
from marketplace.supply.providing import Said, disclose, report_own_milestone

LATER = timedelta(days=18)
NOTE = "The transformers leave the works later (invented)"


def report(now: datetime) -> int:
    """Each provider moves its next milestone a little and shows its milestones to its buyers, if nobody has reported
    yet. Returns how many reports there are."""
    if MilestoneReport.objects.exists():
        return 0
    coming = Milestone.objects.filter(actual=None, planned__gt=now.date(), project__gpus__gt=0)
    firsts = coming.order_by("project__pool__seller_id", "planned", "pk").distinct("project__pool__seller_id")
    for milestone in firsts.select_related("project__pool__seller"):
        change.run(lambda row=milestone: _report(row, now))  # type: ignore[misc]
    return MilestoneReport.objects.count()


def _report(milestone: Milestone, now: datetime) -> None:
    provider = milestone.project.pool.seller
    by = Actor("demo market", organisation_id=provider.pk)
    said = Said(milestone.kind, forecast=(milestone.forecast or milestone.planned) + LATER, note=NOTE)
    report_own_milestone(provider_id=provider.pk, project=milestone.project.public_id, said=said, by=by, now=now)
    disclose(provider=provider, milestones_to=HOLDERS, causes_to=EVERYBODY, after_days=0, by=by, now=now)
