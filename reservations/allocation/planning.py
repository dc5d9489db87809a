"""The plan: from the inputs as they are stored, and a seed, to who is served how. Pure: to the bit, on any day.

The solver seeks the least harm. What it does not know of are shares: how much of what other pools have free may go to
one organisation, and what of it is kept for small ones. Where its answer breaks such a rule, the options of the latest
contracts that broke it are withheld and it is asked again, until none does. Nobody's place under earliest contract
first is touched by that: only moves, which need consent, are withheld.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from reservations.allocation.case import Case, Weights
from reservations.allocation.options import KINDS, NOWHERE, Blocks, Bools, Floats, Ints, Options, Supply, options_of
from reservations.allocation.packing import pack, unpack
from reservations.allocation.solver import Outcome, Result, solve

MOST_ROUNDS = 12  # of withholding; after them nothing that a share rule speaks of is moved at all


@dataclass(frozen=True)
class Question:
    """Everything that a plan is made of. `key` (n,) names a reservation, `rank` its place in the line of contracts,
    `group` its bundle or -1, `buyer` its organisation's place, `price` USD per GPU-hour, `small` (n,) whether its
    organisation is a small one. Shares are percent; `share_cap` None where there is none."""

    supply: Supply
    blocks: Blocks
    key: Ints
    rank: Ints
    group: Ints
    buyer: Ints
    price: Floats
    small: Bools
    horizon: int
    weights: Weights
    effort: int
    share_cap: int | None
    set_aside: int

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """From the bytes that `packed` made."""
        arrays, values = unpack(raw)
        own = ("key", "rank", "group", "buyer", "price", "small")
        return cls(
            supply=Supply(arrays["limits"], arrays["others"], arrays["lots"]),
            blocks=Blocks.of(arrays),
            **{name: arrays[name] for name in own},
            horizon=values["horizon"],
            weights=Weights(values["moved_usd"], tuple(values["short_usd"])),
            effort=values["effort"],
            share_cap=values["share_cap"],
            set_aside=values["set_aside"],
        )


@dataclass(frozen=True)
class Planned:
    """`withheld`: how many options each share rule took away."""

    question: Question
    options: Options
    outcome: Outcome
    withheld: dict[str, int]

    def place(self, chosen: Ints) -> Ints:
        """(n,) places among a reservation's own options, from places among all."""
        return chosen - self.options.first[:-1]

    def packed(self) -> bytes:
        """The outcome as bytes: two plans are the same if and only if these are."""
        o = self.outcome
        arrays: dict[str, NDArray[Any]] = {
            "chosen": self.place(o.chosen),
            "fallback": self.place(o.fallback),
            "plain": self.place(o.baseline.chosen),
            "proposed": o.proposed,
            "options": np.diff(self.options.first),
            "harm_usd": self.options.harm_usd,
            **{f"rule_{each.rule}": self.place(each.chosen) for each in o.others},
        }
        return pack(arrays, self.summary())

    def summary(self) -> dict[str, Any]:
        """What staff read: whole cents, and counts."""
        o = self.outcome
        return {
            "reservations": len(self.question.key),
            "options": len(self.options),
            "harm_cents": o.harm,
            "bound_cents": o.bound,
            "declined_harm_cents": o.declined_harm,
            "plan": self._reckoned(o.chosen, Result("plan", o.chosen, o.reckoning)),
            "plain": self._reckoned(o.baseline.chosen, o.baseline),
            "others": [{"rule": each.rule, **self._reckoned(each.chosen, each)} for each in o.others],
            "rules": {**vars(o.rules), **self.withheld},
            "kinds": self._kinds(o.chosen),
        }

    def _reckoned(self, chosen: Ints, result: Result) -> dict[str, Any]:
        found = result.reckoning
        return {
            "harm_cents": found.harm,
            "owed_cents": found.owed_cents,
            "moved_buyers": found.moved_buyers,
            "short_gpu_days": list(found.short_gpu_days),
            "touched_by_size": [list(row) for row in found.touched],
            "touched_by_buyer": self._by_buyer(chosen),
        }

    def _by_buyer(self, chosen: Ints) -> list[dict[str, int]]:
        """Small organisations and the others: how many blocks, and how many of them do not stay as contracted."""
        touched = self.place(chosen) != 0
        return [
            {"small": int(small), "blocks": int(mine.sum()), "touched": int((mine & touched).sum())}
            for small in (True, False)
            for mine in (self.question.small == small,)
        ]

    def _kinds(self, chosen: Ints) -> dict[str, int]:
        counts = np.bincount(self.options.kind[chosen], minlength=len(KINDS)).tolist()
        return dict(zip(KINDS, counts, strict=True))


def plan(raw: bytes, *, seed: int) -> Planned:
    """The plan of what `raw` asks."""
    question = Question.read(raw)
    options = options_of(question.blocks, question.supply, horizon=question.horizon)
    withheld = {"withheld_by_cap": 0, "withheld_by_set_aside": 0}
    for last in [False] * MOST_ROUNDS + [True]:
        case = case_of(question, options)
        outcome = solve(case, weights=question.weights, seed=seed, effort=question.effort)
        found = {
            "withheld_by_cap": _above_cap(question, options, outcome.chosen, everything=last),
            "withheld_by_set_aside": _above_set_aside(question, options, outcome.chosen, everything=last),
        }
        gone = np.logical_or.reduce(list(found.values()))
        if not gone.any():
            break
        for name, rows in found.items():
            withheld[name] += int(rows.sum())
        options = options.keep(~gone)
        if last:
            outcome = solve(case_of(question, options), weights=question.weights, seed=seed, effort=question.effort)
    return Planned(question, options, outcome, withheld)


def case_of(question: Question, options: Options) -> Case:
    """The solver's arrays: lines that are there, limits net of everything that is not in the case."""
    there = options.lines[:, :, 0] != NOWHERE
    lines = options.lines[there]
    return Case(
        limits=question.supply.left,
        key=question.key,
        firmness=question.blocks.firmness,
        rank=question.rank,
        group=question.group,
        buyer=question.buyer,
        price=question.price,
        now_option=options.first[:-1],
        first=options.first,
        harm_usd=options.harm_usd,
        moves=options.moves,
        short_gpu_days=options.short_gpu_days,
        needs_consent=options.needs_consent,
        loss=options.loss,
        line_first=np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int64),
        pool=lines[:, 0],
        start=lines[:, 1],
        end=lines[:, 2],
        gpus=lines[:, 3],
    )


def _elsewhere(question: Question, options: Options) -> tuple[Bools, Ints]:
    """(k,) whether an option runs in another pool, and the GPU-days that it takes there."""
    pool, start, end, gpus = np.moveaxis(options.lines[:, 0], 1, 0)
    away = (pool != NOWHERE) & (pool != question.blocks.pool[options.reservation])
    return away, np.where(away, (end - start) * gpus, 0)


def _free(question: Question) -> Ints:
    """(pools,) GPU-days that are free over the plan's days, for the widest class."""
    return question.supply.room[2].sum(axis=1)


def _above_cap(question: Question, options: Options, chosen: Ints, *, everything: bool) -> Bools:
    """(k,) options into a pool of which an organisation has been given more than the cap, of its latest contracts."""
    gone = np.zeros(len(options), dtype=bool)
    if question.share_cap is None:
        return gone
    most = _free(question) * question.share_cap // 100
    return _beyond(question, options, chosen, question.buyer, most, everything, gone)


def _above_set_aside(question: Question, options: Options, chosen: Ints, *, everything: bool) -> Bools:
    """(k,) options of large organisations into a pool of which too little is left for a small one that wants it."""
    gone = np.zeros(len(options), dtype=bool)
    if not question.set_aside:
        return gone
    away, _ = _elsewhere(question, options)
    small = question.small[options.reservation]
    served = options.kind[chosen] == 0
    served |= away[chosen]
    wants = away & small & ~served[options.reservation]
    most = _free(question) * (100 - question.set_aside) // 100
    wanted = np.bincount(options.lines[wants, 0, 0], minlength=len(most)) > 0
    most = np.where(wanted, most, np.iinfo(np.int64).max)
    together = np.where(question.small, -1, 0)
    return _beyond(question, options, chosen, together, most, everything, gone)


def _beyond(
    question: Question, options: Options, chosen: Ints, whose: Ints, most: Ints, everything: bool, gone: Bools
) -> Bools:
    """Marks, pool by pool and for everybody in `whose` (-1: not asked) who is given more than `most` there, the options
    into that pool of the latest contracts that are beyond it."""
    away, taken = _elsewhere(question, options)
    pool = options.lines[:, 0, 0]
    rows = chosen[away[chosen]]
    rows = rows[whose[options.reservation[rows]] >= 0]
    order = np.lexsort((question.rank[options.reservation[rows]], whose[options.reservation[rows]], pool[rows]))
    rows = rows[order]
    for at in np.unique(pool[rows]):
        for who in np.unique(whose[options.reservation[rows[pool[rows] == at]]]):
            mine = rows[(pool[rows] == at) & (whose[options.reservation[rows]] == who)]
            beyond = mine[np.cumsum(taken[mine]) > most[at]]
            if len(beyond):
                owners = np.flatnonzero(whose == who) if everything else options.reservation[beyond]
                gone |= away & (pool == at) & np.isin(options.reservation, owners)
    return gone
