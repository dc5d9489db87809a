"""What a change would make of a block: GPUs per day before and after. Pure.

A wish is what somebody asks of a reservation; whether it makes sense is said here, for every door alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from marketplace.units.period import Period, in_words
from pricing.quotes.changes import Ints, Part, per_day
from pricing.quotes.exits import CONVENIENCE
from reservations.booking.states import CANCEL, END_EARLY, EXTEND, MOVE, RESIZE

CHANGES = (EXTEND, RESIZE, MOVE, END_EARLY, CANCEL)
LONGEST_DAYS = 7 * 366  # beyond any horizon on which something is priced


class WrongWish(ValueError):
    """The change makes no sense. `field` is at fault; the text says what would be right."""

    def __init__(self, field: str, said: str) -> None:
        super().__init__(said)
        self.field = field


@dataclass(frozen=True)
class Wish:
    """`end` to extend or end early; `quantity` from the day `starting` on to resize; `start` to move.

    `cause`, `evidence` and `reason` where something is given back.
    """

    kind: str
    start: date | None = None
    end: date | None = None
    quantity: int | None = None
    starting: date | None = None
    cause: str = CONVENIENCE
    evidence: str = ""
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Plan:
    """GPUs a day over `period` before and after, both of shape (days,); the period leaves room for turnaround."""

    period: Period
    before: Ints
    after: Ints


def plan_of(wish: Wish, parts: Sequence[Part], *, lot: int, turnaround: int, today: date) -> Plan:
    """What the wish would make of these parts. Raises WrongWish."""
    block = Period(min(part.period.start for part in parts), max(part.period.end for part in parts))
    first, last = _reach(wish, block, today)
    period = Period(first, last + timedelta(days=turnaround))
    before = per_day(parts, period)
    after = _after(wish, before, block, period, lot, today)
    if np.array_equal(before, after):
        raise WrongWish("", "That is what the reservation is already: nothing would change.")
    return Plan(period, before, after)


def _reach(wish: Wish, block: Period, today: date) -> tuple[date, date]:
    """The first day and the end that the plan has to cover."""
    if wish.kind == EXTEND:
        end = _needed(wish.end, "end", "the day on which the extended block ends")
        if end <= block.end:
            raise WrongWish("end", f"The block ends on {in_words(block.end)}: choose a later day.")
        _not_too_far(end, block)
        return block.start, end
    if wish.kind == MOVE:
        start = _needed(wish.start, "start", "the new first day")
        if start < today:
            raise WrongWish("start", f"Choose {in_words(today)} or a later day.")
        _not_too_far(start, block)
        return min(block.start, start), max(block.end, start + timedelta(days=block.days))
    return block.start, block.end


def _after(wish: Wish, before: Ints, block: Period, period: Period, lot: int, today: date) -> Ints:
    after = before.copy()
    if wish.kind == EXTEND:
        after[_day(period, block.end) : _day(period, wish.end)] = before[_day(period, block.end) - 1]
    elif wish.kind == MOVE:
        after[:] = 0
        first, old = _day(period, wish.start), _day(period, block.start)
        after[first : first + block.days] = before[old : old + block.days]
    elif wish.kind == RESIZE:
        quantity, day = _resized(wish, block, lot, today)
        after[_day(period, day) : _day(period, block.end)] = quantity
    elif wish.kind == END_EARLY:
        after[_day(period, _ends(wish, block, today)) :] = 0
    else:
        after[:] = 0
    return after


def _resized(wish: Wish, block: Period, lot: int, today: date) -> tuple[int, date]:
    quantity = wish.quantity
    if quantity is None or quantity <= 0:
        raise WrongWish("quantity", "Give the GPUs that the block shall have: a number above 0.")
    if quantity % lot:
        fewer, more = quantity // lot * lot, -(-quantity // lot) * lot
        said = f"This pool sells lots of {lot}: enter {more:,}" + (f" or {fewer:,}." if fewer else ".")
        raise WrongWish("quantity", said)
    earliest = max(block.start, today + timedelta(days=1))
    day = wish.starting or earliest
    if not earliest <= day < block.end:
        last = block.end - timedelta(days=1)
        if earliest > last:
            raise WrongWish("starting", "No day of the block is left to change.")
        raise WrongWish("starting", f"Choose a day from {in_words(earliest)} to {in_words(last)}.")
    return quantity, day


def _ends(wish: Wish, block: Period, today: date) -> date:
    end = _needed(wish.end, "end", "the day on which the block shall end")
    earliest = max(block.start, today) + timedelta(days=1)
    if not earliest <= end < block.end:
        raise WrongWish("end", f"Choose a day from {in_words(earliest)} to before {in_words(block.end)}.")
    return end


def _needed(day: date | None, field: str, what: str) -> date:
    if day is None:
        raise WrongWish(field, f"Give {what}.")
    return day


def _not_too_far(day: date, block: Period) -> None:
    if (day - block.start).days > LONGEST_DAYS:
        raise WrongWish("end", "That is beyond any day on which something is sold.")


def _day(period: Period, day: date | None) -> int:
    assert day is not None
    return (day - period.start).days
