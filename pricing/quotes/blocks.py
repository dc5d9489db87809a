"""Where a block fits and what it costs at every start: pure arithmetic over the days of one pool, or of many at once.

Days are the last axis of every array; pools, where there are several, the one before it.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Whole = TypeVar("Whole", int, Ints)


@dataclass(frozen=True)
class Starts:
    """A block of `quantity` GPUs over `days` days at every start: offsets that fit, and their totals in cents."""

    quantity: int
    days: int
    offsets: Ints
    cents: Ints

    def cents_at(self, offset: int) -> int:
        """The total at a start that fits."""
        return int(self.cents[np.searchsorted(self.offsets, offset)])


@dataclass(frozen=True)
class Grid:
    """Blocks of one length in many pools, `quantity` (pools,): whether one fits at each start, and its total in cents,
    both of shape (pools, starts)."""

    quantity: Ints
    days: int
    fits: NDArray[np.bool_]
    cents: Ints

    def starts(self, place: int) -> Starts:
        """Those of one pool that fit."""
        offsets = np.flatnonzero(self.fits[place])
        return Starts(int(self.quantity[place]), self.days, offsets, self.cents[place, offsets])


def round_up(quantity: int, lot: Whole) -> Whole:
    """The next whole number of lots."""
    return -(-quantity // lot) * lot


def largest(room: Ints, days: int, starts: int, lot: int | Ints = 1) -> Ints:
    """The most GPUs (whole lots) that fit for `days` days from each of the first `starts` offsets: (…, starts)."""
    if starts < 1 or room.shape[-1] < days:
        return np.zeros((*room.shape[:-1], 0), dtype=np.int64)
    least: Ints = np.maximum(_running_minimum(room[..., : starts + days - 1], days), 0)
    if isinstance(lot, int) and lot == 1:
        return least
    lots = np.asarray(lot, dtype=np.int64)
    return least // lots * lots


def _running_minimum(values: Ints, days: int) -> Ints:
    """The least of every `days` days in a row: windows of 1, 2, 4 … days, the last two of which may overlap."""
    found, width = values, 1
    while width < days:
        step = min(width, days - width)
        found = np.minimum(found[..., : found.shape[-1] - step], found[..., step:])
        width += step
    return found


def price_grid(least: Ints, day_cents: Ints, quantity: Ints, days: int) -> Grid:
    """Fit and total of one length, and a quantity for each pool, at every start, from the least room of each start's
    days (`largest`), both (pools, starts), and the list price of each day."""
    spent = np.zeros((day_cents.shape[0], day_cents.shape[1] + 1), dtype=np.int64)  # before each day
    np.cumsum(day_cents, axis=1, out=spent[:, 1:])
    starts = least.shape[1]
    return Grid(quantity, days, least >= quantity[:, None], spent[:, days : days + starts] - spent[:, :starts])
