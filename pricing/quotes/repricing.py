"""What quotes of the past would have cost under a policy: each priced again from its stored use, all at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from marketplace.catalogue.models import Pool
from marketplace.units.compute import HOURS_PER_DAY
from marketplace.units.firmness import rank
from marketplace.units.money import Money, usd_from_cents
from pricing.curve import scarcity
from pricing.curve.constants import Constants, constants_of, cost_of
from pricing.curve.effect import governed
from pricing.curve.models import PricePolicy
from pricing.curve.terms import Blocks, apply, floor_cents
from pricing.quotes.models import Quote

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
WINDOW = timedelta(days=30)


class Past(NamedTuple):
    """A quote as the database has it."""

    pool_id: int
    firmness: str
    version_id: int
    start: date
    end: date
    quantity: int
    total: Any
    prepaid: int
    created_at: datetime
    use: list[int]


@dataclass(frozen=True)
class Repriced:
    """Totals of quotes, before and after, in cents, shape (quotes,)."""

    before: Ints
    after: Ints

    @property
    def count(self) -> int:
        return len(self.before)

    @property
    def dearer(self) -> int:
        return int((self.after > self.before).sum())

    @property
    def cheaper(self) -> int:
        return int((self.after < self.before).sum())

    @property
    def sums(self) -> tuple[Money, Money]:
        return usd_from_cents(int(self.before.sum())), usd_from_cents(int(self.after.sum()))

    @property
    def change(self) -> float:
        return float(self.after.sum() / self.before.sum() - 1) if self.before.sum() else 0.0

    @property
    def furthest(self) -> tuple[float, float]:
        """The largest fall and the largest rise of a single quote, as parts of its total."""
        change = self.after / np.maximum(self.before, 1) - 1
        return (float(change.min()), float(change.max())) if len(change) else (0.0, 0.0)


def reprice(policy: PricePolicy, *, now: datetime) -> Repriced:
    """The last 30 days' quotes of the pools that the policy would rule, under it: use, limits and dual as they were.

    Parts of bundles are left out: their terms look at the whole bundle, which may be other sellers' too.
    """
    pools = {
        pool.pk: pool
        for pool in Pool.objects.filter(seller_id__in=governed(policy)).select_related("accelerator", "site")
    }
    quotes = _quotes(list(pools), now)
    groups = [list(group) for _, group in groupby(quotes, key=lambda past: (past.pool_id, past.firmness))]
    curves = _Curves.of(quotes)
    totals = [_totals(group, policy, pools[group[0].pool_id], curves) for group in groups]
    before = [int(past.total.scaleb(2)) for past in quotes]
    return Repriced(np.asarray(before, dtype=np.int64), np.concatenate([np.zeros(0, dtype=np.int64), *totals]))


def _quotes(pool_ids: list[int], now: datetime) -> list[Past]:
    found = Quote.objects.filter(bundle=None, pool_id__in=pool_ids, created_at__gt=now - WINDOW, created_at__lte=now)
    columns = ("pool_id", "firmness", "price_version_id", "start", "end", "quantity", "total", "prepayment_percent")
    rows = found.order_by("pool_id", "firmness", "pk").values_list(*columns, "created_at", "use")
    return [Past(*row) for row in rows]


@dataclass(frozen=True)
class _Curves:
    """Limits, use and dual at the solve on the days that quotes need, by version and pool: first day, (3, 3, days)."""

    by_pair: dict[tuple[int, int], tuple[date, Floats]]

    @classmethod
    def of(cls, quotes: Sequence[Past]) -> "_Curves":
        spans: dict[tuple[int, int], tuple[date, date]] = {}
        for past in quotes:
            key = past.version_id, past.pool_id
            first, last = spans.get(key, (past.start, past.end))
            spans[key] = min(first, past.start), max(last, past.end)
        return cls({key: (spans[key][0], found) for key, found in _slices(spans)})

    def days(self, past: Past, index: int) -> Floats:
        """Rows limit, use and dual of one class over the days of a quote, shape (3, days)."""
        first, found = self.by_pair[past.version_id, past.pool_id]
        return found[:, index, (past.start - first).days : (past.end - first).days]


def _slices(spans: dict[tuple[int, int], tuple[date, date]]) -> Iterator[tuple[tuple[int, int], Floats]]:
    """Only the days that are needed leave the database: a curve has thousands."""
    if not spans:
        return
    days = "(w.first - c.first_day + 1) : (w.last - c.first_day)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT c.version_id, c.pool_id, c.limits[1:3][{days}], c.use[1:3][{days}], c.dual[1:3][{days}]
            FROM unnest(%s::bigint[], %s::bigint[], %s::date[], %s::date[]) AS w (version, pool, first, last)
            JOIN pricing_poolcurve c ON c.version_id = w.version AND c.pool_id = w.pool
            """,
            [
                [v for v, _ in spans],
                [p for _, p in spans],
                [a for a, _ in spans.values()],
                [b for _, b in spans.values()],
            ],
        )
        for version, pool, *arrays in cursor:
            yield (version, pool), np.asarray(arrays, dtype=np.float64)


def _totals(group: list[Past], policy: PricePolicy, pool: Pool, curves: _Curves) -> Ints:
    """Totals of quotes of one pool and class under the policy, cents: all their days in one row of arrays."""
    constants, index, terms = constants_of(policy, pool, cost_of(pool)), rank(group[0].firmness), policy.terms()
    lengths = np.array([(past.end - past.start).days for past in group], dtype=np.int64)
    quantities = np.array([past.quantity for past in group], dtype=np.int64)
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    leads = np.array([(past.start - past.created_at.date()).days for past in group], dtype=np.int64)
    lead = np.repeat(leads - starts, lengths) + np.arange(lengths.sum())
    cents = _day_cents(group, constants, index, pool.lot, curves, np.repeat(quantities, lengths))
    hours = quantities * lengths * HOURS_PER_DAY
    blocks = Blocks(
        listed=np.add.reduceat(cents, starts),
        weighted=np.add.reduceat(cents * terms.lead_time.rate(lead), starts),
        days=lengths,
        gpu_hours=hours,
        prepaid=np.array([past.prepaid for past in group], dtype=np.int64),
        floor=floor_cents(constants.floor_parts, hours),
    )
    return apply(terms, blocks).total


def _day_cents(group: list[Past], of: Constants, index: int, lot: int, curves: _Curves, quantities: Ints) -> Ints:
    """List price of every day of every quote, cents, one after the other."""
    limit, use, dual = np.concatenate([curves.days(past, index) for past in group], axis=1)
    x = np.concatenate([np.asarray(past.use, dtype=np.float64) for past in group])
    return scarcity.day_cents(
        of.curve(index, limit=limit, use=use, dual=dual, lot=lot), x, quantities.astype(np.float64)
    )
