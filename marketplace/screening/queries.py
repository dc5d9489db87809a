"""Is a deal clear? Asked in one query for one deal or for many; the rules are read in matrix.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from marketplace.screening.matrix import UNKNOWN, Deal, Rule, is_allowed
from marketplace.screening.models import CLEARED, Clearance

REQUIRED = "This purchase needs a screening by Headroom's staff first. Nothing was done."


class ScreeningRequired(Exception):
    """The deal is not clear. Never says why: what is on a list, and what the rules are, is nobody's to find out."""

    def __init__(self) -> None:
        super().__init__(REQUIRED)


class EndCustomerUnknown(Exception):
    """There is no such end customer of this organisation."""

    def __init__(self) -> None:
        super().__init__("There is no such end customer of your organisation. Nothing was done.")


@dataclass(frozen=True)
class Party:
    """A deal to be screened: who buys, for which end customer (by id, if for any), in which pool."""

    organisation_id: int
    pool_id: int
    end_customer_id: int | None = None


def check_cleared(*, organisation_id: int, pool_id: int, now: datetime, end_customer_id: int | None = None) -> None:
    """Raises ScreeningRequired unless the deal is clear. To be called wherever capacity changes hands.

    Clear: screening is switched off by the policy in force; or buyer and end customer are each cleared until a later
    day, on no list under their own or their parent's name, and allowed by the rules for this accelerator and site.
    """
    if not clear([Party(organisation_id, pool_id, end_customer_id)], now=now)[0]:
        raise ScreeningRequired


def clear(deals: Sequence[Party], *, now: datetime) -> list[bool]:
    """For each deal whether it is clear: one query, whatever their number."""
    with connection.cursor() as cursor:
        cursor.execute(DEALS, deals_asked(deals, now))
        return deals_read(cursor.fetchall())


def deals_asked(deals: Sequence[Party], now: datetime) -> dict[str, Any]:
    """The parameters of DEALS."""
    return {
        "organisations": [deal.organisation_id for deal in deals],
        "pools": [deal.pool_id for deal in deals],
        "customers": [deal.end_customer_id for deal in deals],
        "now": now,
        "today": now.date(),
        "cleared": CLEARED,
        "unknown": UNKNOWN,
    }


def deals_read(rows: Sequence[Sequence[Any]]) -> list[bool]:
    """For each row of DEALS whether it is clear."""
    rules = _rules(rows[0][0]) if rows else ()
    return [rules is None or _is_clear(rules, row) for row in rows]


def _rules(policy: Any) -> tuple[Rule, ...] | None:
    """The table of the policy in force; None where screening is switched off."""
    return tuple(Rule(*row) for row in policy["rules"]) if policy is not None and policy["is_on"] else None


def _is_clear(rules: Sequence[Rule], row: Sequence[Any]) -> bool:
    """Both parties are looked at in any case, so that the time taken tells nothing of which one it was."""
    _, accelerator, site_country, is_for_somebody, *facts = row
    parties = [facts[:4], facts[4:]] if is_for_somebody else [facts[:4]]
    found = [
        bool(cleared) and is_allowed(rules, Deal(accelerator, site_country, country, parent or country, end_use))
        for cleared, country, parent, end_use in parties
    ]
    return all(found)


# A name counts as listed where its letters and digits are those of a name on a list.
_LISTED = """EXISTS (SELECT FROM marketplace_listedname l WHERE l.removed_at IS NULL AND screening_name(l.name) <> ''
    AND screening_name(l.name) IN ({names}))"""
DEALS = f"""
    SELECT (SELECT json_build_object('is_on', is_on, 'rules', rules) FROM marketplace_screeningpolicy
            WHERE starts_at <= %(now)s ORDER BY version DESC LIMIT 1),
        a.key, s.jurisdiction, d.customer IS NOT NULL,
        oc.status = %(cleared)s AND oc.cleared_until > %(today)s
            AND NOT {
    _LISTED.format(names="screening_name(o.name), screening_name(o.legal_name), screening_name(o.ultimate_parent)")
},
        o.country, o.ultimate_parent_country, COALESCE(oc.end_use, %(unknown)s),
        ec.status = %(cleared)s AND ec.cleared_until > %(today)s
            AND NOT {_LISTED.format(names="screening_name(e.name), screening_name(e.ultimate_parent)")},
        e.country, e.ultimate_parent_country, COALESCE(ec.end_use, %(unknown)s)
    FROM unnest(%(organisations)s::bigint[], %(pools)s::bigint[], %(customers)s::bigint[]) WITH ORDINALITY
        AS d (organisation, pool, customer, place)
    JOIN marketplace_organisation o ON o.id = d.organisation
    JOIN marketplace_pool p ON p.id = d.pool
    JOIN marketplace_site s ON s.id = p.site_id JOIN marketplace_accelerator a ON a.id = p.accelerator_id
    LEFT JOIN marketplace_clearance oc ON oc.organisation_id = o.id AND oc.end_customer_id IS NULL
    LEFT JOIN marketplace_endcustomer e ON e.id = d.customer AND e.organisation_id = o.id
    LEFT JOIN marketplace_clearance ec ON ec.end_customer_id = e.id
    ORDER BY d.place
"""


def standing_of(organisation_id: int) -> dict[int | None, Clearance]:
    """The organisation's clearances: its own under None, those of its end customers by their id."""
    rows = Clearance.objects.filter(organisation_id=organisation_id)
    return {row.end_customer_id: row for row in rows}
