"""The capacity ledger: the only writer of its rows. See docs/locking.md for what is locked when, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from marketplace.capacity.models import COMMITTED, HELD, RELEASED
from marketplace.units.period import Period

Rooms = NDArray[np.int64]


@dataclass(frozen=True)
class Line:
    """A quantity of GPUs in one pool over a period; turnaround days after it are claimed, not priced."""

    pool_id: int
    period: Period
    quantity: int
    occupied_end: date | None = None

    @property
    def until(self) -> date:
        return self.occupied_end or self.period.end


@dataclass(frozen=True)
class Claimed:
    """A claim that stands. `rooms[i]` is what line i found under the lock, a number of GPUs per priced day."""

    claim_id: int
    rooms: tuple[Rooms, ...]


class Refused(Exception):
    """What a claim found in these pools was not good enough. Worth one more try once expired holds are released."""

    def __init__(self, message: str, pool_ids: Sequence[int]) -> None:
        super().__init__(message)
        self.pool_ids = pool_ids


class InsufficientHeadroom(Refused):
    """A line does not fit. Nothing has been claimed."""

    def __init__(
        self, line: Line, firmness: str, least: int, pool_ids: Sequence[int]
    ) -> None:
        super().__init__(
            f"{line.quantity} GPUs asked for, {least} left on the scarcest day",
            pool_ids,
        )
        self.line = line
        self.firmness = firmness
        self.least = least


class HoldGone(Exception):
    """The claim is no longer held: it was released, or committed by somebody faster."""


def hold(
    *,
    holder: str,
    firmness: str,
    lines: Sequence[Line],
    expires_at: datetime,
    now: datetime,
) -> Claimed:
    """Keeps capacity until `expires_at`. Raises InsufficientHeadroom where a line does not fit."""
    return _claim(holder, firmness, HELD, expires_at, lines, now)


def commit(
    *, holder: str, firmness: str, lines: Sequence[Line], now: datetime
) -> Claimed:
    """Takes capacity for good, without a hold before it."""
    return _claim(holder, firmness, COMMITTED, None, lines, now)


def commit_hold(*, claim_id: int, now: datetime) -> None:
    """Turns a hold into a commitment. No sum changes, so it always fits. Whether it has expired is the quote's to say."""
    if not _move(claim_id, HELD, COMMITTED, now):
        raise HoldGone


def release_hold(*, claim_id: int, now: datetime) -> bool:
    """Gives a hold back; False where it was no longer held."""
    return _move(claim_id, HELD, RELEASED, now)


def release_commitment(*, claim_id: int, now: datetime) -> bool:
    """Gives committed capacity back; False where it was not committed."""
    return _move(claim_id, COMMITTED, RELEASED, now)


def set_limits(*, pool_id: int, first_day: date, limits: NDArray[np.int64]) -> None:
    """Writes the class limits of one pool, shape (3, days), rows firm, standard, standby.

    One pool per transaction: with several, two writers could wait for each other.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO marketplace_capacityday AS d
                (pool_id, day, limit_firm, limit_standard, limit_standby, firm_held, firm_committed,
                 standard_held, standard_committed, standby_held, standby_committed)
            SELECT %s, %s::date + (n - 1)::int, f, s, b, 0, 0, 0, 0, 0, 0
            FROM unnest(%s::int[], %s::int[], %s::int[]) WITH ORDINALITY AS l (f, s, b, n) ORDER BY n
            ON CONFLICT (pool_id, day) DO UPDATE
            SET limit_firm = EXCLUDED.limit_firm, limit_standard = EXCLUDED.limit_standard,
                limit_standby = EXCLUDED.limit_standby
            WHERE (d.limit_firm, d.limit_standard, d.limit_standby)
                IS DISTINCT FROM (EXCLUDED.limit_firm, EXCLUDED.limit_standard, EXCLUDED.limit_standby)
            """,
            [pool_id, first_day, *(row.tolist() for row in limits)],
        )


def _claim(
    holder: str,
    firmness: str,
    status: str,
    expires_at: datetime | None,
    lines: Sequence[Line],
    now: datetime,
) -> Claimed:
    # The lock order of everything that touches the ledger: (pool, day).
    ordered = sorted(lines, key=lambda line: (line.pool_id, line.period.start))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT claim, line, room FROM capacity_claim("
            "%s, %s, %s, %s, %s, %s::bigint[], %s::date[], %s::date[], %s::date[], %s::int[])",
            [
                holder,
                firmness,
                status,
                expires_at,
                now,
                [line.pool_id for line in ordered],
                [line.period.start for line in ordered],
                [line.period.end for line in ordered],
                [line.until for line in ordered],
                [line.quantity for line in ordered],
            ],
        )
        rows = cursor.fetchall()
    claim_id, number, room = rows[-1]
    if claim_id is None:
        line = ordered[number - 1]
        complete = len(room or ()) == (line.until - line.period.start).days
        raise InsufficientHeadroom(
            line,
            firmness,
            max(0, min(room)) if complete else 0,
            [line.pool_id for line in ordered],
        )
    found = {number: np.asarray(room, dtype=np.int64) for _, number, room in rows}
    by_line = {id(line): found[number] for number, line in enumerate(ordered, start=1)}
    return Claimed(
        claim_id, tuple(by_line[id(line)][: line.period.days] for line in lines)
    )


def _move(claim_id: int, before: str, after: str, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT capacity_move(%s, %s, %s, %s)", [claim_id, before, after, now]
        )
        (moved,) = cursor.fetchone()
    return bool(moved)
