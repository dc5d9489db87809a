"""Why a request does not fit: headroom over time, in steps, against the quantity asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from marketplace.web import formats
from marketplace.web.charts.pen import (
    MIDDLE,
    NARROW,
    WIDE,
    Pen,
    Point,
    Svg,
    canvas,
    draw_date_axis,
    draw_nothing,
    draw_value_axis,
    drawings,
    follow_dates,
)
from marketplace.web.charts.scales import Scale, date_ticks, linear, nice_ticks, spread, text_width
from marketplace.web.charts.table import Table, count, table

EMPTY = "Nothing is on sale here in these dates."
TOP, PLOT = 18, 150


@dataclass(frozen=True)
class Refusal:
    """`headroom` GPUs from each date on; asked for [start, end); `fits_from` is the first start that fits, if any."""

    dates: Sequence[date]
    headroom: Sequence[float]
    asked: int
    start: date
    end: date
    fits_from: date | None = None
    name: str = "Headroom"


def refusal_steps(refusal: Refusal, *, title: str) -> Svg:
    return drawings(lambda width: _draw(refusal, title, width), (WIDE, MIDDLE, NARROW))


def refusal_table(refusal: Refusal, *, caption: str) -> Table:
    """One row per step: the dates on which the headroom changes."""
    pairs = list(zip(refusal.dates, refusal.headroom, strict=True))
    changes = [pair for index, pair in enumerate(pairs) if index == 0 or pairs[index - 1][1] != pair[1]]
    return table(caption, ["From", "GPUs you could have"], [(day, count(value)) for day, value in changes], (1,))


def _draw(refusal: Refusal, title: str, width: int) -> Svg:
    if not refusal.dates:
        return draw_nothing(width, title, EMPTY)
    pen = canvas(width, TOP + PLOT + 26, title)
    left, right = 46, width - (132 if width > NARROW else 6)
    bottom, first, last = TOP + PLOT, refusal.dates[0], refusal.dates[-1]
    x = linear(first.toordinal(), last.toordinal(), left, right)
    ticks = nice_ticks(0, max(*refusal.headroom, refusal.asked, 1), wanted=4)
    y = linear(ticks[0], ticks[-1], bottom, TOP)
    _draw_asked_dates(pen, refusal, x, left, right)
    draw_value_axis(pen, ticks, y, left=left, right=right, label=formats.compact_count)
    stairs = _stairs(refusal, x, y)
    pen.area(stairs, [(left, bottom), (right, bottom)], style="fill:var(--band-firm)")
    pen.path(stairs, css="ln main", style="stroke:var(--firm)")
    asked = y(refusal.asked)
    pen.line((left, asked), (right, asked), css="dash", style="stroke:var(--bad);stroke-width:1.75")
    _name_least(pen, refusal, x, y)
    if refusal.fits_from and first <= refusal.fits_from <= last:
        _mark_fit(pen, refusal, x(refusal.fits_from.toordinal()), asked)
    _draw_names(pen, refusal, y, right)
    draw_date_axis(pen, date_ticks(first, last, pixels=right - left), x, y=bottom, left=left, right=right)
    follow_dates(pen, first, last, left, right)
    return pen.svg()


def _stairs(refusal: Refusal, x: Scale, y: Scale) -> list[Point]:
    points: list[Point] = []
    for index, (day, value) in enumerate(zip(refusal.dates, refusal.headroom, strict=True)):
        if index:
            points.append((x(day.toordinal()), y(refusal.headroom[index - 1])))
        points.append((x(day.toordinal()), y(value)))
    return points


def _draw_asked_dates(pen: Pen, refusal: Refusal, x: Scale, left: float, right: float) -> None:
    begin = min(max(x(refusal.start.toordinal()), left), right)
    end = min(max(x(refusal.end.toordinal()), left), right)
    pen.rect(begin, TOP, end - begin, PLOT, style="fill:var(--inset)")
    words = "the dates you asked for" if pen.width > NARROW else "your dates"
    width = text_width(words, size=11)
    pen.text(min(max(begin, left), pen.width - width), TOP - 6, words, size=11)


def _name_least(pen: Pen, refusal: Refusal, x: Scale, y: Scale) -> None:
    """What could be had on all days asked for: the least of their steps, written where the stairs leave room."""
    pairs = list(zip(refusal.dates, refusal.headroom, strict=True))
    asked = [(day, value) for day, value in pairs if refusal.start <= day < refusal.end]
    if not asked:
        return
    day, least = min(asked, key=lambda pair: pair[1])
    words = f"{formats.count(least)} on all days" if pen.width > NARROW else formats.count(least)
    begin = x(day.toordinal()) + 4
    end = begin + text_width(words, bold=True)
    highest = max(value for day, value in pairs if begin - 4 <= x(day.toordinal()) <= end)
    if y(refusal.asked) + 22 <= y(highest):
        pen.text(begin, y(highest) - 6, words, css="t-ink t-b")


def _mark_fit(pen: Pen, refusal: Refusal, x: float, asked: float) -> None:
    assert refusal.fits_from is not None
    pen.circle((x, asked), 3.5, style="fill:var(--firm)")
    words = f"fits from {formats.day(refusal.fits_from)}"
    room_left = x - 8 - text_width(words, bold=True) > 50
    pen.text(
        x - 8 if room_left else x + 8, asked + 18, words, css="t-ink t-b halo", anchor="end" if room_left else "start"
    )


def _draw_names(pen: Pen, refusal: Refusal, y: Scale, right: float) -> None:
    asked = f"You asked: {formats.count(refusal.asked)}"
    if pen.width == NARROW:
        pen.text(50, y(refusal.asked) - 6, asked, css="t-bad t-b halo")
        return
    wanted = [y(refusal.headroom[-1]) + 4, y(refusal.asked) + 4.01]
    headroom, line = spread(wanted, gap=18, low=TOP + 8, high=TOP + PLOT - 4)
    pen.text(right + 10, headroom, refusal.name, css="t-ink t-b")
    pen.text(right + 10, line, asked, css="t-bad t-b")
