"""Price versions read back as curves, and what a block costs on them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from marketplace.units.compute import gpu_hours
from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.money import Money, rounded, usd_from_cents
from marketplace.units.period import Period
from pricing.curve import scarcity
from pricing.curve.constants import Constants, stored_constants
from pricing.curve.models import PoolCurve, PricePolicy, PriceVersion
from pricing.curve.terms import Applied, Blocks, Terms, apply, floor_cents, lead_weighted

Room = NDArray[np.int64]
Lines = list[tuple[str, Money]]
VERSIONS_KEPT = 64  # in this process: a version is immutable, so only memory limits how many; one a seller is in use


class NoPrice(Exception):
    """There is no price for that pool or period: it is beyond the horizon, or no version has been solved yet."""


@dataclass(frozen=True)
class Price:
    """What a block costs: its list price, its total after terms, and lines that add up to the total to the cent."""

    listed: Money
    total: Money
    lines: tuple[tuple[str, Money], ...]


@dataclass(frozen=True, eq=False)
class PoolPrices:
    """One pool's prices in one version, ready to be asked: one curve per class, and the terms of its policy."""

    version_id: int
    version: str
    first_day: date
    days: int
    classes: tuple[scarcity.Curve, ...]
    constants: Constants
    terms: Terms

    @property
    def last_day(self) -> date:
        """The first day that the version no longer prices."""
        return self.first_day + timedelta(days=self.days)

    def curve(self, firmness: str, period: Period) -> scarcity.Curve:
        """The class's curve over a period. Raises NoPrice where the version does not reach."""
        first = (period.start - self.first_day).days
        if first < 0 or first + period.days > self.days:
            raise NoPrice
        return scarcity.window(self.classes[rank(firmness)], first, first + period.days)

    def day_cents(self, firmness: str, period: Period, room: Room, quantity: int) -> NDArray[np.int64]:
        """List price per day for `quantity` GPUs where `room` GPUs are left, cents, shape (days,)."""
        of = self.curve(firmness, period)
        return scarcity.day_cents(of, of.limit - room, quantity)

    def unit_prices(self, period: Period, room: Room) -> NDArray[np.float64]:
        """What the next GPU costs where `room` (3 classes, days) is left, USD per GPU-hour, same shape."""
        curves = [self.curve(firmness, period) for firmness in FIRMNESS]
        return np.stack([scarcity.unit_price(of, of.limit - left) for of, left in zip(curves, room, strict=True)])

    def price(
        self, firmness: str, period: Period, room: Room, quantity: int, *, quoted_on: date, prepaid: int = 0
    ) -> Price:
        """What a block costs where `room` GPUs are left, quoted on that day with that percentage paid up front."""
        cents = self.day_cents(firmness, period, room, quantity)
        return self.price_of_days(firmness, period, cents, quantity, quoted_on=quoted_on, prepaid=prepaid)

    def price_of_days(
        self, firmness: str, period: Period, cents: NDArray[np.int64], quantity: int, *, quoted_on: date, prepaid: int
    ) -> Price:
        """The same from the list price of each day: the one place where terms meet a block."""
        applied = self.apply_terms(period, cents, quantity, quoted_on=quoted_on, prepaid=prepaid)
        return self.price_after(firmness, period, quantity, applied)

    def price_after(self, firmness: str, period: Period, quantity: int, applied: Applied) -> Price:
        """The price of a block from what its terms came to, in arrays of one."""
        listed, total = usd_from_cents(int(applied.listed[0])), usd_from_cents(int(applied.total[0]))
        return Price(listed, total, (*self._list_lines(firmness, period, quantity, listed), *_term_lines(applied)))

    def apply_terms(
        self, period: Period, cents: NDArray[np.int64], quantity: int, *, quoted_on: date, prepaid: int
    ) -> Applied:
        hours = gpu_hours(quantity, period.days)
        weighted = lead_weighted(self.terms, cents, (period.start - quoted_on).days)
        block = Blocks(
            listed=cents.sum(keepdims=True),
            weighted=weighted.sum(keepdims=True),
            days=period.days,
            gpu_hours=hours,
            prepaid=prepaid,
            floor=floor_cents(self.constants.floor_parts, hours),
        )
        return apply(self.terms, block)

    def _list_lines(self, firmness: str, period: Period, quantity: int, listed: Money) -> Lines:
        """What the list price is made of; it adds up to the cent because scarcity is what the rest leaves."""
        hours, of = gpu_hours(quantity, period.days), self.constants
        floor = [("energy", of.energy), ("capital", of.capital)] if of.reserve is None else [("reserve", of.reserve)]
        parts = [(code, rounded(rate * hours)) for code, rate in floor]
        parts.append((f"{firmness}_premium", rounded(of.premiums[rank(firmness)] * hours)))
        rest = listed.amount - sum(part.amount for _, part in parts)
        return [*parts, ("scarcity", Money(rest))]


def _term_lines(applied: Applied) -> Lines:
    """One line for each term that takes something off, and one for what stays because of the floor."""
    off = [(f"term_{kind}", -int(cents[0])) for kind, cents in applied.off.items()]
    lines = [*off, ("term_floor", int(applied.given_back[0]))]
    return [(code, usd_from_cents(cents)) for code, cents in lines if cents]


def current_versions() -> dict[int, int]:
    """Seller -> id of their latest price version."""
    latest = PriceVersion.objects.order_by("seller_id", "-id").distinct("seller_id")
    return dict(latest.values_list("seller_id", "id"))


def current_version(seller_id: int) -> int:
    """The id of the seller's latest price version. Raises NoPrice where none has been solved."""
    with connection.cursor() as cursor:
        cursor.execute(CURRENT_VERSION.format(seller="%s"), [seller_id])
        row = cursor.fetchone()
    if row is None:
        raise NoPrice
    return int(row[0])


CURRENT_VERSION = "SELECT id FROM pricing_priceversion WHERE seller_id = {seller} ORDER BY id DESC LIMIT 1"


@lru_cache(maxsize=VERSIONS_KEPT)
def price_policy(policy_id: int) -> PricePolicy:
    """The version with that id: nobody rewrites one (a trigger refuses it)."""
    return PricePolicy.objects.get(pk=policy_id)


@lru_cache(maxsize=VERSIONS_KEPT)
def price_version(version_id: int) -> PriceVersion:
    """The version with its projection, whose inputs stay in the database: they are a megabyte that no price needs."""
    return PriceVersion.objects.select_related("projection").defer("projection__inputs").get(pk=version_id)


def pool_prices(version_ids: Iterable[int]) -> dict[int, PoolPrices]:
    """Pool -> its prices in those versions."""
    found: dict[int, PoolPrices] = {}
    for version_id in version_ids:
        found.update(_of_version(version_id))
    return found


@lru_cache(maxsize=VERSIONS_KEPT)
def _of_version(version_id: int) -> dict[int, PoolPrices]:
    rows = PoolCurve.objects.filter(version_id=version_id).select_related("version__policy", "pool")
    return {row.pool_id: _prices(row) for row in rows}


def _prices(row: PoolCurve) -> PoolPrices:
    constants = stored_constants(row)
    return PoolPrices(
        version_id=row.version_id,
        version=row.version.public_id,
        first_day=row.first_day,
        days=len(row.limits[0]),
        classes=tuple(_class_curve(row, constants, index) for index in range(len(FIRMNESS))),
        constants=constants,
        terms=row.version.policy.terms(),
    )


def _class_curve(row: PoolCurve, constants: Constants, index: int) -> scarcity.Curve:
    limit, use, dual = (np.asarray(each[index], dtype=np.float64) for each in (row.limits, row.use, row.dual))
    return constants.curve(index, limit=limit, use=use, dual=dual, lot=row.pool.lot)
