"""The supply fan: what will exist with 90, 50 and 10 % probability, what is sold of it, and the projects behind it."""

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
from marketplace.web.charts.projects import ProjectBar, draw_projects, projects_height
from marketplace.web.charts.scales import Scale, date_ticks, linear, nice_ticks, spread, text_width
from marketplace.web.charts.table import Table, count, dated, table

EMPTY = "No supply projected yet: the fan appears after the first projection."
TOP = 24
NOTE = 16  # height of a line of words above the plot
ROOM_FOR_TEXT = 36  # pixels between sold and P90 that two lines of text need


@dataclass(frozen=True)
class Fan:
    """Amounts of `unit` per date, P90 <= P50 <= P10; what changes on a date counts from that date on."""

    dates: Sequence[date]
    p90: Sequence[float]
    p50: Sequence[float]
    p10: Sequence[float]
    sold: Sequence[float]
    unit: str

    def headroom(self) -> list[float]:
        return [sure - sold for sure, sold in zip(self.p90, self.sold, strict=True)]


@dataclass(frozen=True)
class Frame:
    left: float
    right: float
    top: float
    bottom: float
    x: Scale
    y: Scale


def supply_fan(fan: Fan, projects: Sequence[ProjectBar], *, title: str) -> Svg:
    """Drawn for a whole page, two thirds and a phone. The first eight projects in range are drawn, all are listed."""
    return drawings(lambda width: _draw(fan, projects, title, width), (WIDE, MIDDLE, NARROW))


def supply_table(fan: Fan, *, caption: str, first_column: str = "From", every: int = 1) -> Table:
    head = [first_column, "P90, firm limit", "P50", "P10", "Sold", "Firm headroom"]
    columns = (fan.p90, fan.p50, fan.p10, fan.sold, fan.headroom())
    rows = [dated(day, (count(column[index]) for column in columns)) for index, day in enumerate(fan.dates)]
    return table(caption, head, rows[::every], range(1, 6))


def _draw(fan: Fan, projects: Sequence[ProjectBar], title: str, width: int) -> Svg:
    if not fan.dates:
        return draw_nothing(width, title, EMPTY)
    plot = 260 if width > NARROW else 200
    first, last = fan.dates[0], fan.dates[-1]
    shown = [project for project in projects if project.starts_by(last)][:8]
    notes = _shortfall_notes(fan)
    top = TOP + NOTE * len(notes)
    pen = canvas(width, top + plot + 30 + projects_height(len(shown), width), title)
    frame = _frame(pen, fan, top, plot)
    ticks = nice_ticks(0, max(*fan.p10, *fan.sold, 1), wanted=6 if width > NARROW else 4)
    draw_value_axis(pen, ticks, frame.y, left=frame.left, right=frame.right, label=formats.compact_count)
    _draw_fan(pen, fan, frame)
    _draw_line_names(pen, fan, frame)
    _name_headroom(pen, fan, frame)
    for index, note in enumerate(notes):
        pen.text(frame.left if width == WIDE else 0, TOP + 2 + NOTE * index, note, css="t-bad t-b")
    date_marks = date_ticks(first, last, pixels=frame.right - frame.left)
    draw_date_axis(pen, date_marks, frame.x, y=frame.bottom, left=frame.left, right=frame.right)
    follow_dates(pen, first, last, frame.left, frame.right)
    draw_projects(pen, shown, frame.x, date_marks, top=frame.bottom + 58, left=frame.left, right=frame.right, last=last)
    return pen.svg()


def _frame(pen: Pen, fan: Fan, top: float, plot: float) -> Frame:
    left, right = (216, 128) if pen.width == WIDE else (44, 46 if pen.width == NARROW else 108)
    ticks = nice_ticks(0, max(*fan.p10, *fan.sold, 1), wanted=6 if pen.width > NARROW else 4)
    x = linear(fan.dates[0].toordinal(), fan.dates[-1].toordinal(), left, pen.width - right)
    y = linear(ticks[0], ticks[-1], top + plot, top)
    if pen.width == WIDE:
        pen.text(0, top + 4, "On sale", css="t-ink t-b")
        pen.text(0, top + 20, fan.unit, css="t-2")
    else:
        pen.text(0, 11, f"On sale, {fan.unit}", css="t-2", size=11)
    return Frame(left, pen.width - right, top, top + plot, x, y)


def _stairs(fan: Fan, values: Sequence[float], frame: Frame) -> list[Point]:
    """Steps, not slopes: capacity arrives on a day. Days without a change need no point."""
    points: list[Point] = []
    for index, (day, value) in enumerate(zip(fan.dates, values, strict=True)):
        x, y = frame.x(day.toordinal()), frame.y(value)
        if index and values[index - 1] == value:
            continue
        if index:
            points.append((x, frame.y(values[index - 1])))
        points.append((x, y))
    return [*points, (frame.x(fan.dates[-1].toordinal()), frame.y(values[-1]))]


def _draw_fan(pen: Pen, fan: Fan, frame: Frame) -> None:
    p90, p50, p10, sold = (_stairs(fan, values, frame) for values in (fan.p90, fan.p50, fan.p10, fan.sold))
    floor = [(frame.left, frame.bottom), (frame.right, frame.bottom)]
    # Each band covers the one above it down to the axis, so they need no common corners.
    for band, name in ((p10, "standby"), (p50, "standard"), (p90, "firm")):
        pen.area(band, floor, style=f"fill:var(--band-{name})")
    _draw_shortfall(pen, fan, frame)
    pen.path(p10, css="ln dash", style="stroke:var(--standby);stroke-width:1.25")
    pen.path(p50, style="stroke:var(--standard)")
    pen.path(p90, css="ln main", style="stroke:var(--firm)")
    pen.path(sold, style="stroke:var(--sold);stroke-width:2")


def _draw_shortfall(pen: Pen, fan: Fan, frame: Frame) -> None:
    """What is sold beyond P90 is never hidden: it is filled in the colour of trouble."""
    if all(gap >= 0 for gap in fan.headroom()):
        return
    over = [max(pair) for pair in zip(fan.p90, fan.sold, strict=True)]
    pen.area(_stairs(fan, over, frame), _stairs(fan, fan.p90, frame), style="fill:var(--bad);fill-opacity:.35")


def _draw_line_names(pen: Pen, fan: Fan, frame: Frame) -> None:
    """Names at the line ends, pushed apart; what the line means stands under its name where there is room."""
    long = pen.width > NARROW
    names = (
        ("P10", "standby limit", "--standby", fan.p10),
        ("P50", "standard limit", "--standard", fan.p50),
        ("P90", "firm limit", "--firm", fan.p90),
        ("Sold", "all classes", "--sold", fan.sold),
    )
    # Equal ends keep the order of the tuple: P10 above P50 above P90 above what is sold.
    wanted = [frame.y(values[-1]) + rank * 0.01 for rank, (_, _, _, values) in enumerate(names)]
    placed = spread(wanted, gap=30 if long else 15, low=frame.top + 4, high=frame.bottom - (14 if long else 4))
    for (name, meaning, colour, _), y in zip(names, placed, strict=True):
        dash = ";stroke-dasharray:3 3" if name == "P10" else ""
        pen.line(
            (frame.right + 4, y), (frame.right + 13, y), css="", style=f"stroke:var({colour});stroke-width:2.5{dash}"
        )
        pen.text(frame.right + 17, y + 4, name, css="t-ink t-b")
        if long:
            pen.text(frame.right + 17, y + 17, meaning, size=11)


def _name_headroom(pen: Pen, fan: Fan, frame: Frame) -> None:
    """The largest firm headroom whose gap has room for its name; measured where it lies."""
    gaps = fan.headroom()
    tried = sorted(range(len(gaps)), key=lambda index: -gaps[index])[:: max(len(gaps) // 60, 1)]
    for at in tried:
        if gaps[at] <= 0:
            return
        words, when = (f"{formats.compact_count(gaps[at])} firm headroom", f"on {formats.day(fan.dates[at])}")
        width = text_width(words, bold=True)
        x = frame.x(fan.dates[at].toordinal())
        for begin in (x + 8, x - 8 - width):
            high, low = _gap_between(fan, frame, begin, begin + width)
            if frame.left <= begin and begin + width <= frame.right and low - high >= ROOM_FOR_TEXT:
                _measure_gap(pen, x, frame.y(fan.p90[at]), frame.y(fan.sold[at]))
                pen.text(begin, (high + low) / 2 - 2, words, css="t-ink t-b")
                pen.text(begin, (high + low) / 2 + 12, when, css="t-2")
                return


def _gap_between(fan: Fan, frame: Frame, begin: float, end: float) -> tuple[float, float]:
    """The lowest point of P90 and the highest of what is sold between two places, in pixels from the top."""
    xs = [frame.x(day.toordinal()) for day in fan.dates]
    inside = [index for index, x in enumerate(xs) if begin - 6 <= x <= end + 6]
    before = max((index for index, x in enumerate(xs) if x < begin - 6), default=0)
    near = [before, *inside]
    return max(frame.y(fan.p90[index]) for index in near), min(frame.y(fan.sold[index]) for index in near)


def _measure_gap(pen: Pen, x: float, high: float, low: float) -> None:
    pen.line((x, low - 3), (x, high + 3), css="", style="stroke:var(--firm);stroke-width:1.5")


def _shortfall_notes(fan: Fan) -> list[str]:
    """The worst day on which more is sold than is 90 % sure, in words above the plot."""
    gaps = fan.headroom()
    at = min(range(len(gaps)), key=lambda index: gaps[index])
    if gaps[at] >= 0:
        return []
    return [f"Short by {formats.compact_count(-gaps[at])} on {formats.day(fan.dates[at])}"]
