"""Budget periods, and how a purchase is spread over them: by the days of its block. Pure arithmetic."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from marketplace.units.money import Money, rounded
from marketplace.units.period import MONTHS, Period

MONTH, QUARTER, YEAR = "month", "quarter", "year"
CHOICES = [(MONTH, "Month"), (QUARTER, "Quarter"), (YEAR, "Year")]
LENGTH = {MONTH: 1, QUARTER: 3, YEAR: 12}  # calendar months


class NotAPeriod(ValueError):
    """The day does not begin a period of this kind."""


@dataclass(frozen=True)
class Share:
    """What of a purchase falls into one budget period."""

    period: Period
    amount: Decimal


def period_of(day: date, kind: str) -> Period:
    """The calendar month, quarter or year in which a day lies."""
    length = LENGTH[kind]
    first = (day.month - 1) // length * length
    return Period(date(day.year, first + 1, 1), _months_later(date(day.year, first + 1, 1), length))


def period_from(start: date, kind: str) -> Period:
    """The period that begins on this day. Raises NotAPeriod where none does."""
    found = period_of(start, kind)
    if found.start != start:
        raise NotAPeriod(f"A budget by the {kind} starts with its first day: {found.start} or {found.end}.")
    return found


def spread(total: Money, block: Period, kind: str) -> tuple[Share, ...]:
    """The total cut over the budget periods that the block touches, in proportion to its days in each.

    The cuts are rounded where they lie (share up to the end of each period, half to even), so that they always add up
    to the total to its smallest coin.
    """
    shares, taken = [], Decimal(0)
    for period in _touched(block, kind):
        days = (min(period.end, block.end) - block.start).days
        upto = rounded(total.amount * days / block.days, total.currency).amount
        shares.append(Share(period, upto - taken))
        taken = upto
    return tuple(shares)


def in_words(period: Period, kind: str) -> str:
    """`Mar 2027`, `Q1 2027` or `2027`."""
    start = period.start
    if kind == MONTH:
        return f"{MONTHS[start.month - 1]} {start.year}"
    return f"Q{(start.month + 2) // 3} {start.year}" if kind == QUARTER else str(start.year)


def _touched(block: Period, kind: str) -> Iterator[Period]:
    period = period_of(block.start, kind)
    while period.start < block.end:
        yield period
        period = period_of(period.end, kind)


def _months_later(day: date, months: int) -> date:
    over = day.month - 1 + months
    return date(day.year + over // 12, over % 12 + 1, 1)
