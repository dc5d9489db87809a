"""A choice that fits, and better ones: construct at the prices, then insert, swap and eject. Pure.

The primal half of the kernel (ENGINE section 4 of the design): ruin and recreate after Schrimpf et al. 2000. A unit
that pays more than it would if it were alone is put first, some who stand in the way are taken out, and all are put
back one after the other, each the cheapest way that fits; what came out no worse is kept. Costs are whole cents and the
random numbers Python's own from a seed, so the same question gives the same answer on any machine.
"""

from collections.abc import Iterable, Sequence
from random import Random

import numpy as np

from pricing.clearing.alternatives import Alternatives, Flags
from pricing.clearing.requests import Ints
from pricing.clearing.room import Room

Slots = tuple[tuple[int, ...], ...]
Worth = tuple[int, int]  # cents and, of equals, the tie-break: both to be low

TURNS = 10  # of a construction, each with those first that found no way in the one before
MOST_OUT = 12  # units taken out at a time: more seldom come back better


class Choice:
    """A choice as it stands, and the room that it leaves. `tie` (k,) breaks ties between choices of equal cost."""

    def __init__(self, problem: Alternatives, kept: Flags, tie: Ints, chosen: Iterable[int]) -> None:
        self.problem, self.kept = problem, kept
        self.lines, self.firmness = problem.lines, problem.firmness.tolist()
        self.cost, self.tie, self.label = problem.cost.tolist(), tie.tolist(), problem.label.tolist()
        self.ways = _ways(problem, kept)
        self.room = Room(problem.limits)
        self.labels = [0] * (int(problem.label.max(initial=-1)) + 1)
        self.picks: list[tuple[int, ...]] = [()] * len(problem)
        self.there: list[set[int]] = [set() for _ in range(problem.limits.shape[1])]
        self.worth: Worth = (0, 0)
        self.ties = 0
        self.put_all(chosen)

    @property
    def chosen(self) -> Ints:
        return np.array([pick for picks in self.picks for pick in picks], dtype=np.int64)

    def put_all(self, chosen: Iterable[int]) -> None:
        """Everything anew."""
        of: list[list[int]] = [[] for _ in self.picks]
        units = self.problem.unit
        for pick in chosen:
            of[int(units[pick])].append(int(pick))
        for unit, picks in enumerate(of):
            self.take_out(unit)
            self.put(unit, tuple(picks))

    def put(self, unit: int, picks: tuple[int, ...]) -> None:
        self.picks[unit] = picks
        for pick in picks:
            self.room.take(self.firmness[pick], self.lines[pick])
            self._count(pick, 1)
            for line in self.lines[pick]:
                self.there[line[0]].add(unit)

    def take_out(self, unit: int) -> None:
        for pick in self.picks[unit]:
            self.room.give_back(self.firmness[pick], self.lines[pick])
            self._count(pick, -1)
            for line in self.lines[pick]:
                self.there[line[0]].discard(unit)
        self.picks[unit] = ()

    def _count(self, pick: int, by: int) -> None:
        cents, tie = self.worth[0] + by * self.cost[pick], self.worth[1] + by * self.tie[pick]
        label = self.label[pick]
        if label >= 0:
            before = self.labels[label]
            self.labels[label] = before + by
            if 0 in (before, before + by):
                cents += by * self.problem.toll
        self.worth = (cents, tie)

    def settle(self, unit: int, value: Sequence[int]) -> bool:
        """Puts a unit that is out onto the way of least `value` (k,) that fits; False where none does."""
        best: tuple[int, int, tuple[int, ...]] | None = None
        for slots in self.ways[unit]:
            picks = self._greedy(slots, value)
            if picks is not None:
                worth = (sum(value[pick] for pick in picks), sum(self.tie[pick] for pick in picks), picks)
                best = worth if best is None or worth < best else best
        if best is None:
            return False
        self.put(unit, best[2])
        return True

    def _greedy(self, slots: Slots, value: Sequence[int]) -> tuple[int, ...] | None:
        if len(slots) == 1:
            pick = self._least(slots[0], value)
            return None if pick is None else (pick,)
        taken: list[int] = []
        for slot in slots:
            pick = self._least(slot, value)
            if pick is None:
                break
            self.room.take(self.firmness[pick], self.lines[pick])
            taken.append(pick)
        for pick in taken:
            self.room.give_back(self.firmness[pick], self.lines[pick])
        return tuple(taken) if len(taken) == len(slots) else None

    def _least(self, slot: tuple[int, ...], value: Sequence[int]) -> int | None:
        for pick in sorted(slot, key=lambda pick: (value[pick], self.tie[pick])):
            if self.room.fits(self.firmness[pick], self.lines[pick]):
                return pick
        return None

    def try_again(self, units: Sequence[int], value: Sequence[int]) -> bool:
        """Takes the units out and puts them back in this order; undone if that came out worse. Whether it changed."""
        before, worth = [self.picks[unit] for unit in units], self.worth
        for unit in units:
            self.take_out(unit)
        whole = all(self.settle(unit, value) for unit in units)
        if whole and self.worth <= worth:
            self.ties += self.worth < worth and self.worth[0] == worth[0]
            return self.worth < worth
        for unit in units:
            self.take_out(unit)
        for unit, picks in zip(units, before, strict=True):
            self.put(unit, picks)
        return False


def construct(choice: Choice, value: Ints, order: Iterable[int]) -> bool:
    """All units anew in this order, each the way of least `value` (cost and charge at the prices) that fits.

    A unit that finds none goes first in the next turn: it has the fewest places to go (squeaky wheels, Joslin and
    Clements 1999). False, and everything as before, where the turns run out or the result is no better.
    """
    before, worth, values = choice.chosen, choice.worth, value.tolist()
    line, missed = list(order), list[int]()
    for _ in range(TURNS):
        for unit in line:
            choice.take_out(unit)
        line = [*missed, *_without(line, missed)]
        missed = [unit for unit in line if not choice.settle(unit, values)]
        if not missed:
            break
    if not missed and choice.worth < worth:
        return True
    choice.put_all(before)
    return False


def _without(line: list[int], some: list[int]) -> list[int]:
    left_out = set(some)
    return [unit for unit in line if unit not in left_out]


class Search:
    """Ruin and recreate around units that pay more than they would alone."""

    def __init__(self, choice: Choice, seed: int) -> None:
        self.choice, self.random = choice, Random(seed)
        self.least = _least_alone(choice)

    def run(self, iterations: int) -> None:
        regretting: list[int] = []
        for iteration in range(iterations):
            if iteration % 500 == 0:
                regretting = self.regretting()
                if not regretting:
                    return
            self.step(regretting[self.random.randrange(len(regretting))])

    def regretting(self) -> list[int]:
        costs = self.choice.cost
        return [
            unit
            for unit, picks in enumerate(self.choice.picks)
            if sum(costs[pick] for pick in picks) > self.least[unit]
        ]

    def step(self, unit: int) -> bool:
        """Ejects some of those in the way of a better way for the unit, and puts all back, the unit first."""
        choice = self.choice
        mine = sum(choice.cost[pick] for pick in choice.picks[unit])
        better = [pick for slots in choice.ways[unit] for slot in slots for pick in slot if choice.cost[pick] < mine]
        if not better:
            return False
        out = self._in_the_way(unit, better[self.random.randrange(len(better))])
        if self.random.random() < 0.3:
            out.insert(self.random.randrange(len(out) + 1), unit)
        else:
            out.insert(0, unit)
        return choice.try_again(out, choice.cost)

    def _in_the_way(self, unit: int, pick: int) -> list[int]:
        choice = self.choice
        lines = choice.lines[pick]
        there = set().union(*(choice.there[line[0]] for line in lines))
        near = sorted(other for other in there if other != unit and _meet(choice, other, lines))
        many = min(len(near), 1 + self.random.randrange(MOST_OUT))
        return self.random.sample(near, many)


def _meet(choice: Choice, unit: int, lines: Sequence[tuple[int, int, int, int]]) -> bool:
    return any(
        mine[0] == line[0] and mine[1] < line[2] and line[1] < mine[2]
        for pick in choice.picks[unit]
        for mine in choice.lines[pick]
        for line in lines
    )


def _ways(problem: Alternatives, kept: Flags) -> list[list[Slots]]:
    """Per unit its ways, each the picks kept of every slot; ways with an empty slot are left out."""
    picks = np.flatnonzero(kept).tolist()
    slots: list[list[int]] = [[] for _ in range(len(problem.slot_first) - 1)]
    for pick, slot in zip(picks, problem.slot[kept].tolist(), strict=True):
        slots[slot].append(pick)
    way_cut, unit_cut = problem.way_first.tolist(), problem.unit_first.tolist()
    ways = [tuple(map(tuple, slots[way_cut[at] : way_cut[at + 1]])) for at in range(len(way_cut) - 1)]
    return [[way for way in ways[unit_cut[at] : unit_cut[at + 1]] if all(way)] for at in range(len(problem))]


def _least_alone(choice: Choice) -> list[int]:
    cost = choice.cost
    return [min(sum(min(cost[pick] for pick in slot) for slot in way) for way in ways) for ways in choice.ways]
