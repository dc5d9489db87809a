"""The capacity ledger: the only writer of its rows. See docs/locking.md for what is locked when, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from django.db import IntegrityError, connection, transaction
from numpy.typing import NDArray
from psycopg import errors

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
class Wanted:
    """One of several claims that are taken all or none: a line under a holder of its own."""

    holder: str
    firmness: str
    line: Line


@dataclass(frozen=True)
class WantedTogether:
    """One of many claims that are each taken or not: some lines, whole, under a holder of its own."""

    holder: str
    firmness: str
    lines: tuple[Line, ...]
    expires_at: datetime


@dataclass(frozen=True)
class Claimed:
    """A claim that stands. `rooms[i]` is what line i found under the lock, a number of GPUs per priced day."""

    claim_id: int
    rooms: tuple[Rooms, ...]


class Refused(Exception):
    """What a claim found in these pools was not good enough. Worth one more try once expired holds are released.

    `met_expired` where the claim saw such holds under its lock: they may be released by somebody else before we look.
    """

    def __init__(self, message: str, pool_ids: Sequence[int], *, met_expired: bool = False) -> None:
        super().__init__(message)
        self.pool_ids = pool_ids
        self.met_expired = met_expired


class InsufficientHeadroom(Refused):
    """A line does not fit. Nothing has been claimed. `number` is that of the line among several claims."""

    def __init__(
        self,
        line: Line,
        firmness: str,
        least: int,
        pool_ids: Sequence[int],
        *,
        met_expired: bool,
        number: int = 0,
    ) -> None:
        said = f"{line.quantity} GPUs asked for, {least} left on the scarcest day"
        super().__init__(said, pool_ids, met_expired=met_expired)
        self.line = line
        self.firmness = firmness
        self.least = least
        self.number = number


class HoldGone(Exception):
    """The claim is no longer held: it was released, or committed by somebody faster."""


def hold(*, holder: str, firmness: str, lines: Sequence[Line], expires_at: datetime, now: datetime) -> Claimed:
    """Keeps capacity until `expires_at`. Raises InsufficientHeadroom where a line does not fit."""
    return _claim(holder, firmness, HELD, expires_at, lines, now)


def hold_all(*, wanted: Sequence[Wanted], expires_at: datetime, now: datetime) -> list[Claimed]:
    """Keeps all of several lines until `expires_at`, each as a claim of its own, in the order given.

    They are claimed by (pool, start), whatever their order here: that is the lock order (docs/locking.md says why it
    is enough). Each finds the room that those before it left. Raises InsufficientHeadroom where one does not fit; the
    transaction must then be rolled back, as `change.run` does.
    """
    order = sorted(range(len(wanted)), key=lambda number: _place(wanted[number].line))
    found: dict[int, Claimed] = {}
    for number in order:
        each = wanted[number]
        try:
            found[number] = _claim(each.holder, each.firmness, HELD, expires_at, [each.line], now)
        except InsufficientHeadroom as refused:
            pool_ids = [other.line.pool_id for other in wanted]
            raise InsufficientHeadroom(
                refused.line, refused.firmness, refused.least, pool_ids, met_expired=refused.met_expired, number=number
            ) from refused
    return [found[number] for number in range(len(wanted))]


def hold_each(*, wanted: Sequence[WantedTogether], now: datetime) -> list[Claimed | None]:
    """Keeps what fits of many claims, each whole or not at all, in the order given: None for one that does not fit.

    All days that any of them touches are locked first, by (pool, day), so their own order may be anything.
    """
    if not wanted:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_DAYS_OF_ALL, _columns([line for each in wanted for line in each.lines]))
    return [_held_or_not(each, now) for each in wanted]


def _held_or_not(each: WantedTogether, now: datetime) -> Claimed | None:
    try:
        with transaction.atomic():
            return _claim(each.holder, each.firmness, HELD, each.expires_at, each.lines, now)
    except InsufficientHeadroom:
        return None


def lock_claims(*, claim_ids: Sequence[int]) -> None:
    """Locks several claims, by id, before the first of them moves: who moves one of them alone then waits for all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM marketplace_claim WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE", [list(claim_ids)]
        )


def lock_claims_and_days(*, claim_ids: Sequence[int]) -> None:
    """Locks several claims, by id, then all days of their lines, by (pool, day): before several calls on them."""
    lock_claims(claim_ids=claim_ids)
    with connection.cursor() as cursor:
        cursor.execute(_DAYS_OF_CLAIMS, [list(claim_ids)])


def commit(*, holder: str, firmness: str, lines: Sequence[Line], now: datetime) -> Claimed:
    """Takes capacity for good, without a hold before it."""
    return _claim(holder, firmness, COMMITTED, None, lines, now)


def commit_hold(*, claim_id: int, now: datetime) -> None:
    """Turns a hold into a commitment. No sum changes, so it always fits. Its expiry is the quote's to judge."""
    if not _move(claim_id, HELD, COMMITTED, now):
        raise HoldGone


def release_hold(*, claim_id: int, now: datetime) -> bool:
    """Gives a hold back; False where it was no longer held."""
    return _move(claim_id, HELD, RELEASED, now)


def prolong_hold(*, claim_id: int, expires_at: datetime, now: datetime) -> None:
    """Keeps a hold for longer (or shorter): it ends at `expires_at` from now on. No sum changes.

    Raises HoldGone where it is no longer held, or was over at `now` and so may be sold to somebody else.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PROLONG, [expires_at, now, claim_id, HELD, now])
        if not cursor.rowcount:
            raise HoldGone


_PROLONG = """
    UPDATE marketplace_claim SET expires_at = %s, changed_at = %s
    WHERE id = %s AND status = %s AND expires_at > %s
"""


def release_commitment(*, claim_id: int, now: datetime) -> bool:
    """Gives committed capacity back; False where it was not committed."""
    return _move(claim_id, COMMITTED, RELEASED, now)


def release_expired_hold(*, claim_id: int, now: datetime) -> bool:
    """Gives a hold back whose time is over; False where it is not held, or was prolonged since somebody looked."""
    with connection.cursor() as cursor:
        # Locked before the look: a sweep that waited for whoever prolonged the hold must see the new time.
        cursor.execute(_EXPIRED_HOLD, [claim_id, now])
        is_over = cursor.fetchone() is not None
    return is_over and release_hold(claim_id=claim_id, now=now)


def hand_over(*, claim_id: int, holder: str, now: datetime) -> None:
    """A hold goes on to stand for another quote: of the same block, until the same time. Raises HoldGone."""
    with connection.cursor() as cursor:
        cursor.execute(_HAND_OVER, [holder, now, claim_id])
        if not cursor.rowcount:
            raise HoldGone


def exchange_hold(
    *, claim_id: int, holder: str, firmness: str, lines: Sequence[Line], expires_at: datetime, now: datetime
) -> Claimed:
    """A hold on other days, quantities or of another class in place of one: both or neither, in one transaction.

    Nobody can take what is given up before the new one stands; where the new one does not fit, InsufficientHeadroom,
    and the old one is as it was once the caller's transaction is rolled back. Raises HoldGone.
    """
    _lock_both(claim_id, lines)
    if not release_hold(claim_id=claim_id, now=now):
        raise HoldGone
    return hold(holder=holder, firmness=firmness, lines=lines, expires_at=expires_at, now=now)


def _lock_both(claim_id: int, lines: Sequence[Line]) -> None:
    """The claim, then all days that either touches, by (pool, day): two calls into the ledger would take them in turn,
    and two exchanges in opposite directions would wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM marketplace_claim WHERE id = %s FOR UPDATE", [claim_id])
        cursor.execute(_DAYS_OF_BOTH, [claim_id, *_columns(lines)])


@dataclass(frozen=True)
class Kept:
    """What a committed claim keeps of its lines; without lines it is released."""

    claim_id: int
    lines: tuple[Line, ...] = ()


def amend(*, commit: int | None, kept: Sequence[Kept], now: datetime) -> None:
    """Commits a hold (None: there is none) and cuts committed claims down to the lines that they keep, in one call.

    What is cut is free at once. Raises HoldGone where a claim is not held, or not committed, any more. Lines that a
    claim did not have are an IntegrityError: this only ever gives back.
    """
    lines = [(each.claim_id, line) for each in kept for line in each.lines]
    columns = _columns([line for _, line in lines]) if lines else ["{}"] * 5
    with connection.cursor() as cursor:
        cursor.execute(_AMEND, [commit, [each.claim_id for each in kept], [of for of, _ in lines], *columns, now])
        (done,) = cursor.fetchone()
    if not done:
        raise HoldGone


_AMEND = """
    SELECT capacity_amend(%s, %s::bigint[], %s::bigint[],
        %s::bigint[], %s::date[], %s::date[], %s::date[], %s::int[], %s)
"""


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


def stop_selling(*, pool_id: int, first_day: date) -> int:
    """Cuts the limits of one pool, from a day on, to what is claimed: no room is left. Returns on how many days.

    What is claimed is read under the row's lock: a claim that was faster is counted, and never left above a limit.
    One pool per transaction, like `set_limits`.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DAYS_WITH_ROOM, [pool_id, first_day])
        days = [day for (day,) in cursor.fetchall()]
        if days:
            cursor.execute(_CUT, [pool_id, days])
    return len(days)


_FIRM = "firm_held + firm_committed"
_STANDARD = f"{_FIRM} + standard_held + standard_committed"
_STANDBY = f"{_STANDARD} + standby_held + standby_committed"
# In the lock order of everything that touches the ledger, and before the update, whose own order nobody promises.
_DAYS_WITH_ROOM = f"""
    SELECT day FROM marketplace_capacityday
    WHERE pool_id = %s AND day >= %s
        AND (limit_firm > {_FIRM} OR limit_standard > {_STANDARD} OR limit_standby > {_STANDBY})
    ORDER BY day FOR UPDATE
"""
_CUT = f"""
    UPDATE marketplace_capacityday SET limit_firm = LEAST(limit_firm, {_FIRM}),
        limit_standard = LEAST(limit_standard, {_STANDARD}), limit_standby = LEAST(limit_standby, {_STANDBY})
    WHERE pool_id = %s AND day = ANY(%s::date[])
"""


_EXPIRED_HOLD = "SELECT 1 FROM marketplace_claim WHERE id = %s AND status = 'held' AND expires_at <= %s FOR UPDATE"
_HAND_OVER = "UPDATE marketplace_claim SET holder = %s, changed_at = %s WHERE id = %s AND status = 'held'"
_DAYS_OF_ALL = """
    SELECT 1 FROM marketplace_capacityday d
    WHERE EXISTS (
        SELECT FROM unnest(%s::bigint[], %s::date[], %s::date[], %s::date[], %s::int[])
            AS l (pool, start, "end", occupied_end, quantity)
        WHERE l.pool = d.pool_id AND d.day >= l.start AND d.day < l.occupied_end)
    ORDER BY d.pool_id, d.day FOR UPDATE
"""
_DAYS_OF_CLAIMS = """
    SELECT 1 FROM marketplace_capacityday d
    WHERE EXISTS (
        SELECT FROM marketplace_claimline l
        WHERE l.claim_id = ANY(%s::bigint[]) AND l.pool_id = d.pool_id AND d.day >= l.start AND d.day < l.occupied_end)
    ORDER BY d.pool_id, d.day FOR UPDATE
"""
_DAYS_OF_BOTH = """
    WITH wanted (pool_id, first, until) AS (
        SELECT pool_id, start, occupied_end FROM marketplace_claimline WHERE claim_id = %s
        UNION ALL
        SELECT pool, start, occupied_end FROM unnest(%s::bigint[], %s::date[], %s::date[], %s::date[], %s::int[])
            AS l (pool, start, "end", occupied_end, quantity)
    )
    SELECT 1 FROM marketplace_capacityday d
    WHERE EXISTS (SELECT FROM wanted w WHERE w.pool_id = d.pool_id AND d.day >= w.first AND d.day < w.until)
    ORDER BY d.pool_id, d.day FOR UPDATE
"""


def _claim(
    holder: str, firmness: str, status: str, expires_at: datetime | None, lines: Sequence[Line], now: datetime
) -> Claimed:
    # The lock order of everything that touches the ledger: (pool, day).
    order = sorted(range(len(lines)), key=lambda number: _place(lines[number]))
    ordered = [lines[number] for number in order]
    try:
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, [holder, firmness, status, expires_at, now, *_columns(ordered)])
            rows = cursor.fetchall()
    except IntegrityError as error:
        if (refusal := _refusal(error, firmness, ordered)) is None:
            raise
        raise refusal from error
    rooms = {
        number: np.asarray(room[: lines[number].period.days], dtype=np.int64)
        for number, (_, _, room) in zip(order, rows, strict=True)
    }
    return Claimed(rows[0][1], tuple(rooms[number] for number in range(len(lines))))


def _place(line: Line) -> tuple[int, date]:
    return line.pool_id, line.period.start


_CLAIM = """
    SELECT line, claim, room
    FROM capacity_claim(%s, %s, %s, %s, %s, %s::bigint[], %s::date[], %s::date[], %s::date[], %s::int[])
"""


def _columns(lines: Sequence[Line]) -> list[str]:
    """The lines column by column, as PostgreSQL writes arrays: the driver would take longer over its lists than the
    database over the claim."""
    rows = [(line.pool_id, line.period.start, line.period.end, line.until, line.quantity) for line in lines]
    return ["{" + ",".join(map(str, column)) + "}" for column in zip(*rows, strict=True)]


def _refusal(error: IntegrityError, firmness: str, lines: Sequence[Line]) -> InsufficientHeadroom | None:
    """What the function said of the line that does not fit; None for a violation of another kind."""
    cause = error.__cause__
    if not isinstance(cause, errors.CheckViolation) or cause.diag.constraint_name != "claim_fits":
        return None
    number, least, expired = map(int, (cause.diag.message_detail or "").split())
    pool_ids = [line.pool_id for line in lines]
    return InsufficientHeadroom(lines[number - 1], firmness, least, pool_ids, met_expired=bool(expired))


def _move(claim_id: int, before: str, after: str, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT capacity_move(%s, %s, %s, %s)", [claim_id, before, after, now])
        (moved,) = cursor.fetchone()
    return bool(moved)
