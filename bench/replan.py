"""A slip that touches 100, 1,000 and 10,000 reservations over 20 pools and 730 days: the plan of least harm.

Every figure is the worst over the size's seeds, but for the mean in `harm_vs_earliest_first`. `harm_vs_cpsat`: our harm
over that of CP-SAT, asked the same question (the same protections, the baseline as its hint), with ten times our time
and two workers. `gap`: harm over the bound that the plan itself carries, less 1. Seconds are of the whole plan on one
core: baseline, the two other rules, search and bound. `harm_vs_earliest_first`: what is left of the harm that earliest
contract first does, at 1,000; `harm_musd` and `owed_musd` say how much that is, million USD, mean over the seeds.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import mean
from time import perf_counter, process_time

from bench import _cpsat
from bench._replan_instances import WEIGHTS, slip
from reservations.allocation.asking import asked
from reservations.allocation.case import Case
from reservations.allocation.protection import ways_of
from reservations.allocation.solver import Outcome, solve
from reservations.allocation.units import units_of

SEEDS = {100: (0, 1, 2, 3, 4), 1_000: (0, 1, 2), 10_000: (0, 1)}
GAP = {100: None, 1_000: 0.03, 10_000: 0.05}
SECONDS = {100: None, 1_000: 10.0, 10_000: 60.0}
TIMES = 10  # as much time for CP-SAT as for ours
LOTTERY = 1

Line = tuple[str, float, float | None]


@dataclass(frozen=True)
class Planned:
    case: Case
    outcome: Outcome
    seconds: float
    cpu: float


def run() -> Iterator[Line]:
    """Sizes can be named in HEADROOM_REPLAN_SIZES, e.g. `100,1000`."""
    named = os.environ.get("HEADROOM_REPLAN_SIZES", "")
    for size in [int(size) for size in named.split(",") if size] or SEEDS:
        plans = [_plan(size, seed) for seed in SEEDS[size]]
        yield f"gap_{size}", max(plan.outcome.gap for plan in plans), GAP[size]
        yield f"seconds_{size}", max(plan.seconds for plan in plans), SECONDS[size]
        yield f"cpu_seconds_{size}", max(plan.cpu for plan in plans), None
        yield f"harm_musd_{size}", mean(plan.outcome.harm for plan in plans) / 1e8, None
        yield f"owed_musd_{size}", mean(plan.outcome.reckoning.owed_cents for plan in plans) / 1e8, None
        yield f"proposals_{size}", mean(plan.outcome.rules.proposals for plan in plans), None
        name = "harm_vs_earliest_first" if size == 1_000 else f"harm_vs_earliest_first_{size}"
        yield name, mean(_over(p.outcome.harm, p.outcome.baseline.reckoning.harm) for p in plans), None
        if size < 10_000:
            yield from _beside_cpsat(size, plans)


def _plan(size: int, seed: int) -> Planned:
    case = slip(size, seed)
    start, cpu = perf_counter(), process_time()
    outcome = solve(case, weights=WEIGHTS, seed=LOTTERY)
    return Planned(case, outcome, perf_counter() - start, process_time() - cpu)


def _beside_cpsat(size: int, plans: list[Planned]) -> Iterator[Line]:
    if not _cpsat.is_installed():
        print(f"replan: harm_vs_cpsat_{size} left out. {_cpsat.HOW}", file=sys.stderr)
        return
    yield f"harm_vs_cpsat_{size}", max(_over(plan.outcome.harm, _by_cpsat(plan)) for plan in plans), 1.0


def _by_cpsat(plan: Planned) -> int:
    kept = plan.outcome.baseline.chosen
    question = asked(plan.case, ways_of(units_of(plan.case), kept), WEIGHTS)
    return _cpsat.least_harm(question.problem, question.picks_of(kept), TIMES * plan.seconds)


def _over(harm: int, other: int) -> float:
    """0 / 0 counts 1."""
    return harm / other if other else 1.0 if not harm else float("inf")
