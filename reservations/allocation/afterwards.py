"""What a choice makes of a block: from when to when it is late, what it adds and what comes back. Pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from marketplace.units.period import Period
from pricing.quotes.changes import Part, Piece, added, occupied, parts_of, per_day, share_out

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Late:
    """Days on which a block is not served though it was agreed: [start, until)."""

    start: date
    until: date


def cover(*parts: Sequence[Part], turnaround: int = 0) -> Period:
    """The least period with all of these parts, and turnaround after them."""
    every = [part.period for each in parts for part in each]
    return Period(min(each.start for each in every), max(each.end for each in every) + turnaround * DAY)


def lateness(before: Sequence[Part], after: Sequence[Part]) -> Late | None:
    """From the first agreed day without any GPU to the next one with some; None if there is no such day.

    Where no GPU ever comes after it there is no date, and so nothing that could be promised: ValueError.
    """
    if not after:
        raise ValueError("There is no day on which the block is served.")
    period = cover(before, after)
    agreed, served = per_day(before, period) > 0, per_day(after, period) > 0
    missing = np.flatnonzero(agreed & ~served)
    if not len(missing):
        return None
    first = int(missing[0])
    again = np.flatnonzero(served[first:])
    if not len(again):
        raise ValueError("There is no day on which the block is served again.")
    return Late(period.start + first * DAY, period.start + (first + int(again[0])) * DAY)


def to_hold(before: Sequence[Part], after: Sequence[Part], turnaround: int) -> list[Part]:
    """What a change inside one pool claims beyond what the block's own claims hold, with the turnaround after it."""
    period = cover(before, after, turnaround=turnaround)
    has, needs = (occupied(per_day(each, period), turnaround) for each in (before, after))
    return parts_of(added(has, needs), period.start)


def gpu_days(parts: Sequence[Part]) -> int:
    return sum(part.gpu_days for part in parts)


def lost_cents(cents: int, before: Sequence[Part], after: Sequence[Part]) -> int:
    """By how much a price falls that now buys fewer GPU-days, rounded up in favour of the buyer; never rises."""
    had, has = gpu_days(before), gpu_days(after)
    return cents - cents * has // had if has < had else 0


def spread(cents: int, parts: Sequence[Part]) -> list[Piece]:
    """One price over several parts, by their GPU-days; each day of it is worth the same."""
    shares = share_out(cents, [part.gpu_days for part in parts])
    return [
        Piece(part, worth, np.ones(part.period.days, dtype=np.int64)) for part, worth in zip(parts, shares, strict=True)
    ]


def begun(before: Sequence[Part], today: date) -> list[Part]:
    """What was used already: the parts up to today."""
    return [
        Part(Period(part.period.start, min(part.period.end, today)), part.quantity)
        for part in before
        if part.period.start < today
    ]
