"""Least cost within nested limits: a choice that fits, as good as the effort finds, and a proof of how good. Pure.

1. What can never fit and what has no alternative is taken out (`tightening`); costs are decided over what is left.
2. Ruin and recreate from the choice given (`primal`).
3. Prices and a bound (`nested`). The bound and what is reached rule out every pick that would cost more than the gap.
4. A choice anew at the prices, in place of the one that stands where it is better.
5. What is left of a small problem goes to the exact solver: where it finishes, the choice is the optimum and the bound
   its cost.
6. Of a large one the exact solver gets pieces: first the core (the picks that regret least at the prices), then, pool
   by pool, the units that come nearest to it, all others as they stand. A piece never makes the choice worse.
7. Prices again, from where they stood, against the better choice, and a last ruin and recreate, which settles ties.

Effort counts steps of all of these, never seconds.
"""

from dataclasses import dataclass

import numpy as np

from pricing.clearing.alternatives import Alternatives, Flags, per_unit
from pricing.clearing.exact import solve_exactly
from pricing.clearing.nested import SCALE, Proof, prove, regret
from pricing.clearing.primal import Choice, Search, construct
from pricing.clearing.requests import Ints
from pricing.clearing.tightening import tightened, undecided, with_whole_ways

SMALL = 3_000  # picks up to which the exact solver gets all that is undecided
CORE = 500  # picks in the core beyond those without regret
PIECE = 1_500  # picks that are free in a piece
PIECE_NODES, CORE_NODES = 20, 5  # of branching; most pieces finish well before


@dataclass(frozen=True, eq=False)
class Found:
    """chosen: a pick per slot of the ways gone. cost, bound: cents. exact: the solver proved it the optimum.

    ties: choices of equal cost that the tie-break decided. settled: units that had no alternative.
    """

    chosen: Ints
    cost: int
    bound: int
    exact: bool
    ties: int
    settled: int


def least_cost(problem: Alternatives, start: Ints, tie: Ints, *, seed: int, effort: int) -> Found:
    """`start`: picks of a choice that fits, never made worse. `tie` (k,): what breaks ties, to be low in sum.

    The bound counts the tolls of moves that have no alternative once, like the cost.
    """
    small, certain, part = undecided(problem, tightened(problem))
    paid = problem.total(certain)
    if not len(small):
        return Found(np.sort(certain), paid, paid, True, 0, len(problem))
    search = _Least(small, _as_part(start, part), tie[part], seed, effort)
    search.run()
    chosen = np.sort(np.concatenate([certain, part[search.chosen]]))
    cost = problem.total(chosen)
    bound = min(cost, paid + search.bound)
    return Found(chosen, cost, bound, search.exact, search.ties, len(problem) - len(small))


def _as_part(start: Ints, part: Ints) -> Ints:
    return np.searchsorted(part, start[np.isin(start, part)])


class _Least:
    def __init__(self, problem: Alternatives, start: Ints, tie: Ints, seed: int, effort: int) -> None:
        self.problem, self.tie, self.seed, self.effort = problem, tie, seed, effort
        self.chosen, self.ties, self.exact = start, 0, False
        self.proof: Proof | None = None
        self.kept: Flags = np.ones(problem.count, dtype=bool)

    @property
    def bound(self) -> int:
        assert self.proof is not None
        return self.problem.total(self.chosen) if self.exact else self.proof.bound

    def run(self) -> None:
        self._search(self.effort // 2)
        self._prove(max(self.effort // 6, 20))
        if self.effort:
            self._construct()
        if self.effort and self.problem.count <= SMALL:
            self._whole()
        elif self.effort:
            self._core()
            for turn in range(max(self.effort // 700, 1)):
                self._pools(turn)
            self._prove(max(self.effort // 6, 20))
        self._search(self.effort // 2)

    def _search(self, steps: int) -> None:
        choice = Choice(self.problem, self.kept, self.tie, self.chosen)
        Search(choice, self.seed).run(steps)
        self.chosen, self.ties = np.sort(choice.chosen), self.ties + choice.ties

    def _construct(self) -> None:
        """Anew at the prices, those first for whom most is at stake at them."""
        assert self.proof is not None
        choice, value = Choice(self.problem, self.kept, self.tie, self.chosen), self.proof.value
        stake = per_unit(self.problem, value, np.maximum) - per_unit(self.problem, value, np.minimum)
        if construct(choice, value, np.argsort(-stake, kind="stable").tolist()):
            self.chosen = np.sort(choice.chosen)

    def _prove(self, steps: int) -> None:
        before, reached = self.proof, self.problem.total(self.chosen)
        start, split = (before.prices, before.split) if before else (None, None)
        found = prove(self.problem, reached=reached, iterations=steps, start=start, split=split)
        self.proof = found if before is None or found.bound >= before.bound else before
        too_dear = regret(self.problem, self.proof) > (reached - self.proof.bound) * SCALE
        too_dear[self.chosen] = False
        self.kept = tightened(self.problem, with_whole_ways(self.problem, ~too_dear))

    def _whole(self) -> None:
        self.exact = self._exactly(self.kept, nodes=max(self.effort // 10, 20))

    def _core(self) -> None:
        assert self.proof is not None
        grudge = regret(self.problem, self.proof)
        at = min(int((grudge == 0).sum()) + CORE, self.problem.count - 1)
        self._exactly(grudge <= np.partition(grudge, at)[at], nodes=CORE_NODES)

    def _pools(self, turn: int) -> None:
        """Each pool in turn, those with the most room first: there the others would go."""
        assert self.proof is not None
        problem, grudge = self.problem, regret(self.problem, self.proof)
        pools = problem.limits.shape[1]
        of_line = problem.pick_of_line
        nearest = np.full((len(problem), pools), 2**62, dtype=np.int64)
        np.minimum.at(nearest, (problem.unit[of_line], problem.pool), grudge[of_line])
        picks = np.bincount(problem.unit, minlength=len(problem))
        room = (problem.limits[-1] - problem.use(self.chosen)[-1]).sum(axis=1)
        for pool in np.argsort(-room, kind="stable").tolist():
            near = np.flatnonzero(nearest[:, pool] < 2**62)
            near = near[np.argsort(nearest[near, pool], kind="stable")]
            near = near[np.cumsum(picks[near]) <= 4 * PIECE]
            # Every other turn half of them: other neighbours are free together.
            self._piece(near[turn // 2 % 2 :: 2] if turn % 2 else near, grudge)

    def _piece(self, units: Ints, grudge: Ints) -> None:
        free = np.zeros(len(self.problem), dtype=bool)
        free[units] = True
        inside = free[self.problem.unit]
        if not inside.any():
            return
        at = min(PIECE, int(inside.sum()) - 1)
        self._exactly(inside & (grudge <= np.partition(grudge[inside], at)[at]), nodes=PIECE_NODES)

    def _exactly(self, free: Flags, *, nodes: int) -> bool:
        """The picks `free` and those that stand to the exact solver; whether it proved the best of them."""
        free = free & self.kept
        free[self.chosen] = True
        small, certain, part = undecided(self.problem, tightened(self.problem, with_whole_ways(self.problem, free)))
        if not len(small):
            return True
        found = solve_exactly(small, nodes=nodes)
        if found.chosen is None:
            return False
        chosen = np.sort(np.concatenate([certain, part[found.chosen]]))
        # Its arithmetic is in floats: what it found counts only if it fits to the GPU, and is better to the cent.
        if self.problem.is_whole(chosen) and self.problem.fits(chosen):
            if self.problem.total(chosen) < self.problem.total(self.chosen):
                self.chosen = chosen
            return found.optimal and self.problem.total(chosen) <= self.problem.total(self.chosen)
        return False
