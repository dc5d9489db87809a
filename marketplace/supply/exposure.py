"""How much of what is sold may be late: GPU-days claimed beyond what there is, over the joint scenarios.

In one scenario a pool is late by max(0, use - usable) GPUs on a day, use being everything that is claimed there, all
classes together; its late GPU-days are the sum over the days. What is said of several pools is said of their sum in
each scenario, because pools of a site slip together: the worst of a sum is not the sum of the worsts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from marketplace.supply.projection import Gpus, ReadyDays, changes, groups
from marketplace.supply.slips import ProjectionPolicy
from marketplace.supply.world import Floats, Ints, World

WORST_IN = 20  # the amount that 19 scenarios in 20 do not exceed


@dataclass(frozen=True)
class Exposure:
    """GPU-days: sold (and held), late on average, and late in the worst scenario but one in 20."""

    sold: int
    expected: float
    worst: int

    def as_json(self) -> dict[str, Any]:
        return {"sold": self.sold, "expected": self.expected, "worst": self.worst}


def exposure_of(late: Floats, use: Ints) -> Exposure:
    """Of one pool, or of several together: `late` (pools, scenarios) as below, `use` (pools, days)."""
    by_scenario = late.sum(axis=0)
    if not by_scenario.size:
        return Exposure(int(use.sum()), 0.0, 0)
    rank = ceil(by_scenario.size * (WORST_IN - 1) / WORST_IN) - 1
    worst = int(np.partition(by_scenario, rank)[rank])
    return Exposure(int(use.sum()), round(float(by_scenario.mean()), 1), worst)


def late_gpu_days(
    world: World, ready_days: ReadyDays, policy: ProjectionPolicy, *, seed: int, use: Ints, first: int
) -> Floats:
    """(pools, scenarios): GPU-days by which `use` (pools, days from day `first` on) is late in each scenario.

    Whole numbers, exact in float64. Pools of which nothing is used cost nothing.
    """
    late = np.zeros((len(use), ready_days.shape[1]))
    for group in groups(world):
        days = np.flatnonzero(use[group].any(axis=0))
        if len(days):
            start, end = int(days[0]), int(days[-1]) + 1
            found = changes(world, ready_days, policy, seed=seed, group=group, first=first + start, end=first + end)
            _add_late(late, group, use[:, start:end], found, first + start)
    return late


def _add_late(late: Floats, group: Ints, use: Ints, found: Iterable[tuple[int, Gpus]], first: int) -> None:
    """Adds a group's late GPU-days; `use` (pools, days) starts on day `first`, as the changes found do."""
    steps = iter(found)
    since, usable = next(steps)
    for day, changed in steps:
        _add_span(late, group, use[:, since - first : day - first], usable)
        since, usable = day, changed
    _add_span(late, group, use[:, since - first :], usable)


def _add_span(late: Floats, group: Ints, use: Ints, usable: Gpus) -> None:
    """Adds the days of a span on which nothing changes in any scenario: once for each level of use on them."""
    for row, pool in enumerate(group):
        least = usable[row].min()
        for level, days in zip(*np.unique(use[pool], return_counts=True), strict=True):
            if level > least:
                late[pool] += days * np.maximum(level - usable[row], 0)
