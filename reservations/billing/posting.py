"""Brings the ledger of money up to date: every due and every receipt is posted once, thousands in a statement."""

from datetime import datetime
from typing import Any

from django.db import connection

from marketplace.units.ids import new_id
from reservations.billing.accounts import AGAINST, BANK, RECEIVABLE, UNAPPLIED
from reservations.billing.models import RECEIPT

MOST_AT_ONCE = 5_000


def post_new(*, now: datetime) -> int:
    """Posts what no posting has yet; returns how many. Two at once share the work, and neither posts a row twice."""
    return _post(_DUES, now) + _post(_RECEIPTS, now)


def _post(statement: str, now: datetime) -> int:
    values: dict[str, Any] = {
        "now": now,
        "most": MOST_AT_ONCE,
        "reasons": list(AGAINST),
        "against": list(AGAINST.values()),
        "receivable": RECEIVABLE,
        "bank": BANK,
        "unapplied": UNAPPLIED,
        "receipt": RECEIPT,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PICK[statement], values)
        picked = [row[0] for row in cursor.fetchall()]
        if not picked:
            return 0
        ids = [new_id("pst") for _ in picked]
        cursor.execute(statement, {**values, "picked": picked, "ids": ids})
    return len(picked)


_DUES = """
    WITH marked AS (UPDATE reservations_due SET posted = true WHERE id = ANY(%(picked)s::bigint[])),
    new AS (
        SELECT n.public_id, d.public_id AS subject, d.reason AS kind, d.organisation_id, p.seller_id, d.reservation_id,
            d.currency, d.created_at, d.amount, a.against
        FROM unnest(%(picked)s::bigint[], %(ids)s::text[]) AS n (id, public_id)
        JOIN reservations_due d USING (id)
        JOIN unnest(%(reasons)s::text[], %(against)s::text[]) AS a (reason, against) ON a.reason = d.reason
        LEFT JOIN reservations_reservation r ON r.id = d.reservation_id
        LEFT JOIN pricing_quote q ON q.id = d.quote_id
        JOIN marketplace_pool p ON p.id = COALESCE(r.pool_id, q.pool_id)
    ), made AS (
        INSERT INTO reservations_posting
            (public_id, key, kind, organisation_id, seller_id, reservation_id, subject, currency, occurred_at,
            posted_at)
        SELECT public_id, 'due:' || subject, kind, organisation_id, seller_id, reservation_id, subject, currency,
            created_at, %(now)s
        FROM new RETURNING id, public_id
    )
    INSERT INTO reservations_postingline (posting_id, account, amount)
    SELECT made.id, side.account, side.amount FROM made JOIN new USING (public_id)
    CROSS JOIN LATERAL (VALUES (%(receivable)s, new.amount), (new.against, -new.amount)) AS side (account, amount)
"""
_RECEIPTS = """
    WITH marked AS (UPDATE reservations_receipt SET posted = true WHERE id = ANY(%(picked)s::bigint[])),
    new AS (
        SELECT n.public_id, t.public_id AS subject, t.organisation_id, p.seller_id, t.reservation_id, t.currency,
            t.recorded_at, t.amount, CASE WHEN t.applied THEN %(receivable)s ELSE %(unapplied)s END AS against
        FROM unnest(%(picked)s::bigint[], %(ids)s::text[]) AS n (id, public_id)
        JOIN reservations_receipt t USING (id)
        JOIN reservations_reservation r ON r.id = t.reservation_id
        JOIN marketplace_pool p ON p.id = r.pool_id
    ), made AS (
        INSERT INTO reservations_posting
            (public_id, key, kind, organisation_id, seller_id, reservation_id, subject, currency, occurred_at,
            posted_at)
        SELECT public_id, 'receipt:' || subject, %(receipt)s, organisation_id, seller_id, reservation_id, subject,
            currency, recorded_at, %(now)s
        FROM new RETURNING id, public_id
    )
    INSERT INTO reservations_postingline (posting_id, account, amount)
    SELECT made.id, side.account, side.amount FROM made JOIN new USING (public_id)
    CROSS JOIN LATERAL (VALUES (%(bank)s, new.amount), (new.against, -new.amount)) AS side (account, amount)
"""
_ROWS = "SELECT id FROM {} WHERE NOT posted ORDER BY id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED"
_PICK = {_DUES: _ROWS.format("reservations_due"), _RECEIPTS: _ROWS.format("reservations_receipt")}
