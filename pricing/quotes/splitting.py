"""The cheapest way to take a quantity from several pools in whole lots: pure and exact.

A pool's cost never rises less steeply with more lots (the price of scarcity does not fall), so among pools of one lot
the cheapest k lots are the k cheapest steps, whatever the pool: a merge. Pools of different lots do not trade one for
one, and what is asked for may be passed by part of a lot; they are combined exactly by dynamic programming over
quantities, in units of the lots' greatest common divisor (Bellman's knapsack recursion), the larger lots last since
there are fewer of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
NEVER = np.iinfo(np.int64).max // 4


@dataclass(frozen=True)
class _Group:
    """Pools of one lot, merged. cost[k]: the cheapest k lots, (lots + 1,); pool[k]: who sells the (k + 1)th of them."""

    lot: int
    cost: Ints
    pool: Ints


def cheapest_split(costs: Sequence[Ints], lots: Sequence[int], quantity: int) -> Ints | None:
    """How many lots to take of each pool, shape (pools,), so that at least `quantity` GPUs cost least; None where all
    of them together have fewer.

    costs[p][k] is what the first k lots of pool p cost together (costs[p][0] is 0), as many as may be taken of it.
    """
    groups = _merged(costs, lots)
    if sum(group.lot * (len(group.cost) - 1) for group in groups) < quantity:
        return None
    unit = gcd(*(group.lot for group in groups))
    units = -(-quantity // unit)
    least = np.full(units + 1, NEVER, dtype=np.int64)  # by units that are still to be had from the groups so far
    least[0] = 0
    chosen: list[Ints] = []
    for group in groups:
        least, took = _with(group, least, units, unit)
        chosen.append(took)
    if least[units] >= NEVER:
        return None
    return _taken(groups, chosen, units, unit, len(costs))


def _merged(costs: Sequence[Ints], lots: Sequence[int]) -> list[_Group]:
    """One group per lot, the smallest lot first."""
    found = []
    for lot in sorted(set(lots)):
        pools = [pool for pool, each in enumerate(lots) if each == lot]
        steps = np.concatenate([np.diff(costs[pool]) for pool in pools])
        # Rounded to cents, a later step may be a cent cheaper than the one before it: they still come in order.
        order = np.concatenate([np.maximum.accumulate(np.diff(costs[pool])) for pool in pools])
        whose = np.repeat(pools, [len(costs[pool]) - 1 for pool in pools])
        cheapest = np.argsort(order, kind="stable")
        found.append(_Group(lot, np.concatenate(([0], np.cumsum(steps[cheapest]))), whose[cheapest]))
    return found


def _with(group: _Group, least: Ints, units: int, unit: int) -> tuple[Ints, Ints]:
    """The least cost of at least so many units once this group may serve, too, and how many of its lots that takes."""
    per_lot = group.lot // unit
    best, took = least.copy(), np.zeros(units + 1, dtype=np.int64)
    wanted = np.arange(units + 1)
    if (least[1:] >= NEVER).all():  # nobody before it: all must come from here
        lots = -(-wanted // per_lot)
        enough = lots < len(group.cost)
        best = np.where(enough, group.cost[np.minimum(lots, len(group.cost) - 1)], NEVER)
        return best, np.where(enough, lots, 0)
    for number in range(1, min(len(group.cost) - 1, -(-units // per_lot)) + 1):
        cost = least[np.maximum(wanted - number * per_lot, 0)] + group.cost[number]
        better = cost < best
        best[better], took[better] = cost[better], number
    return best, took


def _taken(groups: Sequence[_Group], chosen: Sequence[Ints], units: int, unit: int, pools: int) -> Ints:
    """Back from the last group to the first: whose lots they were."""
    taken, left = np.zeros(pools, dtype=np.int64), units
    for group, took in zip(reversed(groups), reversed(chosen), strict=True):
        lots = int(took[left])
        taken += np.bincount(group.pool[:lots], minlength=pools)
        left = max(left - lots * (group.lot // unit), 0)
    return taken
