"""The curves of many pools as one curve over (pools, days): a whole market is priced in one pass."""

import threading
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from marketplace.units.firmness import rank
from marketplace.units.period import Period
from pricing.curve import scarcity
from pricing.curve.queries import PoolPrices, Room

Floats = NDArray[np.float64]
STACKS_KEPT = 24  # three classes of a whole market and of what is asked for most; at most a few megabytes each


@dataclass(frozen=True, eq=False)
class Taken:
    """F(x) as it was last worked out, cents (pools, days), and the x that it is of (not a number: not yet)."""

    x: Floats
    cents: scarcity.Cents
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, eq=False)
class Stack:
    """One class of many pools. The curve's parameters have shape (pools, days) or (pools, 1), from `first_day` on;
    `is_priced` (pools, days) says which days the pool's version prices."""

    first_day: date
    curve: scarcity.Curve
    is_priced: NDArray[np.bool_]
    taken: Taken

    def priced_days(self, period: Period) -> NDArray[np.bool_]:
        """Which days of the period have a price, shape (pools, days of the period)."""
        found = np.zeros((len(self.is_priced), period.days), dtype=bool)
        here, there = self._overlap(period)
        found[:, there] = self.is_priced[:, here]
        return found

    def day_cents(self, period: Period, room: Room, quantity: NDArray[np.int64]) -> scarcity.Cents:
        """List price per day of `quantity` (pools,) GPUs where `room` (pools, days) is left, cents, as room; 0 on days
        without a price."""
        cents = np.zeros(room.shape, dtype=np.int64)
        here, there = self._overlap(period)
        if there.start < there.stop:
            of = cut(self.curve, days=here)
            x = of.limit - room[:, there]
            asked = scarcity.cumulative_cents(of, x + quantity[:, None])
            with self.taken.lock:
                cents[:, there] = asked - self._of_taken(of, x, here)
        return cents

    def _of_taken(self, of: scarcity.Curve, x: Floats, days: slice) -> scarcity.Cents:
        """F(x) over those days. Between two searches few pools are bought from: the others have it already."""
        stale = np.flatnonzero((self.taken.x[:, days] != x).any(axis=1))
        if len(stale):
            self.taken.cents[stale, days] = scarcity.cumulative_cents(cut(of, rows=stale), x[stale])
            self.taken.x[stale, days] = x[stale]
        return self.taken.cents[:, days]

    def _overlap(self, period: Period) -> tuple[slice, slice]:
        """The days of the period that the stack has: in the stack, and in the period."""
        offset = (period.start - self.first_day).days
        low, high = max(0, offset), min(self.is_priced.shape[1], offset + period.days)
        high = max(low, high)
        return slice(low, high), slice(low - offset, high - offset)


@lru_cache(maxsize=STACKS_KEPT)
def stacked(prices: tuple[PoolPrices, ...], firmness: str) -> Stack:
    """The class's curves of these pools, in their order, over every day that any of them prices."""
    first = min(each.first_day for each in prices)
    days = max((each.last_day - first).days for each in prices)
    places = [slice((each.first_day - first).days, (each.last_day - first).days) for each in prices]
    curves = [each.classes[rank(firmness)] for each in prices]
    is_priced = np.zeros((len(prices), days), dtype=bool)
    for row, place in enumerate(places):
        is_priced[row, place] = True

    def by_day(name: str) -> Floats:
        found = np.zeros((len(prices), days))
        for row, (place, curve) in enumerate(zip(places, curves, strict=True)):
            found[row, place] = getattr(curve, name)
        return found

    def by_pool(name: str) -> Floats:
        return np.array([[getattr(curve, name)] for curve in curves], dtype=np.float64)

    names_by_day = ("limit", "use", "dual", "capped_from")
    names_by_pool = ("base", "adder", "cap", "lot", "fill_steepness", "dual_steepness")
    parts = {name: by_day(name) for name in names_by_day} | {name: by_pool(name) for name in names_by_pool}
    taken = Taken(np.full(is_priced.shape, np.nan), np.zeros(is_priced.shape, dtype=np.int64))
    return Stack(first, scarcity.Curve(**parts), is_priced, taken)


def cut(
    of: scarcity.Curve, *, rows: NDArray[np.int64] | slice = slice(None), days: slice = slice(None)
) -> scarcity.Curve:
    """Some pools and days of a curve over (pools, days)."""
    parts = {name: value[rows] if value.shape[1] == 1 else value[rows, days] for name, value in vars(of).items()}
    return scarcity.Curve(**parts)
