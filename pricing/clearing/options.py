"""Requests made ready for the kernel: their possible options as flat arrays, and sums and extremes over their days."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pricing.clearing.requests import Floats, Ints, Requests

Flags = NDArray[np.bool_]


class RequestsDoNotFit(ValueError):
    """The arrays of the requests contradict each other, the supply or the floor."""


@dataclass(frozen=True)
class Options:
    """Options that could pay, of requests that have one. quantity, first: per request; the rest: per option.

    quantity: weight times gpus. value: what the option is worth net of its pool's floor, USD per GPU times days / 24.
    end: the day after its last. owner: its request, an index into quantity. shape: (pools, days) of the supply.
    """

    shape: tuple[int, int]
    quantity: Floats
    first: Ints
    owner: Ints
    pool: Ints
    start: Ints
    end: Ints
    value: Floats
    blocked_options: "Options | None" = None

    def __len__(self) -> int:
        return len(self.quantity)

    @property
    def count(self) -> int:
        return len(self.pool)

    @property
    def blocked(self) -> "Options":
        """The options that need a day without any supply."""
        assert self.blocked_options is not None
        return self.blocked_options

    @cached_property
    def mean_net(self) -> float:
        """Mean worth net of the floor, weighted by GPU-days, USD per GPU-hour."""
        gpu_days = self.quantity[self.owner] * (self.end - self.start)
        return float((self.quantity[self.owner] * self.value).sum() / gpu_days.sum())

    @cached_property
    def highest_net(self) -> float:
        return float((self.value / (self.end - self.start)).max())

    @cached_property
    def _begins(self) -> Ints:
        return self.pool * (self.shape[1] + 1) + self.start

    @cached_property
    def _ends(self) -> Ints:
        return self.pool * (self.shape[1] + 1) + self.end

    def charge(self, prices: Floats) -> Floats:
        """The sum of prices (pools, days) over each option's days, (options,)."""
        sums = np.zeros((self.shape[0], self.shape[1] + 1))
        np.cumsum(prices, axis=1, out=sums[:, 1:])
        flat = sums.ravel()
        return flat[self._ends] - flat[self._begins]

    def use(self, chosen: Ints, share: Floats | None = None) -> Floats:
        """GPUs per pool and day that the chosen options take, by differences at their two ends."""
        gpus = self.quantity[self.owner[chosen]]
        gpus = gpus if share is None else gpus * share
        cells = self.shape[0] * (self.shape[1] + 1)
        steps = np.bincount(self._begins[chosen], gpus, cells) - np.bincount(self._ends[chosen], gpus, cells)
        return np.cumsum(steps.reshape(self.shape[0], -1), axis=1)[:, :-1]

    def days_within(self, days: Flags) -> Floats:
        """How many of each option's days are among `days` (pools, days)."""
        return self.charge(days.astype(np.float64))

    def only(self, kept: Flags) -> "Options":
        """The options kept, and of the requests those that keep one."""
        left = np.bincount(self.owner[kept], minlength=len(self.quantity))
        alive = left > 0
        first = np.concatenate([[0], np.cumsum(left[alive])]).astype(np.int64)
        owner = (np.cumsum(alive) - 1)[self.owner[kept]]
        arrays = (self.pool[kept], self.start[kept], self.end[kept], self.value[kept])
        return Options(self.shape, self.quantity[alive], first, owner, *arrays)


def options_of(requests: Requests, supply: Floats, floor: Floats) -> Options:
    """Leaves out what cannot pay or weighs nothing, and sets apart what needs a day without supply."""
    _check(requests, supply, floor)
    owner = np.repeat(np.arange(len(requests)), np.diff(requests.first))
    days = requests.days[owner]
    value = (requests.worth[owner] - floor[requests.pool]) * days
    quantity = requests.weight * requests.gpus
    shape = (supply.shape[0], supply.shape[1])
    end = requests.start + days
    every = Options(shape, quantity, requests.first, owner, requests.pool, requests.start, end, value)
    pays = (value > 0) & (quantity[owner] > 0)
    empty = every.days_within(supply <= 0) > 0
    open_ = every.only(pays & ~empty)
    return Options(
        shape, open_.quantity, open_.first, open_.owner, open_.pool, open_.start, open_.end, open_.value,
        every.only(pays & empty),
    )  # fmt: skip


def ranges_lowest(grid: Floats, pool: Ints, start: Ints, end: Ints) -> Floats:
    """The lowest of grid (pools, days) over each [start, end) of a pool, from a table of powers of two."""
    levels = [grid]
    while 2 ** len(levels) <= grid.shape[1]:
        below, half = levels[-1], 2 ** (len(levels) - 1)
        levels.append(np.minimum(below, _moved(below, half, np.inf)))
    table, level = np.stack(levels), _level(end - start)
    return np.minimum(table[level, pool, start], table[level, pool, end - 2**level])


def ranges_highest(values: Floats, shape: tuple[int, ...], pool: Ints, start: Ints, end: Ints) -> Floats:
    """Per pool and day the highest value among the ranges [start, end) that cover it, 0 where none does."""
    level = _level(end - start)
    table = np.zeros((int(level.max()) + 1, *shape))
    np.maximum.at(table, (level, pool, start), values)
    np.maximum.at(table, (level, pool, end - 2**level), values)
    for above in range(len(table) - 1, 0, -1):
        half = 2 ** (above - 1)
        table[above - 1] = np.maximum(table[above - 1], table[above])
        table[above - 1, :, half:] = np.maximum(table[above - 1, :, half:], table[above, :, :-half])
    return table[0]


def _level(length: Ints) -> Ints:
    """The largest power of two within each length, as its exponent."""
    return np.frexp(length.astype(np.float64))[1].astype(np.int64) - 1


def _moved(grid: Floats, by: int, beyond: float) -> Floats:
    return np.pad(grid[:, by:], ((0, 0), (0, min(by, grid.shape[1]))), constant_values=beyond)


def _check(requests: Requests, supply: Floats, floor: Floats) -> None:
    """Says which array is wrong and what would be right, before anything is computed."""
    n, count = len(requests), len(requests.pool)
    _demand(supply.ndim == 2, f"supply has {supply.ndim} dimensions; it takes (pools, days)")
    pools, days = supply.shape
    _demand(floor.shape == (pools,), f"floor has shape {floor.shape}; it takes one price per pool, ({pools},)")
    for name in ("days", "worth", "weight"):
        _demand(
            len(getattr(requests, name)) == n, f"{name} has {len(getattr(requests, name))} entries for {n} requests"
        )
    _demand(len(requests.first) == n + 1, f"first has {len(requests.first)} entries; {n} requests take {n + 1}")
    _demand(len(requests.start) == count, f"start has {len(requests.start)} entries, pool has {count}")
    steps = np.diff(requests.first)
    _demand(bool((steps >= 0).all()), "first must never fall")
    _demand(int(requests.first[0]) == 0 and int(requests.first[-1]) == count, f"first must run from 0 to {count}")
    for name, values in (("supply", supply), ("floor", floor), ("worth", requests.worth), ("weight", requests.weight)):
        _demand(bool(np.isfinite(values).all()), f"{name} has an entry that is not a number")
    for name, least in (("gpus", 0), ("days", 1), ("weight", 0)):
        _demand(bool((getattr(requests, name) >= least).all()), f"{name} must be at least {least} everywhere")
    _demand(bool((supply >= 0).all()), "supply must not be negative")
    if count:
        end = requests.start + np.repeat(requests.days, steps)
        _demand(requests.pool.min() >= 0 and requests.pool.max() < pools, f"pool must lie within 0..{pools - 1}")
        _demand(requests.start.min() >= 0 and end.max() <= days, f"an option leaves the {days} days of the supply")


def _demand(holds: bool, wrong: str) -> None:
    if not holds:
        raise RequestsDoNotFit(f"The requests do not fit: {wrong}.")
