"""How likely a start is: twenty dots for twenty equally likely dates, filled where in time, open where late."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from marketplace.web import formats
from marketplace.web.charts.pen import COMPACT, NARROW, Svg, canvas, draw_date_axis, draw_nothing, drawings
from marketplace.web.charts.scales import date_ticks, linear
from marketplace.web.charts.table import Table, table

DOTS = 20
EMPTY = "No likely dates are known yet."
SIDE, LEAST_COLUMNS = 14.0, 8


@dataclass(frozen=True)
class Odds:
    """`dates`: equally likely first days, as many as there are; `start` the agreed one."""

    dates: Sequence[date]
    start: date

    @property
    def shown(self) -> list[date]:
        """Twenty of them, each standing for a twentieth."""
        ordered = sorted(self.dates)
        if not ordered:
            return []
        return [ordered[min(int((place + 0.5) / DOTS * len(ordered)), len(ordered) - 1)] for place in range(DOTS)]

    @property
    def on_time(self) -> int:
        return sum(day <= self.start for day in self.shown)


def odds_dots(odds: Odds) -> Svg:
    title = f"Twenty equally likely first days: {odds.on_time} of {DOTS} are on time"
    return drawings(lambda width: _draw(odds, title, width), (COMPACT, NARROW))


def odds_table(odds: Odds) -> Table:
    rows = [(day, "on time" if day <= odds.start else "late") for day in odds.shown]
    return table("Equally likely first days", ["First day", "Against what was agreed"], rows, ())


def _draw(odds: Odds, title: str, width: int) -> Svg:
    days = odds.shown
    if not days:
        return draw_nothing(width, title, EMPTY)
    first, last = min(days[0], odds.start), max(days[-1], odds.start)
    left, right = SIDE, width - SIDE
    columns = max(int((right - left) / (2 * SIDE)), LEAST_COLUMNS)
    span = max((last - first).days, 1)
    places = [round((day - first).days / span * (columns - 1)) for day in days]
    tallest = max(places.count(place) for place in places)
    bottom = 26 + tallest * 2 * SIDE
    pen = canvas(width, bottom + 24, title)
    x = linear(first.toordinal(), last.toordinal(), left, right)
    agreed = x(odds.start.toordinal())
    pen.line((agreed, 18), (agreed, bottom), css="dash")
    anchor = "start" if agreed < width / 2 else "end"
    pen.text(agreed, 12, f"agreed {formats.day(odds.start)}", anchor=anchor)
    stack = dict.fromkeys(places, 0)
    for day, place in zip(days, places, strict=True):
        level = stack[place]
        stack[place] += 1
        centre = (linear(0, columns - 1, left, right)(place), bottom - SIDE - level * 2 * SIDE)
        late = "fill:var(--surface);stroke:var(--bad);stroke-width:2"
        pen.circle(centre, SIDE - 3, style="fill:var(--firm)" if day <= odds.start else late)
    draw_date_axis(pen, date_ticks(first, last, pixels=right - left), x, y=bottom, left=left, right=right)
    return pen.svg()
