from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from marketplace.capacity.queries import inventory
from marketplace.catalogue.models import Pool
from marketplace.journal.actions import record
from marketplace.journal.actor import SYSTEM, Actor
from marketplace.parties.models import Organisation
from marketplace.supply.models import PoolOutlook, Projection
from marketplace.supply.queries import latest_projection
from marketplace.units.period import Period
from pricing.curve.bidding import duals_of
from pricing.curve.models import PoolCurve, PricePolicy, PriceVersion, Tape, TapePool
from pricing.curve.queries import current_versions, pool_prices
from pricing.curve.solving import Before, Duals, as_published, before_of, first_curve, next_curve
from pricing.curve.tape import republish, stepped_down, tick_of
from pricing.demand.models import DemandForecast

RESOLVE_AFTER = timedelta(days=7)  # a solve every one to two weeks gains all that there is to gain
LONGEST_REASON = 200


def sellers_due(*, now: datetime) -> list[int]:
    """Sellers whose prices have to be solved: no version yet, a new projection or policy, or old age."""
    projection = latest_projection()
    if projection is None:
        return []
    sellers = Organisation.objects.filter(pools__isnull=False).distinct().order_by("pk")
    policies = PricePolicy.objects.by_seller([seller.pk for seller in sellers], now)
    return [seller.pk for seller in sellers if _due(seller, policies[seller.pk], projection, now)]


def solve_if_due(*, seller_id: int, now: datetime) -> PriceVersion | None:
    """Solves a seller's prices if they are still due once its row is locked; None where another sweep is at it."""
    seller = Organisation.objects.filter(pk=seller_id).select_for_update(skip_locked=True).first()
    projection = latest_projection()
    if seller is None or projection is None:
        return None
    policy = PricePolicy.objects.in_force(seller, now)
    reason = _due(seller, policy, projection, now)
    if not reason:
        return None
    return _solve(seller, policy, projection, reason, now)


def solve_again(*, seller_id: int, reason: str, now: datetime) -> PriceVersion | None:
    """Solves a seller's prices although nothing asks for it, for a reason that is stored; None without a projection."""
    seller = Organisation.objects.select_for_update().get(pk=seller_id)
    projection = latest_projection()
    if projection is None:
        return None
    return _solve(seller, PricePolicy.objects.in_force(seller, now), projection, reason, now)


def _solve(
    seller: Organisation, policy: PricePolicy, projection: Projection, reason: str, now: datetime
) -> PriceVersion:
    previous = PriceVersion.objects.filter(seller=seller).select_related("projection").first()
    duals = duals_of(seller_id=seller.pk, policy=policy, projection=projection, previous=previous, now=now)
    return solve_prices(seller=seller, policy=policy, projection=projection, reason=reason, now=now, duals=duals)


def _due(seller: Organisation, policy: PricePolicy, projection: Projection, now: datetime) -> str:
    """Why the seller's prices no longer follow from what is in force; empty where they do."""
    version = PriceVersion.objects.filter(seller=seller).first()
    if version is None:
        return "first prices"
    if version.projection_id != projection.pk:
        return f"new projection: {projection.reason}"[:LONGEST_REASON]
    if version.policy_id != policy.pk:
        return f"policy {policy.version} in force"
    if not version.forecast and DemandForecast.objects.known_at(seller.pk, now).exists():
        return "first forecast of demand"
    return "weekly solve" if now - version.created_at >= RESOLVE_AFTER else ""


def solve_prices(
    *,
    seller: Organisation,
    policy: PricePolicy,
    projection: Projection,
    reason: str,
    now: datetime,
    by: Actor = SYSTEM,
    duals: Duals | None = None,
) -> PriceVersion:
    """Makes a new price version from the seller's own limits and use, and the duals of its forecast if there are any.

    Where no input changed, the prices are those of the version before at the same use; each curve stores what moved.
    """
    previous = PriceVersion.objects.filter(seller=seller).first()
    version = PriceVersion.objects.create(
        seller=seller,
        policy=policy,
        projection=projection,
        reason=reason,
        forecast=duals.forecast if duals else (previous.forecast if previous else ""),
        created_at=now,
    )
    PoolCurve.objects.bulk_create(_curves(version, before_of(previous, step=_tape_step(now), now=now), duals, now))
    record(by=by, verb="prices.solved", subject=version.public_id, now=now, reason=reason)
    return version


def _curves(
    version: PriceVersion, before: dict[int, Before], duals: Duals | None, now: datetime
) -> Iterator[PoolCurve]:
    pools = list(Pool.objects.filter(seller=version.seller))
    period = Period.of(version.projection.first_day, version.projection.days)
    found = inventory(pool_ids=[pool.pk for pool in pools], period=period, now=now)
    for pool, limits, nested in zip(pools, found.limits, found.nested, strict=True):
        if pool.pk in before:
            yield next_curve(version, pool, limits, nested, duals, before[pool.pk])
        else:
            yield first_curve(version, pool, limits, nested, duals)


def _tape_step(now: datetime) -> int:
    policy = PricePolicy.objects.default_at(now)
    return policy.tape_step_gpus if policy else 1


def publish_tape(*, now: datetime) -> Tape | None:
    """Publishes the tape of the current tick; None where it stands already, or while there are no prices."""
    policy = PricePolicy.objects.default_at(now)
    versions = current_versions()
    if policy is None or not versions:
        return None
    tick = tick_of(now, policy.tape_tick_minutes)
    before = Tape.objects.first()
    if before is not None and before.tick >= tick:
        return None
    tape, is_new = Tape.objects.get_or_create(tick=tick)
    if not is_new:
        return None
    published = {row.pool_id: row for row in before.pools.all()} if before else {}
    TapePool.objects.bulk_create(_tape_pools(tape, published, versions, policy.tape_step_gpus, now))
    _forget_old_tapes(tape)
    return tape


def _tape_pools(
    tape: Tape,
    published: dict[int, TapePool],
    versions: dict[int, int],
    step: int,
    now: datetime,
) -> Iterator[TapePool]:
    prices = pool_prices(versions.values())
    projection = latest_projection()
    if projection is None:
        return
    outlooks = {row.pool_id: row for row in projection.pools.select_related("pool") if row.pool_id in prices}
    first = max(now.date(), projection.first_day)
    last = min(
        [
            projection.first_day + timedelta(days=projection.days),
            *(p.last_day for p in prices.values()),
        ]
    )
    period = Period(first, last)
    found = inventory(pool_ids=list(outlooks), period=period, now=now)
    rooms = found.room()
    for index, (pool_id, outlook) in enumerate(outlooks.items()):
        supply = _supply_rows(outlook, (first - projection.first_day).days, period.days)
        headroom = republish(rooms[index], step, as_published(published.get(pool_id), period))
        yield TapePool(
            tape=tape,
            pool_id=pool_id,
            version_id=prices[pool_id].version_id,
            first_day=first,
            supply=stepped_down(supply, step).tolist(),
            limits=stepped_down(found.limits[index], step).tolist(),
            headroom=headroom.tolist(),
            prices=prices[pool_id].unit_prices(period, headroom).round(4).tolist(),
        )


def _supply_rows(outlook: PoolOutlook, offset: int, days: int) -> NDArray[np.int64]:
    rows = (outlook.p90, outlook.p50, outlook.p10, outlook.mean)
    return np.asarray([row[offset : offset + days] for row in rows]).astype(np.int64)


def _forget_old_tapes(current: Tape) -> None:
    """Keeps the last tapes and the first of each of the last 35 days: what the board compares itself with."""
    recent = list(Tape.objects.values_list("pk", flat=True)[:3])
    since = current.tick - timedelta(days=35)
    daily = Tape.objects.filter(tick__gte=since).order_by("tick__date", "tick").distinct("tick__date")
    Tape.objects.exclude(pk__in=recent).exclude(pk__in=list(daily.values_list("pk", flat=True))).delete()
