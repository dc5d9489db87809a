"""What an outage takes of a portfolio: GPUs held and still there, by accelerator and day. Pure and vectorised.

A portfolio is rows: a reservation that was changed has one row for each of its quantities. Days are offsets from today
(0 is today), half-open. What an outage takes of a row is one stretch of its days:

    lost from day f:   [max(start, f), end)           whatever runs or is to come at the site is gone from f on
    late by n days:    [start, min(end, begins + n))  of reservations that have not begun; the end does not move

so that held - left = the sum of the stretches, on every day and for every accelerator.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Book:
    """Arrays over rows. `owner`: index of the reservation; `kind`: of the accelerator; days [start, end) and GPUs.

    weights (kinds,): H100 equivalents of one GPU.
    """

    owner: Ints
    kind: Ints
    start: Ints
    end: Ints
    gpus: Ints
    weights: Floats

    @property
    def days(self) -> int:
        """Days from today to the end of the last row."""
        return int(self.end.max(initial=0))

    @property
    def begins(self) -> Ints:
        """(rows,) the day on which the row's reservation begins."""
        first = np.full(int(self.owner.max(initial=-1)) + 1, np.iinfo(np.int64).max)
        np.minimum.at(first, self.owner, self.start)
        return first[self.owner]


@dataclass(frozen=True)
class Stretch:
    """(rows,) the days [since, until) that are taken of each row; empty where the two are equal."""

    since: Ints
    until: Ints

    @property
    def days(self) -> Ints:
        return self.until - self.since


@dataclass(frozen=True)
class Coverage:
    """`held` and `left` (kinds, days) in GPUs. `lost` (rows,) in GPU-days; `beside` (rows,): GPUs of the same kind that
    are still there on the row's lost days, on average (0 where it loses nothing)."""

    held: Ints
    left: Ints
    lost: Ints
    beside: Floats

    def in_h100(self, weights: Floats) -> tuple[Floats, Floats]:
        """(days,) held and left in H100 equivalents."""
        return weights @ self.held, weights @ self.left


def lost_from(book: Book, hit: Bools, day: int) -> Stretch:
    """What is gone when everything in the rows that are hit is lost from a day on."""
    since = np.clip(day, np.maximum(book.start, 0), np.maximum(book.end, 0))
    return Stretch(np.where(hit, since, book.end), book.end)


def late_by(book: Book, hit: Bools, days: int) -> Stretch:
    """What is gone when the reservations that are hit and have not begun begin so many days later."""
    waits = hit & (book.begins > 0)
    until = np.clip(book.begins + days, book.start, book.end)
    return Stretch(book.start, np.where(waits, until, book.start))


def coverage(book: Book, taken: Stretch) -> Coverage:
    """Held, left, and what each row loses, from today to the end of the last row."""
    held = _by_day(book, np.maximum(book.start, 0), np.maximum(book.end, 0))
    since, until = np.maximum(taken.since, 0), np.maximum(taken.until, 0)
    left = held - _by_day(book, since, until)
    days = np.maximum(until - since, 0)
    summed = np.pad(np.cumsum(left, axis=1), ((0, 0), (1, 0)))
    beside = summed[book.kind, until] - summed[book.kind, since]
    return Coverage(held, left, days * book.gpus, np.where(days > 0, beside / np.maximum(days, 1), 0.0))


def by_owner(book: Book, values: Ints, owners: int) -> Ints:
    """(owners,) the sum of a figure of rows for each reservation."""
    found = np.zeros(owners, dtype=np.int64)
    np.add.at(found, book.owner, values)
    return found


def changes(*series: Ints | Floats) -> Ints:
    """Days on which any of the series (…, days) differs from the day before; the first is always among them."""
    days = series[0].shape[-1]
    if not days:
        return np.zeros(0, dtype=np.int64)
    moved = np.zeros(days, dtype=bool)
    moved[0] = True
    for each in series:
        moved[1:] |= (np.diff(each.reshape(-1, days), axis=1) != 0).any(axis=0)
    return np.flatnonzero(moved)


def _by_day(book: Book, since: Ints, until: Ints) -> Ints:
    """(kinds, days) GPUs of the rows over the days [since, until) of each."""
    steps = np.zeros((len(book.weights), book.days + 1), dtype=np.int64)
    np.add.at(steps, (book.kind, since), book.gpus)
    np.subtract.at(steps, (book.kind, np.maximum(until, since)), book.gpus)
    return np.cumsum(steps, axis=1)[:, : book.days]
