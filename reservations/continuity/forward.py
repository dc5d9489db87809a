"""What the published forward curve says of dates, and how it has moved: nothing here is a forecast."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

import numpy as np

from marketplace.units.firmness import rank
from marketplace.units.period import Period
from pricing.curve.board import Board, Prices, Row, cheapest_by_day
from pricing.curve.models import Tape, TapePool

WEEKS_BACK = 8  # of tapes that are compared, each with the one a week before it
WEEK = 7
TAPES_KEPT = 2 * WEEKS_BACK
LOW, MIDDLE, HIGH = 10, 50, 90


@dataclass(frozen=True)
class Forward:
    """Mean price of the cheapest pool, USD per GPU-hour, over those of the days that have one."""

    unit_price: float | None
    priced_days: int
    days: int


@dataclass(frozen=True)
class Moves:
    """How prices of the same delivery days moved from one week to the next, as fractions: quantiles over `count`
    pairs of pool and day in `weeks` weeks. None where there is no pair."""

    weeks: int
    count: int
    low: float | None = None
    middle: float | None = None
    high: float | None = None


def forward_price(rows: Sequence[Row], firmness: str, period: Period) -> Forward:
    """What the tape asks for those days, pool by pool the cheapest of each day: at its margin, before any terms."""
    if not rows:
        return Forward(None, 0, period.days)
    curve, first = cheapest_by_day(rows, firmness), rows[0].first_day
    known = _of_days(curve, first, period)
    known = known[~np.isnan(known)]
    return Forward(float(known.mean()) if len(known) else None, len(known), period.days)


def rows_of(board: Board | None, accelerator: str) -> list[Row]:
    """The pools of an accelerator on the tape."""
    return [row for row in board.rows if row.pool.accelerator.key == accelerator] if board else []


def moves(pool_ids: Sequence[int], firmness: str, period: Period, now: datetime) -> Moves:
    """Over the last weeks of tapes, each compared with the one a week before, for the same delivery days."""
    chosen = [_tape_at(now - timedelta(days=WEEK * back)) for back in range(WEEKS_BACK + 1)]
    pairs = [(new, old) for new, old in pairwise(chosen) if new and old and new != old]
    found = [_moved(new, old, pool_ids, rank(firmness), period) for new, old in pairs]
    every = np.concatenate(found) if found else np.zeros(0)
    if not len(every):
        return Moves(len(pairs), 0)
    low, middle, high = np.percentile(every, [LOW, MIDDLE, HIGH]).tolist()
    return Moves(len(pairs), len(every), low, middle, high)


def _tape_at(moment: datetime) -> int | None:
    """The tape that stood at a moment, if it is of that week."""
    stood = Tape.objects.filter(tick__lte=moment, tick__gt=moment - timedelta(days=WEEK))
    return stood.order_by("-tick").values_list("pk", flat=True).first()


@lru_cache(maxsize=TAPES_KEPT)
def _prices(tape_id: int) -> dict[int, tuple[date, Prices]]:
    """Pool -> first day and prices (3, days), not a number where the class has no limit. A tape never changes."""
    rows = TapePool.objects.filter(tape_id=tape_id).values_list("pool_id", "first_day", "prices", "limits")
    return {
        pool_id: (first, np.where(np.asarray(limits) > 0, np.asarray(prices, dtype=np.float64), np.nan))
        for pool_id, first, prices, limits in rows
    }


def _moved(new: int, old: int, pool_ids: Sequence[int], row: int, period: Period) -> Prices:
    """(pairs,) relative changes of the prices of those days between two tapes."""
    now, then = _prices(new), _prices(old)
    found = [np.zeros(0)]
    for pool_id in set(pool_ids) & now.keys() & then.keys():
        (first, after), (since, before) = now[pool_id], then[pool_id]
        later, earlier = _of_days(after[row], first, period), _of_days(before[row], since, period)
        known = ~np.isnan(later) & ~np.isnan(earlier) & (earlier > 0)
        found.append(later[known] / earlier[known] - 1)
    return np.concatenate(found)


def _of_days(curve: Prices, first: date, period: Period) -> Prices:
    """(days of the period,) not a number outside of the curve."""
    found = np.full(period.days, np.nan)
    begin = (period.start - first).days
    low, high = max(begin, 0), min(begin + period.days, len(curve))
    if high > low:
        found[low - begin : high - begin] = curve[low:high]
    return found
