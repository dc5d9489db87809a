"""Where a block fits and what it costs at every start: pure arithmetic over one pool's days."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Starts:
    """A block of `quantity` GPUs over `days` days at every start: offsets that fit, and their totals in cents."""

    quantity: int
    days: int
    offsets: Ints
    cents: Ints


def round_up(quantity: int, lot: int) -> int:
    """The next whole number of lots."""
    return -(-quantity // lot) * lot


def largest(room: Ints, days: int, starts: int, lot: int) -> Ints:
    """The most GPUs (whole lots) that fit for `days` days from each of the first `starts` offsets, shape (starts,)."""
    if starts < 1 or len(room) < days:
        return np.zeros(0, dtype=np.int64)
    least = sliding_window_view(room[: starts + days - 1], days).min(axis=1)
    return np.maximum(least, 0) // lot * lot


def price_starts(room: Ints, day_cents: Ints, quantity: int, days: int, starts: int) -> Starts:
    """Fit and total of one quantity and length at every start, by prefix sums: one pass over the days."""
    short = np.concatenate(([0], np.cumsum(room < quantity)))
    spent = np.concatenate(([0], np.cumsum(day_cents)))
    first = np.arange(min(starts, len(room) - days + 1))
    fits = short[first + days] == short[first]
    return Starts(quantity, days, first[fits], (spent[first + days] - spent[first])[fits])
