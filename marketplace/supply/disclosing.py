"""What a provider's policy lets others see of its milestones and causes, and from when.

Dates, choices and confidence of a buyer's own reservations never come through here: those are always shown.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from marketplace.catalogue.models import Pool
from marketplace.supply.models import EVERYBODY, HOLDERS, DisclosurePolicy, Milestone, Project


@dataclass(frozen=True)
class Disclosed:
    """To one caller, now: `policies` by provider, and the pools in which the caller holds something."""

    policies: dict[int, DisclosurePolicy]
    held: frozenset[int]
    now: datetime

    def shows_causes(self, pool: Pool) -> bool:
        return self._shows(pool, self._policy(pool).causes_to)

    def milestones(self, project: Project) -> list[Milestone] | None:
        """As they were reported `after_days` ago and not later, unsaved; None where they are not shown."""
        policy = self._policy(project.pool)
        if not self._shows(project.pool, policy.milestones_to):
            return None
        until = self.now - timedelta(days=policy.after_days)
        return [_as_of(milestone, until) for milestone in project.milestones.all()]

    def _policy(self, pool: Pool) -> DisclosurePolicy:
        return self.policies.get(pool.seller_id) or DisclosurePolicy(version=0)

    def _shows(self, pool: Pool, audience: str) -> bool:
        return audience == EVERYBODY or (audience == HOLDERS and pool.pk in self.held)


def _as_of(milestone: Milestone, until: datetime) -> Milestone:
    """The milestone with the dates that had been reported by then. Where a report is too young, it is not there yet."""
    reports = sorted(milestone.reports.all(), key=lambda report: report.pk)
    if not reports or reports[-1].at <= until:
        return milestone
    known = [report for report in reports if report.at <= until]
    forecast, actual = (known[-1].forecast, known[-1].actual) if known else (None, None)
    return Milestone(
        pk=milestone.pk,
        project_id=milestone.project_id,
        kind=milestone.kind,
        planned=milestone.planned,
        forecast=forecast,
        actual=actual,
    )


def tells_causes(provider_id: int, now: datetime) -> bool:
    """Whether a provider tells causes at once to those who hold something in its pools."""
    policy = DisclosurePolicy.objects.in_force(provider_id, now)
    return policy.causes_to in (HOLDERS, EVERYBODY) and not policy.after_days


def disclosed(*, held: Callable[[], Iterable[int]], now: datetime) -> Disclosed:
    """Every provider's policy in force. `held`: ids of the pools that the caller holds something in; only asked where
    some policy makes a difference between those and others."""
    newest = DisclosurePolicy.objects.filter(starts_at__lte=now).order_by("provider_id", "version")
    policies = {policy.provider_id: policy for policy in newest}
    matters = any(HOLDERS in (each.milestones_to, each.causes_to) for each in policies.values())
    return Disclosed(policies, frozenset(held()) if matters else frozenset(), now)
