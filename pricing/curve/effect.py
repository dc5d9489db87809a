"""What a policy would do to the forward curve, at the headroom that the public sees. Reads only, publishes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from marketplace.parties.models import Organisation
from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.period import Period
from pricing.curve import scarcity
from pricing.curve.constants import Constants, constants_of, cost_of
from pricing.curve.models import PoolCurve, PricePolicy, TapePool
from pricing.curve.queries import current_versions
from pricing.curve.solving import as_published
from pricing.curve.terms import KINDS, Schedule

Floats = NDArray[np.float64]
YEAR = 365
HOLD_FEES = {
    "long_hold_percent_a_day": "the fee of a long hold, in percent of the total a day,",
    "long_hold_minimum": "the least fee of a long hold, in USD,",
}
SHOWN = 0.00005  # half of the last digit of a published price, USD per GPU-hour


@dataclass(frozen=True)
class Rise:
    """Something that a policy makes dearer, in words."""

    what: str


@dataclass(frozen=True)
class PoolEffect:
    """Unit prices of one pool at published headroom under two policies, (3 classes, days); nan where not on sale."""

    row: PoolCurve
    first_day: date
    before: Floats
    after: Floats

    def mean(self, firmness: str) -> tuple[float, float] | None:
        """Mean price of the first year, before and after; None where nothing is on sale."""
        was, now = (each[rank(firmness), :YEAR] for each in (self.before, self.after))
        return None if np.isnan(was).all() else (float(np.nanmean(was)), float(np.nanmean(now)))

    @cached_property
    def largest(self) -> tuple[str, date, float, float] | None:
        """Class, day and prices of the largest relative move; None where nothing moves."""
        change = np.abs(self.after / self.before - 1)
        if np.isnan(change).all() or np.nanmax(change) < 1e-9:
            return None
        index, day = np.unravel_index(int(np.nanargmax(change)), change.shape)
        at = self.first_day + timedelta(days=int(day))
        return FIRMNESS[int(index)], at, float(self.before[index, day]), float(self.after[index, day])

    @cached_property
    def rise(self) -> tuple[str, date, float, float] | None:
        """The first day on which a published price rises: class, day, before and after."""
        risen = self.after > self.before + SHOWN
        if not risen.any():
            return None
        day = int(np.flatnonzero(risen.any(axis=0))[0])
        index = int(np.flatnonzero(risen[:, day])[0])
        at = self.first_day + timedelta(days=day)
        return FIRMNESS[index], at, float(self.before[index, day]), float(self.after[index, day])


def governed(policy: PricePolicy) -> list[int]:
    """Sellers that the policy would rule from its start: its own, or all that have no policy of their own by then."""
    if policy.seller_id is not None:
        return [policy.seller_id]
    own = PricePolicy.objects.filter(starts_at__lte=policy.starts_at).exclude(seller=None)
    sellers = Organisation.objects.filter(pools__isnull=False).exclude(pk__in=own.values("seller_id"))
    return list(sellers.distinct().order_by("pk").values_list("pk", flat=True))


def baseline(policy: PricePolicy) -> PricePolicy | None:
    """What would be in force at the policy's start without it; None for the very first."""
    started = PricePolicy.objects.filter(starts_at__lte=policy.starts_at, seller=policy.seller)
    return started.order_by("-version").first() or PricePolicy.objects.default_at(policy.starts_at)


def effect(policy: PricePolicy, *, now: datetime) -> list[PoolEffect]:
    """The forward curve of every pool that the policy would rule, without it and with it, from today on."""
    before = baseline(policy)
    if before is None:
        return []
    versions = current_versions()
    ids = [versions[seller] for seller in governed(policy) if seller in versions]
    rows = list(
        PoolCurve.objects.filter(version_id__in=ids)
        .select_related("pool__accelerator", "pool__site", "version")
        .order_by("pool_id")
    )
    published = _published([row.pool_id for row in rows])
    return [_pool_effect(row, published.get(row.pool_id), before, policy, now.date()) for row in rows]


def _published(pool_ids: list[int]) -> dict[int, TapePool]:
    found = TapePool.objects.filter(pool_id__in=pool_ids).order_by("pool_id", "-tape__tick").distinct("pool_id")
    return {row.pool_id: row for row in found}


def _pool_effect(
    row: PoolCurve, tape: TapePool | None, before: PricePolicy, after: PricePolicy, today: date
) -> PoolEffect:
    first = max(today, row.first_day)
    period = Period(first, row.first_day + timedelta(days=len(row.limits[0])))
    cost = cost_of(row.pool)
    was, now = (_unit_prices(row, constants_of(each, row.pool, cost), tape, period) for each in (before, after))
    return PoolEffect(row, first, was, now)


def _unit_prices(row: PoolCurve, of: Constants, tape: TapePool | None, period: Period) -> Floats:
    """Prices at published headroom; before the first tape, at the use of the last solve."""
    days = slice((period.start - row.first_day).days, None)
    limits, uses, duals = (np.asarray(each, dtype=np.float64)[:, days] for each in (row.limits, row.use, row.dual))
    published = as_published(tape, period)
    rooms = limits - uses if published is None else np.minimum(published, limits)
    prices = np.full(limits.shape, np.nan)
    for index in range(len(FIRMNESS)):
        curve = of.unit_curve(index, limit=limits[index], use=uses[index], dual=duals[index], lot=row.pool.lot)
        prices[index] = scarcity.unit_price(curve, limits[index] - rooms[index])
    return np.where(limits > 0, prices, np.nan)


def rises(policy: PricePolicy, *, now: datetime) -> Iterator[Rise]:
    """What the policy makes dearer: a published price on any pool, class and day, or less off for any block.

    Compared with what would be in force at its start, at published headroom, to the fourth decimal that is published.
    """
    for found in effect(policy, now=now):
        if found.rise:
            firmness, day, was, then = found.rise
            yield Rise(f"{found.row.pool} {firmness} on {day} from {was:.4f} to {then:.4f} USD per GPU-hour")
    before = baseline(policy)
    if before is not None:
        yield from _dearer_terms(before, policy)


def _dearer_terms(before: PricePolicy, after: PricePolicy) -> Iterator[Rise]:
    for kind in KINDS:
        was, now = (Schedule.of(policy.schedules()[kind]) for policy in (before, after))
        at = np.union1d(was.starts, now.starts)
        less = np.flatnonzero(now.rate(at) < was.rate(at))
        if len(less):
            start = int(at[less[0]])
            rates = (int(each.rate(start)) / 100 for each in (was, now))
            yield Rise("the {} discount from {:,} on from {:g} to {:g} %".format(kind.replace("_", " "), start, *rates))
    if after.keeps_floor and not before.keeps_floor and any(before.schedules().values()):
        yield Rise("totals after terms by keeping them at the floor")
    for name, what in HOLD_FEES.items():
        was, then = getattr(before, name), getattr(after, name)
        if then > was and after.long_hold_days:
            yield Rise(f"{what} from {was:f} to {then:f}")
