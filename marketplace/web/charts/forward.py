"""Forward curves: price per GPU-hour by delivery date, one line per series, named at its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from marketplace.web import formats
from marketplace.web.charts.colours import colours
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
    runs,
)
from marketplace.web.charts.scales import Scale, date_ticks, linear, nice_ticks, spread, text_width
from marketplace.web.charts.table import Table, amount, dated, table

EMPTY = "No prices yet: the first curve appears when supply has been projected and priced."
LABEL_GAP = 29  # a name and, under it, its price
BOTTOM = 26
STRETCH = 0.6  # a floor or cap may widen the axis by this much; beyond, it is said in words


@dataclass(frozen=True)
class Series:
    """One curve in USD per GPU-hour; None is a gap. `yesterday`, drawn dotted, has the same dates."""

    name: str
    accelerator: str
    dates: Sequence[date]
    values: Sequence[float | None]
    emphasised: bool = False
    yesterday: Sequence[float | None] | None = None


@dataclass(frozen=True)
class Limits:
    """The lowest and highest list price of what `name` says, in USD per GPU-hour; None is not published."""

    name: str
    floor: float | None = None
    cap: float | None = None


@dataclass(frozen=True)
class Frame:
    """Where the plot lies on its canvas, and its scales."""

    left: float
    right: float
    top: float
    bottom: float
    x: Scale
    y: Scale


def forward_curves(series: Sequence[Series], *, floor_cap: Limits | None = None, title: str) -> Svg:
    """Drawn for two thirds of a page and for a phone."""
    drawn = [one for one in series if any(value is not None for value in one.values)]
    return drawings(lambda width: _draw(drawn, floor_cap, title, width), (MEDIUM, COMPACT, NARROW))


def forward_table(series: Sequence[Series], *, caption: str, first_column: str = "Delivery week") -> Table:
    days = sorted({day for one in series for day in one.dates})
    columns = [(one.name, dict(zip(one.dates, one.values, strict=True))) for one in series]
    columns += [
        (f"{one.name} yesterday", dict(zip(one.dates, one.yesterday, strict=True))) for one in series if one.yesterday
    ]
    rows = [dated(day, (amount(values.get(day)) for _, values in columns)) for day in days]
    return table(caption, [first_column, *(name for name, _ in columns)], rows, range(1, len(columns) + 1))


def _draw(series: Sequence[Series], limits: Limits | None, title: str, width: int) -> Svg:
    if not series:
        return draw_nothing(width, title, EMPTY)
    height = max(352 if width > NARROW else 280, len(series) * LABEL_GAP + BOTTOM + 24)
    pen = canvas(width, height, title)
    known = _values(series)
    ticks = nice_ticks(*_with_limits(min(known), max(known), limits))
    frame = _frame(pen, series, ticks)
    draw_value_axis(pen, ticks, frame.y, left=frame.left, right=frame.right, label=_tick_label(ticks))
    _draw_dates(pen, series, frame)
    _draw_lines(pen, series, frame)
    if limits:
        _draw_limits(pen, limits, series, frame, ticks)
    _draw_labels(pen, series, frame)
    return pen.svg()


def _values(series: Sequence[Series]) -> list[float]:
    lines = [one.values for one in series] + [one.yesterday for one in series if one.yesterday]
    return [value for line in lines for value in line if value is not None]


def _with_limits(low: float, high: float, limits: Limits | None) -> tuple[float, float]:
    reach = max((high - low) * STRETCH, high * 0.15)
    if limits and limits.floor is not None and low - reach <= limits.floor:
        low = min(low, limits.floor)
    if limits and limits.cap is not None and limits.cap <= high + reach:
        high = max(high, limits.cap)
    return low, high


def _tick_label(ticks: Sequence[float]) -> "_Label":
    return _Label(0 if all(tick == round(tick) for tick in ticks) else 2)


@dataclass(frozen=True)
class _Label:
    digits: int

    def __call__(self, tick: float) -> str:
        return formats.money(tick, digits=self.digits) if abs(tick) < 10_000 else formats.compact_money(tick)


def _frame(pen: Pen, series: Sequence[Series], ticks: Sequence[float]) -> Frame:
    label = _tick_label(ticks)
    left = max(text_width(label(tick)) for tick in ticks) + 8
    names = [text_width(one.name, bold=True) for one in series]
    right = pen.width - min(max(*names, 44) + 14, pen.width * 0.3)
    top, bottom = 14, pen.height - BOTTOM
    first, last = _dates(series)
    x = linear(first.toordinal(), last.toordinal(), left, right)
    return Frame(left, right, top, bottom, x, linear(ticks[0], ticks[-1], bottom, top))


def _dates(series: Sequence[Series]) -> tuple[date, date]:
    return min(one.dates[0] for one in series), max(one.dates[-1] for one in series)


def _draw_dates(pen: Pen, series: Sequence[Series], frame: Frame) -> None:
    first, last = _dates(series)
    ticks = date_ticks(first, last, pixels=frame.right - frame.left)
    draw_date_axis(pen, ticks, frame.x, y=frame.bottom, left=frame.left, right=frame.right)
    follow_dates(pen, first, last, frame.left, frame.right)


def _draw_limits(pen: Pen, limits: Limits, series: Sequence[Series], frame: Frame, ticks: Sequence[float]) -> None:
    for word, value in (("cap", limits.cap), ("floor", limits.floor)):
        if value is None:
            continue
        label = f"{limits.name} {word} {formats.money(value)}"
        if ticks[0] <= value <= ticks[-1]:
            pen.line((frame.left, frame.y(value)), (frame.right, frame.y(value)), css="ghost dash")
            x, y = _clearest(series, frame, frame.y(value), text_width(label, size=11))
            pen.text(x, y, label, css="halo", size=11)
        else:
            y = frame.top - 4 if word == "cap" else frame.bottom - 5
            beyond = "above" if word == "cap" else "below"
            pen.text(frame.left + 4, y, f"{label}, {beyond} this scale", css="halo", size=11)


def _clearest(series: Sequence[Series], frame: Frame, line: float, width: float) -> tuple[float, float]:
    """Where a label of `width` beside the limit's line lies farthest from every curve: above or below it."""
    points = [
        (frame.x(day.toordinal()), frame.y(value))
        for one in series
        for day, value in zip(one.dates, one.values, strict=True)
        if value is not None
    ]
    steps = max(int((frame.right - frame.left - width - 8) / 12), 0)
    spots = [(frame.left + 4 + 12 * index, line + offset) for index in range(steps + 1) for offset in (-5, 14)]

    def clearance(spot: tuple[float, float]) -> float:
        x, y = spot
        near = [abs(height - (y - 4)) for at, height in points if x - 6 <= at <= x + width + 6]
        return min(near, default=999.0)

    inside = [spot for spot in spots if frame.top <= spot[1] - 9 and spot[1] <= frame.bottom - 3] or spots
    enough = [spot for spot in inside if clearance(spot) >= 14]
    return enough[0] if enough else max(inside, key=clearance)


def _draw_lines(pen: Pen, series: Sequence[Series], frame: Frame) -> None:
    hues = colours(one.accelerator for one in series)
    for one in sorted(series, key=lambda one: one.emphasised):  # the emphasised one lies on top
        stroke = f"stroke:{hues[one.accelerator]}"
        if one.yesterday:
            _draw_line(pen, one.dates, one.yesterday, frame, css="ln dot", style=stroke)
        _draw_line(pen, one.dates, one.values, frame, css="ln main" if one.emphasised else "ln", style=stroke)


def _draw_line(
    pen: Pen, dates: Sequence[date], values: Sequence[float | None], frame: Frame, *, css: str, style: str
) -> None:
    xs = [frame.x(day.toordinal()) for day in dates]
    for run in runs(xs, [None if value is None else frame.y(value) for value in values]):
        # A lone point between two gaps has no length; a short stroke with round ends shows as a dot.
        pen.path(run if len(run) > 1 else [run[0], (run[0][0] + 0.1, run[0][1])], css=css, style=style)


def _draw_labels(pen: Pen, series: Sequence[Series], frame: Frame) -> None:
    ends = [_last(one) for one in series]
    hues: Mapping[str, str] = colours(one.accelerator for one in series)
    wanted = [frame.y(value) for _, value in ends]
    placed = spread(wanted, gap=LABEL_GAP, low=frame.top + 6, high=frame.bottom - 14)
    for one, (day, value), y in zip(series, ends, placed, strict=True):
        pen.line((frame.x(day.toordinal()) + 3, frame.y(value)), (frame.right + 9, y - 1), css="ghost")
        pen.text(frame.right + 12, y, one.name, css="t-b", style=f"fill:{hues[one.accelerator]}")
        pen.text(frame.right + 12, y + 13, formats.money(value), css="t-2", size=11)


def _last(one: Series) -> tuple[date, float]:
    return next(
        (day, value) for day, value in zip(reversed(one.dates), reversed(one.values), strict=True) if value is not None
    )
