"""Why nothing fits, and the nearest needs that do. Every sentence here is true of the market as it is read.

What bound is one of: no price yet, wishes that no pool meets, the end of the prices, the date of the last known project
(nothing firm is sold beyond it), the lot, or headroom: the pool, day and class of the scarcest day of the best block.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from marketplace.catalogue.models import Pool
from marketplace.units.firmness import FIRM, FIRMNESS, rank
from marketplace.units.period import in_days, in_words
from pricing.curve.queries import current_versions, pool_prices
from pricing.quotes.alternatives import Alternative, alternatives
from pricing.quotes.need import Need, Range
from pricing.quotes.reach import Reach, fits, most, reach
from pricing.quotes.shelf import Shelf, sellable
from pricing.quotes.wishes import SERVICE, unmet

NO_PRICE, WISH, HORIZON, LAST_PROJECT, LOT, HEADROOM = (
    "no_price",
    "wish",
    "horizon",
    "last_known_project",
    "lot",
    "headroom",
)


DAY = timedelta(days=1)


@dataclass(frozen=True)
class Binding:
    """The constraint that bound. Beside its name what it is about: wishes, a date, or a pool's scarcest day.

    headroom: GPUs of the class that are left there on that day. limit_of: the class whose limit bound, which may be an
    outer one. wishes: the fewest whose dropping leaves a pool.
    """

    constraint: str
    pool: Pool | None = None
    day: date | None = None
    headroom: int | None = None
    limit_of: str | None = None
    wishes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """Why nothing fits, and the nearest needs that do: each can be asked as it stands."""

    code: str
    detail: str
    alternatives: tuple[Alternative, ...]
    binding: Binding
    most: int = 0  # GPUs that would fit, all else as asked
    days: tuple[date, ...] = ()
    headroom: tuple[int, ...] = ()  # per day the most that any pool the need accepts still has

    @property
    def nearest(self) -> tuple[Need, ...]:
        return tuple(each.need for each in self.alternatives)


def refusal(need: Need, now: datetime) -> Refusal:
    """Says what bound, and the nearest needs that fit now."""
    least = replace(need, duration=Range(need.duration.least, need.duration.least), relax=False)
    tomorrow = now.date() + timedelta(days=1)
    last = max(last_priced_day() - timedelta(days=1), need.start_to, tomorrow)
    return refusal_on(least, reach([least], (tomorrow, last), now), (tomorrow, last))


def refusal_on(least: Need, around: Reach, span: tuple[date, date]) -> Refusal:
    """The same on a reading of the market that spans those starts; `least` is the shortest length of a need."""
    window = around.of(least)
    found = tuple(alternatives(least, around))
    largest = most(window, least)
    bound = binding(least, window, around)
    ever = around.of(replace(least, duration=Range(1, 1)), span)
    said = (what_bound(least, bound, largest), what_would_change(found), "Nothing is held or charged.")
    return Refusal(
        "insufficient_headroom",
        " ".join(said),
        found,
        bound,
        largest,
        tuple(ever.period),
        _most_by_day(ever, least.firmness),
    )


def last_priced_day() -> date:
    """The first day that no version prices."""
    return max((each.last_day for each in pool_prices(current_versions().values()).values()), default=date.min + DAY)


def _most_by_day(shelf: Shelf, firmness: str) -> tuple[int, ...]:
    """Per day the most that any one pool still has, in whole lots: what a block of one day could be."""
    return tuple(fits(shelf, firmness, 1).max(axis=0, initial=0).tolist())


def binding(need: Need, window: Shelf, around: Reach) -> Binding:
    """What keeps the need out of every pool of the window."""
    if not around.whole.pools:
        return Binding(NO_PRICE)
    if not window.pools:
        return Binding(WISH, wishes=_fewest_wishes(need, around))
    ends = need.start_from + timedelta(days=need.duration.least)  # of the earliest block
    priced_until = max(each.last_day for each in window.prices)
    if ends > priced_until:
        return Binding(HORIZON, day=priced_until)
    known_until = _known_until(window)
    if need.firmness == FIRM and known_until and ends > known_until:
        return Binding(LAST_PROJECT, day=known_until)
    return _scarcest(need, window)


def _known_until(shelf: Shelf) -> date | None:
    """The first day on which nothing firm is sold, because no known project reaches it."""
    if shelf.projection is None:
        return None
    return shelf.projection.first_day + timedelta(days=int(shelf.projection.inputs["last_known_day"]) + 1)


def _fewest_wishes(need: Need, around: Reach) -> tuple[str, ...]:
    """The smallest set of wishes whose dropping leaves a pool; of equals the first by name."""
    sets = (tuple(sorted(unmet(need, pool, around.documents))) for pool in around.whole.pools)
    return min(sets, key=lambda each: (len(each), each))


def _scarcest(need: Need, window: Shelf) -> Binding:
    """The pool whose best block comes nearest, and the day of that block on which it has least."""
    best: tuple[int, int, int] | None = None  # headroom, -place, start
    for place in range(len(window.pools)):
        room = sellable(window, place, need.firmness)
        least = sliding_window_view(room, need.duration.least).min(axis=1)
        start = int(np.argmax(least))
        best = max(best or (-1, 0, 0), (max(int(least[start]), 0), -place, start), key=lambda each: each[:2])
    assert best is not None
    headroom, place, start = best[0], -best[1], best[2]
    room = sellable(window, place, need.firmness)[start : start + need.duration.least]
    day = _scarce_day(window, place, start + int(np.argmin(room)), need.firmness)
    at = window.period.start + timedelta(days=day)
    if at >= window.prices[place].last_day:
        return Binding(HORIZON, day=window.prices[place].last_day)
    return Binding(
        LOT if headroom >= need.quantity.least else HEADROOM,
        pool=window.pools[place],
        day=at,
        headroom=headroom,
        limit_of=bound_by(window, place, day, need.firmness),
    )


def _scarce_day(shelf: Shelf, place: int, day: int, firmness: str) -> int:
    """The day that has so little: it may be one of the turnaround after the block."""
    row = rank(firmness)
    rooms = np.concatenate([shelf.rooms[place, row, day:], shelf.beyond[place, row]])
    same = np.flatnonzero(rooms == shelf.fitting[place, row, day])
    return day + int(same[0]) if len(same) else day


def bound_by(shelf: Shelf, place: int, day: int, firmness: str) -> str:
    """The innermost class from this one outwards whose own slack is the room: rooms only grow outwards past it."""
    column = np.concatenate([shelf.rooms[place], shelf.beyond[place]], axis=1)[:, day]
    inner = rank(firmness)
    return next(
        name for name in FIRMNESS[inner:] if rank(name) == len(FIRMNESS) - 1 or column[rank(name) + 1] > column[inner]
    )


def what_bound(need: Need, bound: Binding, largest: int) -> str:
    if bound.constraint == NO_PRICE:
        return "Nothing is on sale yet: no prices have been published."
    if bound.constraint == WISH:
        return f"No pool meets all wishes: {_named(need, bound.wishes)} excluded every one that the others leave."
    when = f"{need.quantity.least:,} GPUs for {in_days(need.duration.least)} as {need.firmness}"
    if bound.constraint in (HORIZON, LAST_PROJECT):
        assert bound.day is not None
        until = in_words(bound.day)
        reason = "Prices reach" if bound.constraint == HORIZON else "The last known project is known, and firm is sold,"
        return f"{when} do not fit: they would end after {until}. {reason} to {until} only."
    assert bound.pool is not None
    assert bound.day is not None
    return f"{when} do not fit with a start {_window(need)}: {_most_words(largest)} {_pool_words(need, bound)}"


def _window(need: Need) -> str:
    """`from 1 Feb 2027 to 1 Mar 2027`, or `on 1 Feb 2027`."""
    first, last = in_words(need.start_from), in_words(need.start_to)
    return f"on {first}" if first == last else f"from {first} to {last}"


def _most_words(largest: int) -> str:
    return f"at most {largest:,} do." if largest else "none do."


def _pool_words(need: Need, bound: Binding) -> str:
    assert bound.pool is not None
    assert bound.day is not None
    day = in_words(bound.day)
    if bound.constraint == LOT:
        return (
            f"{bound.pool} has {bound.headroom:,} left on {day}, the scarcest day of the best block, but sells in "
            f"whole lots of {bound.pool.lot:,}."
        )
    outer = "" if bound.limit_of == need.firmness else f", held by the limit of {bound.limit_of}"
    return f"The nearest is {bound.pool}, which has {bound.headroom:,} left on {day}, its scarcest day{outer}."


def _named(need: Need, wishes: tuple[str, ...]) -> str:
    words = {SERVICE + wish.field: f"service {wish}" for wish in need.service}
    return " and ".join(words.get(wish, wish) for wish in wishes)


def what_would_change(found: tuple[Alternative, ...]) -> str:
    if not found:
        return "Nothing else that is on sale fits either."
    return "What fits: " + "; ".join(each.text for each in found) + "."
