"""Why nothing fits, and the nearest needs that do: fewer, other dates, less sure, elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from marketplace.units.firmness import FIRMNESS, rank
from pricing.curve.queries import current_versions, pool_prices
from pricing.quotes.blocks import largest, round_up
from pricing.quotes.need import LONGEST_BLOCK_DAYS, Need, Range
from pricing.quotes.shelf import Shelf, sellable, stock


@dataclass(frozen=True)
class Refusal:
    """Why nothing fits, and the nearest needs that do: each can be asked as it stands."""

    code: str
    detail: str
    nearest: tuple[Need, ...]
    days: tuple[date, ...] = ()
    headroom: tuple[int, ...] = ()  # per day the most that any pool the need accepts still has


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
            largest(sellable(shelf, place, firmness), days, starts, pool.lot),
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
