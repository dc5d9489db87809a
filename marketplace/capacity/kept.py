"""The inventory kept in this process: every read brings it up to date with what has committed since the last one.

To read all days takes the database tens of milliseconds; what has changed since the last search is a handful of
entries. Exact all the same: an answer misses nothing that had committed before its one statement began
(docs/decisions/0009 says why so, and what it is worth). One snapshot shows three things:

- the entries that were not there before (`log.py`);
- the transaction that last wrote limits: another one than before, and all days are read again;
- holds whose time is over: they are left out of the answer, not of what is kept.

In a transaction that has written something, nothing is kept: it sees its own rows, which may never commit.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.capacity.log import EPOCH, Log, Look, Movement, first_log, look
from marketplace.capacity.queries import Grid, Inventory, inventory
from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.period import Period


@dataclass(frozen=True)
class Days:
    """Limits and use of every pool, shape (pools, 3 classes, days), from the day `origin` (counted from EPOCH) on."""

    origin: int
    places: dict[int, int]
    limits: Grid
    use: Grid

    def add(self, movements: Sequence[Movement]) -> None:
        for moved in movements:
            place = self.places.get(moved.pool_id)
            if place is not None:
                first, end = max(0, moved.first - self.origin), max(0, moved.end - self.origin)
                self.use[place, rank(moved.firmness), first:end] += moved.gpus

    def cut(self, pool_ids: Sequence[int], period: Period) -> "Days":
        """A copy of those pools, in that order, over those days; where there is no row there is nothing."""
        first = (period.start - EPOCH).days
        shape = (len(pool_ids), len(FIRMNESS), period.days)
        limits, use = np.zeros((2, *shape), dtype=np.int64)
        cut = Days(first, {pool_id: place for place, pool_id in enumerate(pool_ids)}, limits, use)
        low, high = max(first, self.origin), min(first + period.days, self.origin + self.limits.shape[2])
        known = [place for place, pool_id in enumerate(pool_ids) if pool_id in self.places]
        if low < high and known:
            source = [self.places[pool_ids[place]] for place in known]
            here, there = slice(low - self.origin, high - self.origin), slice(low - first, high - first)
            limits[known, :, there] = self.limits[source, :, here]
            use[known, :, there] = self.use[source, :, here]
        return cut


@dataclass
class _Process:
    """What this process keeps: `days` as of the last look of `log`, or None while there is nothing to keep."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    log: Log | None = None
    limits_written: int | None = None
    days: Days | None = None


_process = _Process()


@dataclass(frozen=True)
class View:
    """What one look saw. `days` are those kept (None where the transaction has written), `beside` what else was asked
    for in the same statement."""

    now: datetime
    days: Days | None
    expired: Sequence[Movement]
    beside: tuple[Any, ...]

    def inventory(self, pool_ids: Sequence[int], period: Period) -> Inventory:
        """`queries.inventory` at the price of what changed: the same figures, all from one snapshot."""
        if self.days is None:
            return inventory(pool_ids=pool_ids, period=period, now=self.now)
        found = self.days.cut(pool_ids, period)
        found.add(self.expired)
        nested = found.use
        for outer in range(1, len(FIRMNESS)):
            nested[:, outer] += nested[:, outer - 1]
        return Inventory(tuple(pool_ids), period, found.limits, nested)


@contextmanager
def kept_view(now: datetime, beside: str = "") -> Iterator[View]:
    """What is there as of `now`, and the columns `beside` (SQL) in the same snapshot. Nobody moves the kept days on
    within the block: the view's expired holds are right for the entries that it has, and for no others."""
    with _process.lock:
        seen = look(_process.log, now, beside=beside)
        further = seen.beside
        if seen.has_written:
            yield View(now, None, (), further)
            return
        _catch_up(_process, seen)
        days = _process.days
        if days is None:
            seen = look(_process.log, now, whole=True)
            days = _read_again(_process, seen)
        yield View(now, days, seen.expired, further)


def kept_inventory(*, pool_ids: Sequence[int], period: Period, now: datetime) -> Inventory:
    """The inventory of one view."""
    with kept_view(now) as view:
        return view.inventory(pool_ids, period)


def _catch_up(process: _Process, seen: Look) -> None:
    """Brings the kept days up to the look; drops them where its entries are not all that changed."""
    if process.log is None or not process.log.continues(seen):
        process.log, process.days = first_log(seen), None
        return
    movements = process.log.take_in(seen)
    if process.days is not None and process.limits_written == seen.limits_written:
        process.days.add(movements)
    else:
        process.days = None


def _read_again(process: _Process, seen: Look) -> Days:
    """All days of the look; kept only if the log knows of every entry that may still come."""
    days = _days(seen)
    if process.log is None or not process.log.continues(seen):
        process.log = None  # so much happened since the look before: the next one starts anew
        return days
    process.log.take_in(seen)
    process.limits_written = seen.limits_written
    process.days = days if process.log.is_settled(seen) else None
    return days


def _days(seen: Look) -> Days:
    """The columns of all days as arrays, however the rows were ordered."""
    pools, day, *columns = (_numbers(column) for column in seen.whole)
    pool_ids, place = np.unique(pools, return_inverse=True)
    origin = int(day.min()) if len(day) else 0
    shape = (len(pool_ids), len(FIRMNESS), int(day.max()) - origin + 1 if len(day) else 0)
    days = Days(
        origin,
        {pool_id: at for at, pool_id in enumerate(pool_ids.tolist())},
        np.zeros(shape, dtype=np.int64),
        np.zeros(shape, dtype=np.int64),
    )
    for row in range(len(FIRMNESS)):
        days.limits[place, row, day - origin] = columns[row]
        days.use[place, row, day - origin] = columns[len(FIRMNESS) + row]
    return days


def _numbers(sent: bytes | None) -> NDArray[np.int64]:
    """A one-dimensional array of integers as PostgreSQL sends it: five words of header, then size and value of each."""
    if sent is None:
        return np.zeros(0, dtype=np.int64)
    size = int.from_bytes(sent[20:24])
    values = np.frombuffer(sent, dtype=[("size", ">i4"), ("value", f">i{size}")], offset=20)["value"]
    return values.astype(np.int64)
