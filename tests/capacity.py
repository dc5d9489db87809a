"""Pools with limits for tests of the ledger, and what is sold in them as plain SQL sees it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection

from marketplace.capacity import ledger
from marketplace.catalogue.models import Pool
from marketplace.parties.models import Organisation
from marketplace.units.firmness import FIRM
from marketplace.units.period import Period
from tests import market

FIRST = date(2027, 1, 1)
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
LATER = NOW + timedelta(minutes=15)
DAYS = 60


def a_pool(firm: int = 80, standard: int | None = None, standby: int | None = None, *, days: int = DAYS) -> Pool:
    """A pool with the same limits on each of its days; half as much again as standard, and twice as standby."""
    seller, _ = Organisation.objects.get_or_create(name="Northwind Compute", defaults={"country": "DE"})
    pool = market.pool(seller, "h100", f"Site {Pool.objects.count()}", "DE", lot=8)
    limit(pool, firm, firm * 3 // 2 if standard is None else standard, standby or firm * 2, days=days)
    return pool


def limit(pool: Pool, firm: int, standard: int, standby: int, *, days: int = DAYS) -> None:
    limits = np.repeat(np.array([[firm], [standard], [standby]], dtype=np.int64), days, axis=1)
    ledger.set_limits(pool_id=pool.pk, first_day=FIRST, limits=limits)


def block(pool: Pool, quantity: int, start: int = 0, days: int = 30, *, turnaround: int = 0) -> ledger.Line:
    """`quantity` GPUs from day `start` of the pool, for `days` days."""
    period = Period.of(FIRST + timedelta(days=start), days)
    return ledger.Line(pool.pk, period, quantity, period.end + timedelta(days=turnaround))


def hold(holder: str, *lines: ledger.Line, firmness: str = FIRM, until: datetime = LATER) -> ledger.Claimed:
    return ledger.hold(holder=holder, firmness=firmness, lines=lines, expires_at=until, now=NOW)


def commit(holder: str, *lines: ledger.Line, firmness: str = FIRM) -> ledger.Claimed:
    return ledger.commit(holder=holder, firmness=firmness, lines=lines, now=NOW)


def sold(pool_id: int, firmness: Sequence[str] = (FIRM,)) -> int:
    """GPUs claimed in these classes on the fullest day, from the claims alone: no total, no entry, no code of ours."""
    return int(
        value(
            """
            SELECT coalesce(max(taken), 0) FROM (
                SELECT sum(l.quantity) AS taken
                FROM marketplace_claimline l JOIN marketplace_claim c ON c.id = l.claim_id,
                    generate_series(l.start, l.occupied_end - 1, interval '1 day') AS day
                WHERE l.pool_id = %s AND c.status IN ('held', 'committed') AND c.firmness = ANY(%s)
                GROUP BY day) AS days
            """,
            [pool_id, list(firmness)],
        )
    )


def total(pool_id: int, column: str, offset: int = 0) -> int:
    """A column of the ledger's row of one day."""
    sql = f"SELECT {column} FROM marketplace_capacityday WHERE pool_id = %s AND day = %s"
    return int(value(sql, [pool_id, FIRST + timedelta(days=offset)]))


def value(sql: str, parameters: Sequence[Any] = ()) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]
