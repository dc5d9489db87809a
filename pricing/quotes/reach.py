"""Everything on sale around a need, read once, so that many variations of the need can be tried on it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from marketplace.units.period import Period
from pricing.quotes.blocks import largest, round_up
from pricing.quotes.need import Need, Range
from pricing.quotes.shelf import Shelf, sellable_rooms, stock
from pricing.quotes.wishes import Documents, rows_that_meet, wishes_of, without


@dataclass(frozen=True)
class Reach:
    """All pools over a span of days: what `stock` says of any need is a part of it."""

    whole: Shelf

    @property
    def documents(self) -> Documents:
        return self.whole.documents

    def of(self, need: Need, span: tuple[date, date] | None = None) -> Shelf:
        """What `stock` would answer for a need whose starts lie in the span (its own window if not given)."""
        first, last = span or (need.start_from, need.start_to)
        period = Period(first, last + timedelta(days=need.duration.most))
        places = rows_that_meet(need, self.whole.pools, self.documents)
        rooms = np.concatenate([self.whole.rooms, self.whole.beyond], axis=2)[places]
        days = slice(*((day - self.whole.period.start).days for day in (period.start, period.end)))
        return replace(
            self.whole,
            pools=tuple(self.whole.pools[at] for at in places),
            prices=tuple(self.whole.prices[at] for at in places),
            period=period,
            rooms=rooms[:, :, days],
            fitting=self.whole.fitting[places, :, days],
            beyond=rooms[:, :, days.stop : days.stop + self.whole.beyond.shape[2]],
            nested=self.whole.nested[places, :, days],
            turnaround=tuple(self.whole.turnaround[at] for at in places),
        )


def reach(needs: Sequence[Need], span: tuple[date, date], now: datetime) -> Reach:
    """Wide enough for those needs, whatever they wish, with starts in the span (both included)."""
    longest = max(need.duration.most for need in needs)
    free = without(needs[0], wishes_of(needs[0]))
    return Reach(stock(replace(free, duration=Range(longest, longest)), *span, now))


def fits(shelf: Shelf, firmness: str, days: int) -> NDArray[np.int64]:
    """The most GPUs in whole lots that fit from each start of the shelf for that many days, shape (pools, starts)."""
    starts = max(shelf.period.days - days + 1, 0)
    if not shelf.pools:
        return np.zeros((0, starts), dtype=np.int64)
    return largest(sellable_rooms(shelf, firmness), days, starts, shelf.lots[:, None])


def most(shelf: Shelf, need: Need) -> int:
    """The largest quantity, in whole lots of its pool, that fits somewhere for the need's shortest length."""
    return int(fits(shelf, need.firmness, need.duration.least).max(initial=0))


def fits_somewhere(shelf: Shelf, need: Need) -> bool:
    """Whether the least that is wanted fits in some pool from some start of the shelf."""
    return bool(_enough(shelf, need).any())


def starts_that_fit(shelf: Shelf, need: Need) -> NDArray[np.int64]:
    """Offsets of every start at which the least that is wanted fits in some pool."""
    return np.flatnonzero(_enough(shelf, need).any(axis=0))


def _enough(shelf: Shelf, need: Need) -> NDArray[np.bool_]:
    found = fits(shelf, need.firmness, need.duration.least)
    return found >= round_up(need.quantity.least, shelf.lots)[:, None]
