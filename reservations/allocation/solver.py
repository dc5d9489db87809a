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

from pricing.clearing.room import Room
from reservations.allocation.case import Case, Flags, Ints, Weights
from reservations.allocation.lottery import tickets
from reservations.allocation.orders import baseline, first_come, highest_price
from reservations.allocation.protection import Pick, Way, ways_of
from reservations.allocation.reckoning import Reckoning, reckon
from reservations.allocation.units import Units, units_of

EFFORT = 2_000  # iterations of the search unless told
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

    protected: reservations that had an option of less harm to themselves that the protection closed, for it leaves
    them less. proposals: reservations whose option waits for consent. bundles: bundles in the case; bundles_bound:
    those of which a member could not take its own least harmful option that fits because all go together. ties:
    choices of equal harm that the lottery decided. improved, worsened: reservations with less and with more harm than
    under the baseline (more only where their loss is no more: a move in place of nothing, say).
    """

    protected: int
    proposals: int
    bundles: int
    bundles_bound: int
    ties: int
    improved: int
    worsened: int


@dataclass(frozen=True, eq=False)
class Outcome:
    """chosen (n,): an option per reservation. fallback (n,): what applies if a proposal is declined or lapses, else
    the same as chosen; the plan has room for either. proposed (n,): bool, chosen waits for the buyer's consent.
    harm, bound: cents, harm as if every proposal were accepted. declined_harm: cents, if none is.
    baseline: earliest contract first within the class. others: what two other published rules would have done,
    without any protection.
    """

    chosen: Ints
    fallback: Ints
    proposed: Flags
    harm: int
    bound: int
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
    """The plan of least harm that `effort` iterations find. Never wall time, so that a plan can be replayed."""
    units = units_of(case)
    kept = baseline(case, weights)
    ways = ways_of(units, kept)
    search = _Search(units, ways, kept, weights, tickets(seed, case.key))
    search.improve(effort)
    proposed = search.asks[units.of] & (search.chosen != kept)
    fallback = np.where(proposed, kept, search.chosen)
    reckoning = reckon(case, search.chosen, weights)
    return Outcome(
        chosen=search.chosen,
        fallback=fallback,
        proposed=proposed,
        harm=reckoning.harm,
        bound=_bound(case, units, ways, weights),
        declined_harm=reckon(case, fallback, weights).harm,
        reckoning=reckoning,
        baseline=_result(EARLIEST, case, kept, weights),
        others=(
            _result(FIRST_COME, case, first_come(case, weights), weights),
            _result(HIGHEST_PRICE, case, highest_price(case, weights, seed), weights),
        ),
        rules=_rules(case, units, ways, search, kept, weights),
    )


def _result(rule: str, case: Case, chosen: Ints, weights: Weights) -> Result:
    return Result(rule, chosen, reckon(case, chosen, weights))


class _Search:
    """The plan as it stands: starts at the baseline and only ever gets better."""

    def __init__(self, units: Units, ways: list[list[Way]], kept: Ints, weights: Weights, drawn: Ints) -> None:
        case = units.case
        self.units, self.ways, self.toll = units, ways, weights.moved_cents
        self.chosen, self.drawn, self.now = kept.copy(), drawn.tolist(), case.now_option.tolist()
        self.cents, self.moves = case.cents(weights).tolist(), case.moves.tolist()
        self.buyer, self.firmness = case.buyer.tolist(), case.firmness.tolist()
        self.room, self.ties = Room(case.limits), 0
        self.moved = np.bincount(case.buyer[case.moves[kept]], minlength=int(case.buyer.max(initial=0)) + 1).tolist()
        self.asks = np.zeros(len(units), dtype=bool)
        self.now_picks = [
            [Pick(each, int(kept[each]), tuple(units.lines[kept[each]])) for each in members]
            for members in units.members
        ]
        for picks in self.now_picks:
            self._take(picks)

    def improve(self, effort: int) -> None:
        """Rounds over all units, each taking the best way that fits, until a round changes nothing."""
        done, changed = 0, True
        while changed and done < effort:
            changed = False
            for unit in range(len(self.units)):
                changed |= self._settle(unit)
                done += 1

    def _settle(self, unit: int) -> bool:
        before = self.now_picks[unit]
        self._give_back(before)
        self._count(before, -1)
        best, picks, asks = self._worth(before), before, bool(self.asks[unit])
        for way in self.ways[unit]:
            found = self._greedy(way)
            if found is not None and self._worth(found) < best:
                self.ties += self._worth(found)[0] == best[0]
                best, picks, asks = self._worth(found), found, way.asks
        self._take(picks)
        self._count(picks, 1)
        self.now_picks[unit], self.asks[unit] = picks, asks
        for pick in picks:
            self.chosen[pick.reservation] = pick.option
        return picks is not before

    def could_do_better_alone(self, unit: int) -> bool:
        """Whether a member has an open option of less harm to itself that fits, of another kind than the bundle's."""
        picks = self.now_picks[unit]
        open_ = [pick for way in self.ways[unit] for each in way.picks for pick in each]
        found = False
        for taken in picks:
            self._give_back([taken])
            found |= any(
                pick.reservation == taken.reservation
                and self.cents[pick.option] < self.cents[taken.option]
                and self.room.fits(self.firmness[pick.reservation], pick.lines)
                for pick in open_
            )
            self._take([taken])
        return found

    def _greedy(self, way: Way) -> list[Pick] | None:
        taken: list[Pick] = []
        for picks in way.picks:
            fitting = [pick for pick in picks if self.room.fits(self.firmness[pick.reservation], pick.lines)]
            if not fitting:
                break
            taken.append(min(fitting, key=lambda pick: self._worth([pick])))
            self._take(taken[-1:])
        self._give_back(taken)
        return taken if len(taken) == len(way.picks) else None

    def _worth(self, picks: list[Pick]) -> tuple[int, int]:
        """Harm in cents and the tickets of those touched, both to be low."""
        harm = sum(self.cents[pick.option] for pick in picks)
        buyers = {self.buyer[pick.reservation] for pick in picks if self.moves[pick.option]}
        harm += self.toll * sum(self.moved[buyer] == 0 for buyer in buyers)
        return harm, sum(self.drawn[pick.reservation] for pick in picks if pick.option != self.now[pick.reservation])

    def _take(self, picks: list[Pick]) -> None:
        for pick in picks:
            self.room.take(self.firmness[pick.reservation], pick.lines)

    def _give_back(self, picks: list[Pick]) -> None:
        for pick in picks:
            self.room.give_back(self.firmness[pick.reservation], pick.lines)

    def _count(self, picks: list[Pick], by: int) -> None:
        for pick in picks:
            self.moved[self.buyer[pick.reservation]] += by * self.moves[pick.option]


def _bound(case: Case, units: Units, ways: list[list[Way]], weights: Weights) -> int:
    """What every plan costs at least: each unit's least harm as if it were alone. Its moves count as nobody's."""
    cents = case.cents(weights).tolist()
    return sum(
        min(sum(min(cents[pick.option] for pick in picks) for picks in way.picks) for way in options)
        for options in ways
    )


def _rules(case: Case, units: Units, ways: list[list[Way]], search: _Search, kept: Ints, weights: Weights) -> Rules:
    cents = case.cents(weights)
    closed = ~case.needs_consent & (case.loss > case.loss[kept][case.owner])
    tempting = closed & (cents < cents[kept][case.owner])
    bundles = [unit for unit, members in enumerate(units.members) if len(members) > 1]
    return Rules(
        protected=len(np.unique(case.owner[tempting])),
        proposals=int((search.asks[units.of] & (search.chosen != kept)).sum()),
        bundles=len(bundles),
        bundles_bound=sum(search.could_do_better_alone(unit) for unit in bundles),
        ties=search.ties,
        improved=int((cents[search.chosen] < cents[kept]).sum()),
        worsened=int((cents[search.chosen] > cents[kept]).sum()),
    )
