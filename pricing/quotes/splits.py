"""The cheapest splits of a divisible need over several pools, all with the same dates.

First every start is priced roughly: each pool in EIGHTHS steps of what it could give, the steps merged by price, for
all starts at once. Then the cheapest of them, and the soonest, are split exactly, lot by lot (splitting.py), by list
price less the terms that follow from dates and prepayment. Volume depends on the split itself: it is applied to the
split that was found and, where that names several sellers, to the cheapest split of each alone; the best of those
stands.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from marketplace.units.firmness import rank
from marketplace.units.period import Period
from pricing.curve import scarcity
from pricing.curve.terms import WHOLE
from pricing.quotes.blocks import Ints, largest, round_up
from pricing.quotes.bundle_offers import MOST_PARTS, BundleOffer
from pricing.quotes.bundles import SPLIT
from pricing.quotes.need import Need
from pricing.quotes.shelf import Shelf, sellable_rooms
from pricing.quotes.splitting import cheapest_split
from pricing.quotes.spots import Spot, offer_together

EIGHTHS = 8
EXACT_STARTS = 3  # the cheapest of the rough prices, beside the soonest start
MOST_STEPS = 512  # of one pool in an exact split: beyond it, a step is several lots
MOST_SPLITS = 2


@dataclass(frozen=True)
class _Window:
    """Every pool at every start for one length: the most whole lots that fit, (pools, starts), and how many GPUs are to
    be had in all, at most what is wanted."""

    shelf: Shelf
    need: Need
    days: int
    most: Ints
    wanted: int

    @property
    def starts(self) -> Ints:
        """Offsets at which all of it is there."""
        found: Ints = np.flatnonzero(self.most.sum(axis=0) >= self.wanted)
        return found


def split_offers(shelf: Shelf, need: Need, *, organisation_id: int, now: datetime) -> list[BundleOffer]:
    """The cheapest and the soonest split over two pools or more, the cheapest first; none where no split fits."""
    offers = [
        offer_together(SPLIT, spots, shelf, organisation_id=organisation_id, now=now, wanted=need.quantity.most)
        for spots in cheapest_spots(shelf, need)
        if 1 < len(spots) <= MOST_PARTS
    ]
    ranked = sorted(offers, key=lambda offer: (offer.unit_price if need.is_range else offer.total.amount, offer.start))
    soonest = sorted(ranked, key=lambda offer: offer.start)[:1]
    chosen = [*ranked[:1], *(offer for offer in soonest if offer not in ranked[:1])]
    return chosen[:MOST_SPLITS]


def cheapest_spots(shelf: Shelf, need: Need) -> list[list[Spot]]:
    """Splits that fit, each over one pool or more: at a few starts of each length that is tried."""
    found: list[list[Spot]] = []
    for days in sorted({need.duration.least, need.duration.most}):
        window = _window(shelf, need, days)
        if window is not None:
            starts = _worth_trying(window)
            found += [spots for start in starts for spots in _exact(window, start)]
    return found


def most_together(shelf: Shelf, need: Need) -> int:
    """The most GPUs of all pools together, in whole lots, for the need's shortest length from any one start."""
    return int(_most(shelf, need, need.duration.least).sum(axis=0).max(initial=0))


def _most(shelf: Shelf, need: Need, days: int) -> Ints:
    starts = shelf.period.days - max(days, need.duration.most) + 1
    if not shelf.pools or starts < 1:
        return np.zeros((0, 0), dtype=np.int64)
    found = largest(sellable_rooms(shelf, need.firmness), days, starts, shelf.lots[:, None])
    return np.minimum(found, round_up(need.quantity.most, shelf.lots)[:, None])


def _window(shelf: Shelf, need: Need, days: int) -> _Window | None:
    most = _most(shelf, need, days)
    in_all = int(most.sum(axis=0).max(initial=0))
    if in_all < need.quantity.least:
        return None
    return _Window(shelf, need, days, most, min(in_all, need.quantity.most))


def _worth_trying(window: _Window) -> list[int]:
    """The soonest start and those that look cheapest, in order."""
    starts = window.starts
    if len(starts) <= EXACT_STARTS + 1:
        return starts.tolist()
    rough = _rough(window, starts)
    return sorted({int(starts[0]), *starts[np.argsort(rough, kind="stable")[:EXACT_STARTS]].tolist()})


def _keep(window: _Window) -> Ints:
    """The part of each day's list price that the terms of dates and prepayment leave, (pools, days), of WHOLE."""
    shelf, need = window.shelf, window.need
    first = (shelf.period.start - shelf.today).days
    days = np.arange(first, first + shelf.period.days)
    rows = []
    for prices in shelf.prices:
        of = prices.terms
        off = of.tenor.rate(window.days) + of.prepayment.rate(need.prepayment)
        rows.append(WHOLE - off - of.lead_time.rate(days))
    return np.stack(rows)


def _rough(window: _Window, starts: Ints) -> NDArray[np.float64]:
    """About what the wanted quantity costs at each of those starts, (starts,)."""
    shelf, need = window.shelf, window.need
    room, keep = shelf.rooms[:, rank(need.firmness)], _keep(window)
    step = np.maximum(window.most[:, starts].max(axis=1) // EIGHTHS // shelf.lots, 1) * shelf.lots
    costs = [np.zeros((len(step), len(starts)))]
    for number in range(1, EIGHTHS + 1):
        cents = shelf.stack(need.firmness).day_cents(shelf.period, room, step * number) * keep
        sums = np.zeros((len(step), cents.shape[1] + 1), dtype=np.int64)
        np.cumsum(cents, axis=1, out=sums[:, 1:])
        costs.append((sums[:, starts + window.days] - sums[:, starts]).astype(np.float64))
    each = np.diff(np.stack(costs), axis=0).reshape(-1, len(starts))
    gpus = np.broadcast_to(step[None, :, None], (EIGHTHS, len(step), len(starts)))
    level = np.arange(1, EIGHTHS + 1)[:, None, None] * step[None, :, None]
    gpus = np.where(level <= window.most[None][:, :, starts], gpus, 0).reshape(-1, len(starts))
    return _merged(each, gpus, window.wanted)


def _merged(cost: NDArray[np.float64], gpus: Ints, wanted: int) -> NDArray[np.float64]:
    """Cheapest steps first until enough are had, each start on its own: (steps, starts) -> (starts,)."""
    price = np.divide(cost, gpus, out=np.full(cost.shape, np.inf), where=gpus > 0)
    order = np.argsort(price, axis=0, kind="stable")
    have = np.cumsum(np.take_along_axis(gpus, order, axis=0), axis=0)
    take = np.diff(np.minimum(have, wanted), axis=0, prepend=0)
    found: NDArray[np.float64] = (np.where(take > 0, np.take_along_axis(price, order, axis=0), 0) * take).sum(axis=0)
    short = np.maximum(wanted - have[-1], 0)  # steps are rough: the last lots at about the mean
    return found * (1 + short / np.maximum(have[-1], 1))


def _exact(window: _Window, start: int) -> Iterator[list[Spot]]:
    """The cheapest split at that start over all pools, and over the pools of each of its sellers alone."""
    every = list(range(len(window.shelf.pools)))
    spots = _split(window, start, every)
    if spots is None:
        return
    yield spots
    sellers = {spot.pool.seller_id for spot in spots}
    for seller in sorted(sellers) if len(sellers) > 1 else ():
        alone = _split(window, start, [at for at in every if window.shelf.pools[at].seller_id == seller])
        if alone is not None:
            yield alone


def _split(window: _Window, start: int, places: Sequence[int]) -> list[Spot] | None:
    shelf, need = window.shelf, window.need
    if window.most[places, start].sum() < window.wanted:
        return None
    period = Period.of(shelf.period.start + timedelta(days=start), window.days)
    for most_steps in (MOST_STEPS, window.wanted):  # in steps of several lots the last ones may be out of reach
        priced = [_costs(window, start, place, period, most_steps) for place in places]
        costs, lots = [cost for cost, _ in priced], [lot for _, lot in priced]
        taken = cheapest_split(costs, lots, window.wanted)
        if taken is not None:
            break
    else:
        return None
    quantities = [(places[at], int(count) * lots[at]) for at, count in enumerate(taken.tolist()) if count]
    spots = [
        Spot(shelf.pools[place], need.firmness, period, quantity, quantity, need.prepayment)
        for place, quantity in quantities
    ]
    return _asked(spots, window.wanted)


def _asked(spots: list[Spot], wanted: int) -> list[Spot]:
    """What the lots add beyond what was wanted is noted on the last part."""
    beyond = sum(spot.quantity for spot in spots) - wanted
    last = spots[-1]
    return [*spots[:-1], replace(last, asked=last.quantity - beyond)] if 0 < beyond < last.quantity else spots


def _costs(window: _Window, start: int, place: int, period: Period, most_steps: int) -> tuple[Ints, int]:
    """What the first k steps of a pool cost over the period, of WHOLE cents, (steps + 1,), and the GPUs of a step."""
    shelf, need = window.shelf, window.need
    days = slice(start, start + window.days)
    lots = int(window.most[place, start]) // int(shelf.lots[place])
    lot = int(shelf.lots[place]) * max(1, -(-lots // most_steps))
    steps = int(window.most[place, start]) // lot
    if not steps:
        return np.zeros(1, dtype=np.int64), lot
    of = shelf.prices[place].curve(need.firmness, period)
    x = of.limit - shelf.rooms[place, rank(need.firmness), days]
    taken = scarcity.cumulative_cents(of, x[None, :] + lot * np.arange(steps + 1)[:, None])
    return ((taken - taken[:1]) * _keep(window)[place, days]).sum(axis=1), lot
