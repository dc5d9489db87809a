"""What a plan is made from: limits after a slip, the reservations concerned, and what could become of each. Pure.

n reservations, k options flat by reservation, l lines flat by option. All arrays are int64 except where said; every
day is an index from the first day of the case's horizon, every period half-open [start, end).
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

STAYS, MOVES, SETTLES = 0, 1, 2  # what an option is for a bundle, whose members all take options of one kind
MOST_GPUS = 2**31  # keeps every sum of harm and of use exact in 64 bits
MOST_USD = 1e12


class CaseDoesNotFit(ValueError):
    """The arrays of a case contradict each other. The text says which, where, and what would be right."""


@dataclass(frozen=True)
class Weights:
    """What harm counts besides the USD owed; published, an assumption of the policy until a policy says otherwise.

    moved_usd: USD per buyer with at least one reservation moved. short_gpu_day_usd: USD per GPU-day short, by class
    (firm, standard, standby).
    """

    moved_usd: float
    short_gpu_day_usd: tuple[float, float, float]

    @property
    def moved_cents(self) -> int:
        return round(self.moved_usd * 100)

    @property
    def short_cents(self) -> Ints:
        return np.array([round(usd * 100) for usd in self.short_gpu_day_usd], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Case:
    """The question that a plan answers.

    limits (3, pools, days): GPUs that firm, firm + standard, and all three may hold, net of every claim that is not
        in the case (other reservations, holds). Negative counts as none.

    Per reservation, (n,):
    key: what names it in the lottery, unique (its row's id).
    firmness: 0 firm, 1 standard, 2 standby.
    rank: its place in the line of contracts, earliest first; unique over the case.
    group: index of its bundle, -1 for none. Members need not be neighbours.
    buyer: index of its organisation; a buyer with several reservations moved counts once.
    price: float64, contract price in USD per GPU-hour; only the rule "highest price first" reads it.
    now_option: index in (k,) of its option "as contracted": loss 0, moves False, harm 0, no consent.
    first (n + 1,): its options are first[i] <= o < first[i + 1].

    Per option, (k,):
    harm_usd: float64 >= 0, what would be owed if it came to this, USD; rounded to cents once, here.
    moves: bool, it runs in another pool or on dates other than a wait's: the buyer counts as moved.
    short_gpu_days: GPU-days of the contract that it never delivers.
    needs_consent: bool, the contract does not allow it without the buyer's consent: chosen, it is a proposal.
    loss: how much less than contracted it is for its buyer, in GPU-days late or short (days late x GPUs, plus the
        short ones). 0 as contracted, and at an equal or better substitute at the contracted dates. Compared only
        within a reservation; it is what "nobody gets less" is measured by, never added to harm.
    line_first (k + 1,): its lines are line_first[o] <= j < line_first[o + 1]. Without lines it takes no capacity.

    Per line, (l,): pool, start, end, gpus (> 0). Lines of one option that share a pool share no day. Turnaround that
    must stay claimed is part of the line.

    Every reservation needs an option without lines and without consent ("not served": short for all that is left of
    it), so that there is always a plan; bundles need it of every member.
    """

    limits: Ints
    key: Ints
    firmness: Ints
    rank: Ints
    group: Ints
    buyer: Ints
    price: Floats
    now_option: Ints
    first: Ints
    harm_usd: Floats
    moves: Flags
    short_gpu_days: Ints
    needs_consent: Flags
    loss: Ints
    line_first: Ints
    pool: Ints
    start: Ints
    end: Ints
    gpus: Ints

    def __post_init__(self) -> None:
        for said in _faults(self):
            raise CaseDoesNotFit(said)

    def __len__(self) -> int:
        return len(self.key)

    @cached_property
    def owner(self) -> Ints:
        """(k,): the reservation of each option."""
        return np.repeat(np.arange(len(self)), np.diff(self.first))

    @cached_property
    def kind(self) -> Ints:
        """(k,): STAYS, MOVES or SETTLES (no lines)."""
        empty = np.diff(self.line_first) == 0
        return np.where(empty, SETTLES, np.where(self.moves, MOVES, STAYS))

    @cached_property
    def size(self) -> Ints:
        """(n,): GPUs as contracted, at most on one line."""
        sizes = np.zeros(len(self), dtype=np.int64)
        option = np.repeat(np.arange(len(self.kind)), np.diff(self.line_first))
        mine = option == self.now_option[self.owner[option]]
        np.maximum.at(sizes, self.owner[option[mine]], self.gpus[mine])
        return sizes

    def cents(self, weights: Weights) -> Ints:
        """(k,): harm of each option in cents: owed, plus the weight of what is short. A move is weighed per buyer."""
        owed = np.rint(self.harm_usd * 100).astype(np.int64)
        return owed + self.short_gpu_days * weights.short_cents[self.firmness[self.owner]]


PER_RESERVATION = ("firmness", "rank", "group", "buyer", "price", "now_option")
PER_OPTION = ("moves", "short_gpu_days", "needs_consent", "loss")
PER_LINE = ("start", "end", "gpus")


def _faults(case: Case) -> Iterator[str]:
    yield from _faults_of_shapes(case)
    yield from _faults_of_reservations(case)
    yield from _faults_of_options(case)
    yield from _faults_of_lines(case)


def _faults_of_shapes(case: Case) -> Iterator[str]:
    n, k, lines = len(case.key), len(case.harm_usd), len(case.pool)
    if case.limits.ndim != 3 or len(case.limits) != 3:
        yield f"limits has shape {case.limits.shape}; right would be (3, pools, days)."
    for names, size, of in ((PER_RESERVATION, n, "key"), (PER_OPTION, k, "harm_usd"), (PER_LINE, lines, "pool")):
        for name in names:
            if getattr(case, name).shape != (size,):
                yield f"{name} has shape {getattr(case, name).shape}; {of} has {size}."
    for name, size, total in (("first", n, k), ("line_first", k, lines)):
        cut = getattr(case, name)
        if cut.shape != (size + 1,) or cut[0] != 0 or cut[-1] != total or (np.diff(cut) < 0).any():
            yield f"{name} must rise from 0 to {total} in {size + 1} entries."
    for field in fields(case):
        kind = getattr(case, field.name).dtype.kind
        if kind != ("f" if field.name in ("price", "harm_usd") else "b" if field.name in FLAGS else "i"):
            yield f"{field.name} is of type {getattr(case, field.name).dtype}; see the class for the right one."


FLAGS = ("moves", "needs_consent")


def _faults_of_reservations(case: Case) -> Iterator[str]:
    if len(np.unique(case.rank)) != len(case) or len(np.unique(case.key)) != len(case):
        yield "rank and key must each be unique over the reservations."
    if ((case.firmness < 0) | (case.firmness > 2)).any():
        yield "firmness is 0, 1 or 2."
    if (case.group < -1).any() or (case.buyer < 0).any():
        yield "group is an index or -1; buyer is an index."
    if not np.isfinite(case.price).all():
        yield "price must be a number for every reservation."
    outside = (case.now_option < case.first[:-1]) | (case.now_option >= case.first[1:])
    if outside.any():
        yield f"now_option of reservation {int(np.argmax(outside))} is not among its own options."


def _faults_of_options(case: Case) -> Iterator[str]:
    harm = case.harm_usd
    if not (np.isfinite(harm).all() and (harm >= 0).all() and (harm <= MOST_USD).all()):
        yield f"harm_usd must lie between 0 and {MOST_USD:.0e}."
    if (case.short_gpu_days < 0).any() or (case.loss < 0).any():
        yield "short_gpu_days and loss are never negative."
    now = case.now_option
    if (case.loss[now] + case.short_gpu_days[now] != 0).any() or harm[now].any():
        yield "The option as contracted has no loss, nothing short and no harm."
    if (case.moves[now] | case.needs_consent[now]).any():
        yield "The option as contracted moves nobody and needs no consent."
    last = (np.diff(case.line_first) == 0) & ~case.needs_consent
    without = np.bincount(case.owner[last], minlength=len(case)) == 0
    if without.any():
        yield f"Reservation {int(np.argmax(without))} lacks an option without lines and without consent."


def _faults_of_lines(case: Case) -> Iterator[str]:
    pools, days = case.limits.shape[1:]
    if ((case.pool < 0) | (case.pool >= pools)).any():
        yield f"pool is an index below {pools}."
    if ((case.start < 0) | (case.start >= case.end) | (case.end > days)).any():
        yield f"Lines lie within the {days} days of the limits, each with start < end."
    if ((case.gpus < 1) | (case.gpus > MOST_GPUS)).any():
        yield f"gpus lies between 1 and {MOST_GPUS}."
    option = np.repeat(np.arange(len(case.harm_usd)), np.diff(case.line_first))
    order = np.lexsort((case.start, case.pool, option))
    same = (option[order][1:] == option[order][:-1]) & (case.pool[order][1:] == case.pool[order][:-1])
    if (same & (case.start[order][1:] < case.end[order][:-1])).any():
        yield "Two lines of one option share a pool's day: give one line with the sum of their GPUs."
