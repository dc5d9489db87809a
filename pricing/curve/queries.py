"""Price versions read back as curves, and what a block costs on them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from marketplace.units.compute import gpu_hours
from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.money import Money, rounded, usd_from_cents
from marketplace.units.period import Period
from pricing.curve import scarcity
from pricing.curve.models import PoolCurve, PriceVersion

Room = NDArray[np.int64]
VERSIONS_KEPT = 64  # in this process: a version is immutable, so only memory limits how many; one a seller is in use


class NoPrice(Exception):
    """There is no price for that pool or period: it is beyond the horizon, or no version has been solved yet."""


@dataclass(frozen=True, eq=False)
class PoolPrices:
    """One pool's prices in one version, ready to be asked: one curve per class."""

    version_id: int
    version: str
    first_day: date
    days: int
    classes: tuple[scarcity.Curve, ...]
    energy: Decimal
    capital: Decimal
    premiums: tuple[Decimal, ...]

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
        """Cents per day for `quantity` GPUs where `room` GPUs are left, shape (days,)."""
        of = self.curve(firmness, period)
        return scarcity.day_cents(of, of.limit - room, quantity)

    def unit_prices(self, period: Period, room: Room) -> NDArray[np.float64]:
        """What the next GPU costs where `room` (3 classes, days) is left, USD per GPU-hour, same shape."""
        curves = [self.curve(firmness, period) for firmness in FIRMNESS]
        return np.stack([scarcity.unit_price(of, of.limit - left) for of, left in zip(curves, room, strict=True)])

    def breakdown(self, firmness: str, period: Period, quantity: int, total: Money) -> list[tuple[str, Money]]:
        """What the total is made of; it adds up to the cent because scarcity is what the rest leaves."""
        hours = gpu_hours(quantity, period.days)
        parts = [
            ("energy", rounded(self.energy * hours)),
            ("capital", rounded(self.capital * hours)),
            (f"{firmness}_premium", rounded(self.premiums[rank(firmness)] * hours)),
        ]
        rest = total.amount - sum(part.amount for _, part in parts)
        return [*parts, ("scarcity", Money(rest))]


def total_of(day_cents: NDArray[np.int64]) -> Money:
    """The price of a block: the sum of its days, each already in whole cents."""
    return usd_from_cents(int(day_cents.sum()))


def current_versions() -> dict[int, int]:
    """Seller -> id of their latest price version."""
    latest = PriceVersion.objects.order_by("seller_id", "-id").distinct("seller_id")
    return dict(latest.values_list("seller_id", "id"))


def pool_prices(version_ids: Iterable[int]) -> dict[int, PoolPrices]:
    """Pool -> its prices in those versions."""
    found: dict[int, PoolPrices] = {}
    for version_id in version_ids:
        found.update(_of_version(version_id))
    return found


@lru_cache(maxsize=VERSIONS_KEPT)
def _of_version(version_id: int) -> dict[int, PoolPrices]:
    rows = PoolCurve.objects.filter(version_id=version_id).select_related("version", "pool")
    return {row.pool_id: _prices(row) for row in rows}


def _prices(row: PoolCurve) -> PoolPrices:
    classes = tuple(_class_curve(row, index) for index in range(len(FIRMNESS)))
    return PoolPrices(
        version_id=row.version_id,
        version=row.version.public_id,
        first_day=row.first_day,
        days=len(row.limits[0]),
        classes=classes,
        energy=row.energy,
        capital=row.capital,
        premiums=tuple(row.premiums),
    )


def _class_curve(row: PoolCurve, index: int) -> scarcity.Curve:
    return scarcity.curve(
        limit=np.asarray(row.limits[index], dtype=np.float64),
        use=np.asarray(row.use[index], dtype=np.float64),
        dual=np.asarray(row.dual[index], dtype=np.float64),
        base=float(row.energy + row.capital + row.premiums[index]),
        adder=float(row.adder),
        cap=float(row.cap),
        lot=row.pool.lot,
        fill_steepness=row.fill_steepness,
        dual_steepness=row.dual_steepness,
    )
