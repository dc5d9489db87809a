"""Limits that keep a promise, on the demo market's build-out: how long they take, how much they sell, what they keep.

Decision 0005's designs side by side, judged in scenarios of another seed than the one that made them. `sold` is in %
of the GPU-days that no limits can exceed which keep the promise (each day's quantile at the promise); `kept` is the
lowest joint probability, over the pools, that the whole limit is there on every day.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from time import perf_counter, process_time

import numpy as np
from django.db import transaction

from marketplace.journal.actor import SYSTEM
from marketplace.local.demo_campuses import demo_campuses
from marketplace.supply.importing import import_campuses
from marketplace.supply.projection import Gpus, ProjectedSupply, ReadyDays, project, readiness, usable_supply
from marketplace.supply.promises import Promises, promised_limits
from marketplace.supply.queries import build_out
from marketplace.supply.slips import DEFAULT_POLICY
from marketplace.supply.world import Ints, World
from marketplace.units import clock

SEED, OTHER_SEED, SCENARIOS, DAYS = 20_261_123, 77, 10_000, 2557
PROMISES = Promises(0.95, 0.75, 0.0)
CLASSES = (("firm", PROMISES.firm, 0.9), ("standard", PROMISES.standard, 0.5))


@dataclass
class Tally:
    gpu_days: int = 0
    kept: float = 1.0

    def add(self, limits: Ints, unseen: Gpus) -> None:
        self.gpu_days += int(limits.sum())
        self.kept = min(self.kept, float((unseen >= limits).all(axis=1).mean()))


def run() -> Iterator[tuple[str, float, float | None]]:
    world = demo_world()
    started = process_time()
    supply = project(world, DEFAULT_POLICY, seed=SEED, scenarios=SCENARIOS, days=DAYS)
    projected, at = process_time(), perf_counter()
    limits = limits_of(world, supply)
    yield "seconds", perf_counter() - at, None
    yield "over_projection", (process_time() - projected) / (projected - started), None
    unseen = readiness(world, DEFAULT_POLICY, seed=OTHER_SEED, scenarios=SCENARIOS).days
    for place, (name, promise, share) in enumerate(CLASSES):
        found = compared(world, supply.ready.days, unseen, limits, place, promise, share)
        for design, tally in found.items():
            yield f"{name}_sold_{design}", 100 * tally.gpu_days / found["daily"].gpu_days, None
            yield f"{name}_kept_{design}", tally.kept, promise if design == "promised" else None


def demo_world() -> World:
    """The build-out that `./headroom demo` shows; nothing of it is left in the database."""
    now = clock.now()
    with transaction.atomic():
        import_campuses(demo_campuses(now.date()), by=SYSTEM, now=now)
        world = build_out(now.date()).world
        transaction.set_rollback(True)
    return world


def limits_of(world: World, supply: ProjectedSupply) -> Ints:
    quantiles = (supply.p90, supply.p50, supply.p10)
    firm_days = world.last_known_day() + 1
    return promised_limits(
        world, supply.ready.days, DEFAULT_POLICY, PROMISES, quantiles, seed=SEED, firm_days=firm_days
    )


def compared(
    world: World, ready: ReadyDays, unseen: ReadyDays, limits: Ints, place: int, promise: float, share: float
) -> dict[str, Tally]:
    """The designs by name, over all pools: `quantile` of the class, `daily` at the promise, `uniform` band, ours."""
    end = world.last_known_day() + 1 if place == 0 else DAYS
    designs: dict[str, Callable[[Gpus], Ints]] = {
        "quantile": lambda usable: reached(usable, share),
        "daily": lambda usable: reached(usable, promise),
        "uniform": lambda usable: uniform_band(usable, promise),
    }
    tallies = {name: Tally() for name in (*designs, "promised")}
    for pool, lot in enumerate(world.pools.lot):
        seen = in_lots(world, ready, SEED, pool, end, int(lot))
        other = in_lots(world, unseen, OTHER_SEED, pool, end, int(lot))
        for name, design in designs.items():
            tallies[name].add(design(seen), other)
        tallies["promised"].add(limits[pool, place, :end], other)
    return tallies


def in_lots(world: World, ready: ReadyDays, seed: int, pool: int, end: int, lot: int) -> Gpus:
    """(scenarios, days) of usable GPUs in whole lots."""
    usable = usable_supply(world, ready, DEFAULT_POLICY, seed=seed, pool=pool, first=0, end=end)
    return usable // lot * lot


def reached(usable: Gpus, share: float) -> Ints:
    """Per day, the most that at least this share of the scenarios reaches."""
    rank = len(usable) - ceil(share * len(usable))
    return np.partition(usable, rank, axis=0)[rank].astype(np.int64)


def uniform_band(usable: Gpus, promise: float) -> Ints:
    """The highest level of the days' own quantiles, one for all days, whose curve keeps the promise."""
    ranked = np.sort(usable, axis=0)
    low, high = 0, len(usable) - ceil(promise * len(usable))
    while low < high:
        middle = (low + high + 1) // 2
        if (usable >= ranked[middle]).all(axis=1).mean() >= promise:
            low = middle
        else:
            high = middle - 1
    return ranked[low].astype(np.int64)
