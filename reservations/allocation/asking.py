"""From a case and its ways to the arrays that the kernel decides over. Pure."""

from dataclasses import dataclass

import numpy as np

from pricing.clearing.alternatives import Alternatives
from reservations.allocation.case import Case, Flags, Ints, Weights
from reservations.allocation.protection import Way


@dataclass(frozen=True, eq=False)
class Asked:
    """The kernel's problem, and per pick the reservation and its option; per way whether it asks for consent."""

    problem: Alternatives
    reservation: Ints
    option: Ints
    asks: Flags

    def picks_of(self, chosen: Ints) -> Ints:
        """The picks without consent that mean `chosen` (n,): an option of each reservation, as under the baseline."""
        return np.flatnonzero((self.option == chosen[self.reservation]) & ~self.asks[self.problem.way])


def asked(case: Case, ways: list[list[Way]], weights: Weights) -> Asked:
    flat = [way for of_unit in ways for way in of_unit]
    slots = [picks for way in flat for picks in way.picks]
    picks = [pick for of_slot in slots for pick in of_slot]
    reservation = _ints([pick.reservation for pick in picks])
    option = _ints([pick.option for pick in picks])
    columns = _ints([line for pick in picks for line in pick.lines]).reshape(-1, 4).T
    problem = Alternatives(
        limits=np.maximum(case.limits, 0),
        unit_first=_cut([len(of_unit) for of_unit in ways]),
        way_first=_cut([len(way.picks) for way in flat]),
        slot_first=_cut([len(of_slot) for of_slot in slots]),
        cost=case.cents(weights)[option],
        firmness=case.firmness[reservation],
        who=reservation,
        label=np.where(case.moves[option], case.buyer[reservation], -1),
        toll=weights.moved_cents,
        line_first=_cut([len(pick.lines) for pick in picks]),
        pool=columns[0],
        start=columns[1],
        end=columns[2],
        gpus=columns[3],
    )
    return Asked(problem, reservation, option, np.array([way.asks for way in flat], dtype=bool))


def _ints(values: list) -> Ints:
    return np.array(values, dtype=np.int64)


def _cut(counts: list[int]) -> Ints:
    return np.cumsum([0, *counts], dtype=np.int64)
