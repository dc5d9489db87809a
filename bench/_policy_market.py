"""A market at posted prices, simulated: requests arrive in order, each takes its cheapest option that fits, or leaves.

Several price settings are tried in one pass: they are the first axis of every array, and never meet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench._policy_instances import DAYS, POOLS, Instance
from marketplace.units.compute import HOURS_PER_DAY
from pricing.clearing.requests import Floats, Ints

UNFIT = 1e15  # USD: an option that no room is left for
TOLERANCE = 1e-9


class Prices(Protocol):
    """What q more GPUs cost, USD per day, per setting and cell, at a use of x (settings, cells)."""

    def cost(self, cells: Ints, x: Floats, gpus: float) -> Floats: ...


@dataclass(frozen=True)
class Wish:
    """A request's options over its own cells (flat pool and day): option k covers begin[k] <= cell < end[k]."""

    cells: Ints
    begin: Ints
    end: Ints


@dataclass
class Market:
    """Use (settings, pools x days), GPUs; per request the option taken (settings, n), -1 where none, and its price."""

    instance: Instance
    supply: Floats
    use: Floats
    taken: Ints
    paid: Floats
    cancelled: Floats  # (settings,) GPU-days that were sold and then taken back

    @classmethod
    def opened(cls, instance: Instance, supply: Floats, settings: int) -> "Market":
        n = len(instance.requests)
        use = np.zeros((settings, POOLS * DAYS))
        return cls(
            instance, supply.ravel(), use, np.full((settings, n), -1), np.zeros((settings, n)), np.zeros(settings)
        )

    def sell(self, first: int, last: int, prices: Prices) -> None:
        """Requests first..last (half-open) arrive."""
        for number in range(first, last):
            self._serve(number, prices)

    def _serve(self, number: int, prices: Prices) -> None:
        asked = self.instance.requests
        gpus, days = float(asked.gpus[number]), int(asked.days[number])
        wish = wish_of(self.instance, number)
        x = self.use[:, wish.cells]
        cost = prices.cost(wish.cells, x, gpus)
        cost[x + gpus > self.supply[wish.cells] + TOLERANCE] = UNFIT
        sums = np.zeros((len(cost), len(wish.cells) + 1))
        np.cumsum(cost, axis=1, out=sums[:, 1:])
        total = sums[:, wish.end] - sums[:, wish.begin]
        best = total.argmin(axis=1)
        price = total[np.arange(len(best)), best]
        can_pay = asked.worth[number] * gpus * days * HOURS_PER_DAY
        for setting in np.flatnonzero(price <= can_pay * (1 + TOLERANCE)):
            option = best[setting]
            self.use[setting, wish.cells[wish.begin[option] : wish.end[option]]] += gpus
            self.taken[setting, number] = asked.first[number] + option
            self.paid[setting, number] = price[setting]

    def worth(self) -> Floats:
        """USD per setting of what was served, gross of the floor."""
        asked = self.instance.requests
        value = asked.worth * asked.gpus * asked.days * HOURS_PER_DAY
        return (value * (self.taken >= 0)).sum(axis=1)

    def sold(self) -> Floats:
        """GPU-days per setting of all that was sold, what was taken back included."""
        asked = self.instance.requests
        return (asked.gpus * asked.days * (self.taken >= 0)).sum(axis=1) + self.cancelled

    def revenue(self) -> Floats:
        return np.where(self.taken >= 0, self.paid, 0.0).sum(axis=1)


def wish_of(instance: Instance, number: int) -> Wish:
    """The cells that a request's options touch, pool by pool, each day once, and where in them each option lies."""
    asked = instance.requests
    options = slice(asked.first[number], asked.first[number + 1])
    pool, start, days = asked.pool[options], asked.start[options], int(asked.days[number])
    starts_pool = np.flatnonzero(np.r_[True, pool[1:] != pool[:-1]])
    lowest = start[starts_pool]  # within a pool the options come by start
    highest = start[np.r_[starts_pool[1:], len(pool)] - 1] + days
    offset = np.cumsum(highest - lowest) - (highest - lowest)
    ranges = zip(pool[starts_pool] * DAYS, lowest, highest, strict=True)
    cells = np.concatenate([np.arange(at + low, at + high) for at, low, high in ranges])
    which = np.repeat(np.arange(len(starts_pool)), np.diff(np.r_[starts_pool, len(pool)]))
    begin = offset[which] + start - lowest[which]
    return Wish(cells, begin, begin + days)


def cells_of(instance: Instance, number: int, option: int) -> NDArray[np.int64]:
    """The flat cells of one option of a request."""
    asked = instance.requests
    at = int(asked.pool[option]) * DAYS + int(asked.start[option])
    return np.arange(at, at + int(asked.days[number]))


def steps(instance: Instance, days: list[float]) -> Iterator[tuple[float, int, int]]:
    """(day, first, last): the requests that arrive from each of those days until the next."""
    at = [int(found) for found in np.searchsorted(instance.arrival, days)] + [len(instance.requests)]
    at[0] = 0
    return zip(days, at[:-1], at[1:], strict=True)
