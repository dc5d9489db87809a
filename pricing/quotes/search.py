"""From a need to ranked offers, a calendar of starts, or a refusal that ends in something that does fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from marketplace.catalogue.models import Pool
from marketplace.units.compute import gpu_hours
from marketplace.units.firmness import rank
from marketplace.units.money import usd_from_cents
from marketplace.units.period import Period
from pricing.curve.terms import totals_at
from pricing.quotes.blocks import Grid, Ints, Starts, largest, price_grid, round_up
from pricing.quotes.bundle_offers import BundleOffer
from pricing.quotes.calendar import Calendar, cheapest_by_start, no_days
from pricing.quotes.need import Need, Range
from pricing.quotes.offers import Offer, make_offer
from pricing.quotes.ranking import Block, Chosen, choose
from pricing.quotes.refusals import Refusal, refusal
from pricing.quotes.shelf import Shelf, sellable_rooms, stock
from pricing.quotes.splits import split_offers

MOST_OFFERS = 10
LENGTHS_TRIED = 12  # of a range of durations


@dataclass(frozen=True)
class Candidate:
    """One pool, quantity and length, at every start that fits. `worth` is what it is ranked by, shape (starts,);
    `day_cents` the list price of the quantity on each day, shape (days of the shelf,)."""

    place: int
    asked: int
    starts: Starts
    worth: NDArray[np.float64]
    day_cents: Ints

    def best(self) -> tuple[float, int]:
        """The lowest worth, and the index of its start (the first of equals)."""
        index = int(np.argmin(self.worth))
        return float(self.worth[index]), index


@dataclass(frozen=True)
class Search:
    need: Need
    offers: tuple[Offer, ...]
    calendar: Calendar
    refusal: Refusal | None
    splits: tuple[BundleOffer, ...] = ()  # of a divisible need, over several pools


def search(*, need: Need, organisation_id: int, now: datetime) -> Search:
    """Answers a need for an organisation as of `now`. Prices are blind to who asks; the token is not."""
    shelf = stock(need, need.start_from, need.start_to, now)
    candidates = list(_candidates(shelf, need)) if shelf.pools else []
    splits = tuple(split_offers(shelf, need, organisation_id=organisation_id, now=now)) if need.divisible else ()
    if not candidates:
        _, splits = _ranked_together((), splits, need)
        return Search(need, (), no_days(need.start_from), None if splits else refusal(need, now), splits)
    chosen = choose(_blocks(shelf, candidates, need), sort=need.sort, most=MOST_OFFERS)
    offers = tuple(_offer(shelf, candidates[each.block.which], each, need, organisation_id, now) for each in chosen)
    priced = ((candidate.starts, candidate.worth) for candidate in candidates)
    calendar = cheapest_by_start(need.start_from, (need.start_to - need.start_from).days + 1, priced)
    if splits:
        offers, splits = _ranked_together(offers, splits, need)
    return Search(need, offers, calendar, None, splits)


def _ranked_together(
    offers: tuple[Offer, ...], splits: tuple[BundleOffer, ...], need: Need
) -> tuple[tuple[Offer, ...], tuple[BundleOffer, ...]]:
    """Where a split costs less than any single pool, it is the cheapest, and the cheapest pool is the next."""

    def worth(offer: Offer | BundleOffer) -> Decimal:
        return offer.unit_price if need.is_range else offer.total.amount

    best = min(map(worth, offers), default=None)
    if not splits or (best is not None and best <= worth(splits[0])):
        return offers, splits
    second = tuple(_next_cheapest(offer) if "cheapest" in offer.ranks else offer for offer in offers)
    return second, (replace(splits[0], ranks=("cheapest",)), *splits[1:])


def _next_cheapest(offer: Offer) -> Offer:
    ranks = tuple(rank for rank in offer.ranks if rank != "cheapest")
    return replace(offer, ranks=ranks, next_best_in=("cheapest", *offer.next_best_in))


def blocks_that_fit(shelf: Shelf, need: Need) -> list[tuple[Block, Starts]]:
    """The blocks that a search would offer, in its order: for prices alone, without confidence and tokens."""
    candidates = list(_candidates(shelf, need)) if shelf.pools else []
    if not candidates:
        return []
    chosen = choose(_blocks(shelf, candidates, need), sort=need.sort, most=MOST_OFFERS)
    return [(each.block, candidates[each.block.which].starts) for each in chosen]


def _candidates(shelf: Shelf, need: Need) -> Iterator[Candidate]:
    """Every length of the need in every pool, at the largest quantity that fits, with its price at every start."""
    room = sellable_rooms(shelf, need.firmness)
    for days in _lengths(need.duration):
        cents, grid, enough = _priced(shelf, need, room, days)
        for place in np.flatnonzero(enough).tolist():
            found = grid.starts(place)
            worth = found.cents / (gpu_hours(found.quantity, days) if need.is_range else 1)
            yield Candidate(place, min(need.quantity.most, found.quantity), found, worth, cents[place])


def _priced(shelf: Shelf, need: Need, room: Ints, days: int) -> tuple[Ints, Grid, NDArray[np.bool_]]:
    """Blocks of one length in all pools at once: the list price of each day, what fits and its total after terms at
    every start, and in which pools the least that is wanted fits from some start."""
    starts = room.shape[1] - need.duration.most + 1
    most = largest(room, days, starts, shelf.lots[:, None]).max(axis=1, initial=0)
    quantity = np.minimum(round_up(need.quantity.most, shelf.lots), most)
    cents = shelf.stack(need.firmness).day_cents(shelf.period, shelf.rooms[:, rank(need.firmness)], quantity)
    enough = quantity >= round_up(need.quantity.least, shelf.lots)
    return cents, _after_terms(shelf, price_grid(room, cents, quantity, days, starts), cents, need.prepayment), enough


def _after_terms(shelf: Shelf, listed: Grid, day_cents: Ints, prepaid: int) -> Grid:
    """What each start costs after the terms of the pool's policy: what is ranked, shown and quoted."""
    totals = listed.cents.copy()
    for rows in shelf.rows_of_terms:
        totals[rows] = totals_at(
            shelf.prices[rows[0]].terms,
            listed=listed.cents[rows],
            day_cents=day_cents[rows],
            days=listed.days,
            gpus=listed.quantity[rows],
            first_lead=(shelf.period.start - shelf.today).days,
            prepaid=prepaid,
            floor_parts=np.array([shelf.prices[row].constants.floor_parts for row in rows], dtype=np.int64),
        )
    return replace(listed, cents=totals)


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
    nested, cents = shelf.nested[found.place, row, window], found.day_cents[window]
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
        total=usd_from_cents(int(found.starts.cents[chosen.block.index])),
        price_lines=lambda: (
            prices.price_of_days(
                need.firmness, period, cents, quantity, quoted_on=shelf.today, prepaid=need.prepayment
            ).lines
        ),
        prepayment=need.prepayment,
        required=nested + quantity,
        organisation_id=organisation_id,
        now=now,
        ranks=chosen.ranks,
        next_best_in=chosen.next_best_in,
        wanted=need.quantity.most,
    )
