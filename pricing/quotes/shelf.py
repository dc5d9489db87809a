"""What is on sale over a window: the pools that a need accepts, with their prices and the room that is left."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from marketplace.capacity.kept import kept_view
from marketplace.catalogue.models import Pool
from marketplace.supply.models import Projection
from marketplace.units.firmness import rank
from marketplace.units.period import Period
from pricing.curve.models import PricePolicy
from pricing.curve.queries import PoolPrices
from pricing.curve.stacks import Stack, stacked
from pricing.quotes.market import FINGERPRINT, market_of
from pricing.quotes.need import Need
from pricing.quotes.wishes import Documents, rows_that_meet


@dataclass(frozen=True)
class Shelf:
    """What is on sale over a window: pools with their prices, and the room left, shape (pools, 3 classes, days)."""

    pools: tuple[Pool, ...]
    prices: tuple[PoolPrices, ...]
    period: Period
    rooms: NDArray[np.int64]
    nested: NDArray[np.int64]
    policies: dict[int, PricePolicy]  # by seller
    projection: Projection | None
    today: date
    documents: Documents  # service specs in force, which a need may have wishes for

    @cached_property
    def lots(self) -> NDArray[np.int64]:
        return np.array([pool.lot for pool in self.pools], dtype=np.int64)

    @cached_property
    def h100_weights(self) -> NDArray[np.float64]:
        """H100-equivalents of a GPU, shape (pools,)."""
        return np.array([pool.accelerator.h100_weight for pool in self.pools], dtype=np.float64)

    @cached_property
    def kg_per_hour(self) -> NDArray[np.float64]:
        """CO2 of a GPU-hour, kg, shape (pools,)."""
        places = [(pool.accelerator.all_in_kw, pool.site) for pool in self.pools]
        grams = [kw * site.pue * site.carbon_g_per_kwh for kw, site in places]
        return np.array(grams, dtype=np.float64) / 1000

    @cached_property
    def places(self) -> dict[int, int]:
        """Pool id -> its place."""
        return {pool.pk: place for place, pool in enumerate(self.pools)}

    def stack(self, firmness: str) -> Stack:
        """The pools' curves as one."""
        return stacked(self.prices, firmness)


def stock(need: Need, first: date, last: date, now: datetime) -> Shelf:
    """The pools that a need accepts, over every day that a start in first..last (both included) could occupy."""
    period = Period(first, last + timedelta(days=need.duration.most))
    with kept_view(now, beside=FINGERPRINT) as view:
        market = market_of(view.beside)
        rows = rows_that_meet(need, market.pools, market.documents)
        pools = tuple(market.pools[row] for row in rows)
        found = view.inventory([pool.pk for pool in pools], period)
    return Shelf(
        pools,
        tuple(market.prices[row] for row in rows),
        period,
        found.room(),
        found.nested,
        market.policy_of_each_seller(now),
        market.projection,
        now.date(),
        market.documents,
    )


def with_taken(shelf: Shelf, pool_id: int, firmness: str, period: Period, quantity: int) -> Shelf:
    """The shelf after so many GPUs of a pool are taken over a period; the shelf that is given stays as it is."""
    place, row = shelf.places[pool_id], rank(firmness)
    days = slice((period.start - shelf.period.start).days, (period.end - shelf.period.start).days)
    rooms, nested = shelf.rooms.copy(), shelf.nested.copy()
    # The class's own sum and all outer ones rise; a firmer class has no more than is left in this one.
    rooms[place, row:, days] -= quantity
    rooms[place, :row, days] = np.minimum(rooms[place, :row, days], rooms[place, row, days])
    nested[place, row:, days] += quantity
    return replace(shelf, rooms=rooms, nested=nested)


def sellable_rooms(shelf: Shelf, firmness: str) -> NDArray[np.int64]:
    """Room of the class, shape (pools, days), on the days that the versions price: without a price nothing is sold."""
    if not shelf.pools:
        return np.zeros((0, shelf.period.days), dtype=np.int64)
    return np.where(shelf.stack(firmness).priced_days(shelf.period), shelf.rooms[:, rank(firmness)], 0)


def sellable(shelf: Shelf, place: int, firmness: str) -> NDArray[np.int64]:
    """The same of one pool."""
    days = (shelf.prices[place].last_day - shelf.period.start).days
    room = shelf.rooms[place, rank(firmness)].copy()
    room[max(days, 0) :] = 0
    return room
