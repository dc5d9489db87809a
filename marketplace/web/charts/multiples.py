"""Small multiples: the same curve for each region or site, the others behind it in grey."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from marketplace.web import formats
from marketplace.web.charts.colours import colours
from marketplace.web.charts.pen import NARROW, WIDE, Pen, Svg, draw_nothing, runs
from marketplace.web.charts.scales import Scale, linear, nice_ticks, text_width
from marketplace.web.charts.table import Table, amount, dated, table

EMPTY = "No prices yet."
SIZES = (("wide", 200, 116), ("narrow", 150, 104))
BOTTOM = 18


@dataclass(frozen=True)
class Panel:
    """One place: `values` in USD per GPU-hour on the common dates, None a gap."""

    name: str
    note: str
    accelerator: str
    values: Sequence[float | None]


def small_multiples(panels: Sequence[Panel], *, dates: Sequence[date], mark: date | None = None, title: str) -> Svg:
    """A heading and two drawings per panel. `mark` is the date whose price stands in the heading (the first one)."""
    shown = [panel for panel in panels if any(value is not None for value in panel.values)]
    if not (shown and dates):
        return Svg(draw_nothing(WIDE, title, EMPTY) + draw_nothing(NARROW, title, EMPTY))
    at = dates.index(mark) if mark in dates else 0
    panels_drawn = "".join(_panel(panel, shown, dates, at, title) for panel in shown)
    return Svg(f'<div class="panels">{panels_drawn}</div>')


def multiples_table(
    panels: Sequence[Panel], *, dates: Sequence[date], caption: str, first_column: str = "Delivery week", every: int = 1
) -> Table:
    rows = [dated(day, (amount(panel.values[index]) for panel in panels)) for index, day in enumerate(dates)]
    return table(caption, [first_column, *(panel.name for panel in panels)], rows[::every], range(1, len(panels) + 1))


def _panel(panel: Panel, panels: Sequence[Panel], dates: Sequence[date], at: int, title: str) -> str:
    price = panel.values[at]
    shown = "" if price is None else formats.money(price)
    drawn = "".join(_draw(panel, panels, dates, at, title, size) for size in SIZES)
    return (
        f'<div><h3><span>{escape(panel.name)}</span><span class="num">{shown}</span></h3>'
        f'<p class="xs muted">{escape(panel.note)}</p>{drawn}</div>'
    )


def _draw(
    panel: Panel, panels: Sequence[Panel], dates: Sequence[date], at: int, title: str, size: tuple[str, int, int]
) -> Svg:
    name, width, height = size
    pen = Pen(width, height, f"{title}: {panel.name}, the others in grey", name)
    values = [value for one in panels for value in one.values if value is not None]
    ticks = nice_ticks(min(values), max(values), wanted=3)
    digits = 0 if all(tick == round(tick) for tick in ticks) else 2
    labels = [formats.money(tick, digits=digits) for tick in ticks]
    left, right, bottom = (max(text_width(label, size=11) for label in labels) + 5, width - 4, height - BOTTOM)
    x = linear(0, max(len(dates) - 1, 1), left, right)
    y = linear(ticks[0], ticks[-1], bottom, 8)
    for tick, label in zip(ticks, labels, strict=True):
        pen.line((left, y(tick)), (right, y(tick)), css="axis" if tick == ticks[0] else "gridline")
        pen.text(0, y(tick) + 4, label, size=11)
    _draw_lines(pen, panel, panels, x, y)
    if (value := panel.values[at]) is not None:
        hue = colours([one.accelerator for one in panels])[panel.accelerator]
        pen.circle((x(at), y(value)), 3, style=f"fill:{hue};stroke:var(--surface)")
    _draw_ends(pen, dates, left, right, height)
    return pen.svg()


def _draw_lines(pen: Pen, panel: Panel, panels: Sequence[Panel], x: Scale, y: Scale) -> None:
    hue = colours([one.accelerator for one in panels])[panel.accelerator]
    others = [one for one in panels if one is not panel]
    for one, css, style in [*((one, "ghost", "") for one in others), (panel, "ln main", f"stroke:{hue}")]:
        xs = [x(index) for index in range(len(one.values))]
        for run in runs(xs, [None if value is None else y(value) for value in one.values]):
            pen.path(run, css=css, style=style)


def _draw_ends(pen: Pen, dates: Sequence[date], left: float, right: float, height: float) -> None:
    pen.text(left, height - 4, formats.month(dates[0]), size=11)
    if len(dates) > 1:
        pen.text(right, height - 4, formats.month(dates[-1]), anchor="end", size=11)
