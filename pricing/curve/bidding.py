"""Bid prices: what the forecast demand of one seller makes of what is left of its supply."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from marketplace.capacity.queries import inventory
from marketplace.catalogue.models import Pool
from marketplace.supply.models import PoolOutlook, Projection
from marketplace.units.firmness import FIRMNESS, STANDBY, rank
from marketplace.units.period import Period
from pricing.clearing import ascent, foresight
from pricing.clearing.requests import Requests, pooled
from pricing.curve.constants import constants_of, cost_of
from pricing.curve.continuity import DEMAND, SUPPLY
from pricing.curve.models import PricePolicy, PriceVersion
from pricing.curve.solving import Duals, basis_of
from pricing.demand.forecast import forecast_requests
from pricing.demand.models import DemandForecast

Floats = NDArray[np.float64]
FUTURES = tuple(
    range(20_261_124, 20_261_140)
)  # seeds, the same for all solves: they differ by their inputs, not by luck
ITERATIONS = 120  # from nothing: a solve follows from its inputs, and not from the solves before it
SUPPLY_MOVED = 0.001  # of a seller's projected GPU-days: less is the luck of a new first day
SPREAD_DAYS = 7  # a dual is spread over as many days on either side, the nearer the more


def duals_of(
    *,
    seller_id: int,
    policy: PricePolicy,
    projection: Projection,
    previous: PriceVersion | None,
    now: datetime,
) -> Duals | None:
    """Shadow prices of every pool and day, of the seller's own forecast; None until it has one.

    Demand may take the median projected supply less what foresight keeps back, and less what is sold or held already.
    All classes of a pool share a dual: what a GPU would bring elsewhere does not ask which class takes it here. The
    same inputs give the same duals, to the bit.
    """
    forecast = DemandForecast.objects.known_at(seller_id, now).first()
    pools = list(Pool.objects.filter(seller_id=seller_id))
    if forecast is None or not pools:
        return None
    period = Period.of(projection.first_day, projection.days)
    found = inventory(pool_ids=[pool.pk for pool in pools], period=period, now=now)
    taken = found.nested[:, rank(STANDBY)]
    lead = np.arange(projection.days) - (now.date() - projection.first_day).days
    left = np.maximum(_supply(projection, pools) * (1.0 - foresight.kept_back(lead)) - taken, 0.0)
    floors = np.array([float(constants_of(policy, pool, cost_of(pool)).floor) for pool in pools])
    solved = ascent.duals(_futures(seller_id, pools, projection, now), left, floors, iterations=ITERATIONS)
    posted, classes = spread(solved.duals) * foresight.weight(lead), np.ones((len(FIRMNESS), 1))
    by_pool = {pool.pk: classes * row for pool, row in zip(pools, posted, strict=True)}
    cause, reason = _what_is_left(previous, projection, pools)
    return Duals(basis_of(forecast.public_id, projection.public_id), by_pool, cause, reason)


def _futures(seller_id: int, pools: Sequence[Pool], projection: Projection, now: datetime) -> Requests:
    """What the forecast expects over the projection's days, drawn once for each seed."""
    first_day, days = projection.first_day, projection.days
    return pooled(
        [
            forecast_requests(seller_id=seller_id, pools=pools, first_day=first_day, days=days, now=now, seed=seed)
            for seed in FUTURES
        ]
    )


def spread(duals: Floats) -> Floats:
    """Duals (pools, days) spread over the days around, by a triangle of weights.

    A block is worth the sum of its days' duals, so a solve may put all of a month's scarcity on any day of it, and
    puts it on one: the day after costs a floor, the day itself three, and the next forecast picks another. Spread,
    the sum over a block stays as it was to within its ends, and prices of neighbouring days are neighbours. Wider
    spreads cost welfare: docs/decisions/0007.
    """
    weights = np.concatenate([np.arange(1, SPREAD_DAYS + 2), np.arange(SPREAD_DAYS, 0, -1)]).astype(np.float64)
    held = np.pad(duals, ((0, 0), (SPREAD_DAYS, SPREAD_DAYS)), mode="edge")
    windows = sliding_window_view(held, len(weights), axis=1)
    found: Floats = windows @ (weights / weights.sum())
    return found


def _what_is_left(previous: PriceVersion | None, projection: Projection, pools: Sequence[Pool]) -> tuple[str, str]:
    """Why less or more is left than at the version before, under the same forecast: supply moved, or it was sold."""
    if previous is not None and previous.projection_id != projection.pk:
        days = (projection.first_day - previous.projection.first_day).days
        was, now = _supply(previous.projection, pools)[:, days:], _supply(projection, pools)
        shared = min(was.shape[1], now.shape[1])
        was, now = was[:, :shared], now[:, :shared]
        if np.abs(now - was).sum() > SUPPLY_MOVED * was.sum():
            return SUPPLY, f"what is left: {projection.reason}"
    return DEMAND, "sold since the solve before: less is left"


def _supply(projection: Projection, pools: Sequence[Pool]) -> Floats:
    """(pools, days): P50 of the projection, nothing for a pool that is newer than it."""
    p50 = dict(PoolOutlook.objects.filter(projection=projection, pool__in=pools).values_list("pool_id", "p50"))
    return np.array([p50.get(pool.pk, [0] * projection.days) for pool in pools], dtype=np.float64)
