"""The exact answer for small problems, by HiGHS (branch and cut, through SciPy)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from pricing.clearing.alternatives import Alternatives
from pricing.clearing.requests import Ints
from pricing.clearing.rows import rows_of


@dataclass(frozen=True, eq=False)
class Exact:
    """chosen: the picks, or None where none was found within the nodes. optimal: none costs less, says HiGHS."""

    chosen: Ints | None
    optimal: bool


def solve_exactly(problem: Alternatives, *, nodes: int) -> Exact:
    """Least cost within `nodes` of branching: never a time, so that the answer does not depend on the machine's load.

    HiGHS searches with one thread and a seed of its own.
    """
    model = _Model(problem)
    found = milp(
        model.cost,
        constraints=model.constraints,
        bounds=Bounds(0, 1),
        integrality=model.whole,
        options={"node_limit": nodes, "mip_rel_gap": 0.0},
    )
    optimal = found.status == 0
    chosen = None if found.x is None else np.flatnonzero(found.x[: problem.count] > 0.5)
    return Exact(chosen, optimal)


class _Model:
    """Variables: picks, ways, labels. A slot of a way that is gone has one pick; of the unit's ways one is gone."""

    def __init__(self, problem: Alternatives) -> None:
        self.problem = problem
        k, w = problem.count, len(problem.way_first) - 1
        labels = np.unique(problem.label[problem.label >= 0])
        self.cost = np.concatenate([problem.cost, np.zeros(w), np.full(len(labels), problem.toll)]).astype(np.float64)
        self.whole = np.concatenate([np.ones(k), np.zeros(w), np.zeros(len(labels))])
        self.width = k + w + len(labels)
        self.constraints = [self._capacity(), self._slots(), self._units(), self._labels(labels)]

    def _matrix(self, row: Ints, column: Ints, value: NDArray, rows: int) -> coo_array:
        return coo_array((value, (row, column)), shape=(rows, self.width)).tocsr()

    def _capacity(self) -> LinearConstraint:
        rows = rows_of(self.problem)
        return LinearConstraint(self._matrix(rows.row, rows.pick, rows.gpus, len(rows.limit)), -np.inf, rows.limit)

    def _slots(self) -> LinearConstraint:
        problem, slots = self.problem, len(self.problem.slot_first) - 1
        row = np.concatenate([problem.slot, np.arange(slots)])
        column = np.concatenate([np.arange(problem.count), problem.count + problem.way_of_slot])
        value = np.concatenate([np.ones(problem.count), -np.ones(slots)])
        return LinearConstraint(self._matrix(row, column, value, slots), 0, 0)

    def _units(self) -> LinearConstraint:
        ways = len(self.problem.way_first) - 1
        column = self.problem.count + np.arange(ways)
        return LinearConstraint(self._matrix(self.problem.unit_of_way, column, np.ones(ways), len(self.problem)), 1, 1)

    def _labels(self, labels: Ints) -> LinearConstraint:
        problem = self.problem
        marked = np.flatnonzero(problem.label >= 0)
        rows = np.arange(len(marked))
        label = problem.count + len(problem.way_first) - 1 + np.searchsorted(labels, problem.label[marked])
        row, column = np.concatenate([rows, rows]), np.concatenate([marked, label])
        value = np.concatenate([np.ones(len(marked)), -np.ones(len(marked))])
        return LinearConstraint(self._matrix(row, column, value, len(marked)), -np.inf, 0)
