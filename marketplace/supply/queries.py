"""The build-out as arrays, and what a stored projection says of a block."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np

from marketplace.catalogue.models import Pool, Site
from marketplace.supply.delivery import Delivery, deliveries
from marketplace.supply.models import Milestone, Project, Projection, ProjectOutlook
from marketplace.supply.projection import ReadyDays, block_confidence
from marketplace.supply.slips import ProjectionPolicy
from marketplace.supply.world import Ints, World
from marketplace.units.period import Period

PROJECTIONS_KEPT = 2  # in this process: one is a few megabytes, and only the latest is asked


@dataclass(frozen=True)
class BuildOut:
    """The world on a first day, with the rows that its arrays' indexes stand for."""

    world: World
    pools: tuple[Pool, ...]
    projects: tuple[Project, ...]


@dataclass(frozen=True)
class Scenarios:
    """A stored projection, ready to be asked: `ready_days` (projects, scenarios), places of pools in the world."""

    world: World
    ready_days: ReadyDays
    policy: ProjectionPolicy
    seed: int
    first_day: date
    places: dict[int, int]
    deliveries: dict[int, Delivery]  # by place in the world: those that were asked for

    def delivery(self, place: int, days: int) -> Delivery:
        """A pool's scenarios as they change over all days of the projection; a few megabytes, made once."""
        if place not in self.deliveries:
            made = deliveries(self.world, self.ready_days, self.policy, seed=self.seed, pool=place, days=days)
            self.deliveries.update(made)
        return self.deliveries[place]


def latest_projection() -> Projection | None:
    """The newest projection whose limits are in force."""
    return Projection.objects.exclude(published_at=None).first()


def unpublished_projection() -> Projection | None:
    """The newest projection, if its limits are not yet in force everywhere."""
    newest = Projection.objects.first()
    return newest if newest is not None and newest.published_at is None else None


def build_out(first_day: date) -> BuildOut:
    """Everything that a projection looks at, in four queries. Dates become offsets from `first_day`."""
    sites = list(Site.objects.filter(pools__isnull=False).distinct().order_by("key"))
    pools = list(Pool.objects.select_related("site", "accelerator").order_by("pk"))
    projects = list(Project.objects.filter(is_withdrawn=False).order_by("campus", "ordinal"))
    milestones = Milestone.objects.filter(project__is_withdrawn=False).order_by("project_id", "kind")
    site_at = {site.pk: index for index, site in enumerate(sites)}
    pool_at = {pool.pk: index for index, pool in enumerate(pools)}
    project_at = {project.pk: index for index, project in enumerate(projects)}

    def offset(day: date | None) -> int | None:
        return None if day is None else (day - first_day).days

    world = World.of(
        sites=[(s.key, float(s.pue), float(s.facility_mw) or np.inf, float(s.share_on_sale)) for s in sites],
        pools=[(_pool_key(p), site_at[p.site_id], float(p.accelerator.all_in_kw), p.lot) for p in pools],
        projects=[(f"{p.campus}#{p.ordinal}", pool_at[p.pool_id], p.gpus, float(p.mw)) for p in projects],
        milestones=[
            (project_at[m.project_id], m.kind, offset(m.planned), offset(m.forecast), offset(m.actual))
            for m in milestones
        ],
    )
    return BuildOut(world, tuple(pools), tuple(projects))


def _pool_key(pool: Pool) -> str:
    # Random numbers hang on it, so it is made of what never changes.
    return f"{pool.site.key}/{pool.accelerator.key}/{pool.fabric}"


def delivery_confidence(
    *, pool_id: int, period: Period, required: Sequence[int] | Ints, projection: Projection | None = None
) -> float:
    """The probability that `required` GPUs a day are there on every day of the period, over the joint scenarios.

    `required` (days,) is the nested use with the block in it: what is served before it, and itself.
    """
    projection = projection or latest_projection()
    if projection is None:
        return 0.0
    found = _scenarios(projection.pk)
    first = (period.start - found.first_day).days
    if first >= 0 and first + period.days <= projection.days:
        delivery = found.delivery(found.places[pool_id], projection.days)
        return delivery.confidence(first, np.asarray(required, dtype=np.int64))
    return block_confidence(
        found.world,
        found.ready_days,
        found.policy,
        seed=found.seed,
        pool=found.places[pool_id],
        first=first,
        required=np.asarray(required, dtype=np.int64),
    )


@lru_cache(maxsize=PROJECTIONS_KEPT)
def _scenarios(projection_id: int) -> Scenarios:
    projection = Projection.objects.get(pk=projection_id)
    outlooks = ProjectOutlook.objects.filter(projection=projection).order_by("project__campus", "project__ordinal")
    days = [np.frombuffer(outlook.ready_days, dtype="<i2") for outlook in outlooks]
    return Scenarios(
        world=World.from_json(projection.inputs["world"]),
        ready_days=np.stack(days) if days else np.zeros((0, projection.scenarios), dtype=np.int16),
        policy=ProjectionPolicy.from_json(projection.inputs["policy"]),
        seed=projection.seed,
        first_day=projection.first_day,
        places={pool_id: place for place, pool_id in enumerate(projection.inputs["pools"])},
        deliveries={},
    )
