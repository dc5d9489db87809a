"""From a need to ranked offers, a calendar of starts, or a refusal that ends in something that does fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from marketplace.capacity.queries import inventory
from marketplace.catalogue.models import Pool
from marketplace.supply.models import Projection
from marketplace.supply.queries import delivery_confidence, latest_projection
from marketplace.units.compute import gpu_hours
from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.money import Money, unit_price, usd_from_cents
from marketplace.units.period import Period
from pricing.curve.models import PricePolicy
from pricing.curve.queries import NoPrice, PoolPrices, current_versions, pool_prices
from pricing.quotes.blocks import Starts, largest, price_starts, round_up
from pricing.quotes.need import LONGEST_BLOCK_DAYS, Need, Range
from pricing.quotes.offers import Offer, OfferTerms, write_token

MOST_OFFERS = 10
LENGTHS_TRIED = 12  # of a range of durations
CONFIDENCE_STEP = Decimal("0.0001")


@dataclass(frozen=True)
class Candidate:
    """One pool, quantity and length, at every start that fits. `worth` is what it is ranked by, shape (starts,)."""

    place: int
    asked: int
    starts: Starts
    worth: NDArray[np.float64]

    def best(self) -> tuple[float, int]:
        """The lowest worth, and the index of its start (the first of equals)."""
        index = int(np.argmin(self.worth))
        return float(self.worth[index]), index


@dataclass(frozen=True)
class CalendarDay:
    """The cheapest total for a start, over every pool that fits."""

    start: date
    total: Money
    unit_price: Decimal


@dataclass(frozen=True)
class Refusal:
    """Why nothing fits, and the nearest needs that do: each can be asked as it stands."""

    code: str
    detail: str
    nearest: tuple[Need, ...]
    days: tuple[date, ...] = ()
    headroom: tuple[int, ...] = ()  # per day the most that any pool the need accepts still has


@dataclass(frozen=True)
class Search:
    need: Need
    offers: tuple[Offer, ...]
    calendar: tuple[CalendarDay, ...]
    refusal: Refusal | None


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


def search(*, need: Need, organisation_id: int, now: datetime) -> Search:
    """Answers a need for an organisation as of `now`. Prices are blind to who asks; the token is not."""
    shelf = stock(need, need.start_from, need.start_to, now)
    candidates = [found for place in range(len(shelf.pools)) for found in _candidates(shelf, place, need)]
    if not candidates:
        return Search(need, (), (), refusal(need, now))
    cheapest = _cheapest_of_each_pool(candidates)[:MOST_OFFERS]
    soonest = _soonest(candidates)
    chosen = dict.fromkeys([*cheapest, soonest])
    offers = tuple(
        _offer(
            shelf,
            candidates[which],
            index,
            need,
            organisation_id,
            now,
            _ranks((which, index), cheapest[0], soonest),
        )
        for which, index in chosen
    )
    return Search(need, offers, tuple(_calendar(shelf, candidates)), None)


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
    )


def _accepted(need: Need) -> QuerySet[Pool]:
    pools = Pool.objects.select_related("seller")
    if need.accelerators:
        pools = pools.filter(accelerator__key__in=need.accelerators)
    if need.sites:
        pools = pools.filter(site__public_id__in=need.sites)
    if need.jurisdictions:
        pools = pools.filter(site__jurisdiction__in=need.jurisdictions)
    return pools


def _candidates(shelf: Shelf, place: int, need: Need) -> Iterator[Candidate]:
    """Every length of the need in one pool, at the largest quantity that fits, with its price at every start."""
    lot = shelf.pools[place].lot
    room = _sellable(shelf, place, need.firmness)
    starts = len(room) - need.duration.most + 1
    for days in _lengths(need.duration):
        most = int(largest(room, days, starts, lot).max(initial=0))
        quantity = min(round_up(need.quantity.most, lot), most)
        if quantity < round_up(need.quantity.least, lot):
            continue
        found = _priced(shelf, place, need.firmness, room, quantity, days, starts)
        if found is not None and len(found.offsets):
            worth = found.cents / (gpu_hours(quantity, days) if need.is_range else 1)
            yield Candidate(place, min(need.quantity.most, quantity), found, worth)


def _sellable(shelf: Shelf, place: int, firmness: str) -> NDArray[np.int64]:
    """Room of the class, cut to the days that the version prices: without a price nothing is sold."""
    days = (shelf.prices[place].last_day - shelf.period.start).days
    room = shelf.rooms[place, rank(firmness)].copy()
    room[max(days, 0) :] = 0
    return room


def _priced(
    shelf: Shelf,
    place: int,
    firmness: str,
    room: NDArray[np.int64],
    quantity: int,
    days: int,
    starts: int,
) -> Starts | None:
    end = min(shelf.period.end, shelf.prices[place].last_day)
    if (end - shelf.period.start).days < days:
        return None
    period = Period(shelf.period.start, end)
    try:
        cents = shelf.prices[place].day_cents(firmness, period, room[: period.days], quantity)
    except NoPrice:
        return None
    return price_starts(room[: period.days], cents, quantity, days, starts)


def _lengths(duration: Range) -> list[int]:
    count = min(LENGTHS_TRIED, duration.most - duration.least + 1)
    return sorted({int(days) for days in np.linspace(duration.least, duration.most, count).round()})


def _cheapest_of_each_pool(candidates: Sequence[Candidate]) -> list[tuple[int, int]]:
    """(candidate, index of its start) of every pool's cheapest block, cheapest first."""
    best: dict[int, tuple[float, int, int]] = {}
    for which, candidate in enumerate(candidates):
        worth, index = candidate.best()
        if candidate.place not in best or worth < best[candidate.place][0]:
            best[candidate.place] = (worth, which, index)
    return [(which, index) for _, which, index in sorted(best.values())]


def _soonest(candidates: Sequence[Candidate]) -> tuple[int, int]:
    """(candidate, 0) of the earliest start, the cheapest of those."""
    first = min(
        range(len(candidates)),
        key=lambda which: (
            candidates[which].starts.offsets[0],
            candidates[which].worth[0],
        ),
    )
    return first, 0


def _calendar(shelf: Shelf, candidates: Sequence[Candidate]) -> Iterator[CalendarDay]:
    """For each start the cheapest candidate, found by one pass over arrays of (start, worth)."""
    offsets = np.concatenate([c.starts.offsets for c in candidates])
    worth = np.concatenate([c.worth for c in candidates])
    cents = np.concatenate([c.starts.cents for c in candidates])
    hours = np.concatenate([np.full(len(c.worth), gpu_hours(c.starts.quantity, c.starts.days)) for c in candidates])
    order = np.lexsort((worth, offsets))
    days, first = np.unique(offsets[order], return_index=True)
    for day, at in zip(days.tolist(), order[first].tolist(), strict=True):
        total = usd_from_cents(int(cents[at]))
        yield CalendarDay(
            shelf.period.start + timedelta(days=day),
            total,
            unit_price(total, int(hours[at])),
        )


def _ranks(chosen: tuple[int, int], cheapest: tuple[int, int], soonest: tuple[int, int]) -> tuple[str, ...]:
    return tuple(name for name, winner in (("cheapest", cheapest), ("soonest", soonest)) if chosen == winner)


def _offer(
    shelf: Shelf,
    found: Candidate,
    index: int,
    need: Need,
    organisation_id: int,
    now: datetime,
    ranks: tuple[str, ...],
) -> Offer:
    first, quantity = int(found.starts.offsets[index]), found.starts.quantity
    nested = shelf.nested[found.place, rank(need.firmness), first : first + found.starts.days]
    pool = shelf.pools[found.place]
    return make_offer(
        pool=pool,
        prices=shelf.prices[found.place],
        policy=shelf.policies[pool.seller_id],
        projection=shelf.projection,
        quantity=quantity,
        asked_quantity=found.asked,
        period=Period.of(shelf.period.start + timedelta(days=first), found.starts.days),
        firmness=need.firmness,
        total=usd_from_cents(int(found.starts.cents[index])),
        required=nested + quantity,
        organisation_id=organisation_id,
        now=now,
        ranks=ranks,
    )


def make_offer(
    *,
    pool: Pool,
    prices: PoolPrices,
    policy: PricePolicy,
    projection: Projection | None,
    quantity: int,
    asked_quantity: int,
    period: Period,
    firmness: str,
    total: Money,
    required: NDArray[np.int64],
    organisation_id: int,
    now: datetime,
    ranks: tuple[str, ...] = (),
) -> Offer:
    """Signs an offer. `required` is the nested use per day with this block in it: what the site must deliver."""
    terms = OfferTerms(
        pool=pool.public_id,
        quantity=quantity,
        asked_quantity=asked_quantity,
        period=period,
        firmness=firmness,
        total=total,
        price_version=prices.version,
        organisation_id=organisation_id,
        valid_until=(now + timedelta(minutes=policy.offer_minutes)).replace(microsecond=0),
    )
    confidence = delivery_confidence(pool_id=pool.pk, period=period, required=required, projection=projection)
    return Offer(
        id=write_token(terms),
        terms=terms,
        pool=pool,
        breakdown=tuple(prices.breakdown(firmness, period, quantity, total)),
        delivery_confidence=Decimal(confidence).quantize(CONFIDENCE_STEP),
        ranks=ranks,
    )


def refusal(need: Need, now: datetime) -> Refusal:
    """Says what bound, and the nearest needs that fit today: fewer, other dates, less sure, elsewhere."""
    least = replace(need, duration=Range(need.duration.least, need.duration.least))
    tomorrow = now.date() + timedelta(days=1)
    last = max(tomorrow, _last_priced_day() - timedelta(days=need.duration.least))
    whole = stock(least, tomorrow, max(last, need.start_to), now)
    window = stock(least, need.start_from, need.start_to, now)
    fewer = _fewer(window, least)
    nearest = [
        *fewer,
        *_other_dates(whole, least),
        *_less_sure(window, least),
        *_elsewhere(least, now),
    ]
    days = tuple(whole.period.start + timedelta(days=offset) for offset in range(whole.period.days))
    return Refusal(
        "insufficient_headroom",
        _detail(window, least, fewer),
        tuple(nearest),
        days,
        _most_by_day(whole, least.firmness),
    )


def _most_by_day(shelf: Shelf, firmness: str) -> tuple[int, ...]:
    """Per day the most that any one pool still has, in whole lots: what a block of one day could be."""
    most = np.zeros(shelf.period.days, dtype=np.int64)
    for _, fits in _fits(shelf, firmness, 1):
        most = np.maximum(most, fits)
    return tuple(most.tolist())


def _last_priced_day() -> date:
    prices = pool_prices(current_versions().values()).values()
    return max(
        (each.last_day for each in prices),
        default=date.min + timedelta(days=LONGEST_BLOCK_DAYS + 1),
    )


def _fits(shelf: Shelf, firmness: str, days: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Per pool, the most GPUs in whole lots that fit from each start of the shelf."""
    starts = shelf.period.days - days + 1
    for place, pool in enumerate(shelf.pools):
        yield (
            pool.lot,
            largest(_sellable(shelf, place, firmness), days, starts, pool.lot),
        )


def _fewer(shelf: Shelf, need: Need) -> list[Need]:
    most = max(
        (int(fits.max(initial=0)) for _, fits in _fits(shelf, need.firmness, need.duration.least)),
        default=0,
    )
    return [replace(need, quantity=Range(most, most))] if most else []


def _other_dates(shelf: Shelf, need: Need) -> list[Need]:
    """The nearest start after the window, and the nearest before it, at which the whole quantity fits."""
    lengths = need.duration.least
    fitting = [
        np.flatnonzero(fits >= round_up(need.quantity.least, lot)) for lot, fits in _fits(shelf, need.firmness, lengths)
    ]
    offsets = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *fitting]))
    first, last = (
        (need.start_from - shelf.period.start).days,
        (need.start_to - shelf.period.start).days,
    )
    nearest = [
        *offsets[offsets > last][:1].tolist(),
        *offsets[offsets < first][-1:].tolist(),
    ]
    return [_from(need, shelf.period.start + timedelta(days=int(offset))) for offset in nearest]


def _from(need: Need, start: date) -> Need:
    fixed = Range(need.quantity.least, need.quantity.least)
    return replace(need, start_from=start, start_to=start, quantity=fixed)


def _less_sure(shelf: Shelf, need: Need) -> list[Need]:
    wishes = (replace(need, firmness=firmness) for firmness in FIRMNESS[rank(need.firmness) + 1 :])
    return [wish for wish in wishes if _fits_somewhere(shelf, wish)][:1]


def _fits_somewhere(shelf: Shelf, need: Need) -> bool:
    """Whether the least that is wanted fits in some pool from some start of the shelf."""
    return any(
        int(fits.max(initial=0)) >= round_up(need.quantity.least, lot)
        for lot, fits in _fits(shelf, need.firmness, need.duration.least)
    )


def _elsewhere(need: Need, now: datetime) -> list[Need]:
    """The same without the wishes for place and accelerator, if that is what bound."""
    wider = replace(need, accelerators=(), sites=(), jurisdictions=())
    if wider == need:
        return []
    return [wider] if _fits_somewhere(stock(wider, need.start_from, need.start_to, now), wider) else []


def _detail(shelf: Shelf, need: Need, fewer: list[Need]) -> str:
    if not shelf.pools:
        return "No pool has these accelerators at these sites and jurisdictions."
    most = fewer[0].quantity.least if fewer else 0
    return (
        f"{need.quantity.least:,} GPUs for {need.duration.least} days as {need.firmness} do not fit with a start from "
        f"{need.start_from} to {need.start_to}: at most {most:,} do. Nothing is held."
    )
