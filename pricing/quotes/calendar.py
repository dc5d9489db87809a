"""Calendar of prices: for every start the cheapest block, over every pool that fits; a day is made when asked for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import overload

import numpy as np
from numpy.typing import NDArray

from marketplace.units.compute import gpu_hours
from marketplace.units.money import Money, unit_price, usd_from_cents
from pricing.quotes.blocks import Grid, Ints

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CalendarDay:
    """The cheapest total for a start, over every pool that fits."""

    start: date
    total: Money
    unit_price: Decimal


@dataclass(frozen=True, eq=False)
class Calendar(Sequence[CalendarDay]):
    """Days from `first` at `offsets`, with the total and the GPU-hours of each one's block; all of shape (days,)."""

    first: date
    offsets: Ints
    cents: Ints
    hours: Ints

    def __len__(self) -> int:
        return len(self.offsets)

    @overload
    def __getitem__(self, index: int) -> CalendarDay: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[CalendarDay]: ...
    def __getitem__(self, index: int | slice) -> CalendarDay | Sequence[CalendarDay]:
        if isinstance(index, slice):
            return Calendar(self.first, self.offsets[index], self.cents[index], self.hours[index])
        total = usd_from_cents(int(self.cents[index]))
        start = self.first + timedelta(days=int(self.offsets[index]))
        return CalendarDay(start, total, unit_price(total, int(self.hours[index])))

    def __iter__(self) -> Iterator[CalendarDay]:
        return (self[index] for index in range(len(self)))


def no_days(first: date) -> Calendar:
    nothing = np.zeros(0, dtype=np.int64)
    return Calendar(first, nothing, nothing, nothing)


def cheapest_by_start(first: date, starts: int, priced: Iterable[tuple[Grid, Floats]]) -> Calendar:
    """The block of the least worth at each of the first `starts` offsets, the first of equals, from pairs of
    (blocks of one length, what each is worth: (pools, starts), infinite where there is none)."""
    least = np.full(starts, np.inf)
    cents, hours = np.zeros((2, starts), dtype=np.int64)
    for blocks, worth in priced:
        best = worth.argmin(axis=0)
        at = np.flatnonzero(worth[best, np.arange(len(best))] < least[: len(best)])
        place = best[at]
        least[at], cents[at] = worth[place, at], blocks.cents[place, at]
        hours[at] = gpu_hours(blocks.quantity[place], blocks.days)
    offsets = np.flatnonzero(np.isfinite(least))
    return Calendar(first, offsets, cents[offsets], hours[offsets])
