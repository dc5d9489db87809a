"""The build-out as arrays, and what a stored projection says of a block."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

import numpy as np
from django.db.models import QuerySet

from marketplace.catalogue.models import Pool, Site
from marketplace.parties.models import Organisation
from marketplace.supply.delivery import Delivery, deliveries
from marketplace.supply.exposure import late_gpu_days
from marketplace.supply.models import (
    Disruption,
    MaintenanceWindow,
    Milestone,
    Project,
    Projection,
    ProjectOutlook,
    SellingStop,
    SiteExposure,
    Stated,
    SupplyPolicy,
)
from marketplace.supply.projection import ReadyDays, block_confidence, block_confidences
from marketplace.supply.reach import Reach
from marketplace.supply.slips import ProjectionPolicy
from marketplace.supply.world import Floats, Ints, World
from marketplace.units.period import Period

PROJECTIONS_KEPT = 2  # in this process: one is a few megabytes, and only the latest is asked


@dataclass(frozen=True)
class BuildOut:
    """The world on a first day, with the rows that its arrays' indexes stand for."""

    world: World
    pools: tuple[Pool, ...]
    projects: tuple[Project, ...]
    stated: tuple[Stated, ...]


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
    return Projection.objects.exclude(published_at=None).defer("inputs").first()


def unpublished_projection() -> Projection | None:
    """The newest projection, if its limits are not yet in force everywhere."""
    newest = Projection.objects.first()
    return newest if newest is not None and newest.published_at is None else None


def build_out(first_day: date) -> BuildOut:
    """Everything that a projection looks at, in six queries. Dates become offsets from `first_day`."""
    sites = list(Site.objects.filter(pools__isnull=False).distinct().order_by("key"))
    pools = list(Pool.objects.select_related("site", "accelerator").order_by("pk"))
    projects = list(Project.objects.filter(is_withdrawn=False).order_by("campus", "ordinal"))
    milestones = list(Milestone.objects.filter(project__is_withdrawn=False).order_by("project_id", "kind"))
    named = ("site", "pool__site", "pool__accelerator", "project")
    disruptions = list(Disruption.objects.filter(withdrawn_at=None).select_related(*named).order_by("pk"))
    maintenance = list(
        MaintenanceWindow.objects.filter(withdrawn_at=None, ends__gt=first_day)
        .select_related("pool__site", "pool__accelerator")
        .order_by("pk")
    )
    site_at = {site.pk: index for index, site in enumerate(sites)}
    pool_at = {pool.pk: index for index, pool in enumerate(pools)}
    project_at = {project.pk: index for index, project in enumerate(projects)}

    def offset(day: date | None) -> int | None:
        return None if day is None else (day - first_day).days

    reach = Reach(pools, projects, milestones)
    world = World.of(
        sites=[(s.key, float(s.pue), float(s.facility_mw) or np.inf, float(s.share_on_sale)) for s in sites],
        pools=[(_pool_key(p), site_at[p.site_id], float(p.accelerator.all_in_kw), p.lot) for p in pools],
        projects=[
            (f"{p.campus}#{p.ordinal}", pool_at[p.pool_id], p.gpus, float(p.mw), offset(p.retires_on)) for p in projects
        ],
        milestones=[
            (project_at[m.project_id], m.kind, offset(m.planned), offset(m.forecast), offset(m.actual))
            for m in milestones
        ],
        delays=list(reach.delays(disruptions, first_day)),
        windows=list(reach.windows(disruptions, maintenance, first_day)),
        cuts=list(reach.cuts(disruptions, first_day, site_at)),
    )
    told = {*world.delays.keys, *world.windows.keys, *world.cuts.keys}
    stated = tuple(each for each in (*disruptions, *maintenance) if each.public_id in told)
    return BuildOut(world, tuple(pools), tuple(projects), stated)


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


def delivery_confidences(
    *, pool_id: int, blocks: Sequence[tuple[Period, Ints]], projection: Projection
) -> list[float | None]:
    """`delivery_confidence` of many blocks of one pool; None for one that reaches beyond what the projection covers."""
    found = _scenarios(projection.pk)
    known = Period.of(projection.first_day, projection.days)
    covered = [known.start <= period.start and period.end <= known.end for period, _ in blocks]
    answers = block_confidences(
        found.world,
        found.ready_days,
        found.policy,
        seed=found.seed,
        pool=found.places[pool_id],
        blocks=[
            ((period.start - found.first_day).days, np.asarray(required, dtype=np.int64))
            for (period, required), inside in zip(blocks, covered, strict=True)
            if inside
        ],
    )
    given = iter(answers)
    return [next(given) if inside else None for inside in covered]


def pool_scenarios(*, pool_id: int, projection: Projection) -> tuple[Delivery, date] | None:
    """A pool's scenarios over all days of a projection, with its first day; None where it does not know the pool."""
    found = _scenarios(projection.pk)
    place = found.places.get(pool_id)
    return None if place is None else (found.delivery(place, projection.days), found.first_day)


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


def late_by_scenario(*, projection: Projection, use: dict[int, Ints], first_day: date) -> dict[int, Floats]:
    """By pool id, (scenarios,) GPU-days of `use` (GPUs per day from `first_day` on) that are late in each scenario.

    Days beyond the projection's horizon are left out, and so are pools that it does not know.
    """
    found = _scenarios(projection.pk)
    known = {pool_id: found.places[pool_id] for pool_id in use if pool_id in found.places}
    first = (first_day - found.first_day).days
    days = min((len(row) for row in use.values()), default=0)
    table = np.zeros((len(found.world.pools.keys), min(days, projection.days - first)), dtype=np.int64)
    for pool_id, place in known.items():
        table[place] = use[pool_id][: table.shape[1]]
    late = late_gpu_days(found.world, found.ready_days, found.policy, seed=found.seed, use=table, first=first)
    return {pool_id: late[place] for pool_id, place in known.items()}


def open_stops() -> QuerySet[SellingStop]:
    """Where nothing more is sold at this moment."""
    return SellingStop.objects.filter(lifted_at=None)


def exposures_of(seller: Organisation) -> list[SiteExposure]:
    """A seller's own sites with the stop in force there, if any, as `stop`. Nobody else's: tenants are walls."""
    rows = list(SiteExposure.objects.filter(seller=seller).select_related("site", "projection"))
    stops = {stop.site_id: stop for stop in open_stops().filter(seller=seller)}
    for row in rows:
        row.stop = stops.get(row.site_id)
    return rows


@dataclass(frozen=True)
class Published:
    """The supply policy in force, and those that are published and have not started."""

    in_force: SupplyPolicy
    ahead: tuple[SupplyPolicy, ...]


def published_promises(now: datetime) -> Published:
    ahead = SupplyPolicy.objects.filter(starts_at__gt=now).order_by("version")
    return Published(SupplyPolicy.objects.in_force(now), tuple(ahead))
