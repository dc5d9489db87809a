"""The delivery confidence of many blocks of one pool, from scenarios that are kept as they change.

`projection.changes` says what a pool can use on every day and in every scenario; between two changes of a scenario
nothing happens in it. So what is kept is, per scenario, the days on which its own supply changes with the amounts (a
handful for most), and the least of every four weeks. A block asks the weeks first: most scenarios have enough in each
of them and are through; only the others are looked at change by change. The figure is that of
`projection.block_confidence`, to the bit: the same scenarios are counted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketplace.supply.projection import Gpus, ReadyDays, changes, groups
from marketplace.supply.slips import ProjectionPolicy
from marketplace.supply.world import Ints, World

SPAN = 28  # days of which the least is kept


@dataclass(frozen=True)
class Delivery:
    """One pool's usable supply over the days [0, days).

    `since` and `gpus` (steps, scenarios): from that day on a scenario has so many GPUs; columns are filled up with
    steps at `days`, which nobody asks for. `least` (spans, scenarios): the least of SPAN days each; `sure` (spans,):
    what every scenario has of it.
    """

    days: int
    since: NDArray[np.int32]
    gpus: Gpus
    least: Gpus
    sure: Gpus

    def confidence(self, first: int, required: Ints) -> float:
        """Share of the scenarios that have the GPUs required on every day from `first` on, all of them in [0, days)."""
        scenarios = self.least.shape[1]
        spans = np.arange(first // SPAN, (first + len(required) - 1) // SPAN + 1)
        most = np.maximum.reduceat(required, np.maximum(spans * SPAN - first, 0))
        is_unsure = self.sure[spans] < most
        if not is_unsure.any():
            return 1.0
        open_to_doubt = np.flatnonzero((self.least[spans[is_unsure]] < most[is_unsure, None]).any(axis=0))
        return (scenarios - self._failing(open_to_doubt, first, required)) / scenarios

    def _failing(self, scenarios: Ints, first: int, required: Ints) -> int:
        """How many of these scenarios fall short on some day."""
        if not len(scenarios):
            return 0
        end = first + len(required)
        since, gpus = self.since[:, scenarios], self.gpus[:, scenarios]
        until = np.concatenate([since[1:], np.full((1, len(scenarios)), self.days, dtype=since.dtype)])
        low, high = np.maximum(since, first) - first, np.minimum(until, end) - first
        step, which = np.nonzero(low < high)
        most = most_between(required, low[step, which], high[step, which])
        return len(np.unique(which[gpus[step, which] < most]))


def most_between(values: Ints, low: Ints, high: Ints) -> Ints:
    """The largest of values[low:high] for every pair, none of them empty: from the largest of every 1, 2, 4 … in a row,
    of which two cover any stretch."""
    widths = [1]
    levels = [values]
    while widths[-1] * 2 <= len(values):
        before, width = levels[-1], widths[-1]
        levels.append(np.concatenate([np.maximum(before[:-width], before[width:]), before[-width:]]))
        widths.append(width * 2)
    level = np.frexp(high - low)[1] - 1
    table = np.stack(levels)
    return np.maximum(table[level, low], table[level, high - np.array(widths)[level]])


def deliveries(
    world: World, ready_days: ReadyDays, policy: ProjectionPolicy, *, seed: int, pool: int, days: int
) -> dict[int, Delivery]:
    """`Delivery` of a pool over [0, days), and of those that have to be looked at together with it."""
    group = next(group for group in groups(world) if pool in group)
    found = changes(world, ready_days, policy, seed=seed, group=group, first=0, end=days)
    builders = [_Builder(days, ready_days.shape[1]) for _ in group]
    for day, usable in found:
        for builder, gpus in zip(builders, usable, strict=True):
            builder.change(day, gpus)
    return {int(place): builder.finish() for place, builder in zip(group, builders, strict=True)}


class _Builder:
    """Takes a pool's changes in the order of days."""

    def __init__(self, days: int, scenarios: int) -> None:
        self.days = days
        self.day = 0
        self.gpus: Gpus = np.full(scenarios, -1, dtype=np.int32)
        self.least = np.full((-(-days // SPAN), scenarios), np.iinfo(np.int32).max, dtype=np.int32)
        self.steps: list[tuple[int, Ints, Gpus]] = []

    def change(self, day: int, gpus: Gpus) -> None:
        """From `day` on the pool has `gpus` (scenarios,)."""
        changed = np.flatnonzero(gpus != self.gpus)
        if len(changed):
            self._until(day)
            self.steps.append((day, changed, gpus[changed]))
            self.gpus = gpus

    def _until(self, day: int) -> None:
        """Nothing has changed before `day`."""
        for span in range(self.day // SPAN, -(-day // SPAN)):
            np.minimum(self.least[span], self.gpus, out=self.least[span])
        self.day = day

    def finish(self) -> Delivery:
        self._until(self.days)
        count = np.zeros(len(self.gpus), dtype=np.int64)
        for _, changed, _ in self.steps:
            count[changed] += 1
        since = np.full((int(count.max()), len(count)), self.days, dtype=np.int32)
        gpus = np.zeros_like(since)
        count[:] = 0
        for day, changed, values in self.steps:
            since[count[changed], changed], gpus[count[changed], changed] = day, values
            count[changed] += 1
        return Delivery(self.days, since, gpus, self.least, self.least.min(axis=1))
