"""Whom a disruption or a maintenance window concerns, as rows of the world's arrays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from marketplace.catalogue.models import Pool
from marketplace.supply.models import Disruption, MaintenanceWindow, Milestone, Project, Stated


@dataclass(frozen=True)
class Reach:
    """What a disruption is about, as places in the arrays."""

    pools: Sequence[Pool]
    projects: Sequence[Project]
    milestones: Sequence[Milestone]

    def delays(self, disruptions: Sequence[Disruption], first_day: date) -> Iterator[tuple[Any, ...]]:
        """Rows of Delays: a disruption that can hit no open milestone any more has none."""
        for each in disruptions:
            until = (each.ends - first_day).days - 1 + each.work_days
            hit = self._hit(each)
            if hit and until + each.delay_days > 0:
                yield each.public_id, (each.starts - first_day).days, until, each.delay_days, hit

    def _hit(self, disruption: Disruption) -> list[int]:
        """Rows of the open milestones of its kinds and its scope. A retirement keeps its date."""
        if not disruption.delay_days:
            return []
        chosen = {project.pk for project in self._projects(disruption) if project.gpus > 0}
        return [
            row
            for row, milestone in enumerate(self.milestones)
            if milestone.kind in disruption.milestone_kinds
            and milestone.actual is None
            and milestone.project_id in chosen
        ]

    def _projects(self, disruption: Disruption) -> list[Project]:
        if disruption.project_id is not None:
            return [project for project in self.projects if project.pk == disruption.project_id]
        chosen = {self.pools[place].pk for place in self._pools(disruption)}
        return [project for project in self.projects if project.pool_id in chosen]

    def _pools(self, disruption: Disruption) -> list[int]:
        """Places of its pools; all of them where it is about none."""
        site, pool = disruption.site_id, disruption.pool_id
        return [
            place
            for place, each in enumerate(self.pools)
            if (site is None or each.site_id == site) and (pool is None or each.pk == pool)
        ]

    def windows(
        self, disruptions: Sequence[Disruption], maintenance: Sequence[MaintenanceWindow], first_day: date
    ) -> Iterator[tuple[Any, ...]]:
        """Rows of Windows: one for each pool that has less, as long as it is not over."""
        place_of = {pool.pk: place for place, pool in enumerate(self.pools)}
        derating = [each for each in disruptions if each.usable_share is not None and each.ends > first_day]
        found: list[tuple[Stated, int, Any]] = [
            (each, place, each.usable_share) for each in derating for place in self._pools(each)
        ]
        found += [(each, place_of[each.pool_id], each.usable_share) for each in maintenance]
        for each, place, usable in found:
            starts, ends = (each.starts - first_day).days, (each.ends - first_day).days
            yield each.public_id, place, starts, ends, float(usable)

    def cuts(
        self, disruptions: Sequence[Disruption], first_day: date, place_of: dict[int, int]
    ) -> Iterator[tuple[Any, ...]]:
        """Rows of Cuts: one for each time in which a site has less power, as long as it is not over."""
        for each in disruptions:
            if each.mw_available is not None and each.ends > first_day and each.site_id in place_of:
                starts, ends = (each.starts - first_day).days, (each.ends - first_day).days
                yield each.public_id, place_of[each.site_id], starts, ends, float(each.mw_available)
