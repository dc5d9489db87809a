"""Class limits that keep a promise: every block within them has at least its class's joint delivery confidence.

A class with promise p keeps a set K of the scenarios, at least its share p of them (and a margin), and its limit on a
day is the least that any scenario of K has there, in whole lots: the lower envelope of K. Then every scenario of K has
the whole limit on all days at once, so whatever is sold within it, short or long, is there in at least the share p of
the scenarios. The quantiles of single days do not do that: each day's nine in ten may be other scenarios.

Which scenarios are given up decides how much can be sold. To choose them best is a hard problem (a linear program with
one chance constraint; Luedtke and Ahmed, SIAM J. Optim. 19(2), 2008, show it NP-hard), so they are chosen by what they
cost: a scenario's cost is the GPU-days by which it falls short of a target curve, and the dearest are given up. Targets
are quantiles of single days; the one whose envelope sells most is taken. Figures: docs/decisions/0005.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import ceil, sqrt
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketplace.supply.projection import Gpus, ReadyDays, changes, class_limits, groups
from marketplace.supply.slips import ProjectionPolicy
from marketplace.supply.world import Ints, World

Lots = NDArray[np.float32]
Places = NDArray[np.int64]

# Share of the scenarios, among those that may be given up, below which the target curve lies on each day.
TARGETS = (1.0, 0.8, 0.6)
MOST_SAMPLES = 256  # days on which scenarios are compared; the envelope itself is taken over all days
# A share counted in n scenarios is known to sqrt(p (1 - p) / n): so much, twice, is kept in hand for other scenarios.
STANDARD_ERRORS_IN_HAND = 2.0


@dataclass(frozen=True)
class Promises:
    """The least joint delivery confidence at which each class is sold; 0 where nothing is promised."""

    firm: float
    standard: float
    standby: float

    def __post_init__(self) -> None:
        if not 1 > self.firm >= self.standard >= self.standby >= 0:
            raise ValueError(f"a surer class promises as much or more, and less than 1: {self}")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        return cls(**document)

    def by_class(self) -> tuple[float, float, float]:
        return self.firm, self.standard, self.standby


def promised_limits(
    world: World,
    ready_days: ReadyDays,
    policy: ProjectionPolicy,
    promises: Promises,
    quantiles: Sequence[Gpus],
    *,
    seed: int,
    firm_days: int,
) -> Ints:
    """(pools, 3, days): what firm, standard and standby, and those firmer than each, may hold; nested, whole lots.

    `quantiles` are P90, P50 and P10, each (pools, days), of the projection that drew `ready_days`. Firm is sold on
    the first `firm_days` days only, and so promised on them only.
    """
    p90, p50, p10 = quantiles
    days = p90.shape[1]
    limits = np.zeros((len(world.pools.keys), 3, days), dtype=np.int64)
    ends = (min(max(firm_days, 0), days), days, days)
    for group in groups(world):
        walk = _Walk(world, ready_days, policy, seed, group, days)
        envelopes = _envelopes(walk, promises, ends)
        for row, pool in enumerate(group):
            lot = int(world.pools.lot[pool])
            by_day = class_limits(p90[pool], p50[pool], p10[pool], lot, firm_days=firm_days)
            limits[pool] = nested(np.minimum(by_day, envelopes[row] // lot * lot))
    return limits


def nested(limits: Ints) -> Ints:
    """(3, days) with no class above one that is less firm: lowering a limit breaks no promise."""
    return np.minimum.accumulate(limits[::-1], axis=0)[::-1]


def scenarios_kept(promise: float, scenarios: int) -> int:
    """How many scenarios an envelope has to stay under: the promise, and what the sample may be wrong by."""
    margin = STANDARD_ERRORS_IN_HAND * sqrt(promise * (1 - promise) / scenarios)
    return min(scenarios, ceil(scenarios * (promise + margin)))


@dataclass(frozen=True)
class _Walk:
    """A group's usable GPUs, from change to change over [0, days)."""

    world: World
    ready_days: ReadyDays
    policy: ProjectionPolicy
    seed: int
    group: Ints
    days: int

    def steps(self) -> Iterable[tuple[int, Gpus]]:
        """(day, (pools, scenarios)): twice walked is cheaper than kept, which would be the whole horizon."""
        return changes(
            self.world, self.ready_days, self.policy, seed=self.seed, group=self.group, first=0, end=self.days
        )


def _envelopes(walk: _Walk, promises: Promises, ends: Sequence[int]) -> Ints:
    """(pools, 3, days): the least over the scenarios that each class keeps, in GPUs; no bound where none is promised
    and beyond the class's end."""
    scenarios = walk.ready_days.shape[1]
    bounds = np.full((len(walk.group), 3, walk.days), np.iinfo(np.int32).max, dtype=np.int64)
    sampled, usable = _samples(walk.steps())
    kept = {
        (row, place): _kept(usable[:, row], sampled, end, int(walk.world.pools.lot[pool]), promise)
        for row, pool in enumerate(walk.group)
        for place, (promise, end) in enumerate(zip(promises.by_class(), ends, strict=True))
        if promise and end and scenarios
    }
    like = np.zeros(walk.days, dtype=np.int64)
    for day, gpus in walk.steps() if kept else ():
        like[day] = day
        for (row, place), chosen in kept.items():
            if day < ends[place]:
                bounds[row, place, day] = gpus[row].take(chosen).min()
    like = np.maximum.accumulate(like)
    return bounds[:, :, like]


def _samples(steps: Iterable[tuple[int, Gpus]]) -> tuple[Ints, Gpus]:
    """(days (k,), usable (k, pools, scenarios)): each stride-th change, k at most MOST_SAMPLES."""
    kept: list[tuple[int, Gpus]] = []
    stride = 1
    for number, step in enumerate(steps):
        if number % stride == 0:
            kept.append(step)
            if len(kept) > MOST_SAMPLES:
                kept, stride = kept[::2], 2 * stride
    return np.array([day for day, _ in kept], dtype=np.int64), np.stack([gpus for _, gpus in kept])


def _kept(usable: Gpus, sampled: Ints, end: int, lot: int, promise: float) -> Places:
    """Indexes of the scenarios whose envelope sells most GPU-days over [0, end), among those that the targets offer.

    `usable` (k, scenarios) on the days `sampled` (k,).
    """
    before = int(np.searchsorted(sampled, end))
    lots = (usable[:before] // lot).astype(np.float32)
    weights = np.diff(np.append(sampled[:before], end)).astype(np.float32)
    need = scenarios_kept(promise, lots.shape[1])
    ranks = sorted({int((lots.shape[1] - need) * share) for share in TARGETS})
    targets = np.partition(lots, ranks, axis=1)[:, ranks]
    choices = [_cheapest(lots, weights, target, need) for target in targets.T]
    sold = [float(weights @ _least_without(lots, given_up)) for _, given_up in choices]
    return np.sort(choices[int(np.argmax(sold))][0])


def _cheapest(lots: Lots, weights: Lots, target: Lots, need: int) -> tuple[Places, Places]:
    """The `need` scenarios that fall least short of the target, weighted by days, and those given up.

    The first of equals stays, so that the choice is the same on every machine.
    """
    short = weights @ np.maximum(target[:, None] - lots, 0)
    order = np.argsort(short, kind="stable")
    return order[:need], order[need:]


def _least_without(lots: Lots, given_up: Places) -> Lots:
    """(k,) the least of the scenarios that are left."""
    rest = lots.copy()
    rest[:, given_up] = np.inf
    return rest.min(axis=1)
