"""The plan of least harm after supply slipped: pure, and the same to the bit for the same case, weights, seed, effort.

Harm is one figure in cents: what is owed, plus a published weight per buyer moved and per GPU-day short by class. The
plan of least harm is sought among those that

- never use supply that is not there (nested class limits per pool and day, `pricing.clearing.room`);
- leave nobody less than earliest contract first within the class, firm before standard before standby, would leave
  them, except as a proposal that needs the buyer's consent (`protection`);
- take an option whole or not at all, and bundles whole.

Of plans of equal harm the lottery decides (`lottery`). `bound` is proven: no plan within these rules does less harm.
"""

from dataclasses import dataclass

import numpy as np

from pricing.clearing.least import Found, least_cost
from pricing.clearing.room import Room
from reservations.allocation.asking import Asked, asked
from reservations.allocation.case import Case, Flags, Ints, Weights
from reservations.allocation.lottery import tickets
from reservations.allocation.orders import baseline, first_come, highest_price
from reservations.allocation.protection import ways_of
from reservations.allocation.reckoning import Reckoning, reckon
from reservations.allocation.units import Units, units_of

EFFORT = 3_000  # steps unless told; what they are is said in pricing.clearing.least
EARLIEST, FIRST_COME, HIGHEST_PRICE = "earliest_in_class", "first_come", "highest_price"


@dataclass(frozen=True, eq=False)
class Result:
    """What a published rule would do: its option per reservation, (n,), and what that costs."""

    rule: str
    chosen: Ints
    reckoning: Reckoning


@dataclass(frozen=True)
class Rules:
    """What each rule did, in counts.

    protected: reservations with an option of less harm that the protection closed, for it leaves them less.
    settled: units (reservations, bundles) that have no alternative at all.
    proposals: reservations whose option waits for consent.
    bundles: bundles in the case; bundles_bound: those of which a member could do itself less harm if it went alone.
    ties: choices of equal harm that the lottery decided.
    improved, worsened: reservations with less and with more harm than under the baseline. More happens only where the
    loss is no more: somebody moves, under a clause agreed before, so that others need not wait.
    """

    protected: int
    settled: int
    proposals: int
    bundles: int
    bundles_bound: int
    ties: int
    improved: int
    worsened: int


@dataclass(frozen=True, eq=False)
class Outcome:
    """chosen (n,): an option per reservation. fallback (n,): what applies if a proposal is declined or lapses, else
    the same as chosen; the plan has room for either. proposed (n,): bool, chosen waits for the buyer's consent (of a
    bundle that is asked, every member whose option is not its fallback).
    harm, bound: cents, harm as if every proposal were accepted. exact: the bound comes from the exact solver, which
    finished: the harm is the least there is. declined_harm: cents, if no proposal is accepted.
    baseline: earliest contract first within the class. others: what two other published rules would have done,
    without any protection.
    """

    chosen: Ints
    fallback: Ints
    proposed: Flags
    harm: int
    bound: int
    exact: bool
    declined_harm: int
    reckoning: Reckoning
    baseline: Result
    others: tuple[Result, ...]
    rules: Rules

    @property
    def gap(self) -> float:
        """Harm over the proven bound less 1; 0 where both are 0."""
        if self.harm == self.bound:
            return 0.0
        return self.harm / self.bound - 1.0 if self.bound > 0 else float("inf")


def solve(case: Case, *, weights: Weights, seed: int, effort: int = EFFORT) -> Outcome:
    """The plan of least harm that `effort` finds. Never wall time, so that a plan can be replayed."""
    units = units_of(case)
    kept = baseline(case, weights)
    ways = ways_of(units, kept)
    asking = asked(case, ways, weights)
    tie = np.where(asking.option == case.now_option[asking.reservation], 0, tickets(seed, case.key)[asking.reservation])
    found = least_cost(asking.problem, asking.picks_of(kept), tie, seed=seed, effort=effort)
    chosen = np.empty(len(case), dtype=np.int64)
    chosen[asking.reservation[found.chosen]] = asking.option[found.chosen]
    proposed = np.zeros(len(case), dtype=bool)
    proposed[asking.reservation[found.chosen]] = asking.asks[asking.problem.way[found.chosen]]
    proposed &= chosen != kept
    fallback = np.where(proposed, kept, chosen)
    reckoning = reckon(case, chosen, weights)
    return Outcome(
        chosen=chosen,
        fallback=fallback,
        proposed=proposed,
        harm=reckoning.harm,
        bound=found.bound,
        exact=found.exact,
        declined_harm=reckon(case, fallback, weights).harm,
        reckoning=reckoning,
        baseline=_result(EARLIEST, case, kept, weights),
        others=(
            _result(FIRST_COME, case, first_come(case, weights), weights),
            _result(HIGHEST_PRICE, case, highest_price(case, weights, seed), weights),
        ),
        rules=_rules(units, asking, found, chosen, proposed, kept, weights),
    )


def _result(rule: str, case: Case, chosen: Ints, weights: Weights) -> Result:
    return Result(rule, chosen, reckon(case, chosen, weights))


def _rules(
    units: Units, asking: Asked, found: Found, chosen: Ints, proposed: Flags, kept: Ints, weights: Weights
) -> Rules:
    case = units.case
    cents = case.cents(weights)
    closed = ~case.needs_consent & (case.loss > case.loss[kept][case.owner])
    tempting = closed & (cents < cents[kept][case.owner])
    return Rules(
        protected=len(np.unique(case.owner[tempting])),
        settled=found.settled,
        proposals=int(proposed.sum()),
        bundles=sum(len(members) > 1 for members in units.members),
        bundles_bound=_bundles_bound(asking, found.chosen),
        ties=found.ties,
        improved=int((cents[chosen] < cents[kept]).sum()),
        worsened=int((cents[chosen] > cents[kept]).sum()),
    )


def _bundles_bound(asking: Asked, chosen: Ints) -> int:
    """Bundles of which a member could do itself less harm, in the room that is left, if it went alone."""
    problem = asking.problem
    slots = np.diff(problem.way_first)[problem.way_of_slot][problem.slot]
    bundled = np.flatnonzero(slots > 1)
    mine: dict[int, int] = {int(asking.reservation[pick]): int(pick) for pick in chosen[slots[chosen] > 1]}
    room = Room(problem.limits)
    for pick in chosen.tolist():
        room.take(int(problem.firmness[pick]), problem.lines[pick])
    bound = {int(problem.unit[pick]) for pick in bundled.tolist() if _better_alone(asking, room, pick, mine)}
    return len(bound)


def _better_alone(asking: Asked, room: Room, pick: int, mine: dict[int, int]) -> bool:
    problem, taken = asking.problem, mine[int(asking.reservation[pick])]
    if problem.cost[pick] >= problem.cost[taken]:
        return False
    firmness = int(problem.firmness[taken])
    room.give_back(firmness, problem.lines[taken])
    fits = room.fits(firmness, problem.lines[pick])
    room.take(firmness, problem.lines[taken])
    return fits
