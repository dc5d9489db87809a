"""CP-SAT on a plan's problem: the same units, ways, picks, limits and tolls, and the baseline as its first hint."""

import numpy as np
from numpy.typing import NDArray

from pricing.clearing.alternatives import Alternatives
from pricing.clearing.rows import rows_of

HOW = "CP-SAT is not installed: .venv/bin/uv pip install --require-hashes -r requirements-bench.lock"
WORKERS = 2
Ints = NDArray[np.int64]


def is_installed() -> bool:
    try:
        import ortools.sat.python.cp_model  # noqa: F401
    except ImportError:
        return False
    return True


def least_harm(problem: Alternatives, start: Ints, seconds: float) -> int:
    """Cents of the best choice that CP-SAT finds within `seconds`, checked to fit; that of `start` if it finds none."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    picks = [model.new_bool_var("") for _ in range(problem.count)]
    ways = [model.new_bool_var("") for _ in range(len(problem.way_first) - 1)]
    labels = {label: model.new_bool_var("") for label in np.unique(problem.label[problem.label >= 0]).tolist()}
    cut = problem.slot_first.tolist()
    for slot, way in enumerate(problem.way_of_slot.tolist()):
        model.add(sum(picks[cut[slot] : cut[slot + 1]]) == ways[way])
    cut = problem.unit_first.tolist()
    for unit in range(len(problem)):
        model.add_exactly_one(ways[cut[unit] : cut[unit + 1]])
    for pick in np.flatnonzero(problem.label >= 0).tolist():
        model.add_implication(picks[pick], labels[int(problem.label[pick])])
    rows = rows_of(problem)
    order = np.argsort(rows.row, kind="stable")
    ends = np.searchsorted(rows.row[order], np.arange(len(rows.limit) + 1)).tolist()
    for row, limit in enumerate(rows.limit.tolist()):
        at = order[ends[row] : ends[row + 1]]
        use = cp_model.LinearExpr.weighted_sum([picks[pick] for pick in rows.pick[at]], rows.gpus[at].tolist())
        model.add(use <= limit)
    model.minimize(cp_model.LinearExpr.weighted_sum(picks, problem.cost.tolist()) + problem.toll * sum(labels.values()))
    hinted = set(start.tolist())
    for pick, variable in enumerate(picks):
        model.add_hint(variable, pick in hinted)
    return _solved(cp_model, model, picks, problem, start, seconds)


def _solved(cp_model, model, picks, problem: Alternatives, start: Ints, seconds: float) -> int:  # type: ignore[no-untyped-def]
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = WORKERS
    solver.parameters.random_seed = 1
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return problem.total(start)
    chosen = np.array([pick for pick, variable in enumerate(picks) if solver.boolean_value(variable)], dtype=np.int64)
    assert problem.fits(chosen), "CP-SAT's plan uses what is not there: the two were not asked the same"
    assert problem.is_whole(chosen), "CP-SAT's plan leaves a unit undecided: the two were not asked the same"
    return problem.total(chosen)
