"""What need not be decided: picks that can never fit, and units left with one way. Exact, and cheap."""

from dataclasses import replace

import numpy as np

from pricing.clearing.alternatives import Alternatives, Flags
from pricing.clearing.options import ranges_lowest
from pricing.clearing.requests import Ints


def tightened(problem: Alternatives, kept: Flags | None = None) -> Flags:
    """(k,): the picks that could be part of a choice that fits.

    A slot's only pick of a unit's only way is taken for certain; what its lines leave must hold any other pick. Each
    round may leave further units with one way; it ends when none does.
    """
    kept = np.ones(problem.count, dtype=bool) if kept is None else kept.copy()
    while True:
        certain = only_choices(problem, kept)
        left = problem.limits - problem.use(np.flatnonzero(certain))
        impossible = kept & ~certain & ~_fit(problem, left)
        if not impossible.any():
            return kept
        kept = with_whole_ways(problem, kept & ~impossible)


def only_choices(problem: Alternatives, kept: Flags) -> Flags:
    """(k,): the picks without an alternative."""
    per_slot = np.bincount(problem.slot[kept], minlength=len(problem.slot_first) - 1)
    ways = np.logical_and.reduceat(per_slot > 0, problem.way_first[:-1])
    per_unit = np.add.reduceat(ways, problem.unit_first[:-1], dtype=np.int64)
    return kept & (per_slot[problem.slot] == 1) & (per_unit[problem.unit] == 1)


def with_whole_ways(problem: Alternatives, kept: Flags) -> Flags:
    """A way with an empty slot goes as a whole."""
    per_slot = np.bincount(problem.slot[kept], minlength=len(problem.slot_first) - 1)
    ways = np.logical_and.reduceat(per_slot > 0, problem.way_first[:-1])
    return kept & ways[problem.way]


def _fit(problem: Alternatives, left: Ints) -> Flags:
    """(k,): whether each pick fits by itself into what is left."""
    narrowest = np.minimum.accumulate(left[::-1], axis=0)[::-1]
    classes, pools, days = narrowest.shape
    row = problem.firmness[problem.pick_of_line] * pools + problem.pool
    least = ranges_lowest(narrowest.reshape(classes * pools, days).astype(np.float64), row, problem.start, problem.end)
    fits = np.ones(problem.count, dtype=bool)
    fits[problem.pick_of_line[least < problem.gpus]] = False
    return fits


def undecided(problem: Alternatives, kept: Flags) -> tuple[Alternatives, Ints, Ints]:
    """The problem without what is certain: its limits are what the certain picks leave.

    Also the picks of the whole problem that are certain, and those that are left, each as an index of the whole. Tolls
    of labels that a certain pick carries are paid already, so those picks bear no label any more.
    """
    certain = only_choices(problem, kept)
    left = problem.limits - problem.use(np.flatnonzero(certain))
    paid = np.unique(problem.label[certain & (problem.label >= 0)])
    open_ = kept & ~certain
    done = np.ones(len(problem), dtype=bool)
    done[problem.unit[open_]] = False
    part = open_ | (certain & ~done[problem.unit])
    small = _of_units(problem, part, ~done)
    label = np.where(np.isin(small.label, paid), -1, small.label)
    # Certain members of a bundle that is still open stay in it, so their use goes back into the limits.
    left = left + problem.use(np.flatnonzero(certain & ~done[problem.unit]))
    return replace(small, limits=left, label=label), np.flatnonzero(certain & done[problem.unit]), np.flatnonzero(part)


def _of_units(problem: Alternatives, part: Flags, units: Flags) -> Alternatives:
    """The picks `part`, which lie in `units` alone; ways without any of theirs go, and so do the other units."""
    per_slot = np.bincount(problem.slot[part], minlength=len(problem.slot_first) - 1)
    ways = np.logical_and.reduceat(per_slot > 0, problem.way_first[:-1])
    lines = part[problem.pick_of_line]
    per_unit = np.bincount(problem.unit_of_way[ways], minlength=len(problem))
    return replace(
        problem,
        unit_first=_cut(per_unit[units]),
        way_first=_cut(np.diff(problem.way_first)[ways]),
        slot_first=_cut(per_slot[ways[problem.way_of_slot]]),
        cost=problem.cost[part],
        firmness=problem.firmness[part],
        who=problem.who[part],
        label=problem.label[part],
        line_first=_cut(np.diff(problem.line_first)[part]),
        pool=problem.pool[lines],
        start=problem.start[lines],
        end=problem.end[lines],
        gpus=problem.gpus[lines],
    )


def _cut(counts: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
