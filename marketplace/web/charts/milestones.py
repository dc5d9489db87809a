"""What decides the date: each milestone as it was planned (hollow diamond) and as it is expected now (filled)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from marketplace.web import formats
from marketplace.web.charts.pen import COMPACT, NARROW, Svg, canvas, draw_date_axis, drawings
from marketplace.web.charts.scales import date_ticks, linear, text_width
from marketplace.web.charts.table import Table, table

ROW, TOP = 30, 8


@dataclass(frozen=True)
class Slipped:
    name: str
    planned: date
    forecast: date

    @property
    def days(self) -> int:
        return (self.forecast - self.planned).days


def milestone_rows(slipped: Sequence[Slipped]) -> Svg:
    title = "Milestones: planned, and expected now"
    return drawings(lambda width: _draw(slipped, title, width), (COMPACT, NARROW)) if slipped else Svg("")


def milestone_table(slipped: Sequence[Slipped]) -> Table:
    rows = [(each.name, each.planned, each.forecast, formats.signed(f"{each.days:d}")) for each in slipped]
    return table("Milestones", ["Milestone", "Planned", "Expected now", "Days"], rows, (3,))


def _draw(slipped: Sequence[Slipped], title: str, width: int) -> Svg:
    bottom = TOP + ROW * len(slipped)
    pen = canvas(width, bottom + 24, title)
    left, right = 12 + max(text_width(each.name) for each in slipped), width - 12
    days = [day for each in slipped for day in (each.planned, each.forecast)]
    first, last = min(days), max(days)
    x = linear(first.toordinal(), last.toordinal(), left + 8, right - 8)
    for place, each in enumerate(slipped):
        y = TOP + ROW * place + ROW / 2
        then, now = x(each.planned.toordinal()), x(each.forecast.toordinal())
        pen.text(0, y + 4, each.name, css="t-ink")
        pen.line((then, y), (now, y), css="axis", style=f"stroke:var(--{'bad' if each.days > 0 else 'good'})")
        pen.diamond((then, y), 6, style="fill:var(--surface);stroke:var(--text-2);stroke-width:1.5")
        pen.diamond((now, y), 6, style=f"fill:var(--{'bad' if each.days > 0 else 'good'})")
    draw_date_axis(pen, date_ticks(first, last, pixels=right - left), x, y=bottom, left=left, right=right)
    return pen.svg()
