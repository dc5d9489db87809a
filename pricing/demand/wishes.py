"""What one seller may know of demand, read from the enquiries as they stood at a moment, as arrays.

A seller's own data are the quotes on its own pools with what became of them, and the wishes that its own pools would
have done for by what was asked, but had no offer for. Another seller's quotes, prices and room appear in neither
(rule 9); a wish for which pools of several sellers would do counts in part for each, by their number of such pools.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from marketplace.catalogue.models import Pool
from pricing.demand.assumptions import Assumptions
from pricing.demand.evidence import NOTHING_SEEN, Evidence, Floats, age_weight

FULL_ANSWER = 10  # a search shows at most so many offers: where it shows them all, one may have been left out
RECENT = timedelta(days=28)
FEWEST_ORGANISATIONS = 3  # fewer are not an aggregate: what one of them asked for could be read off
TAKEN, LOST, OPEN = 1, 2, 0

# Each block that was taken, and of what was let go or is still open the newest quote of each wish that led to none.
_QUOTED = """
    SELECT pool_id, array_position(ARRAY['firm', 'standard', 'standby'], firmness::text) - 1, quoted_gpus, quoted_days,
        greatest(start_from - (first_at AT TIME ZONE 'UTC')::date, 0), start_to - start_from, state, unit_price,
        extract(epoch FROM %(now)s - quoted_at) / 86400
    FROM (
        SELECT *, bool_or(state = 1) OVER wishes AS served, min(created_at) OVER wishes AS first_at,
            row_number() OVER (PARTITION BY organisation_id, wish ORDER BY quoted_at DESC, id DESC) AS newest
        FROM (
            SELECT *, CASE WHEN ended_at IS NULL OR ended_at > %(now)s THEN 0 WHEN outcome = 'taken' THEN 1 ELSE 2 END
                AS state
            FROM pricing_enquiry
            WHERE pool_id = ANY(%(own)s) AND created_at <= %(now)s AND quoted_at <= %(now)s AND quoted_at > %(since)s
        ) own
        WINDOW wishes AS (PARTITION BY organisation_id, wish)
    ) known
    WHERE state = 1 OR (NOT served AND newest = 1)
    ORDER BY quoted_at, id
"""
# Every wish once for each own pool that would do, as it was last asked, unless one of the own pools has quoted for it.
# A wish for a service spec is left out: whether a pool's spec is as good is decided field by field, when it is asked.
_ASKED = """
    WITH asked AS (
        SELECT DISTINCT ON (organisation_id, wish) *,
            min(created_at) OVER (PARTITION BY organisation_id, wish) AS first_at
        FROM pricing_enquiry
        WHERE created_at <= %(now)s AND created_at > %(since)s AND organisation_id IS NOT NULL AND source <> 'quote'
            AND NOT jsonb_exists(need, 'service')
        ORDER BY organisation_id, wish, id DESC
    ),
    accepted AS (
        SELECT n.*, p.id AS pool_id, count(*) OVER needs AS pools
        FROM (SELECT DISTINCT accelerators, sites, jurisdictions, sellers FROM asked) n
        JOIN marketplace_pool p ON true
        JOIN marketplace_site s ON s.id = p.site_id
        JOIN marketplace_accelerator a ON a.id = p.accelerator_id
        JOIN marketplace_organisation o ON o.id = p.seller_id
        WHERE (n.accelerators = '{}' OR a.key = ANY(n.accelerators))
            AND (n.sites = '{}' OR s.public_id = ANY(n.sites))
            AND (n.jurisdictions = '{}' OR s.jurisdiction = ANY(n.jurisdictions))
            AND (n.sellers = '{}' OR o.public_id = ANY(n.sellers))
        WINDOW needs AS (PARTITION BY n.accelerators, n.sites, n.jurisdictions, n.sellers)
    )
    SELECT accepted.pool_id, array_position(ARRAY['firm', 'standard', 'standby'], firmness::text) - 1, quantity, days,
        greatest(start_from - (first_at AT TIME ZONE 'UTC')::date, 0), start_to - start_from, 1.0 / pools,
        (offered_pools && %(own)s::bigint[] OR cardinality(offered_pools) >= %(full)s)::int, (source <> 'search')::int,
        COALESCE(limit_price, 0), extract(epoch FROM %(now)s - asked.created_at) / 86400, organisation_id
    FROM asked JOIN accepted USING (accelerators, sites, jurisdictions, sellers)
    WHERE accepted.pool_id = ANY(%(own)s) AND NOT EXISTS (
        SELECT 1 FROM pricing_enquiry own
        WHERE own.organisation_id = asked.organisation_id AND own.wish = asked.wish AND own.pool_id = ANY(%(own)s)
            AND own.quoted_at <= %(now)s AND own.quoted_at > %(since)s
    )
    ORDER BY asked.created_at, asked.id, accepted.pool_id
"""


@dataclass(frozen=True)
class Wishes:
    """evidence: what there is to learn from. seen: per pool the GPU-days of four weeks, by what became of them.

    What was asked for and refused is None where fewer than three organisations stand behind it.
    """

    evidence: Evidence
    seen: tuple[dict[str, int | None], ...]


@dataclass(frozen=True)
class Quoted:
    """Rows of _QUOTED by column; home: row of the pool."""

    home: NDArray[np.int64]
    asked: NDArray[np.int64]
    state: NDArray[np.int64]
    price: Floats
    age: Floats


@dataclass(frozen=True)
class Refused:
    """Those rows of _ASKED for which the seller had no offer. share: of the wish; looked: wishes that had one."""

    home: NDArray[np.int64]
    asked: NDArray[np.int64]
    share: Floats
    standing: NDArray[np.bool_]
    limit: Floats
    age: Floats
    organisation: NDArray[np.int64]
    looked: float


def wishes(pools: Sequence[Pool], floors: Floats, assumed: Assumptions, now: datetime) -> Wishes:
    """Of these pools, all of one seller, as known at `now`; `pool` of the evidence is the row in `pools`."""
    given = {
        "own": [pool.pk for pool in pools],
        "now": now,
        "since": now - timedelta(days=assumed.evidence_days),
        "full": FULL_ANSWER,
    }
    quoted, refused = _quoted(given), _refused(given)
    return Wishes(_evidence(quoted, refused, floors, assumed), _seen(len(pools), quoted, refused))


def _table(query: str, given: dict[str, Any], columns: int) -> Floats:
    """(columns, rows): every column is a number, so a table is one array."""
    with connection.cursor() as cursor:
        cursor.execute(query, given)
        return np.array(cursor.fetchall(), dtype=np.float64).reshape(-1, columns).T


def _home(pool_ids: Floats, given: dict[str, Any]) -> NDArray[np.int64]:
    own = np.array(given["own"], dtype=np.int64)
    order = np.argsort(own)
    return order[np.searchsorted(own[order], pool_ids.astype(np.int64))]


def _quoted(given: dict[str, Any]) -> Quoted:
    pool, *asked, state, price, age = _table(_QUOTED, given, 9)
    return Quoted(_home(pool, given), np.array(asked, dtype=np.int64), state.astype(np.int64), price, age)


def _refused(given: dict[str, Any]) -> Refused:
    table = _table(_ASKED, given, 12)
    had_offer = table[7] > 0
    pool, *asked, share, _, standing, limit, age, organisation = table[:, ~had_offer]
    return Refused(
        _home(pool, given),
        np.array(asked, dtype=np.int64),
        share,
        standing > 0,
        limit,
        age,
        organisation.astype(np.int64),
        looked=float(table[6][had_offer].sum()),
    )


def _evidence(quoted: Quoted, refused: Refused, floors: Floats, assumed: Assumptions) -> Evidence:
    """Quotes count in full; a wish without an offer counts as often as wishes with one end in a quote."""
    home = np.concatenate([quoted.home, refused.home])
    if not len(home):
        return NOTHING_SEEN
    serious = np.where(refused.standing, 1.0, _serious(len(quoted.home), refused.looked, assumed))
    age = np.concatenate([quoted.age, refused.age])
    price, unknown = quoted.price / floors[quoted.home], np.zeros(len(quoted.home))
    firmness, gpus, days, lead, later = np.concatenate([quoted.asked, refused.asked], axis=1)
    order = np.argsort(-age, kind="stable")
    values = (
        home,
        firmness,
        gpus,
        days,
        lead,
        later,
        age_weight(age, assumed) * np.concatenate([np.ones(len(quoted.home)), serious * refused.share]),
        np.concatenate([np.where(quoted.state == TAKEN, price, unknown), refused.limit / floors[refused.home]]),
        np.concatenate([np.where(quoted.state == LOST, price, np.inf), np.full(len(refused.home), np.inf)]),
    )
    return Evidence(*(value[order] for value in values))


def _serious(quoted: int, looked: float, assumed: Assumptions) -> float:
    """Part of the wishes with an offer from this seller that end in a quote, drawn to the assumed part."""
    prior = assumed.prior_requests
    return (prior * assumed.serious + quoted) / (prior + quoted + looked)


def _seen(pools: int, quoted: Quoted, refused: Refused) -> tuple[dict[str, int | None], ...]:
    recent = quoted.age <= RECENT.days
    volume = quoted.asked[1] * quoted.asked[2]
    by_state = {
        name: np.bincount(quoted.home[recent & kind], volume[recent & kind], minlength=pools)
        for name, kind in (
            ("quoted", np.ones_like(recent)),
            ("taken", quoted.state == TAKEN),
            ("lost", quoted.state == LOST),
        )
    }
    return tuple(
        {**{name: int(sums[place]) for name, sums in by_state.items()}, "refused": _refused_volume(refused, place)}
        for place in range(pools)
    )


def _refused_volume(refused: Refused, place: int) -> int | None:
    """GPU-days for which the pool would have done and had no offer; None where it would tell of one of a few."""
    chosen = (refused.home == place) & (refused.age <= RECENT.days)
    if 0 < len(np.unique(refused.organisation[chosen])) < FEWEST_ORGANISATIONS:
        return None
    return int((refused.asked[1] * refused.asked[2] * refused.share)[chosen].sum())
