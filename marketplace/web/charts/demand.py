"""Demand by delivery week: what is on the books, and what is expected on top of it, with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from marketplace.web import formats
from marketplace.web.charts.pen import (
    COMPACT,
    MEDIUM,
    NARROW,
    Pen,
    Point,
    Svg,
    canvas,
    draw_date_axis,
    draw_nothing,
    draw_value_axis,
    drawings,
    follow_dates,
    runs,
)
from marketplace.web.charts.scales import Scale, date_ticks, linear, nice_ticks, spread
from marketplace.web.charts.table import Table, count, dated, table

EMPTY = "No forecast yet: the first is made within minutes of a pool's first projection."
TOP, BOTTOM, LEFT, RIGHT = 14, 26, 44, 96


@dataclass(frozen=True)
class Demand:
    """GPU-days by delivery week. `before`: what an older forecast expected, None where it did not reach."""

    dates: Sequence[date]
    expected: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    on_the_books: Sequence[float]
    before: Sequence[float | None]

    @property
    def has_before(self) -> bool:
        return any(value is not None for value in self.before)


@dataclass(frozen=True)
class Frame:
    right: float
    bottom: float
    x: Scale
    y: Scale


def demand_chart(demand: Demand, *, title: str) -> Svg:
    """Drawn for two thirds of a page and for a phone."""
    return drawings(lambda width: _draw(demand, title, width), (MEDIUM, COMPACT, NARROW))


def demand_table(demand: Demand, *, caption: str) -> Table:
    head = ["Delivery week", "On the books", "Expected on top", "90 % sure", "10 % likely"]
    columns: list[Sequence[float | None]] = [demand.on_the_books, demand.expected, demand.low, demand.high]
    if demand.has_before:
        head.append("Expected a week ago")
        columns.append(demand.before)
    rows = [dated(day, (count(column[at]) for column in columns)) for at, day in enumerate(demand.dates)]
    return table(caption, head, rows, range(1, len(head)))


def _draw(demand: Demand, title: str, width: int) -> Svg:
    if len(demand.dates) < 2:
        return draw_nothing(width, title, EMPTY)
    pen = canvas(width, 300 if width > NARROW else 240, title)
    ticks = nice_ticks(0, max(*demand.high, *demand.on_the_books, 1), wanted=5)
    right, bottom = pen.width - RIGHT, pen.height - BOTTOM
    first, last = demand.dates[0], demand.dates[-1]
    x = linear(first.toordinal(), last.toordinal(), LEFT, right)
    frame = Frame(right, bottom, x, linear(ticks[0], ticks[-1], bottom, TOP))
    draw_value_axis(pen, ticks, frame.y, left=LEFT, right=right, label=formats.compact_count)
    _draw_lines(pen, demand, frame)
    _draw_names(pen, demand, frame)
    draw_date_axis(pen, date_ticks(first, last, pixels=right - LEFT), x, y=bottom, left=LEFT, right=right)
    follow_dates(pen, first, last, LEFT, right)
    return pen.svg()


def _draw_lines(pen: Pen, demand: Demand, frame: Frame) -> None:
    pen.area(_line(demand, demand.high, frame), _line(demand, demand.low, frame), style="fill:var(--band-firm)")
    xs = [frame.x(day.toordinal()) for day in demand.dates]
    for run in runs(xs, [None if value is None else frame.y(value) for value in demand.before]):
        pen.path(run, css="ln dot", style="stroke:var(--firm)")
    pen.path(_line(demand, demand.expected, frame), css="ln main", style="stroke:var(--firm)")
    pen.path(_line(demand, demand.on_the_books, frame), style="stroke:var(--sold);stroke-width:2")


def _line(demand: Demand, values: Sequence[float], frame: Frame) -> list[Point]:
    return [(frame.x(day.toordinal()), frame.y(value)) for day, value in zip(demand.dates, values, strict=True)]


def _draw_names(pen: Pen, demand: Demand, frame: Frame) -> None:
    names = (("Expected", "--firm", demand.expected[-1]), ("On the books", "--sold", demand.on_the_books[-1]))
    placed = spread([frame.y(value) for *_, value in names], gap=15, low=TOP + 4, high=frame.bottom - 4)
    for (name, colour, _), y in zip(names, placed, strict=True):
        pen.line((frame.right + 3, y), (frame.right + 10, y), css="", style=f"stroke:var({colour});stroke-width:2.5")
        pen.text(frame.right + 14, y + 4, name, css="t-ink t-b")
