"""From a ramp to offers: in one pool each (a gang), and layer by layer over several pools where it may be divided."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from marketplace.units.firmness import rank
from marketplace.units.period import Period, in_words
from pricing.quotes.alternatives import FEWER, LATER, SPLIT
from pricing.quotes.asked_together import RampNeed
from pricing.quotes.blocks import Ints, round_up
from pricing.quotes.bundle_offers import MOST_PARTS
from pricing.quotes.bundles import RAMP
from pricing.quotes.ramps import Layer, layers
from pricing.quotes.reach import Reach
from pricing.quotes.refusals import HEADROOM, Binding, binding, bound_by, what_bound
from pricing.quotes.shelf import Shelf, sellable, stock
from pricing.quotes.splits import cheapest_spots
from pricing.quotes.spots import Spot, after, list_cents, offer_together
from pricing.quotes.together import ALONE, Instead, RefusedTogether, Together, widest

MOST_POOLS = 5  # offers in one pool each


def answer_ramp(*, asked: RampNeed, organisation_id: int, now: datetime) -> Together:
    """Ramps that fit, the cheapest first, or what binds and the nearest that does fit."""
    shelf = stock(asked.wish, asked.starts[0], asked.starts[0], now)
    found = [*_gangs(asked, shelf), *_divided(asked, shelf)]
    if not found:
        return Together(asked, (), _refused(asked, shelf, now))
    wanted = max(asked.quantities)
    offers = [
        offer_together(RAMP, spots, shelf, organisation_id=organisation_id, now=now, wanted=wanted) for spots in found
    ]
    return Together(asked, tuple(sorted(offers, key=lambda offer: offer.total.amount)), None)


def _occupied(asked: RampNeed, lot: int, turnaround: int) -> Ints:
    """GPUs that the ramp claims on each day in whole lots, with the turnaround after each layer: (days + that,)."""
    found = np.zeros(asked.days + turnaround, dtype=np.int64)
    for layer in _layers(asked, lot):
        found[layer.start : layer.end + turnaround] += layer.quantity
    return found


def _layers(asked: RampNeed, lot: int) -> list[Layer]:
    return layers(asked.offsets, [round_up(quantity, lot) for quantity in asked.quantities], asked.days)


def _room(shelf: Shelf, place: int, firmness: str) -> Ints:
    """What is left in a pool on each day of the shelf, none where there is no price, and on the turnaround days after
    it, which need none."""
    row, priced = rank(firmness), max((shelf.prices[place].last_day - shelf.period.start).days, 0)
    room = np.concatenate([shelf.rooms[place, row], shelf.beyond[place, row]])
    room[min(priced, shelf.period.days) : shelf.period.days] = 0
    return room[: shelf.period.days + shelf.turnaround[place]]


def _slack(asked: RampNeed, shelf: Shelf, place: int) -> Ints:
    """Room less what the ramp claims, on every day that it occupies."""
    occupied = _occupied(asked, shelf.pools[place].lot, shelf.turnaround[place])
    return _room(shelf, place, asked.wish.firmness) - occupied


def _gangs(asked: RampNeed, shelf: Shelf) -> list[list[Spot]]:
    """The ramp in each pool that has it all, those of the lowest list price."""
    fitting = [place for place in range(len(shelf.pools)) if (_slack(asked, shelf, place) >= 0).all()]
    found = [_in_pool(asked, shelf, place) for place in fitting]
    cheapest = sorted(found, key=lambda spots: list_cents(spots, shelf))
    return cheapest[:MOST_POOLS]


def _in_pool(asked: RampNeed, shelf: Shelf, place: int) -> list[Spot]:
    """Layers in whole lots of that pool."""
    pool, wish = shelf.pools[place], asked.wish
    found = _layers(asked, pool.lot)
    first = asked.starts[0]
    return [
        Spot(
            pool,
            wish.firmness,
            Period.of(first + timedelta(days=layer.start), layer.end - layer.start),
            layer.quantity,
            layer.quantity,
            wish.prepayment,
        )
        for layer in found
    ]


def _divided(asked: RampNeed, shelf: Shelf) -> list[list[Spot]]:
    """Layer after layer, each at its cheapest over all pools beside those before it; only where that takes several."""
    if not asked.divisible:
        return []
    spots: list[Spot] = []
    for need in asked.needs:
        left = after(shelf, spots)
        found = cheapest_spots(Reach(left).of(need), need)
        if not found:
            return []
        spots += min(found, key=partial(list_cents, shelf=left))
    several = len({spot.pool.pk for spot in spots}) > 1
    return [spots] if several and len(spots) <= MOST_PARTS else []


def _refused(asked: RampNeed, shelf: Shelf, now: datetime) -> RefusedTogether:
    around, span = widest([asked.wish], now)
    bound, step = _binding(asked, shelf, around)
    instead = tuple(_instead(asked, shelf, around, span))
    fits = "What fits: " + "; ".join(each.text for each in instead) + "." if instead else "Nothing near fits either."
    said = f"{_what_bound(asked, bound, step)} {fits} Nothing is held or charged."
    return RefusedTogether("insufficient_headroom", said, step, ALONE, bound, instead)


def _binding(asked: RampNeed, shelf: Shelf, around: Reach) -> tuple[Binding, int]:
    """What binds, and the number of the step that it binds."""
    whole = binding(asked.wish, shelf, around)
    if whole.pool is None:
        return whole, 0
    worst = [_slack(asked, shelf, place)[: asked.days] for place in range(len(shelf.pools))]
    place = max(range(len(worst)), key=lambda at: int(worst[at].min()))
    day = int(np.argmin(worst[place]))
    step = int(np.searchsorted(asked.offsets, day, side="right")) - 1
    left = max(int(_room(shelf, place, asked.wish.firmness)[day]), 0)
    return (
        Binding(
            HEADROOM,
            pool=shelf.pools[place],
            day=asked.starts[0] + timedelta(days=day),
            headroom=left,
            limit_of=bound_by(shelf, place, day, asked.wish.firmness),
        ),
        step,
    )


def _what_bound(asked: RampNeed, bound: Binding, step: int) -> str:
    if bound.pool is None or bound.day is None:
        return what_bound(asked.wish, bound, 0)
    where = "in one pool" if not asked.divisible else "in one pool or over several"
    return (
        f"Step {step + 1} binds: the ramp fits nowhere {where}. The nearest is {bound.pool}, which has "
        f"{bound.headroom:,} left on {in_words(bound.day)} for the {asked.quantities[step]:,} GPUs of that step."
    )


def _instead(asked: RampNeed, shelf: Shelf, around: Reach, span: tuple[date, date]) -> Iterator[Instead]:
    fewer = _fewer(asked, shelf)
    if fewer is not None:
        words = ", ".join(f"{quantity:,}" for quantity in fewer.quantities)
        yield Instead(FEWER, fewer, f"{words} GPUs on the same dates, the most there")
    whole = replace(asked, wish=replace(asked.wish, divisible=True))
    if not asked.divisible and _divided(whole, shelf):
        yield Instead(SPLIT, whole, "all of it split over several pools")
    later = _later(asked, around, span)
    if later is not None:
        yield Instead(LATER, later, f"all of it from {in_words(later.starts[0])}")


def _fewer(asked: RampNeed, shelf: Shelf) -> RampNeed | None:
    """Each step cut to what one pool has for it; of the pools the one with most GPU-days."""
    best: tuple[int, tuple[int, ...]] | None = None
    edges = [*asked.offsets, asked.days]
    for place, pool in enumerate(shelf.pools):
        room = sellable(shelf, place, asked.wish.firmness)
        least = [int(room[a:b].min()) // pool.lot * pool.lot for a, b in pairwise(edges)]
        cut = tuple(min(asked_for, there) for asked_for, there in zip(asked.quantities, least, strict=True))
        days = sum(each * (b - a) for each, (a, b) in zip(cut, pairwise(edges), strict=True))
        whole = min(cut) > 0 and bool((_slack(asked.with_quantities(cut), shelf, place) >= 0).all())
        if whole and (best is None or days > best[0]):
            best = days, cut
    return asked.with_quantities(best[1]) if best else None


def _later(asked: RampNeed, around: Reach, span: tuple[date, date]) -> RampNeed | None:
    """The same ramp, moved by as few days as one pool needs to have it all."""
    first = asked.starts[0]
    shelf = around.of(asked.wish, (first, max(span[1], first)))
    found: list[int] = []
    for place, pool in enumerate(shelf.pools):
        room = _room(shelf, place, asked.wish.firmness)
        occupied = _occupied(asked, pool.lot, shelf.turnaround[place])
        if len(room) >= len(occupied):
            fits = np.flatnonzero((sliding_window_view(room, len(occupied)) >= occupied).all(axis=1))
            priced = fits + asked.days <= (shelf.prices[place].last_day - shelf.period.start).days
            found += fits[priced][:1].tolist()
    return asked.moved(min(found)) if found else None
