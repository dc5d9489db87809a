"""What another start would change: the price against the start asked for, by start date."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from marketplace.web import formats
from marketplace.web.charts.pen import (
    COMPACT,
    MEDIUM,
    NARROW,
    Pen,
    Svg,
    canvas,
    draw_date_axis,
    draw_nothing,
    draw_value_axis,
    drawings,
    follow_dates,
)
from marketplace.web.charts.scales import Scale, date_ticks, linear, nice_ticks, text_width
from marketplace.web.charts.table import NOTHING, Table, table

EMPTY = "No other start could be priced."
TOP, PLOT, LEFT = 24, 170, 54


@dataclass(frozen=True)
class Flex:
    """`change` per start date as a fraction of the price asked about; None is a start at which nothing fits."""

    dates: Sequence[date]
    change: Sequence[float | None]
    asked: date
    best: date | None = None
    note: str = ""


def start_date_changes(flex: Flex, *, title: str) -> Svg:
    return drawings(lambda width: _draw(flex, title, width), (MEDIUM, COMPACT, NARROW))


def flex_table(flex: Flex, *, caption: str) -> Table:
    rows = [
        (day, NOTHING if change is None else formats.change(change))
        for day, change in zip(flex.dates, flex.change, strict=True)
    ]
    return table(caption, ["Start", "Change in price"], rows, (1,))


def _draw(flex: Flex, title: str, width: int) -> Svg:
    known = [change for change in flex.change if change is not None]
    if not known:
        return draw_nothing(width, title, EMPTY)
    pen = canvas(width, TOP + PLOT + 42, title)
    right, bottom = width - 4, TOP + PLOT
    ticks = nice_ticks(min(*known, 0), max(*known, 0.002), wanted=5)
    y = linear(ticks[0], ticks[-1], bottom, TOP)
    step = ticks[1] - ticks[0]
    digits = 0 if step >= 0.01 else 1 if step >= 0.001 else 2
    draw_value_axis(pen, ticks, y, left=LEFT, right=right, label=lambda tick: formats.change(tick, digits=digits))
    first, last = flex.dates[0], flex.dates[-1]
    slot = (right - LEFT) / max((last - first).days + 1, 1)
    x = linear(first.toordinal(), last.toordinal(), LEFT + slot / 2, right - slot / 2)
    _draw_bars(pen, flex, x, y, slot)
    _mark_asked(pen, flex, x, y(0), bottom)
    _mark_best(pen, flex, x, y)
    draw_date_axis(pen, date_ticks(first, last, pixels=right - LEFT), x, y=bottom, left=LEFT, right=right)
    follow_dates(pen, first, last, x(first.toordinal()), x(last.toordinal()))
    return pen.svg()


def _draw_bars(pen: Pen, flex: Flex, x: Scale, y: Scale, slot: float) -> None:
    pen.line((LEFT, y(0)), (pen.width - 4, y(0)), css="axis")
    thickness = max(slot - 1, slot * 0.7)
    for day, change in zip(flex.dates, flex.change, strict=True):
        if change is None or change == 0:
            continue
        colour = "var(--bad)" if change > 0 else "var(--good)"
        strength = "" if day == flex.best else ";fill-opacity:.6"
        top = min(y(change), y(0))
        at = x(day.toordinal()) - thickness / 2
        pen.rect(at, top, thickness, abs(y(change) - y(0)), style=f"fill:{colour}{strength}")


def _mark_asked(pen: Pen, flex: Flex, x: Scale, zero: float, bottom: float) -> None:
    """A dot on the zero line; its name stands under the dates, where no bar can cover it."""
    if not flex.dates[0] <= flex.asked <= flex.dates[-1]:
        return
    at = x(flex.asked.toordinal())
    words = f"your date, {formats.day(flex.asked, year=False)}"
    width = text_width(words, bold=True)
    pen.line((at, zero), (at, bottom), css="dash", style="stroke:var(--accent);stroke-width:1")
    pen.circle((at, zero), 3.5, style="fill:var(--accent);stroke:var(--surface)")
    pen.text(min(max(at - width / 2, 0), pen.width - width), bottom + 36, words, css="t-acc t-b")


def _mark_best(pen: Pen, flex: Flex, x: Scale, y: Scale) -> None:
    if flex.best is None or flex.best == flex.asked or flex.best not in flex.dates:
        return
    change = flex.change[flex.dates.index(flex.best)]
    if change is None:
        return
    at = x(flex.best.toordinal())
    words = f"{formats.day(flex.best)}: {formats.change(change)}"
    if flex.note and pen.width > NARROW:
        words += f", {flex.note}"
    pen.line((at, 14), (at, y(0)), css="", style="stroke:var(--good);stroke-width:1")
    before = at + 6 + text_width(words, bold=True) > pen.width
    pen.text(at - 6 if before else at + 6, 13, words, css="t-good t-b", anchor="end" if before else "start")
