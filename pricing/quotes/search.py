"""From a need to ranked offers, a calendar of starts, or a refusal that ends in something that does fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from marketplace.units.compute import gpu_hours
from marketplace.units.firmness import rank
from marketplace.units.money import usd_from_cents
from marketplace.units.period import Period
from pricing.quotes.blocks import Grid, Ints, Starts, largest, price_grid, round_up
from pricing.quotes.calendar import Calendar, cheapest_by_start, no_days
from pricing.quotes.need import Need, Range
from pricing.quotes.offers import Offer, make_offer
from pricing.quotes.refusals import Refusal, refusal
from pricing.quotes.shelf import Shelf, sellable_rooms, stock

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
class Search:
    need: Need
    offers: tuple[Offer, ...]
    calendar: Calendar
    refusal: Refusal | None


def search(*, need: Need, organisation_id: int, now: datetime) -> Search:
    """Answers a need for an organisation as of `now`. Prices are blind to who asks; the token is not."""
    shelf = stock(need, need.start_from, need.start_to, now)
    candidates = list(_candidates(shelf, need)) if shelf.pools else []
    if not candidates:
        return Search(need, (), no_days(need.start_from), refusal(need, now))
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
    priced = ((candidate.starts, candidate.worth) for candidate in candidates)
    calendar = cheapest_by_start(need.start_from, (need.start_to - need.start_from).days + 1, priced)
    return Search(need, offers, calendar, None)


def _candidates(shelf: Shelf, need: Need) -> Iterator[Candidate]:
    """Every length of the need in every pool, at the largest quantity that fits, with its price at every start."""
    room = sellable_rooms(shelf, need.firmness)
    for days in _lengths(need.duration):
        grid, enough = _priced(shelf, need, room, days)
        for place in np.flatnonzero(enough).tolist():
            found = grid.starts(place)
            worth = found.cents / (gpu_hours(found.quantity, days) if need.is_range else 1)
            yield Candidate(place, min(need.quantity.most, found.quantity), found, worth)


def _priced(shelf: Shelf, need: Need, room: Ints, days: int) -> tuple[Grid, NDArray[np.bool_]]:
    """Blocks of one length in all pools at once, and in which pools the least that is wanted fits from some start."""
    starts = room.shape[1] - need.duration.most + 1
    most = largest(room, days, starts, shelf.lots[:, None]).max(axis=1, initial=0)
    quantity = np.minimum(round_up(need.quantity.most, shelf.lots), most)
    cents = shelf.stack(need.firmness).day_cents(shelf.period, shelf.rooms[:, rank(need.firmness)], quantity)
    enough = quantity >= round_up(need.quantity.least, shelf.lots)
    return price_grid(room, cents, quantity, days, starts), enough


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
