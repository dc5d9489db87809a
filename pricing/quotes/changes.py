"""What a change of a block adds and returns, by days, and what the returned part is worth. Pure arithmetic.

A block that has been changed is several pieces, each bought at its own price. A day of a piece is worth its share of
the piece's price, weighted by the list price of its days when it was bought: returning a dear day returns a dear day.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from marketplace.units.period import Period

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """A quantity of GPUs over a period."""

    period: Period
    quantity: int

    @property
    def gpu_days(self) -> int:
        return self.quantity * self.period.days


@dataclass(frozen=True, eq=False)
class Piece:
    """A part that was bought in one act. `cents` is its price; `weights` (days,) the list price of its days, cents."""

    part: Part
    cents: int
    weights: Ints

    @property
    def period(self) -> Period:
        return self.part.period


def per_day(parts: Iterable[Part], period: Period) -> Ints:
    """GPUs on each day of a period, shape (days,). Parts may reach beyond it."""
    steps = np.zeros(period.days + 1, dtype=np.int64)
    for part in parts:
        first = min(max((part.period.start - period.start).days, 0), period.days)
        last = min(max((part.period.end - period.start).days, 0), period.days)
        steps[first] += part.quantity
        steps[last] -= part.quantity
    return np.cumsum(steps[:-1])


def parts_of(gpus: Ints, first: date) -> list[Part]:
    """The runs of days with the same quantity above zero, earliest first."""
    edges = np.flatnonzero(np.diff(gpus, prepend=np.int64(-1))).tolist()
    ends = [*edges[1:], len(gpus)]
    return [
        Part(Period(first + timedelta(days=begin), first + timedelta(days=until)), int(gpus[begin]))
        for begin, until in zip(edges, ends, strict=True)
        if gpus[begin] > 0
    ]


def occupied(gpus: Ints, turnaround: int) -> Ints:
    """GPUs that a use per day occupies, with `turnaround` days after each GPU's last one: shape (days,).

    A GPU that goes on needs no turnaround, so a day's occupation is the highest use of it and the days before.
    The caller leaves `turnaround` days after the last use.
    """
    found = gpus.copy()
    for back in range(1, turnaround + 1):
        found[back:] = np.maximum(found[back:], gpus[:-back])
    return found


def added(before: Ints, after: Ints) -> Ints:
    return np.maximum(after - before, 0)


def returned(before: Ints, after: Ints) -> Ints:
    return np.maximum(before - after, 0)


def give_back(pieces: Sequence[Piece], back: Ints, period: Period) -> tuple[list[Piece], list[tuple[Part, int]]]:
    """Takes `back` GPUs per day out of the pieces, those bought last first.

    Returns the pieces that are kept, oldest first, and the parts given back with their worth in cents. Each piece's
    price is divided between the two to the cent.
    """
    left = back.copy()
    kept: list[Piece] = []
    gone: list[tuple[Part, int]] = []
    for piece in reversed(pieces):
        window = slice((piece.period.start - period.start).days, (piece.period.end - period.start).days)
        taken = np.minimum(left[window], piece.part.quantity)
        left[window] -= taken
        stays, goes = _divided(piece, taken)
        kept[:0], gone[:0] = stays, goes
    if left.any():
        raise ValueError("More is given back than the pieces hold.")
    return kept, gone


def _divided(piece: Piece, taken: Ints) -> tuple[list[Piece], list[tuple[Part, int]]]:
    first = piece.period.start
    goes, stays = parts_of(taken, first), parts_of(piece.part.quantity - taken, first)
    cents = share_out(piece.cents, [_weight(piece, part) for part in (*goes, *stays)])
    kept = [
        Piece(part, worth, piece.weights[_days(piece, part)])
        for part, worth in zip(stays, cents[len(goes) :], strict=True)
    ]
    return kept, list(zip(goes, cents[: len(goes)], strict=True))


def _days(piece: Piece, part: Part) -> slice:
    first = piece.period.start
    return slice((part.period.start - first).days, (part.period.end - first).days)


def _weight(piece: Piece, part: Part) -> int:
    return int(piece.weights[_days(piece, part)].sum()) * part.quantity


def share_out(cents: int, weights: Sequence[int]) -> list[int]:
    """An amount divided by weights, to the cent, so that the shares add up to it: by running totals, rounded down."""
    whole, running, before, shares = sum(weights), 0, 0, []
    for weight in weights:
        running += weight
        until = cents * running // whole
        shares.append(until - before)
        before = until
    return shares


def fee_cents(parts: Iterable[tuple[Part, int]], rate: int) -> int:
    """The fee on what is given back, at a rate in hundredths of a percent, rounded down in favour of who leaves."""
    return sum(cents for _, cents in parts) * rate // 10_000
