"""Where things go: scales, ticks that people can read, labels that do not touch."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from marketplace.web import formats

Scale = Callable[[float], float]
CHARACTER = 0.56  # mean width of a character over its font size, for the system fonts of tokens.css
BOLD_CHARACTER = 0.6


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Maps [low, high] to [start, end]; a range of no width maps to its middle."""
    if high == low:
        return lambda value: (start + end) / 2
    return lambda value: start + (value - low) / (high - low) * (end - start)


def text_width(text: str, *, size: float = 12, bold: bool = False) -> float:
    """Estimated width in pixels: a drawing on the server cannot measure."""
    return len(text) * size * (BOLD_CHARACTER if bold else CHARACTER)


def nice_step(span: float, wanted: int) -> float:
    """The step of 1, 2, 2.5 or 5 times a power of ten that cuts `span` into about `wanted` parts."""
    raw = span / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    return power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)


def nice_ticks(low: float, high: float, *, wanted: int = 5) -> list[float]:
    """Round values that enclose [low, high]; the first and the last bound the axis."""
    if high <= low:
        low, high = (low - 1, low + 1) if low else (0.0, 1.0)
    step = nice_step(high - low, wanted)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


@dataclass(frozen=True)
class DateTick:
    day: date
    label: str


def date_ticks(first: date, last: date, *, pixels: float, label_pixels: float = 48) -> list[DateTick]:
    """Days, months or years, as many as have room; the year is said at the first and at each January."""
    most = max(round(pixels / label_pixels), 1)
    days = (last - first).days
    if days < 62:
        most = max(int(pixels / 68), 1)  # a day's label is longer than a month's
        return day_ticks(first, last, step=max(math.ceil(days / most), 1))
    months = days / 30.4
    step = next((months_apart for months_apart in (1, 2, 3, 6) if months / months_apart <= most), 12)
    if step < 12:
        return month_ticks(first, last, step=step)
    return year_ticks(first, last, step=max(math.ceil(days / 365.25 / most), 1))


def day_ticks(first: date, last: date, *, step: int) -> list[DateTick]:
    days = [first + timedelta(days=offset) for offset in range(0, (last - first).days + 1, step)]
    return [DateTick(day, formats.day(day, year=index == 0)) for index, day in enumerate(days)]


def month_ticks(first: date, last: date, *, step: int) -> list[DateTick]:
    """First days of every `step`-th month, counted so that January is among them."""
    months = [day for day in first_days(first, last) if (day.month - 1) % step == 0]
    ticks = []
    for index, day in enumerate(months):
        # Just before a January the year can wait, and must: two labels with a year do not fit side by side.
        first_with_year = index == 0 and (len(months) < 2 or months[1].month != 1)
        ticks.append(DateTick(day, formats.month(day, year=first_with_year or day.month == 1)))
    return ticks


def year_ticks(first: date, last: date, *, step: int) -> list[DateTick]:
    years = [day for day in first_days(first, last) if day.month == 1]
    return [DateTick(day, str(day.year)) for day in years[::step]]


def first_days(first: date, last: date) -> Iterable[date]:
    """The first day of each month within [first, last]."""
    for month in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        day = date(month // 12, month % 12 + 1, 1)
        if first <= day <= last:
            yield day


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Positions at least `gap` apart, in the order of the wanted ones and as near to them as they can be.

    Pool-adjacent-violators on the positions less their rank times the gap: a block of labels that would
    touch moves as one to its mean. When they cannot all fit in [low, high], they fill it evenly.
    """
    if not wanted:
        return []
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    gap = min(gap, (high - low) / (len(wanted) - 1)) if len(wanted) > 1 else gap
    blocks: list[tuple[float, int]] = []  # (sum of the shifted positions, how many)
    for rank, index in enumerate(order):
        total, size = wanted[index] - rank * gap, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / size:
            before = blocks.pop()
            total, size = total + before[0], size + before[1]
        blocks.append((total, size))
    shifted = [total / size for total, size in blocks for _ in range(size)]
    ceiling = high - (len(wanted) - 1) * gap
    placed = [0.0] * len(wanted)
    for rank, index in enumerate(order):
        placed[index] = min(max(shifted[rank], low), ceiling) + rank * gap
    return placed
