"""From what is short to the question that a plan answers: reservations, limits, wishes and terms, as arrays and bytes.

Bounded by what is short: the reservations concerned are read by their shortfalls, the days by the horizon.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection

from marketplace.capacity.queries import ClaimedDays, claimed_days, inventory
from marketplace.catalogue.models import Pool
from marketplace.supply.models import Projection
from marketplace.units.firmness import rank
from marketplace.units.period import Period
from pricing.quotes.contracts import contract_of
from reservations.allocation.models import ACCEPTED, AllocationPolicy, Concern, Shortfall
from reservations.allocation.options import Ints
from reservations.allocation.packing import pack
from reservations.allocation.permitted import allowed_pools, wishes_of
from reservations.allocation.policies import figures_of, rules_of
from reservations.allocation.watching import SOLD
from reservations.booking.models import Reservation

MOST_DAYS = 2557
FIELDS = (
    "pk", "public_id", "pool_id", "firmness", "start", "end", "total", "claim_id", "more_claims", "accepted_at",
    "organisation_id", "quote__public_id", "quote__contract_id", "quote__bundle_id", "quote__spec_id",
    "quote__on_behalf_of_id", "quote__pool_id", "quantity",
)  # fmt: skip


@dataclass(frozen=True)
class Gathered:
    """The question as bytes, and the rows that its places stand for. `first_day` is day 0."""

    raw: bytes
    first_day: date
    reservations: tuple[int, ...]
    pools: tuple[Pool, ...]


def to_plan(shortfalls: Iterable[Shortfall], policy: AllocationPolicy) -> dict[int, Concern]:
    """Reservation -> its worst concern, of those whose delivery is no longer likely enough under the policy."""
    found: dict[int, Concern] = {}
    for concern in Concern.objects.filter(shortfall__in=list(shortfalls)).select_related("shortfall").order_by("pk"):
        if concern.now is None or concern.now < policy.propose_below[concern.shortfall.rank]:
            known = found.setdefault(concern.reservation_id, concern)
            if concern.first_day < known.first_day:
                found[concern.reservation_id] = concern
    return found


def gather(
    *, concerns: dict[int, Concern], policy: AllocationPolicy, projection: Projection, now: datetime
) -> Gathered | None:
    """Reads everything that the plan depends on. None where nothing of what was concerned is still ahead."""
    rows = [
        dict(zip(FIELDS, row, strict=True))
        for row in Reservation.objects.filter(pk__in=list(concerns)).order_by("pk").values_list(*FIELDS)
    ]
    today, lines = now.date(), _lines(rows, now.date())
    rows = [row for row in rows if row["pk"] in lines]
    if not rows:
        return None
    pools = tuple(Pool.objects.select_related("site", "accelerator", "seller").order_by("pk"))
    period = _period(lines, policy, projection, today)
    found = inventory(pool_ids=[pool.pk for pool in pools], period=period, now=now)
    blocks = _blocks(rows, lines, concerns, pools, period, now)
    nested = found.nested.transpose(1, 0, 2)
    arrays = {
        "limits": np.ascontiguousarray(found.limits.transpose(1, 0, 2)),
        "others": np.maximum(nested - _taken(rows, lines, pools, period), 0),
        "lots": np.array([pool.lot for pool in pools], dtype=np.int64),
        **blocks,
        **_people(rows, policy, today),
    }
    values = {
        "first_day": period.start.isoformat(),
        "projection": projection.public_id,
        "policy": policy.public_id if policy.version else "as shipped",
        "figures": figures_of(policy),
        "pools": [pool.public_id for pool in pools],
        "reservations": [row["public_id"] for row in rows],
        **rules_of(policy),
    }
    return Gathered(pack(arrays, values), period.start, tuple(row["pk"] for row in rows), pools)


def _lines(rows: Sequence[dict[str, Any]], today: date) -> dict[int, list[ClaimedDays]]:
    """Reservation -> the lines of its claims that are not over today."""
    owner = {claim: row["pk"] for row in rows for claim in (row["claim_id"], *row["more_claims"])}
    found: dict[int, list[ClaimedDays]] = defaultdict(list)
    for line in claimed_days(claim_ids=list(owner)):
        if line.end > today:
            found[owner[line.claim_id]].append(line)
    return dict(found)


def _period(
    lines: dict[int, list[ClaimedDays]], policy: AllocationPolicy, projection: Projection, today: date
) -> Period:
    """From today until the last block could end if it began at the horizon, as far as supply is projected."""
    longest = max((line.occupied_end - max(line.start, today)).days for each in lines.values() for line in each)
    last = max(line.occupied_end for each in lines.values() for line in each)
    wanted = max(last, today + timedelta(days=policy.horizon_days + longest))
    known = projection.first_day + timedelta(days=projection.days)
    return Period(today, max(min(wanted, known, today + timedelta(days=MOST_DAYS)), today + timedelta(days=1)))


def _taken(
    rows: Sequence[dict[str, Any]], lines: dict[int, list[ClaimedDays]], pools: Sequence[Pool], period: Period
) -> Ints:
    """(3, pools, days) nested use by the reservations of the case, as the ledger has it."""
    place = {pool.pk: at for at, pool in enumerate(pools)}
    cells = [
        (rank(row["firmness"]), place[line.pool_id], *_offsets(line.start, line.occupied_end, period), line.quantity)
        for row in rows
        for line in lines[row["pk"]]
    ]
    firmness, pool, first, end, gpus = np.array(cells, dtype=np.int64).T
    steps = np.zeros((3, len(pools), period.days + 1), dtype=np.int64)
    np.add.at(steps, (firmness, pool, first), gpus)
    np.subtract.at(steps, (firmness, pool, end), gpus)
    return np.cumsum(np.cumsum(steps, axis=2)[:, :, :-1], axis=0)


def _offsets(start: date, end: date, period: Period) -> tuple[int, int]:
    first = min(max((start - period.start).days, 0), period.days)
    return first, min(max((end - period.start).days, first), period.days)


def _blocks(
    rows: Sequence[dict[str, Any]],
    lines: dict[int, list[ClaimedDays]],
    concerns: dict[int, Concern],
    pools: Sequence[Pool],
    period: Period,
    now: datetime,
) -> dict[str, Any]:
    """The arrays of `options.Blocks`. A block whose size changes counts with its largest."""
    place = {pool.pk: at for at, pool in enumerate(pools)}
    wishes = wishes_of(rows)
    table: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        own = lines[row["pk"]]
        start, end = _offsets(min(line.start for line in own), max(line.end for line in own), period)
        terms = contract_of(row["quote__contract_id"])
        delay = terms.delay_terms
        short = (concerns[row["pk"]].first_day - period.start).days
        figures = {
            "pool": place[row["pool_id"]],
            "firmness": rank(row["firmness"]),
            "start": start,
            "end": max(end, start + 1),
            "turnaround": terms.turnaround_days,
            "gpus": max(line.quantity for line in own),
            "short": min(max(short, start), max(end, start + 1) - 1),
            "late": 0,
            "divisible": wishes[row["quote__public_id"]].divisible if row["quote__public_id"] in wishes else False,
            "total_cents": int(row["total"] * 100),
            "term_days": (row["end"] - row["start"]).days,
            "rate_percent": delay.rate_percent if delay else 0,
            "grace_days": delay.grace_days if delay else 0,
            "cap_percent": delay.cap_percent if delay else 0,
            "long_stop_days": delay.long_stop_days if delay else 0,
            "end_moves": delay.end_moves if delay else False,
        }
        for name, value in figures.items():
            table[name].append(int(value))
    kinds = {"divisible": np.bool_, "end_moves": np.bool_}
    arrays: dict[str, Any] = {name: np.array(row, dtype=kinds.get(name, np.int64)) for name, row in table.items()}
    return {**arrays, "allowed": allowed_pools(rows, wishes, pools, now)}


def _people(rows: Sequence[dict[str, Any]], policy: AllocationPolicy, today: date) -> dict[str, Any]:
    """Who holds them, in which line they stand, what they pay; and whether an organisation is a small one."""
    line = [row["accepted_at"] if policy.priority == ACCEPTED else row["claim_id"] for row in rows]
    order = sorted(range(len(rows)), key=lambda at: (line[at], rows[at]["claim_id"]))
    ranks = np.empty(len(rows), dtype=np.int64)
    ranks[order] = np.arange(len(rows))
    buyers = sorted({row["organisation_id"] for row in rows})
    bundles = sorted({row["quote__bundle_id"] for row in rows if row["quote__bundle_id"]})
    small = {each for each, ahead in _gpu_days_ahead(buyers, today).items() if ahead <= policy.small_gpu_days}
    hours = [row["quantity"] * (row["end"] - row["start"]).days * 24 for row in rows]
    return {
        "key": np.array([row["pk"] for row in rows], dtype=np.int64),
        "rank": ranks,
        "group": np.array(
            [bundles.index(row["quote__bundle_id"]) if row["quote__bundle_id"] else -1 for row in rows], dtype=np.int64
        ),
        "buyer": np.searchsorted(buyers, [row["organisation_id"] for row in rows]).astype(np.int64),
        "price": np.array([float(row["total"]) / each for row, each in zip(rows, hours, strict=True)]),
        "small": np.array([row["organisation_id"] in small for row in rows]),
    }


def _gpu_days_ahead(organisations: Sequence[int], today: date) -> dict[int, int]:
    """GPU-days that these organisations have ahead of them, under all their contracts: summed in the database."""
    with connection.cursor() as cursor:
        cursor.execute(_AHEAD, {"organisations": list(organisations), "today": today, "sold": list(SOLD)})
        summed = cursor.fetchall()
    return dict.fromkeys(organisations, 0) | {pk: int(total) for pk, total in summed}


_AHEAD = """
    SELECT organisation_id, sum(quantity::bigint * ("end" - greatest(start, %(today)s::date)))
    FROM reservations_reservation
    WHERE organisation_id = ANY(%(organisations)s::bigint[]) AND status = ANY(%(sold)s) AND "end" > %(today)s
    GROUP BY organisation_id
"""
