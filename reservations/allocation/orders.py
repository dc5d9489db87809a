"""Published rules that settle one after the other: each in its turn gets the least loss that still fits. Pure.

`baseline` is what the plan protects: firm before standard before standby, inside the class the earliest contract first.
The two others are what other markets do; a plan reports what they would have done.
"""

from itertools import pairwise

import numpy as np

from pricing.clearing.room import Room
from reservations.allocation.case import Case, Ints, Weights
from reservations.allocation.lottery import tickets
from reservations.allocation.units import KINDS, Units, units_of


def baseline(case: Case, weights: Weights) -> Ints:
    """(n,): the option of each reservation under earliest contract first within the class.

    In its turn a reservation takes, of the options that need no consent and fit what is left, the one with the least
    loss; of equals one that does not move, then the least harm, then the first. A bundle takes for every member an
    option of one kind, and stands where its least sure member stands, so it never hurts a surer class.
    """
    units = units_of(case)
    return in_turn(units, np.lexsort((units.earliest(), units.least_sure())), weights)


def first_come(case: Case, weights: Weights) -> Ints:
    """(n,): first come first served, whatever the class."""
    units = units_of(case)
    return in_turn(units, np.argsort(units.earliest(), kind="stable"), weights)


def highest_price(case: Case, weights: Weights, seed: int) -> Ints:
    """(n,): the highest price first, whatever the class or the date; equal prices by the lottery."""
    units = units_of(case)
    drawn = tickets(seed, case.key)
    draw = np.array([min(drawn[list(members)]) for members in units.members], dtype=np.int64)
    return in_turn(units, np.lexsort((units.earliest(), draw, -units.dearest())), weights)


def in_turn(units: Units, order: Ints, weights: Weights) -> Ints:
    """(n,): what each gets when the units choose in this order."""
    turns = _Turns(units, weights)
    for unit in order.tolist():
        turns.settle(units.members[unit])
    return turns.chosen


class _Turns:
    def __init__(self, units: Units, weights: Weights) -> None:
        case = units.case
        self.room = Room(case.limits)
        self.lines = units.lines
        self.chosen = np.full(len(case), -1, dtype=np.int64)
        self.firmness = case.firmness.tolist()
        self.loss, self.moves, self.kind = case.loss.tolist(), case.moves.tolist(), case.kind.tolist()
        self.cents = case.cents(weights).tolist()
        self.liked = _in_order_of_liking(case, weights)

    def settle(self, members: tuple[int, ...]) -> None:
        found = [self._try(members, kind) for kind in (KINDS if len(members) > 1 else (None,))]
        best = min((way for way in found if way is not None), key=self._worth)
        for reservation, option in zip(members, best, strict=True):
            self.room.take(self.firmness[reservation], self.lines[option])
            self.chosen[reservation] = option

    def _try(self, members: tuple[int, ...], kind: int | None) -> list[int] | None:
        """An option for every member, of one kind, or None; leaves the room as it was."""
        taken: list[int] = []
        for reservation in members:
            option = self._first_that_fits(reservation, kind)
            if option is None:
                break
            self.room.take(self.firmness[reservation], self.lines[option])
            taken.append(option)
        for reservation, option in zip(members, taken, strict=False):
            self.room.give_back(self.firmness[reservation], self.lines[option])
        return taken if len(taken) == len(members) else None

    def _first_that_fits(self, reservation: int, kind: int | None) -> int | None:
        firmness = self.firmness[reservation]
        for option in self.liked[reservation]:
            if kind in (None, self.kind[option]) and self.room.fits(firmness, self.lines[option]):
                return option
        return None

    def _worth(self, way: list[int]) -> tuple[int, int, int]:
        total = [sum(each[option] for option in way) for each in (self.loss, self.moves, self.cents)]
        return total[0], total[1], total[2]


def _in_order_of_liking(case: Case, weights: Weights) -> list[list[int]]:
    """Per reservation its options without consent, least loss first."""
    order = np.lexsort((case.cents(weights), case.moves, case.loss, case.owner))
    order = order[~case.needs_consent[order]]
    cut = np.concatenate([[0], np.cumsum(np.bincount(case.owner[order], minlength=len(case)))]).tolist()
    flat = order.tolist()
    return [flat[start:end] for start, end in pairwise(cut)]
