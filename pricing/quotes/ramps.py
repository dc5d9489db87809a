"""A quantity by date as blocks: pure arithmetic over day offsets.

A ramp is laid out in layers: what is added on a date stays to the end, or until the ramp falls below it (last in, first
out). So every layer is one block whose GPUs stay where they are, and a step up never moves what runs already.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Layer:
    """`quantity` GPUs over the days [start, end)."""

    start: int
    end: int
    quantity: int


def layers(starts: Sequence[int], quantities: Sequence[int], end: int) -> list[Layer]:
    """The layers of a ramp whose quantity is quantities[i] from day starts[i] on, until `end`; by start, longest first.

    starts rise and end lies after the last. On every day the layers sum to the ramp's quantity.
    """
    found: list[Layer] = []
    running: list[tuple[int, int]] = []  # (start, quantity) of the layers that have not ended
    level = 0
    for day, quantity in (*zip(starts, quantities, strict=True), (end, 0)):
        while level > quantity:
            start, top = running.pop()
            gone = min(top, level - quantity)
            found.append(Layer(start, day, gone))
            level -= gone
            if top > gone:
                running.append((start, top - gone))
        if quantity > level:
            running.append((day, quantity - level))
            level = quantity
    return sorted(found, key=lambda layer: (layer.start, -layer.end))


def by_day(starts: Sequence[int], quantities: Sequence[int], end: int) -> NDArray[np.int64]:
    """The ramp's quantity on each day from its first on, shape (days,)."""
    lengths = np.diff([*starts, end])
    return np.repeat(np.asarray(quantities, dtype=np.int64), lengths)
