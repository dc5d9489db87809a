"""The projection of a large market: 10,000 scenarios over 20 pools at 10 sites, 200 projects and 3 years.

Nothing is made easy. A project has all 7 milestones; half of the sites are short of power, so that their pools are cut
together; a tenth of the projects are late and still open; some retire; disruptions hold up milestones everywhere, and
every pool has a window of maintenance. Pure: no database and no disk.

The cost's exponents come from doubling one dimension at a time, the others held: the slope of log cost over log size,
each cost the least of several runs in processor time (what else runs on the machine only ever adds).
"""

import random
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter, process_time
from typing import Any

import numpy as np

from marketplace.supply.projection import project
from marketplace.supply.slips import DEFAULT_POLICY
from marketplace.supply.world import KINDS, World

POOLS, PROJECTS, DAYS, SCENARIOS = 20, 200, 3 * 365, 10_000
MILESTONES = len(KINDS)
SECONDS, EXPONENT = 5.0, 1.05
SIZES = (0.5, 1.0, 2.0)
MANY = (1.0, 2.0, 4.0, 8.0)  # days cost more than projects: only many projects show what they add
RUNS = 3


def run() -> Iterator[tuple[str, float, float | None]]:
    usual = world(PROJECTS), SCENARIOS, DAYS
    yield "seconds", min(_cost(perf_counter, *usual) for _ in range(RUNS)), SECONDS
    yield "cpu_seconds", min(_cost(process_time, *usual) for _ in range(RUNS)), None
    at = {size: world(int(PROJECTS * size)) for size in MANY}
    yield "growth_scenarios", _slope(SIZES, lambda size: (at[1.0], int(SCENARIOS * size), DAYS)), EXPONENT
    yield "growth_projects", _slope(MANY, lambda size: (at[size], SCENARIOS, DAYS)), EXPONENT
    yield "growth_days", _slope(SIZES, lambda size: (at[1.0], SCENARIOS, int(DAYS * size))), EXPONENT
    yield "peak_mib", _peak_mib(), None


def _cost(timer: Callable[[], float], case: World, scenarios: int, days: int) -> float:
    start = timer()
    project(case, DEFAULT_POLICY, seed=1, scenarios=scenarios, days=days)
    return timer() - start


def _slope(sizes: Sequence[float], case: Callable[[float], tuple[World, int, int]]) -> float:
    """Exponent of the cost in one dimension: least squares through (log size, log of the least cost)."""
    costs = [min(_cost(process_time, *case(size)) for _ in range(RUNS)) for size in sizes]
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def _peak_mib() -> float:
    """Memory that a run takes at most, beyond what was there before it, as Python and NumPy account for it."""
    case = world(PROJECTS)
    tracemalloc.start()
    project(case, DEFAULT_POLICY, seed=1, scenarios=SCENARIOS, days=DAYS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def world(projects: int) -> World:
    rng = random.Random(1)
    rows = [(f"project {i}", i % POOLS, 8 * rng.randrange(20, 400), 10.0, _retires(i, rng)) for i in range(projects)]
    each = PROJECTS / projects  # the market stays as large: more projects are smaller ones
    rows = [(key, pool, max(8, int(gpus * each)), mw, retires) for key, pool, gpus, mw, retires in rows]
    milestones = [row for i in range(projects) for row in _milestones(i, rng)]
    return World.of(
        sites=[(f"site {i}", 1.3, 22.0 if i % 2 else 500.0, 0.8) for i in range(POOLS // 2)],
        pools=[(f"pool {i}", i // 2, 1.5, 8) for i in range(POOLS)],
        projects=rows,
        milestones=milestones,
        delays=[_delay(i, len(milestones), rng) for i in range(20)],
        windows=[_window(i, rng) for i in range(POOLS)],
    )


def _retires(index: int, rng: random.Random) -> int | None:
    return None if index % 20 else rng.randrange(200, DAYS)


def _milestones(index: int, rng: random.Random) -> list[tuple[Any, ...]]:
    """One in ten is there, one in ten is late and still open, the others come over three years."""
    day = -rng.randrange(1, 400) if index % 10 < 2 else rng.randrange(1, DAYS)
    there = index % 10 == 0
    return [(index, kind, day, None, day if there else None) for kind in KINDS]


def _delay(index: int, milestones: int, rng: random.Random) -> tuple[Any, ...]:
    starts, hit = rng.randrange(0, 600), rng.sample(range(milestones), milestones // 20)
    return f"disruption {index}", starts, starts + 120, rng.randrange(5, 60), sorted(hit)


def _window(index: int, rng: random.Random) -> tuple[Any, ...]:
    starts = rng.randrange(0, DAYS - 60)
    return f"maintenance {index}", index, starts, starts + rng.randrange(2, 30), 0.8
