"""What is to be decided, as arrays: units that each go one of their ways, at least cost, under nested class limits.

A unit goes exactly one of its ways; a way has slots, each of which takes exactly one of its picks; a pick costs cents
and takes lines. For an auction a unit is a bid, its ways are its options and "nothing", and a cost is a value lost; for
a plan a unit is a reservation or a bundle, and a cost is harm. Everything is a whole number, so every sum is exact and
the same on any machine, in whatever order it is added.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pricing.clearing.requests import Ints
from pricing.clearing.room import Line

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Alternatives:
    """u units, w ways flat by unit, s slots flat by way, k picks flat by slot, l lines flat by pick.

    limits (classes, pools, days): GPUs that a class and those firmer may take; not negative.
    unit_first (u + 1,), way_first (w + 1,), slot_first (s + 1,), line_first (k + 1,): none of the first three is empty.
    cost (k,): cents. firmness (k,): the class. who (k,): whose pick it is (a slot's picks are one's).
    label (k,): -1, or whose toll it is: `toll` cents are due once per label that any chosen pick carries.
    pool, start, end, gpus (l,): of each line.
    """

    limits: Ints
    unit_first: Ints
    way_first: Ints
    slot_first: Ints
    cost: Ints
    firmness: Ints
    who: Ints
    label: Ints
    toll: int
    line_first: Ints
    pool: Ints
    start: Ints
    end: Ints
    gpus: Ints

    def __len__(self) -> int:
        return len(self.unit_first) - 1

    @property
    def count(self) -> int:
        return len(self.cost)

    @cached_property
    def slot(self) -> Ints:
        """(k,): the slot of each pick."""
        return np.repeat(np.arange(len(self.slot_first) - 1), np.diff(self.slot_first))

    @cached_property
    def way_of_slot(self) -> Ints:
        return np.repeat(np.arange(len(self.way_first) - 1), np.diff(self.way_first))

    @cached_property
    def unit_of_way(self) -> Ints:
        return np.repeat(np.arange(len(self)), np.diff(self.unit_first))

    @cached_property
    def way(self) -> Ints:
        return self.way_of_slot[self.slot]

    @cached_property
    def unit(self) -> Ints:
        return self.unit_of_way[self.way]

    @cached_property
    def pick_of_line(self) -> Ints:
        return np.repeat(np.arange(self.count), np.diff(self.line_first))

    @cached_property
    def lines(self) -> list[tuple[Line, ...]]:
        """Per pick, for what is tried one at a time."""
        flat = list(zip(*(each.tolist() for each in (self.pool, self.start, self.end, self.gpus)), strict=True))
        cut = self.line_first.tolist()
        return [tuple(flat[cut[at] : cut[at + 1]]) for at in range(self.count)]

    @cached_property
    def _corners(self) -> tuple[Ints, Ints]:
        """Where each line begins and ends in a flat (classes, pools, days + 1)."""
        _, pools, days = self.limits.shape
        row = (self.firmness[self.pick_of_line] * pools + self.pool) * (days + 1)
        return row + self.start, row + self.end

    def charge(self, prices: Ints) -> Ints:
        """(k,): what each pick pays at prices (classes, pools, days): its class's and all wider sums' over its days."""
        begins, ends = self._corners
        nested = np.cumsum(prices[::-1], axis=0)[::-1]
        sums = np.zeros((*prices.shape[:2], prices.shape[2] + 1), dtype=np.int64)
        np.cumsum(nested, axis=2, out=sums[:, :, 1:])
        flat = sums.ravel()
        total = np.zeros(len(self.pool) + 1, dtype=np.int64)
        # This running sum may pass 2 ** 63 and come round: differences of it are exact all the same.
        np.cumsum(self.gpus * (flat[ends] - flat[begins]), out=total[1:])
        return total[self.line_first[1:]] - total[self.line_first[:-1]]

    def use(self, chosen: Ints) -> Ints:
        """(classes, pools, days): GPUs of each nested sum that the chosen picks take."""
        begins, ends = self._corners
        often = np.zeros(self.count, dtype=np.int64)
        np.add.at(often, chosen, 1)
        gpus = self.gpus * often[self.pick_of_line]
        shape = (*self.limits.shape[:2], self.limits.shape[2] + 1)
        cells = shape[0] * shape[1] * shape[2]
        # Whole numbers below 2 ** 53 add exactly as floats.
        steps = (np.bincount(begins, gpus, cells) - np.bincount(ends, gpus, cells)).astype(np.int64)
        return np.cumsum(np.cumsum(steps.reshape(shape), axis=2)[:, :, :-1], axis=0)

    def total(self, chosen: Ints) -> int:
        """Cents that a choice costs, tolls included."""
        label = self.label[chosen]
        return int(self.cost[chosen].sum()) + self.toll * len(np.unique(label[label >= 0]))

    def fits(self, chosen: Ints) -> bool:
        return bool((self.use(chosen) <= self.limits).all())

    def is_whole(self, chosen: Ints) -> bool:
        """Whether every unit goes exactly one way, with exactly one pick in each of its slots."""
        per_slot = np.bincount(self.slot[chosen], minlength=len(self.slot_first) - 1)
        filled = np.add.reduceat(per_slot, self.way_first[:-1])
        gone = (filled == np.diff(self.way_first)) & np.logical_and.reduceat(per_slot == 1, self.way_first[:-1])
        per_unit = np.add.reduceat(gone, self.unit_first[:-1], dtype=np.int64)
        return bool((per_unit == 1).all() and per_slot.sum() == filled[gone].sum())


def per_unit(problem: Alternatives, value: Ints, extreme: np.ufunc) -> Ints:
    """(u,): the highest or the lowest (np.maximum, np.minimum) of `value` (k,) over all picks of each unit."""
    slots = extreme.reduceat(value, problem.slot_first[:-1])
    return extreme.reduceat(extreme.reduceat(slots, problem.way_first[:-1]), problem.unit_first[:-1])
