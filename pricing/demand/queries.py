"""Stored forecasts as they are looked at: one pool and class by week, beside the books and the version before."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from marketplace.catalogue.models import Pool
from marketplace.units.firmness import FIRMNESS, rank
from pricing.demand.assumptions import Assumptions
from pricing.demand.evidence import Floats, Ints
from pricing.demand.forecast import WEEK, learnt_of, places_of
from pricing.demand.models import DemandForecast, PoolDemand
from pricing.demand.sampling import booking_curve

COMPARED_WITH = timedelta(days=7)
LEADS = (1, 7, 14, 28, 56, 91, 182)


@dataclass(frozen=True)
class Weekly:
    """By delivery week from `first_day`: expected, low, high (weeks,) in new GPU-days, and on_the_books in GPU-days.

    before (weeks,): what a version a week older expected, not a number where it did not reach; before_id names it.
    """

    forecast: DemandForecast
    seen: dict[str, int | None]
    volume: float
    expected: Floats
    low: Floats
    high: Floats
    on_the_books: Ints
    before: Floats
    before_id: str | None

    @property
    def dates(self) -> list[date]:
        return [self.forecast.first_day + timedelta(days=WEEK * week) for week in range(len(self.expected))]


@dataclass(frozen=True)
class BookingCurve:
    """Part of a day's GPU-days asked for at least so many days ahead: as assumed, and with what was seen."""

    leads: tuple[int, ...]
    assumed: Floats
    learnt: Floats


def own_pool(*, public_id: str, organisation_id: int) -> Pool | None:
    """The wall: demand is shown to a pool's own seller; for anybody else there is no such pool."""
    return Pool.objects.filter(public_id=public_id, seller_id=organisation_id).first()


def weekly_demand(*, pool: Pool, firmness: str | None, now: datetime) -> Weekly | None:
    """The newest forecast of a pool, of one class or (None) of all together; None before there is one."""
    rows = PoolDemand.objects.filter(pool=pool, forecast__created_at__lte=now).select_related("forecast")
    row = rows.order_by("-forecast__created_at", "-pk").first()
    if row is None:
        return None
    earlier = rows.filter(forecast__created_at__lte=row.forecast.created_at - COMPARED_WITH)
    before = earlier.order_by("-forecast__created_at", "-pk").first()
    chosen = [rank(firmness)] if firmness else list(range(len(FIRMNESS)))
    expected, low, high = (np.array(rows_)[chosen].sum(axis=0) for rows_ in (row.expected, row.low, row.high))
    return Weekly(
        forecast=row.forecast,
        seen=row.seen,
        volume=row.volume,
        expected=expected,
        low=low,
        high=high,
        on_the_books=np.array(row.on_the_books, dtype=np.int64)[chosen].sum(axis=0),
        before=_moved(before, row, chosen),
        before_id=before.forecast.public_id if before else None,
    )


def _moved(before: PoolDemand | None, row: PoolDemand, chosen: list[int]) -> Floats:
    """The older version's weeks under those of the newer one."""
    found = np.full(row.forecast.weeks, np.nan)
    if before is not None:
        old = np.array(before.expected)[chosen].sum(axis=0)
        offset = (row.forecast.first_day - before.forecast.first_day).days // WEEK
        kept = old[offset : offset + len(found)]
        found[: len(kept)] = kept
    return found


def booking_curve_of(forecast: DemandForecast, pool: Pool) -> BookingCurve:
    """How early this pool's GPU-days are asked for, by the forecast's own assumptions and what it had learnt."""
    places = places_of([pool], forecast.first_day, forecast.weeks * WEEK, forecast.created_at)
    assumed = Assumptions(**forecast.assumptions)
    parts = booking_curve(np.array(LEADS), places, learnt_of(forecast.learnt, [pool]), assumed)
    return BookingCurve(LEADS, *parts)
