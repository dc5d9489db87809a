"""What is on sale over a window: the pools that a need accepts, with their prices and the room that is left."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from marketplace.capacity.kept import kept_view
from marketplace.capacity.queries import Inventory
from marketplace.catalogue.models import Pool
from marketplace.supply.models import Projection
from marketplace.units.firmness import rank
from marketplace.units.period import Period
from pricing.curve.models import PricePolicy
from pricing.curve.queries import PoolPrices
from pricing.curve.stacks import Stack, stacked
from pricing.quotes.market import FINGERPRINT, Market, market_of
from pricing.quotes.need import Need
from pricing.quotes.wishes import Documents, rows_that_meet


@dataclass(frozen=True)
class Shelf:
    """What is on sale over a window: pools with their prices, and the room left, shape (pools, 3 classes, days).

    `fitting` is the room as a block finds it, which needs its turnaround days too: the least of a day and as many days
    after it. Prices follow `rooms`; `beyond` is the room of the turnaround days after the window.
    """

    pools: tuple[Pool, ...]
    prices: tuple[PoolPrices, ...]
    period: Period
    rooms: NDArray[np.int64]
    fitting: NDArray[np.int64]
    beyond: NDArray[np.int64]
    nested: NDArray[np.int64]
    policies: dict[int, PricePolicy]  # by seller
    projection: Projection | None
    today: date
    documents: Documents  # service specs in force, which a need may have wishes for
    turnaround: tuple[int, ...]  # days after a block, by pool

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
        after = turnarounds(market, [market.pools[row] for row in rows], now)
        found = view.inventory([market.pools[row].pk for row in rows], longer(period, after))
    return shelf_of(market, rows, period, found, after, now)


def longer(period: Period, after: Sequence[int]) -> Period:
    """The period with the longest turnaround after it: what a shelf over it has to know."""
    return Period(period.start, period.end + timedelta(days=max(after, default=0)))


def shelf_of(
    market: Market, rows: Sequence[int], period: Period, found: Inventory, after: Sequence[int], now: datetime
) -> Shelf:
    """Those pools of the market over a period, from an inventory of them over that period and its turnaround."""
    room = found.room()
    fitting = _with_turnaround(room, after)[..., : period.days] if any(after) else room[..., : period.days]
    return Shelf(
        tuple(market.pools[row] for row in rows),
        tuple(market.prices[row] for row in rows),
        period,
        room[..., : period.days],
        fitting,
        room[..., period.days :],
        found.nested[..., : period.days],
        market.policy_of_each_seller(now),
        market.projection,
        now.date(),
        market.documents,
        tuple(after),
    )


def with_taken(shelf: Shelf, pool_id: int, firmness: str, period: Period, quantity: int) -> Shelf:
    """The shelf after so many GPUs of a pool are taken over a period; the shelf that is given stays as it is."""
    place, row, window = shelf.places[pool_id], rank(firmness), shelf.period.days
    after, first = shelf.turnaround[place], (period.start - shelf.period.start).days
    occupied = slice(first, first + period.days + after)
    rooms, nested, fitting = (
        np.concatenate([shelf.rooms, shelf.beyond], axis=2),
        shelf.nested.copy(),
        shelf.fitting.copy(),
    )
    # The class's own sum and all outer ones rise; a firmer class has no more than is left in this one.
    rooms[place, row:, occupied] -= quantity
    rooms[place, :row, occupied] = np.minimum(rooms[place, :row, occupied], rooms[place, row, occupied])
    nested[place, row:, occupied] += quantity
    fitting[place] = _with_turnaround(rooms[place][None], [after])[0, :, :window]
    return replace(shelf, rooms=rooms[..., :window], fitting=fitting, beyond=rooms[..., window:], nested=nested)


def turnarounds(market: Market, pools: Sequence[Pool], now: datetime) -> list[int]:
    """Days after a block that each pool's seller claims for cleaning and tests."""
    days = market.turnaround_of_each_seller(now)
    usual = days.get(None, 0)
    return [days.get(pool.seller_id, usual) for pool in pools]


def _with_turnaround(room: NDArray[np.int64], days: Sequence[int]) -> NDArray[np.int64]:
    """For each pool the least room of every day and the turnaround days after it: a block over any days fits there
    exactly if it fits, with its turnaround, in the room itself."""
    least = room.copy()
    for after in sorted(set(days)):
        rows = [place for place, own in enumerate(days) if own == after]
        for ahead in range(1, after + 1):
            least[rows, :, :-ahead] = np.minimum(least[rows, :, :-ahead], room[rows, :, ahead:])
    return least


def sellable_rooms(shelf: Shelf, firmness: str) -> NDArray[np.int64]:
    """Room of the class, shape (pools, days), on the days that the versions price: without a price nothing is sold."""
    if not shelf.pools:
        return np.zeros((0, shelf.period.days), dtype=np.int64)
    return np.where(shelf.stack(firmness).priced_days(shelf.period), shelf.fitting[:, rank(firmness)], 0)


def sellable(shelf: Shelf, place: int, firmness: str) -> NDArray[np.int64]:
    """The same of one pool."""
    days = (shelf.prices[place].last_day - shelf.period.start).days
    room = shelf.fitting[place, rank(firmness)].copy()
    room[max(days, 0) :] = 0
    return room
