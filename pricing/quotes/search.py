"""From a need to ranked offers, a calendar of starts, or a refusal that ends in something that does fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from marketplace.units.compute import gpu_hours
from marketplace.units.firmness import rank
from marketplace.units.money import usd_from_cents
from marketplace.units.period import Period
from pricing.curve.stacks import terms_in_common
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
class Priced:
    """Blocks of one length, of the largest quantity that fits in each pool, at every start.

    `worth` is what they are ranked by, shape (pools, starts), infinite where there is none; `day_cents` the list price
    of the quantity on each day, shape (pools, days of the shelf).
    """

    grid: Grid
    worth: NDArray[np.float64]
    day_cents: Ints


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
    priced = _priced(shelf, need)
    blocks = _blocks(shelf, priced, need)
    splits = tuple(split_offers(shelf, need, organisation_id=organisation_id, now=now)) if need.divisible else ()
    if not blocks:
        _, splits = _ranked_together((), splits, need)
        return Search(need, (), no_days(need.start_from), None if splits else refusal(need, now), splits)
    chosen = choose(blocks, sort=need.sort, most=MOST_OFFERS)
    offers = tuple(_offer(shelf, priced[each.block.which], each, need, organisation_id, now) for each in chosen)
    window = (need.start_to - need.start_from).days + 1
    calendar = cheapest_by_start(need.start_from, window, [(each.grid, each.worth) for each in priced])
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
    priced = _priced(shelf, need)
    blocks = _blocks(shelf, priced, need)
    chosen = choose(blocks, sort=need.sort, most=MOST_OFFERS) if blocks else []
    return [(each.block, priced[each.block.which].grid.starts(each.block.place)) for each in chosen]


def _priced(shelf: Shelf, need: Need) -> list[Priced]:
    """Every length of the need in every pool, at the largest quantity that fits, with its price at every start."""
    if not shelf.pools:
        return []
    room = sellable_rooms(shelf, need.firmness)
    return [_priced_length(shelf, need, room, days) for days in _lengths(need.duration)]


def _priced_length(shelf: Shelf, need: Need, room: Ints, days: int) -> Priced:
    """One length: the list price of each day, what fits and its total after terms at every start. Where less fits than
    the least that is wanted, nothing does."""
    least = largest(room, days, room.shape[1] - need.duration.most + 1)
    most = least.max(axis=1, initial=0) // shelf.lots * shelf.lots
    quantity = np.minimum(round_up(need.quantity.most, shelf.lots), most)
    cents = shelf.stack(need.firmness).day_cents(shelf.period, shelf.rooms[:, rank(need.firmness)], quantity)
    grid = _after_terms(shelf, price_grid(least, cents, quantity, days), cents, need.prepayment)
    grid.fits[quantity < round_up(need.quantity.least, shelf.lots)] = False
    compared = grid.cents / gpu_hours(np.maximum(quantity, 1), days)[:, None] if need.is_range else grid.cents
    return Priced(grid, np.where(grid.fits, compared, np.inf), cents)


def _after_terms(shelf: Shelf, listed: Grid, day_cents: Ints, prepaid: int) -> Grid:
    """What each start costs after the terms of the pool's policy: what is ranked, shown and quoted."""
    totals = np.empty_like(listed.cents)
    for each in terms_in_common(shelf.prices):
        totals[each.rows] = totals_at(
            each.terms,
            listed=listed.cents[each.rows],
            day_cents=day_cents[each.rows],
            days=listed.days,
            gpus=listed.quantity[each.rows],
            first_lead=(shelf.period.start - shelf.today).days,
            prepaid=prepaid,
            floor_parts=each.floor_parts,
        )
    return replace(listed, cents=totals)


def _lengths(duration: Range) -> list[int]:
    count = min(LENGTHS_TRIED, duration.most - duration.least + 1)
    return sorted({int(days) for days in np.linspace(duration.least, duration.most, count).round()})


def _blocks(shelf: Shelf, priced: Sequence[Priced], need: Need) -> list[Block]:
    """Of every pool and length its cheapest and its soonest block: one of them is best in any order of `ranking.py`."""
    return [block for which, each in enumerate(priced) for block in _blocks_of(shelf, each, which, need)]


def _blocks_of(shelf: Shelf, priced: Priced, which: int, need: Need) -> Iterator[Block]:
    grid = priced.grid
    hours = gpu_hours(grid.quantity, grid.days)
    carbon = shelf.kg_per_hour if need.is_range else shelf.kg_per_hour * hours
    per_h100 = hours * shelf.h100_weights
    soonest, cheapest = grid.fits.argmax(axis=1), priced.worth.argmin(axis=1)
    for place in np.flatnonzero(grid.fits.any(axis=1)).tolist():
        for offset in sorted({int(soonest[place]), int(cheapest[place])}):
            yield Block(
                place=place,
                which=which,
                offset=offset,
                worth=float(priced.worth[place, offset]),
                per_h100=float(grid.cents[place, offset] / per_h100[place]),
                carbon=float(carbon[place]),
            )


def _offer(
    shelf: Shelf,
    found: Priced,
    chosen: Chosen,
    need: Need,
    organisation_id: int,
    now: datetime,
) -> Offer:
    place, first, quantity = chosen.block.place, chosen.block.offset, int(found.grid.quantity[chosen.block.place])
    window, row = slice(first, first + found.grid.days), rank(need.firmness)
    nested, cents = shelf.nested[place, row, window], found.day_cents[place, window]
    pool, prices = shelf.pools[place], shelf.prices[place]
    period = Period.of(shelf.period.start + timedelta(days=first), found.grid.days)
    return make_offer(
        pool=pool,
        prices=prices,
        policy=shelf.policies[pool.seller_id],
        projection=shelf.projection,
        quantity=quantity,
        asked_quantity=min(need.quantity.most, quantity),
        period=period,
        firmness=need.firmness,
        total=usd_from_cents(int(found.grid.cents[place, first])),
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
