"""Who decides together: a reservation by itself, or the members of a bundle, who move, settle or stay as one. Pure."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from pricing.clearing.room import Line
from reservations.allocation.case import MOVES, SETTLES, STAYS, Case, Floats, Ints

KINDS = (STAYS, MOVES, SETTLES)


@dataclass(frozen=True, eq=False)
class Units:
    """The units of a case, each a tuple of reservations, members in the order of their contracts."""

    case: Case
    members: list[tuple[int, ...]]

    def __len__(self) -> int:
        return len(self.members)

    @cached_property
    def of(self) -> Ints:
        """(n,): the unit of each reservation."""
        of = np.empty(len(self.case), dtype=np.int64)
        for unit, members in enumerate(self.members):
            of[list(members)] = unit
        return of

    @cached_property
    def lines(self) -> list[list[Line]]:
        """Per option, its lines as plain numbers: what is tried one option at a time reads them so."""
        case = self.case
        flat = list(zip(*(each.tolist() for each in (case.pool, case.start, case.end, case.gpus)), strict=True))
        cut = case.line_first.tolist()
        return [flat[start:end] for start, end in pairwise(cut)]

    def least_sure(self) -> Ints:
        """(units,): the class in which a unit stands: a standby part never goes before somebody's firm one."""
        return np.array([max(self.case.firmness[list(members)]) for members in self.members], dtype=np.int64)

    def earliest(self) -> Ints:
        return np.array([min(self.case.rank[list(members)]) for members in self.members], dtype=np.int64)

    def dearest(self) -> Floats:
        return np.array([max(self.case.price[list(members)]) for members in self.members])


def units_of(case: Case) -> Units:
    """Bundles of one member are reservations like any other. In the order of the earliest contract of each."""
    alone = case.group.max(initial=-1) + 1 + np.arange(len(case))
    names = np.where(case.group >= 0, case.group, alone)
    together: dict[int, list[int]] = {}
    for reservation in np.argsort(case.rank, kind="stable").tolist():
        together.setdefault(int(names[reservation]), []).append(reservation)
    return Units(case, [tuple(members) for members in together.values()])
