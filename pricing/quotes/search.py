"""From a need to ranked offers, a calendar of starts, or a refusal that ends in something that does fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from marketplace.catalogue.models import Pool
from marketplace.units.compute import gpu_hours
from marketplace.units.firmness import rank
from marketplace.units.money import Money, unit_price, usd_from_cents
from marketplace.units.period import Period
from pricing.curve.queries import NoPrice
from pricing.curve.terms import totals_at
from pricing.quotes.blocks import Starts, largest, price_starts, round_up
from pricing.quotes.need import Need, Range
from pricing.quotes.offers import Offer, make_offer
from pricing.quotes.ranking import Block, Chosen, choose
from pricing.quotes.refusals import Refusal, refusal
from pricing.quotes.shelf import Shelf, sellable, stock

MOST_OFFERS = 10
LENGTHS_TRIED = 12  # of a range of durations


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
class Search:
    need: Need
    offers: tuple[Offer, ...]
    calendar: tuple[CalendarDay, ...]
    refusal: Refusal | None


def search(*, need: Need, organisation_id: int, now: datetime) -> Search:
    """Answers a need for an organisation as of `now`. Prices are blind to who asks; the token is not."""
    shelf = stock(need, need.start_from, need.start_to, now)
    candidates = _all_candidates(shelf, need)
    if not candidates:
        return Search(need, (), (), refusal(need, now))
    chosen = choose(_blocks(shelf, candidates, need), sort=need.sort, most=MOST_OFFERS)
    offers = tuple(_offer(shelf, candidates[each.block.which], each, need, organisation_id, now) for each in chosen)
    return Search(need, offers, tuple(_calendar(shelf, candidates)), None)


def blocks_that_fit(shelf: Shelf, need: Need) -> list[tuple[Block, Starts]]:
    """The blocks that a search would offer, in its order: for prices alone, without confidence and tokens."""
    candidates = _all_candidates(shelf, need)
    if not candidates:
        return []
    chosen = choose(_blocks(shelf, candidates, need), sort=need.sort, most=MOST_OFFERS)
    return [(each.block, candidates[each.block.which].starts) for each in chosen]


def _all_candidates(shelf: Shelf, need: Need) -> list[Candidate]:
    return [found for place in range(len(shelf.pools)) for found in _candidates(shelf, place, need)]


def _candidates(shelf: Shelf, place: int, need: Need) -> Iterator[Candidate]:
    """Every length of the need in one pool, at the largest quantity that fits, with its price at every start."""
    lot = shelf.pools[place].lot
    room = sellable(shelf, place, need.firmness)
    starts = len(room) - need.duration.most + 1
    for days in _lengths(need.duration):
        most = int(largest(room, days, starts, lot).max(initial=0))
        quantity = min(round_up(need.quantity.most, lot), most)
        if quantity < round_up(need.quantity.least, lot):
            continue
        found = _priced(shelf, place, need, room, quantity, days, starts)
        if found is not None and len(found.offsets):
            worth = found.cents / (gpu_hours(quantity, days) if need.is_range else 1)
            yield Candidate(place, min(need.quantity.most, quantity), found, worth)


def _priced(
    shelf: Shelf,
    place: int,
    need: Need,
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
        cents = shelf.prices[place].day_cents(need.firmness, period, room[: period.days], quantity)
    except NoPrice:
        return None
    found = price_starts(room[: period.days], cents, quantity, days, starts)
    return replace(found, cents=_after_terms(shelf, place, cents, found, need.prepayment))


def _after_terms(shelf: Shelf, place: int, cents: NDArray[np.int64], found: Starts, prepaid: int) -> NDArray[np.int64]:
    """What each start costs after the terms of the pool's policy: what is ranked, shown and quoted."""
    prices = shelf.prices[place]
    return totals_at(
        prices.terms,
        day_cents=cents,
        offsets=found.offsets,
        days=found.days,
        gpus=found.quantity,
        first_lead=(shelf.period.start - shelf.today).days,
        prepaid=prepaid,
        floor_parts=prices.constants.floor_parts,
    )


def _lengths(duration: Range) -> list[int]:
    count = min(LENGTHS_TRIED, duration.most - duration.least + 1)
    return sorted({int(days) for days in np.linspace(duration.least, duration.most, count).round()})


def _blocks(shelf: Shelf, candidates: Sequence[Candidate], need: Need) -> list[Block]:
    """Of every candidate its cheapest and its soonest block: one of them is best in any order of `ranking.py`."""
    return [
        _block(shelf.pools[candidate.place], candidate, which, index, need)
        for which, candidate in enumerate(candidates)
        for index in sorted({0, candidate.best()[1]})
    ]


def _block(pool: Pool, candidate: Candidate, which: int, index: int, need: Need) -> Block:
    starts = candidate.starts
    hours = gpu_hours(starts.quantity, starts.days)
    kg_per_hour = float(pool.accelerator.all_in_kw * pool.site.pue * pool.site.carbon_g_per_kwh) / 1000
    return Block(
        place=candidate.place,
        which=which,
        index=index,
        offset=int(starts.offsets[index]),
        worth=float(candidate.worth[index]),
        per_h100=float(starts.cents[index]) / (hours * float(pool.accelerator.h100_weight)),
        carbon=kg_per_hour * (1 if need.is_range else hours),
    )


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


def _offer(
    shelf: Shelf,
    found: Candidate,
    chosen: Chosen,
    need: Need,
    organisation_id: int,
    now: datetime,
) -> Offer:
    first, quantity = chosen.block.offset, found.starts.quantity
    window, row = slice(first, first + found.starts.days), rank(need.firmness)
    nested, room = shelf.nested[found.place, row, window], shelf.rooms[found.place, row, window]
    pool, prices = shelf.pools[found.place], shelf.prices[found.place]
    period = Period.of(shelf.period.start + timedelta(days=first), found.starts.days)
    return make_offer(
        pool=pool,
        prices=prices,
        policy=shelf.policies[pool.seller_id],
        projection=shelf.projection,
        quantity=quantity,
        asked_quantity=found.asked,
        period=period,
        firmness=need.firmness,
        price=prices.price(need.firmness, period, room, quantity, quoted_on=shelf.today, prepaid=need.prepayment),
        prepayment=need.prepayment,
        required=nested + quantity,
        organisation_id=organisation_id,
        now=now,
        ranks=chosen.ranks,
        next_best_in=chosen.next_best_in,
    )
