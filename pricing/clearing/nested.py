"""Prices under nested class limits, and what they prove: the Lagrangian dual of least cost, in whole numbers.

At prices l >= 0 per class sum, pool and day every unit goes its cheapest way, cost and charge together:

    bound(l) = sum over units of min over ways of sum over slots of min over picks (cost + charge(l))  -  sum(l limits)

No choice within the limits costs less, whatever the prices (Geoffrion 1974). A toll that is due once per label is split
among those who may carry the label: any split that adds up to no more than the toll keeps the bound valid. Prices move
with excess use, by Polyak's step against the best choice known, smoothed as in the volume algorithm (Barahona and Anbil
2000). Prices are whole 1/64 cents per GPU-day: every sum is exact, so the bound holds to the cent on any machine.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.clearing.alternatives import Alternatives
from pricing.clearing.requests import Ints

SCALE = 64  # prices per cent
HIGHEST = 2**40  # no price passes this, nor what keeps the sum of prices times limits within 64 bits
MEMORY = 0.3  # what a new excess counts in the smoothed direction
PATIENCE, SLOWER = 20, 0.8  # iterations without a better bound until the steps get shorter, and by what


@dataclass(frozen=True, eq=False)
class Proof:
    """prices (classes, pools, days) and split (whos,), 1/SCALE cents; bound: cents that every choice costs at least.

    value (k,): cost and charge of each pick at these prices, 1/SCALE cents. often (k,): how often each pick was the
    cheapest in the smoothed run, 0 to 1.
    """

    prices: Ints
    split: Ints
    bound: int
    value: Ints
    often: NDArray[np.float64]


def prove(
    problem: Alternatives, *, reached: int, iterations: int, start: Ints | None = None, split: Ints | None = None
) -> Proof:
    """The best bound of `iterations` steps. `reached`: cents of a choice that is known to fit."""
    return _Ascent(problem, reached, start, split).run(iterations)


class _Ascent:
    def __init__(self, problem: Alternatives, reached: int, start: Ints | None, split: Ints | None) -> None:
        self.problem, self.reached = problem, reached * SCALE
        self.prices = np.zeros(problem.limits.shape, dtype=np.int64) if start is None else start
        self.split = _even_split(problem) if split is None else split
        self.best, self.best_at = -(2**62), (self.prices, self.split)
        self.often = np.zeros(problem.count)
        self.pace, self.stale = 1.0, 0
        self.highest = min(HIGHEST, 2**62 // max(int(problem.limits.sum()), 1))

    def run(self, iterations: int) -> Proof:
        direction = np.zeros(self.prices.shape)
        for iteration in range(iterations):
            found, chosen = _cheapest(self.problem, self._value())
            bound = found - int((self.prices * self.problem.limits).sum())
            self._note(bound)
            self.often *= 1 - MEMORY
            self.often[chosen] += MEMORY
            excess = self.problem.use(chosen) - self.problem.limits
            # Where the price is nothing and there is room, nothing moves: it would only shorten the step.
            excess[(excess < 0) & (self.prices == 0)] = 0
            direction = MEMORY * excess + (1 - MEMORY) * direction if iteration else excess.astype(np.float64)
            self._step(direction, bound)
            if iteration % 25 == 24:
                self._split_again()
        self.prices, self.split = self.best_at
        value = self._value()
        # Rounded up: costs are whole cents.
        return Proof(self.prices, self.split, -(-self.best // SCALE), value, self.often)

    def _value(self) -> Ints:
        labelled = np.where(self.problem.label >= 0, self.split[self.problem.who], 0)
        return self.problem.cost * SCALE + labelled + self.problem.charge(self.prices)

    def _note(self, bound: int) -> None:
        if bound > self.best + abs(self.best) // 100_000:
            self.stale, self.pace = 0, min(self.pace * 1.02, 2.0)
        else:
            self.stale += 1
            if self.stale >= PATIENCE:
                self.stale, self.pace = 0, self.pace * SLOWER
        if bound > self.best:
            self.best, self.best_at = bound, (self.prices, self.split)

    def _step(self, direction: NDArray[np.float64], bound: int) -> None:
        """Polyak: as far as the gap to what is reached would take it along this direction, times the pace."""
        whole = np.rint(direction).astype(np.int64)
        length = int((whole * whole).sum())
        if length:
            far = self.pace * (max(self.reached - bound, SCALE) / length)
            self.prices = np.clip(self.prices + np.rint(far * direction).astype(np.int64), 0, self.highest)

    def _split_again(self) -> None:
        """A toll is borne by who is moved at these prices, a little by everybody else who may be."""
        problem, marked = self.problem, self.problem.label >= 0
        weight = np.zeros(len(self.split), dtype=np.int64)
        np.maximum.at(weight, problem.who[marked], np.rint(self.often[marked] * 1000).astype(np.int64) + 20)
        self.split = _shared(problem, weight)


def _even_split(problem: Alternatives) -> Ints:
    weight = np.zeros(int(problem.who.max(initial=-1)) + 1, dtype=np.int64)
    weight[problem.who[problem.label >= 0]] = 1
    return _shared(problem, weight)


def _shared(problem: Alternatives, weight: Ints) -> Ints:
    """(whos,): the toll of each label among its bearers by weight, never more than the whole toll."""
    marked = problem.label >= 0
    label = np.full(len(weight), -1, dtype=np.int64)
    label[problem.who[marked]] = problem.label[marked]
    bears = label >= 0
    sums = np.zeros(int(label.max(initial=-1)) + 1, dtype=np.int64)
    np.add.at(sums, label[bears], weight[bears])
    split = np.zeros(len(weight), dtype=np.int64)
    split[bears] = problem.toll * SCALE * weight[bears] // np.maximum(sums[label[bears]], 1)
    return split


def _cheapest(problem: Alternatives, value: Ints) -> tuple[int, Ints]:
    """The least sum over units, and the picks that reach it; of equals the first, so that no machine decides."""
    slots = np.minimum.reduceat(value, problem.slot_first[:-1])
    ways = np.add.reduceat(slots, problem.way_first[:-1])
    units = np.minimum.reduceat(ways, problem.unit_first[:-1])
    way = _first_of(ways == units[problem.unit_of_way], problem.unit_first)
    taken = np.zeros(len(ways), dtype=bool)
    taken[way] = True
    pick = _first_of(value == slots[problem.slot], problem.slot_first)
    return int(units.sum()), pick[taken[problem.way_of_slot]]


def _first_of(hit: NDArray[np.bool_], first: Ints) -> Ints:
    """Per segment the index of its first hit."""
    hits = np.flatnonzero(hit)
    return hits[np.searchsorted(hits, first[:-1])]


def regret(problem: Alternatives, proof: Proof) -> Ints:
    """(k,): what the bound would rise by if this pick were taken, 1/SCALE cents."""
    slots = np.minimum.reduceat(proof.value, problem.slot_first[:-1])
    ways = np.add.reduceat(slots, problem.way_first[:-1])
    units = np.minimum.reduceat(ways, problem.unit_first[:-1])
    return proof.value - slots[problem.slot] + (ways - units[problem.unit_of_way])[problem.way]
