"""What is on sale over a window: the pools that a need accepts, with their prices and the room that is left."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from marketplace.capacity.queries import inventory
from marketplace.catalogue.models import Pool
from marketplace.catalogue.queries import service_documents
from marketplace.supply.models import Projection
from marketplace.supply.queries import latest_projection
from marketplace.units.firmness import rank
from marketplace.units.period import Period
from pricing.curve.models import PricePolicy
from pricing.curve.queries import PoolPrices, current_versions, pool_prices
from pricing.quotes.need import Need
from pricing.quotes.wishes import unmet


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


def stock(need: Need, first: date, last: date, now: datetime) -> Shelf:
    """The pools that a need accepts, over every day that a start in first..last (both included) could occupy."""
    period = Period(first, last + timedelta(days=need.duration.most))
    prices = pool_prices(current_versions().values())
    pools = tuple(pool for pool in _accepted(need) if pool.pk in prices)
    found = inventory(pool_ids=[pool.pk for pool in pools], period=period, now=now)
    return Shelf(
        pools,
        tuple(prices[pool.pk] for pool in pools),
        period,
        found.room(),
        found.nested,
        PricePolicy.objects.by_seller({pool.seller_id for pool in pools}, now),
        latest_projection(),
        now.date(),
    )


def _accepted(need: Need) -> list[Pool]:
    documents = service_documents() if need.service else {}
    return [pool for pool in Pool.objects.select_related("seller") if not unmet(need, pool, documents)]


def sellable(shelf: Shelf, place: int, firmness: str) -> NDArray[np.int64]:
    """Room of the class, cut to the days that the version prices: without a price nothing is sold."""
    days = (shelf.prices[place].last_day - shelf.period.start).days
    room = shelf.rooms[place, rank(firmness)].copy()
    room[max(days, 0) :] = 0
    return room
