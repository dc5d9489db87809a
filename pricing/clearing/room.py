"""What is left under nested class limits while options are taken and given back, one at a time.

An option of class c (0 firm, 1 standard, 2 standby) counts in the sums c, c + 1, …: what a class may hold is counted
together with all firmer ones. So it fits where the least room of those sums, over all its days, is no less than its
GPUs. `free[c]` keeps that least room, so that a look costs one minimum over a slice.
"""

from collections.abc import Iterable

import numpy as np

from pricing.clearing.requests import Ints

Line = tuple[int, int, int, int]  # pool, first day, day after the last, GPUs


class Room:
    """`limits` (classes, pools, days): GPUs that a class and those firmer than it may hold. Negative counts as none."""

    def __init__(self, limits: Ints) -> None:
        self.left: Ints = np.maximum(limits, 0).astype(np.int64)
        self.free: Ints = np.minimum.accumulate(self.left[::-1], axis=0)[::-1].copy()

    def copy(self) -> "Room":
        made = object.__new__(Room)
        made.left, made.free = self.left.copy(), self.free.copy()
        return made

    def fits(self, firmness: int, lines: Iterable[Line]) -> bool:
        """Whether each line fits by itself; lines of one option never share a pool's day."""
        free = self.free[firmness]
        return all(free[pool, start:end].min() >= gpus for pool, start, end, gpus in lines)

    def take(self, firmness: int, lines: Iterable[Line]) -> None:
        for pool, start, end, gpus in lines:
            self._move(firmness, pool, start, end, gpus)

    def give_back(self, firmness: int, lines: Iterable[Line]) -> None:
        for pool, start, end, gpus in lines:
            self._move(firmness, pool, start, end, -gpus)

    def _move(self, firmness: int, pool: int, start: int, end: int, gpus: int) -> None:
        left = self.left[:, pool, start:end]
        left[firmness:] -= gpus
        free = self.free[:, pool, start:end]
        free[-1] = left[-1]
        for row in range(len(left) - 2, -1, -1):
            np.minimum(left[row], free[row + 1], out=free[row])
