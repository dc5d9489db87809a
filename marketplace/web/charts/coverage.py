"""What is held against what would be there: two stairs, and what lies between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from marketplace.web import formats
from marketplace.web.charts.pen import (
    COMPACT,
    MEDIUM,
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
from marketplace.web.charts.table import Table, count, dated, table

EMPTY = "You hold nothing from today on: there is nothing to lose and nothing to double."
TOP, BOTTOM = 14, 26


@dataclass(frozen=True)
class Stairs:
    """Amounts from each date until the next, the last until `end`, named at their ends. `before` is how it is, `after`
    how it would be; what lies between is filled in the colour of trouble where something is lost, else of choice."""

    dates: Sequence[date]
    end: date
    before: Sequence[float]
    after: Sequence[float]
    names: tuple[str, str]

    @property
    def is_loss(self) -> bool:
        return any(after < before for before, after in zip(self.before, self.after, strict=True))


@dataclass(frozen=True)
class Frame:
    left: float
    right: float
    top: float
    bottom: float
    x: Scale
    y: Scale


def coverage_chart(stairs: Stairs, *, title: str, is_half: bool = False) -> Svg:
    """Drawn for a whole page, a small laptop and a phone; `is_half`, to stand beside another."""
    widths = (MEDIUM, COMPACT, NARROW) if is_half else (WIDE, MIDDLE, NARROW)
    return drawings(lambda width: _draw(stairs, title, width), widths)


def coverage_table(stairs: Stairs, *, caption: str) -> Table:
    """From each date on; the last row says from when nothing is held."""
    rows = [
        dated(day, (count(before), count(after), count(after - before)))
        for day, before, after in zip(stairs.dates, stairs.before, stairs.after, strict=True)
    ]
    return table(caption, ["From", *stairs.names, "Difference"], [*rows, dated(stairs.end, ("0", "0", "0"))], (1, 2, 3))


def _draw(stairs: Stairs, title: str, width: int) -> Svg:
    if not stairs.dates or not max(*stairs.before, *stairs.after, 0):
        return draw_nothing(width, title, EMPTY)
    pen = canvas(width, TOP + (220 if width > NARROW else 180) + BOTTOM, title)
    ticks = nice_ticks(0, max(*stairs.before, *stairs.after), wanted=5 if width > NARROW else 4)
    frame = _frame(pen, stairs, ticks)
    draw_value_axis(pen, ticks, frame.y, left=frame.left, right=frame.right, label=formats.compact_count)
    _draw_between(pen, stairs, frame)
    pen.path(_points(stairs, stairs.before, frame), css="ln", style="stroke:var(--text-3);stroke-dasharray:3 3")
    pen.path(_points(stairs, stairs.after, frame), css="ln main", style="stroke:var(--firm)")
    _draw_names(pen, stairs, frame)
    marks = date_ticks(stairs.dates[0], stairs.end, pixels=frame.right - frame.left)
    draw_date_axis(pen, marks, frame.x, y=frame.bottom, left=frame.left, right=frame.right)
    follow_dates(pen, stairs.dates[0], stairs.end, frame.left, frame.right)
    return pen.svg()


def _frame(pen: Pen, stairs: Stairs, ticks: Sequence[float]) -> Frame:
    left = max(text_width(formats.compact_count(tick)) for tick in ticks) + 8
    right = pen.width - max(text_width(name, bold=True) for name in stairs.names) - 24
    top, bottom = TOP, pen.height - BOTTOM
    x = linear(stairs.dates[0].toordinal(), stairs.end.toordinal(), left, right)
    return Frame(left, right, top, bottom, x, linear(ticks[0], ticks[-1], bottom, top))


def _draw_between(pen: Pen, stairs: Stairs, frame: Frame) -> None:
    colour = "--bad" if stairs.is_loss else "--accent"
    low = [min(pair) for pair in zip(stairs.before, stairs.after, strict=True)]
    high = [max(pair) for pair in zip(stairs.before, stairs.after, strict=True)]
    style = f"fill:var({colour});fill-opacity:.28"
    pen.area(_points(stairs, high, frame), _points(stairs, low, frame), style=style)


def _draw_names(pen: Pen, stairs: Stairs, frame: Frame) -> None:
    """At the line ends, pushed apart; a short stroke says which line is which."""
    ends = (stairs.before[-1], stairs.after[-1])
    placed = spread([frame.y(end) for end in ends], gap=17, low=frame.top + 4, high=frame.bottom - 4)
    styles = ("stroke:var(--text-3);stroke-width:1.75;stroke-dasharray:3 3", "stroke:var(--firm);stroke-width:2.5")
    for name, style, y in zip(stairs.names, styles, placed, strict=True):
        pen.line((frame.right + 4, y), (frame.right + 14, y), css="", style=style)
        pen.text(frame.right + 18, y + 4, name, css="t-ink t-b")


def _points(stairs: Stairs, values: Sequence[float], frame: Frame) -> list[Point]:
    edges = [*stairs.dates[1:], stairs.end]
    found: list[Point] = []
    for since, until, value in zip(stairs.dates, edges, values, strict=True):
        y = frame.y(value)
        found += [(frame.x(since.toordinal()), y), (frame.x(until.toordinal()), y)]
    return found
