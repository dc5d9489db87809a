"""What growing use adds to a portfolio: the added need by day, and the blocks that would meet it. Pure.

    added(day) = ceil(held(day) x (factor - 1))   from the first day on

in whole GPUs. Bought it is as blocks: at most so many, each day covered in full, so that stretches are merged where
that adds fewest GPU-days; a ramp's layers (pricing/quotes/ramps.py) keep what runs where it is.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from pricing.quotes.ramps import Layer, layers

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Level:
    """`gpus` on every day of [start, end)."""

    start: int
    end: int
    gpus: int


def added(held: Ints, factor: Decimal, first: int) -> Ints:
    """(…, days) GPUs that use times `factor` needs beyond those held, from day `first` on. Exact: no floats."""
    more, of = (factor - 1).as_integer_ratio()
    found = -(-held * more // of)
    found[..., : max(first, 0)] = 0
    return found


def levels(need: Ints, most: int) -> list[Level]:
    """A need (days,) as at most `most` levels that cover it on every day, stretches without any need left out.

    Neighbours are merged at the higher of their levels, always the two where that adds fewest GPU-days.
    """
    edges = np.flatnonzero(np.diff(need, prepend=-1, append=-1))
    bounds, heights = edges.copy(), need[edges[:-1]].copy() if len(need) else need.copy()
    while (heights > 0).sum() > most:
        lengths = np.diff(bounds)
        higher = np.maximum(heights[:-1], heights[1:])
        extra = (higher - heights[:-1]) * lengths[:-1] + (higher - heights[1:]) * lengths[1:]
        at = int(np.argmin(extra))
        heights = np.concatenate([heights[:at], higher[at : at + 1], heights[at + 2 :]])
        bounds = np.delete(bounds, at + 1)
    rows = zip(bounds[:-1].tolist(), bounds[1:].tolist(), heights.tolist(), strict=True)
    return [Level(start, end, gpus) for start, end, gpus in rows if gpus > 0]


def blocks(need: Ints, most: int) -> list[Layer]:
    """At most `most` blocks that together cover a need (days,) on every day, by start."""
    found: list[Layer] = []
    for run in _runs(levels(need, most)):
        found += layers([each.start for each in run], [each.gpus for each in run], run[-1].end)
    return found


def _runs(found: list[Level]) -> list[list[Level]]:
    """Levels that follow one another without a gap, together."""
    runs: list[list[Level]] = []
    for each in found:
        if runs and runs[-1][-1].end == each.start:
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs
