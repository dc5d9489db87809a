"""Everything on sale around a need, read once, so that many variations of the need can be tried on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from marketplace.catalogue.models import Pool
from marketplace.catalogue.queries import service_documents
from marketplace.units.period import Period
from pricing.quotes.blocks import largest, round_up
from pricing.quotes.need import Need, Range
from pricing.quotes.shelf import Shelf, sellable, stock
from pricing.quotes.wishes import Documents, unmet, wishes_of, without


@dataclass(frozen=True)
class Reach:
    """All pools over a span of days, and their service specs where a need asks for any."""

    whole: Shelf
    documents: Documents

    def of(self, need: Need, span: tuple[date, date] | None = None) -> Shelf:
        """What `stock` would answer for a need whose starts lie in the span (its own window if not given)."""
        first, last = span or (need.start_from, need.start_to)
        period = Period(first, last + timedelta(days=need.duration.most))
        places = [at for at, pool in enumerate(self.whole.pools) if not unmet(need, pool, self.documents)]
        days = slice(*((day - self.whole.period.start).days for day in (period.start, period.end)))
        return replace(
            self.whole,
            pools=tuple(self.whole.pools[at] for at in places),
            prices=tuple(self.whole.prices[at] for at in places),
            period=period,
            rooms=self.whole.rooms[places, :, days],
            nested=self.whole.nested[places, :, days],
            rows=tuple(self.whole.rows[at] for at in places),
        )


def reach(needs: Sequence[Need], span: tuple[date, date], now: datetime) -> Reach:
    """Wide enough for those needs, whatever they wish, with starts in the span (both included)."""
    longest = max(need.duration.most for need in needs)
    free = without(needs[0], wishes_of(needs[0]))
    whole = stock(replace(free, duration=Range(longest, longest)), *span, now)
    return Reach(whole, service_documents() if any(need.service for need in needs) else {})


def fits(shelf: Shelf, firmness: str, days: int) -> Iterator[tuple[Pool, NDArray[np.int64]]]:
    """Per pool, the most GPUs in whole lots that fit from each start of the shelf for that many days."""
    starts = shelf.period.days - days + 1
    for place, pool in enumerate(shelf.pools):
        yield pool, largest(sellable(shelf, place, firmness), days, starts, pool.lot)


def most(shelf: Shelf, need: Need) -> int:
    """The largest quantity, in whole lots of its pool, that fits somewhere for the need's shortest length."""
    found = fits(shelf, need.firmness, need.duration.least)
    return max((int(each.max(initial=0)) for _, each in found), default=0)


def fits_somewhere(shelf: Shelf, need: Need) -> bool:
    """Whether the least that is wanted fits in some pool from some start of the shelf."""
    return any(
        int(each.max(initial=0)) >= round_up(need.quantity.least, pool.lot)
        for pool, each in fits(shelf, need.firmness, need.duration.least)
    )
