"""Supply, headroom and prices of one pool by day: the tape's for everybody, exact ones for the pool's own seller."""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from marketplace.capacity.queries import inventory
from marketplace.catalogue.models import Pool
from marketplace.supply.models import PoolOutlook
from marketplace.supply.queries import latest_projection
from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.period import Period
from pricing.curve.board import pool_row
from pricing.curve.queries import PoolPrices, current_versions, pool_prices

Floats = NDArray[np.float64]
QUANTILES = ("p90", "p50", "p10", "mean")


@dataclass(frozen=True)
class Figures:
    """Arrays over the days of `period`; not a number where nothing is known.

    supply (4, days): P90, P50, P10, mean; headroom and prices (3 classes, days). GPUs, and USD per GPU-hour.
    """

    period: Period
    exact: bool
    as_of: datetime | None
    price_version: str | None
    supply: Floats
    headroom: Floats
    prices: Floats

    def price(self, firmness: str) -> Floats:
        return self.prices[rank(firmness)]


def figures(*, pool: Pool, period: Period, organisation_id: int, now: datetime) -> Figures:
    """What this organisation may see of a pool: its seller all of it, everybody else the tape."""
    return exact_figures(pool, period, now) if pool.seller_id == organisation_id else tape_figures(pool, period)


def tape_figures(pool: Pool, period: Period) -> Figures:
    row = pool_row(pool)
    if row is None:
        return Figures(period, False, None, None, _unknown(4, period), _unknown(3, period), _unknown(3, period))
    prices = np.stack([row.price(firmness) for firmness in FIRMNESS])
    return Figures(
        period,
        exact=False,
        as_of=row.tick,
        price_version=row.version.public_id,
        supply=_placed(row.supply, row.first_day, period),
        headroom=_placed(row.headroom, row.first_day, period),
        prices=_placed(prices, row.first_day, period),
    )


def exact_figures(pool: Pool, period: Period, now: datetime) -> Figures:
    """From the newest projection, the ledger as it stands, and the seller's newest prices."""
    found = inventory(pool_ids=[pool.pk], period=period, now=now)
    prices = pool_prices(current_versions().values()).get(pool.pk)
    return Figures(
        period,
        exact=True,
        as_of=now,
        price_version=prices.version if prices else None,
        supply=_projected(pool, period),
        headroom=np.maximum(found.room()[0], 0).astype(np.float64),
        prices=_next_prices(prices, period, found.room()[0], found.limits[0]),
    )


def _projected(pool: Pool, period: Period) -> Floats:
    projection = latest_projection()
    outlook = PoolOutlook.objects.filter(projection=projection, pool=pool).first() if projection else None
    if outlook is None or projection is None:
        return _unknown(len(QUANTILES), period)
    rows = np.asarray([getattr(outlook, name) for name in QUANTILES], dtype=np.float64)
    return _placed(np.rint(rows), projection.first_day, period)


def _next_prices(
    prices: PoolPrices | None, period: Period, room: NDArray[np.int64], limits: NDArray[np.int64]
) -> Floats:
    """What the next GPU costs on each day that the version prices and on which the class has a limit."""
    found = _unknown(len(FIRMNESS), period)
    if prices is None or not prices.first_day < period.end or not period.start < prices.last_day:
        return found
    priced = Period(max(period.start, prices.first_day), min(period.end, prices.last_day))
    days = slice((priced.start - period.start).days, (priced.end - period.start).days)
    found[:, days] = np.where(limits[:, days] > 0, prices.unit_prices(priced, room[:, days]), np.nan)
    return found


def _unknown(rows: int, period: Period) -> Floats:
    return np.full((rows, period.days), np.nan)


def _placed(values: NDArray[np.generic], first_day: date, period: Period) -> Floats:
    """Columns that start on `first_day`, moved to the days of `period`."""
    found = _unknown(values.shape[0], period)
    offset = (period.start - first_day).days
    first, last = max(0, -offset), min(period.days, values.shape[1] - offset)
    if first < last:
        found[:, first:last] = values[:, first + offset : last + offset]
    return found
