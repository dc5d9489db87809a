"""What is left, as arrays. Reads leave expired holds out: a hold ends at its expiry, whoever is down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.period import Period

Grid = NDArray[np.int64]


@dataclass(frozen=True)
class Inventory:
    """Limits and nested use of pools over days, both of shape (pools, 3 classes, days)."""

    pool_ids: tuple[int, ...]
    period: Period
    limits: Grid
    nested: Grid

    def room(self) -> Grid:
        """What each class can still sell: the least slack of its own nested sum and of all outer ones."""
        room = self.limits - self.nested
        for outer in range(len(FIRMNESS) - 1, 0, -1):  # several times as fast as accumulate() over so short an axis
            np.minimum(room[:, outer - 1], room[:, outer], out=room[:, outer - 1])
        return room

    def shortfall(self) -> Grid:
        """Claimed minus limit, where positive."""
        return np.maximum(self.nested - self.limits, 0)


_COLUMNS = 12
_ROWS = """
    FROM (
        SELECT pool_id, array_agg(day - %(start)s::date),
            array_agg(limit_firm), array_agg(limit_standard), array_agg(limit_standby),
            array_agg(firm_held + firm_committed), array_agg(standard_held + standard_committed),
            array_agg(standby_held + standby_committed)
        FROM marketplace_capacityday
        WHERE pool_id = ANY(%(pools)s::bigint[]) AND day >= %(start)s AND day < %(end)s
        GROUP BY pool_id
    ) AS days LEFT JOIN (
        SELECT l.pool_id, array_agg(c.firmness), array_agg(l.start - %(start)s::date),
            array_agg(l.occupied_end - %(start)s::date), array_agg(l.quantity)
        FROM marketplace_claim c JOIN marketplace_claimline l ON l.claim_id = c.id
        WHERE c.status = 'held' AND c.expires_at <= %(now)s AND l.pool_id = ANY(%(pools)s::bigint[])
            AND l.start < %(end)s AND l.occupied_end > %(start)s
        GROUP BY l.pool_id
    ) AS expired USING (pool_id)
"""


def inventory(*, pool_ids: Sequence[int], period: Period, now: datetime) -> Inventory:
    """Limits and use of the pools over the period as of `now`. A day without a row has no limit and no use."""
    return inventory_beside(pool_ids=pool_ids, period=period, now=now)[0]


def inventory_beside(
    *, pool_ids: Sequence[int], period: Period, now: datetime, beside: str = "", **values: Any
) -> tuple[Inventory, tuple[Any, ...]]:
    """The same, and the columns `beside` (SQL, with `values` among its parameters) in the same snapshot: none where no
    day has a row."""
    place = {pool_id: index for index, pool_id in enumerate(pool_ids)}
    limits = np.zeros((len(place), len(FIRMNESS), period.days), dtype=np.int64)
    use = np.zeros_like(limits)
    parameters: dict[str, Any] = {
        "pools": list(place),
        "start": period.start,
        "end": period.end,
        "now": now,
        **values,
    }
    further: tuple[Any, ...] = ()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(['*', *([beside] if beside else [])])} {_ROWS}", parameters)
        for found in cursor.fetchall():
            (pool_id, days, *columns), further = found[:_COLUMNS], found[_COLUMNS:]
            at, row = np.asarray(days, dtype=np.int64), place[pool_id]
            limits[row][:, at] = columns[:3]
            use[row][:, at] = columns[3:6]
            for firmness, first, last, quantity in zip(*(column or () for column in columns[6:]), strict=True):
                use[row, rank(firmness), max(0, first) : last] -= quantity
    return Inventory(tuple(place), period, limits, np.cumsum(use, axis=1)), further


@dataclass(frozen=True)
class ClaimedDays:
    """A line of a claim: what it holds of a pool from `start` to `occupied_end`; the days up to `end` are sold."""

    claim_id: int
    pool_id: int
    start: date
    end: date
    occupied_end: date
    quantity: int


def claimed_days(*, claim_ids: Sequence[int]) -> list[ClaimedDays]:
    """The lines of these claims, whatever their status, earliest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT claim_id, pool_id, start, "end", occupied_end, quantity FROM marketplace_claimline
            WHERE claim_id = ANY(%s) ORDER BY claim_id, start, id
            """,
            [list(claim_ids)],
        )
        return [ClaimedDays(*row) for row in cursor.fetchall()]


def expired_claims(*, now: datetime, pool_ids: Sequence[int] | None = None, most: int = 1000) -> list[int]:
    """Holds whose time is over and that nobody has released yet, oldest first."""
    pools = None if pool_ids is None else list(pool_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.id FROM marketplace_claim c
            WHERE c.status = 'held' AND c.expires_at <= %s AND (%s::bigint[] IS NULL OR EXISTS (
                SELECT 1 FROM marketplace_claimline l WHERE l.claim_id = c.id AND l.pool_id = ANY(%s::bigint[])))
            ORDER BY c.expires_at LIMIT %s
            """,
            [now, pools, pools, most],
        )
        return [row[0] for row in cursor.fetchall()]


@dataclass(frozen=True)
class Difference:
    """A day on which the ledger's totals and the sum of its entries disagree."""

    pool_id: int
    day: date
    firmness: str
    held: int
    held_by_entries: int
    committed: int
    committed_by_entries: int


def differences() -> list[Difference]:
    """Every (pool, day, class) whose totals are not the sum of the entries, in one statement and one snapshot.

    The entries are summed by differences (+q at start, -q at end) and a running total, so that the cost follows
    the number of entries and not their length.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENCES)
        return [Difference(*row) for row in cursor.fetchall()]


_DIFFERENCES = """
    WITH totals AS (
        SELECT pool_id, day, v.firmness, v.held, v.committed FROM marketplace_capacityday, LATERAL (VALUES
            ('firm', firm_held, firm_committed), ('standard', standard_held, standard_committed),
            ('standby', standby_held, standby_committed)) AS v (firmness, held, committed)
    ), steps AS (
        SELECT pool_id, firmness, start AS day, sum(held) AS held, sum(committed) AS committed
        FROM marketplace_ledgerentry GROUP BY pool_id, firmness, start
        UNION ALL
        SELECT pool_id, firmness, "end", -sum(held), -sum(committed)
        FROM marketplace_ledgerentry GROUP BY pool_id, firmness, "end"
    ), calendar AS (  -- a row that was deleted is missing on every one of its days
        SELECT pool_id, firmness, day, 0, 0 FROM totals
        UNION ALL
        SELECT pool_id, firmness, generate_series(min(start), max("end") - 1, interval '1 day')::date, 0, 0
        FROM marketplace_ledgerentry GROUP BY pool_id, firmness
    ), merged AS (
        SELECT pool_id, firmness, day, sum(held) AS held, sum(committed) AS committed
        FROM (SELECT * FROM steps UNION ALL SELECT * FROM calendar) AS s
        GROUP BY pool_id, firmness, day
    ), running AS (
        SELECT pool_id, firmness, day, sum(held) OVER w AS held, sum(committed) OVER w AS committed
        FROM merged WINDOW w AS (PARTITION BY pool_id, firmness ORDER BY day)
    )
    SELECT r.pool_id, r.day, r.firmness, coalesce(t.held, 0), r.held::int, coalesce(t.committed, 0), r.committed::int
    FROM running r LEFT JOIN totals t USING (pool_id, day, firmness)
    WHERE (coalesce(t.held, 0), coalesce(t.committed, 0)) IS DISTINCT FROM (r.held::int, r.committed::int)
    ORDER BY 1, 2, 3
"""
