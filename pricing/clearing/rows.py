"""The capacity rows of a problem that can bind at all, for solvers that want a matrix instead of intervals."""

from dataclasses import dataclass

import numpy as np

from pricing.clearing.alternatives import Alternatives, Flags
from pricing.clearing.requests import Ints


@dataclass(frozen=True, eq=False)
class Rows:
    """Entries (row, pick, gpus) and the limit of each row: sum of gpus of the chosen picks <= limit."""

    row: Ints
    pick: Ints
    gpus: Ints
    limit: Ints


def rows_of(problem: Alternatives) -> Rows:
    """One row per class sum, pool and stretch of days between two changes, left out where nothing can exceed it.

    A stretch that begins with endings alone, at no lower limit than the one before, is implied by it.
    """
    found = [_of_pool(problem, sums, pool) for sums in range(len(problem.limits)) for pool in _pools(problem)]
    begins = np.cumsum([0, *(len(each.limit) for each in found)])
    return Rows(
        np.concatenate([each.row + begin for each, begin in zip(found, begins, strict=False)] or [_NONE]),
        np.concatenate([each.pick for each in found] or [_NONE]),
        np.concatenate([each.gpus for each in found] or [_NONE]),
        np.concatenate([each.limit for each in found] or [_NONE]),
    )


_NONE = np.empty(0, dtype=np.int64)


def _pools(problem: Alternatives) -> list[int]:
    return np.unique(problem.pool).tolist()


def _of_pool(problem: Alternatives, sums: int, pool: int) -> Rows:
    lines = np.flatnonzero((problem.pool == pool) & (problem.firmness[problem.pick_of_line] <= sums))
    start, end = problem.start[lines], problem.end[lines]
    days = np.unique(np.concatenate([start, end]))
    if not len(lines):
        return Rows(_NONE, _NONE, _NONE, _NONE)
    limit = np.minimum.reduceat(problem.limits[sums, pool], days[:-1])
    limit[-1] = problem.limits[sums, pool, days[-2] : days[-1]].min()
    first, last = np.searchsorted(days, start), np.searchsorted(days, end)
    kept = _binding(problem, lines, first, last, limit, np.isin(days[:-1], start))
    number = np.cumsum(kept) - 1
    length = last - first
    at = np.repeat(first, length) + _counting(length)
    line = np.repeat(lines, length)
    inside = kept[at]
    at, line = at[inside], line[inside]
    return Rows(number[at], problem.pick_of_line[line], problem.gpus[line], limit[kept])


def _binding(problem: Alternatives, lines: Ints, first: Ints, last: Ints, limit: Ints, begins: Flags) -> Flags:
    """Which stretches could be asked for more than their limit, and are not implied by the one before."""
    gpus, stretches = problem.gpus[lines], len(limit)
    steps = np.bincount(first, gpus, stretches + 1) - np.bincount(last, gpus, stretches + 1)
    most = np.cumsum(steps)[:-1]
    implied = np.zeros(stretches, dtype=bool)
    implied[1:] = ~begins[1:] & (limit[1:] >= limit[:-1])
    return (most > limit) & ~implied


def _counting(length: Ints) -> Ints:
    """0, 1, … of each length, one after the other."""
    ends = np.cumsum(length)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - length, length)
