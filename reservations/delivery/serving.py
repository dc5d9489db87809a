"""Which project's GPUs serve which block of one pool: pure, deterministic, NumPy.

A pool is one site and one fabric, so a gang may stand on any of its projects; one project serves a whole block where
that is possible. Blocks are given in the order of precedence, each over the days that it occupies (turnaround included,
so that two blocks on the same GPUs are as far apart as the contract says). In that order each block

1. keeps the projects that it had, if they still have room on all of its days;
2. else takes the project with the least room that suffices, counting what later blocks had and would keep;
3. else the same without counting them: the earlier contract goes first, and a later one moves;
4. else is split over as few projects as possible, most room first, in whole lots;
5. and what fits nowhere is not served: `unserved`, a date that has to firm up or a shortfall.

Cost: one pass over (projects, days) per block, that is n x P x T elementary steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Blocks:
    """`first` and `end` (n,): days [first, end) within [0, T); `gpus` (n,); `rank` (n,) 0..2: the class that a block
    may count on; `before` (n, P): GPUs that it had of each project; all zero where it had none."""

    first: Ints
    end: Ints
    gpus: Ints
    rank: Ints
    before: Ints


@dataclass(frozen=True, eq=False)
class Served:
    """`shares` (n, P): GPUs of each project for each block; `unserved` (n,): what no project has.

    `moved` (n,): GPUs that a block had of a project and has no longer.
    """

    shares: Ints
    unserved: Ints
    moved: Ints


def serve(capacity: Ints, blocks: Blocks, *, lot: int) -> Served:
    """`capacity` (3, P, T): GPUs of each project on each day that the classes may count on, firm first; it never falls
    from one class to the next. Blocks come in the order of precedence, earliest contract first."""
    count, projects = blocks.before.shape
    used = np.zeros((projects, capacity.shape[2]), dtype=np.int64)
    kept = _kept_by_all(blocks, (projects, capacity.shape[2]))
    shares = np.zeros_like(blocks.before)
    for n in range(count):
        days = slice(int(blocks.first[n]), int(blocks.end[n]))
        kept[:, days] -= blocks.before[n][:, None]
        room = capacity[blocks.rank[n], :, days] - used[:, days]
        free, spare = room.min(axis=1), (room - kept[:, days]).min(axis=1)
        shares[n] = _shares(int(blocks.gpus[n]), blocks.before[n], free, spare, lot)
        used[:, days] += shares[n][:, None]
    return Served(shares, blocks.gpus - shares.sum(axis=1), np.maximum(blocks.before - shares, 0).sum(axis=1))


def _kept_by_all(blocks: Blocks, shape: tuple[int, int]) -> Ints:
    """(P, T): what all blocks had, by differences."""
    steps = np.zeros((shape[0], shape[1] + 1), dtype=np.int64)
    np.add.at(steps.T, blocks.first, blocks.before)
    np.add.at(steps.T, blocks.end, -blocks.before)
    return np.cumsum(steps, axis=1)[:, :-1]


def _shares(gpus: int, before: Ints, free: Ints, spare: Ints, lot: int) -> Ints:
    """(P,): from where a block is served, given the room of each project with and without later blocks' wishes."""
    if before.sum() == gpus and (before <= free).all():
        return before.copy()
    for room in (np.minimum(free, spare), free):
        fits = np.flatnonzero(room >= gpus)
        if len(fits):
            chosen = np.zeros_like(before)
            chosen[fits[np.lexsort((fits, room[fits], -np.minimum(before, gpus)[fits]))[0]]] = gpus
            return chosen
    return _split(gpus, before, free, lot)


def _split(gpus: int, before: Ints, free: Ints, lot: int) -> Ints:
    """Over as few projects as possible: those with the most room first, among equals those that it had."""
    whole = np.maximum(free, 0) // lot * lot
    order = np.lexsort((np.arange(len(whole)), -before, -whole))
    upto = np.minimum(np.cumsum(whole[order]), gpus)
    chosen = np.zeros_like(before)
    chosen[order] = np.diff(upto, prepend=0)
    return chosen


def capacity_of(gpus: Ints, ready: Ints, retired: Ints, days: int) -> Ints:
    """(3, P, T): what each class may count on. `ready` (3, P): the day on which a project is ready for it, firm the
    latest; `retired` (P,): the first day on which it is gone; projects that retire GPUs have `gpus` below zero, and
    take them from the others of the pool, in order, from their day on."""
    calendar = np.arange(days)
    is_there = (ready[:, :, None] <= calendar) & (retired[None, :, None] > calendar)
    found = np.where(is_there, np.maximum(gpus, 0)[None, :, None], 0)
    gone = np.where(is_there, np.maximum(-gpus, 0)[None, :, None], 0).sum(axis=1)
    # A retirement that comes early for one class has come for all: a firm block must not count on what may be gone.
    gone = np.maximum.accumulate(gone[::-1], axis=0)[::-1]
    before = np.cumsum(found, axis=1) - found
    return found - np.clip(gone[:, None, :] - before, 0, found)
