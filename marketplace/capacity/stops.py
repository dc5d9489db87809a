"""How much of what is sold may be late, per seller and site; and selling that stops where that is too much.

Every action here runs twice, late or beside another without harm: the site's row is locked before anything is judged,
one stop at a time is a constraint, and limits follow from what is stored. See docs/projection.md, Promises.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import groupby
from typing import Any

import numpy as np

from marketplace.capacity import ledger
from marketplace.capacity.actions import publish_limits
from marketplace.capacity.queries import inventory
from marketplace.catalogue.models import Pool, Site
from marketplace.journal.actions import record
from marketplace.journal.actor import SYSTEM
from marketplace.outbox.actions import emit
from marketplace.supply.exposure import Exposure, exposure_of
from marketplace.supply.models import Projection, SellingStop, SiteExposure, SupplyPolicy
from marketplace.supply.queries import late_by_scenario, latest_projection, open_stops
from marketplace.supply.world import Ints
from marketplace.units.period import Period


@dataclass(frozen=True)
class Measured:
    """What a seller may come to owe at a site as of a moment, all of its pools there together and each alone.

    `figures` is None where nothing has changed since what is stored.
    """

    site_id: int
    seller_id: int
    as_of: datetime
    projection: Projection
    inputs: str
    figures: Exposure | None
    pools: dict[str, Any]


def measure_exposures(*, now: datetime) -> Iterator[Measured]:
    """Every seller's sites, each measured from the scenarios of the projection in force; nothing is written."""
    projection = latest_projection()
    if projection is None:
        return
    first = max(now.date(), projection.first_day)
    end = projection.first_day + timedelta(days=projection.days)
    if first >= end:
        return
    pools = list(Pool.objects.order_by("site_id", "seller_id", "pk"))
    use = inventory(pool_ids=[pool.pk for pool in pools], period=Period(first, end), now=now).nested[:, -1]
    by_pool = {pool.pk: row for pool, row in zip(pools, use, strict=True)}
    known = set(SiteExposure.objects.values_list("inputs", flat=True))
    for (site_id, seller_id), group in groupby(pools, key=lambda pool: (pool.site_id, pool.seller_id)):
        own = list(group)
        sold = {pool.pk: by_pool[pool.pk] for pool in own}
        inputs = _digest(projection, first.isoformat(), site_id, seller_id, sold)
        figures, each = (None, {}) if inputs in known else _figures(projection, own, sold, first)
        yield Measured(site_id, seller_id, now, projection, inputs, figures, each)


def _digest(projection: Projection, first: str, site_id: int, seller_id: int, sold: dict[int, Ints]) -> str:
    hashed = blake2b(f"{projection.pk} {first} {site_id} {seller_id}".encode(), digest_size=32)
    for pool_id, row in sold.items():
        hashed.update(f" {pool_id} ".encode() + row.tobytes())
    return hashed.hexdigest()


def _figures(
    projection: Projection, pools: list[Pool], sold: dict[int, Ints], first: Any
) -> tuple[Exposure, dict[str, Any]]:
    """Of the site, and by the public id of each pool. A pool that the projection does not know has no scenarios yet."""
    late = late_by_scenario(projection=projection, use=sold, first_day=first)
    none = np.zeros(projection.scenarios)
    rows = np.stack([late.get(pool.pk, none) for pool in pools])
    use = np.stack([sold[pool.pk] for pool in pools])
    each = {
        pool.public_id: exposure_of(rows[place : place + 1], use[place : place + 1]).as_json()
        for place, pool in enumerate(pools)
    }
    return exposure_of(rows, use), each


def judge_exposure(*, measured: Measured, now: datetime) -> SellingStop | None:
    """Stores what was measured, and stops or resumes selling where the policy in force says so.

    Returns the stop that was begun or lifted; None where all stays as it is. Limits follow: see `pools_to_write`.
    """
    # Before anything is looked at: of two sweeps at once the second waits here and finds what the first did.
    Site.objects.select_for_update(no_key=True).get(pk=measured.site_id)
    exposure = _store(measured)
    stop = open_stops().filter(site_id=exposure.site_id, seller_id=exposure.seller_id).first()
    policy = SupplyPolicy.objects.in_force(now)
    excess = too_much(exposure, policy)
    if stop is None and excess:
        return _begin(exposure, policy, excess, now)
    if stop is not None and not excess:
        return _lift(stop, exposure, now)
    return None


def _store(measured: Measured) -> SiteExposure:
    """The newest measurement of the site: what a slower sweep brings is not taken."""
    key = {"site_id": measured.site_id, "seller_id": measured.seller_id}
    stored = SiteExposure.objects.filter(**key).first()
    figures = measured.figures
    if stored is not None and (figures is None or stored.as_of >= measured.as_of):
        return stored
    if figures is None:
        raise ValueError(f"Nothing is stored of {key}, and nothing was measured.")
    stored = stored or SiteExposure(**key)
    stored.projection, stored.as_of, stored.inputs = measured.projection, measured.as_of, measured.inputs
    stored.sold_gpu_days, stored.pools = figures.sold, measured.pools
    stored.expected_gpu_days, stored.worst_gpu_days = figures.expected, figures.worst
    stored.save()
    return stored


def too_much(exposure: SiteExposure, policy: SupplyPolicy) -> str:
    """Which limit of the policy the exposure has reached, in words; empty where it has reached none."""
    worst, most, share = exposure.worst_gpu_days, policy.most_late_gpu_days, policy.most_late_share
    if most is not None and worst >= most:
        return f"worst-in-20 late GPU-days {worst:,}, and selling stops at {most:,}"
    if share is not None and worst and worst >= share * exposure.sold_gpu_days:
        part = f"{exposure.worst_share:.2%} of the {exposure.sold_gpu_days:,} sold"
        return f"worst-in-20 late GPU-days {worst:,}, {part}, and selling stops at {share:.2%}"
    return ""


def _begin(exposure: SiteExposure, policy: SupplyPolicy, reason: str, now: datetime) -> SellingStop:
    stop = SellingStop.objects.create(
        site=exposure.site, seller=exposure.seller, policy=policy, reason=reason, started_at=now
    )
    _tell(stop, "stopped", reason, now)
    return stop


def _lift(stop: SellingStop, exposure: SiteExposure, now: datetime) -> SellingStop:
    stop.lifted_at = now
    stop.lifted_because = f"worst-in-20 late GPU-days {exposure.worst_gpu_days:,} of {exposure.sold_gpu_days:,} sold"
    stop.save(update_fields=["lifted_at", "lifted_because"])
    _tell(stop, "resumed", stop.lifted_because, now)
    return stop


def _tell(stop: SellingStop, verb: str, reason: str, now: datetime) -> None:
    after = {"seller": stop.seller.public_id, "policy": stop.policy.version}
    record(by=SYSTEM, verb=f"selling.{verb}", subject=stop.site.public_id, now=now, after=after, reason=reason)
    emit(
        name=f"selling.{verb}",
        subject=stop.site.public_id,
        organisation_id=stop.seller_id,
        data={"site": stop.site.public_id, "reason": reason},
        now=now,
    )


def pools_to_write() -> list[Pool]:
    """Pools whose limits may not be what a stop, or its end, makes of them, in the order in which they are written."""
    unsettled = SellingStop.objects.filter(settled_at=None)
    places = set(unsettled.values_list("site_id", "seller_id"))
    pools = Pool.objects.filter(site_id__in={site_id for site_id, _ in places}).order_by("pk")
    return [pool for pool in pools if (pool.site_id, pool.seller_id) in places]


def write_limits(*, pool: Pool) -> None:
    """Brings one pool's limits to what is stored: cut where selling is stopped, the newest projection's where not.

    One pool per transaction. What was claimed and given back since is no room to sell again: limits follow it down.
    """
    Site.objects.select_for_update(no_key=True).get(pk=pool.site_id)
    # The newest, in force or about to be: an older one must never be written over it.
    newest = Projection.objects.filter(pools__pool=pool).first()
    if newest is None:
        return
    if open_stops().filter(site_id=pool.site_id, seller_id=pool.seller_id).exists():
        ledger.stop_selling(pool_id=pool.pk, first_day=newest.first_day)
    else:
        publish_limits(projection=newest, pool=pool)


def settle_stop(*, stop_id: int, now: datetime) -> bool:
    """Notes that every pool has its limits back, once they have been written after the stop was lifted."""
    lifted = SellingStop.objects.filter(pk=stop_id, settled_at=None).exclude(lifted_at=None)
    return bool(lifted.update(settled_at=now))


def lifted_stops() -> list[int]:
    """Stops that were lifted and whose pools may not all have their limits back."""
    return list(SellingStop.objects.filter(settled_at=None).exclude(lifted_at=None).values_list("pk", flat=True))
