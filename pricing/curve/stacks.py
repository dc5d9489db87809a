"""The curves of many pools as one curve over (pools, days): a whole market is priced in one pass."""

import threading
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from marketplace.units.firmness import rank
from marketplace.units.period import Period
from pricing.curve import scarcity
from pricing.curve.queries import PoolPrices, Room
from pricing.curve.terms import Terms

Floats = NDArray[np.float64]
Part = TypeVar("Part", scarcity.Curve, scarcity.Fixed)
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
    known: scarcity.Fixed
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
            of, known = cut(self.curve, days=here), cut(self.known, days=here)
            x = of.limit - room[:, there]
            asked = scarcity.cumulative_cents(of, x + quantity[:, None], known)
            with self.taken.lock:
                np.subtract(asked, self._of_taken(of, known, x, here), out=cents[:, there])
        return cents

    def _of_taken(self, of: scarcity.Curve, known: scarcity.Fixed, x: Floats, days: slice) -> scarcity.Cents:
        """F(x) over those days. Between two searches few pools are bought from: the others have it already."""
        stale = np.flatnonzero((self.taken.x[:, days] != x).any(axis=1))
        if len(stale):
            asked = scarcity.cumulative_cents(cut(of, rows=stale), x[stale], cut(known, rows=stale))
            self.taken.cents[stale, days] = asked
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
    whole = scarcity.Curve(**parts)
    return Stack(first, whole, scarcity.fixed(whole), is_priced, taken)


@dataclass(frozen=True, eq=False)
class TermsInCommon:
    """Pools that have their terms in common: their places among those given, and their floors (`Constants`)."""

    rows: NDArray[np.int64] | slice
    terms: Terms
    floor_parts: NDArray[np.int64]


@lru_cache(maxsize=STACKS_KEPT)
def terms_in_common(prices: tuple[PoolPrices, ...]) -> tuple[TermsInCommon, ...]:
    """The pools by their terms: those of one kind are priced in one pass."""
    places: dict[int, list[int]] = {}
    for place, each in enumerate(prices):
        places.setdefault(id(each.terms), []).append(place)
    return tuple(
        TermsInCommon(
            # A slice where it is all of them: then the arrays are not copied.
            slice(None) if len(places) == 1 else np.array(rows, dtype=np.int64),
            prices[rows[0]].terms,
            np.array([prices[row].constants.floor_parts for row in rows], dtype=np.int64),
        )
        for rows in places.values()
    )


def cut(of: Part, *, rows: NDArray[np.int64] | slice = slice(None), days: slice = slice(None)) -> Part:
    """Some pools and days of a curve over (pools, days), or of what is fixed in it."""
    parts = {name: value[rows] if value.shape[1] == 1 else value[rows, days] for name, value in vars(of).items()}
    return type(of)(**parts)
