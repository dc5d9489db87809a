"""Where it is tight: the share of a class's limit that is taken, per pool and week; every cell is a link."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from marketplace.web import formats
from marketplace.web.charts.pen import MIDDLE, NARROW, WIDE, Pen, Svg, canvas, draw_nothing, drawings
from marketplace.web.charts.scales import text_width
from marketplace.web.charts.table import NOTHING, Table, dated, table

EMPTY = "No pools on sale yet."
EDGES = (60, 75, 90, 97)  # percent; above 100 is the last bin, and only that
SHORTFALL = 6
NUMBER_NEEDS = 20  # pixels of width


@dataclass(frozen=True)
class HeatCell:
    """`share` taken of the limit, 1.0 being all of it; None is not built yet."""

    share: float | None
    href: str


@dataclass(frozen=True)
class HeatRow:
    name: str
    note: str
    cells: Sequence[HeatCell]


def heat_map(rows: Sequence[HeatRow], weeks: Sequence[date], *, title: str) -> Svg:
    """Drawn for a whole page, two thirds and a phone, where the numbers give way to the colours and "!"."""
    return drawings(lambda width: _draw(rows, weeks, title, width), (WIDE, MIDDLE, NARROW))


def heat_table(rows: Sequence[HeatRow], weeks: Sequence[date], *, caption: str) -> Table:
    head = ["Week of", *(f"{row.name} {row.note}".strip() for row in rows)]
    body = [dated(week, (_words(row.cells[index].share) for row in rows)) for index, week in enumerate(weeks)]
    return table(caption, head, body, range(1, len(rows) + 1))


def whole_percent(share: float) -> int:
    """Rounded, except that nothing above the limit may read as 100."""
    rounded = round(share * 100)
    return max(rounded, 101) if share > 1 else min(rounded, 100)


def heat_bin(share: float) -> int:
    """1 (under 60 %) to 5 (97 to 100 %); 6 is a shortfall."""
    if share > 1:
        return SHORTFALL
    return 1 + sum(whole_percent(share) >= edge for edge in EDGES)


def _words(share: float | None) -> str:
    return NOTHING if share is None else formats.percent(whole_percent(share) / 100)


def _draw(rows: Sequence[HeatRow], weeks: Sequence[date], title: str, width: int) -> Svg:
    if not (rows and weeks):
        return draw_nothing(width, title, EMPTY)
    stacked = width == NARROW
    left = 0 if stacked else 190
    cell = (width - left) / len(weeks)
    step, height = (39, 20) if stacked else (27, 25)
    pen = canvas(width, 20 + step * len(rows), title)
    _draw_months(pen, weeks, left, cell)
    for index, row in enumerate(rows):
        y = 20 + index * step + (15 if stacked else 0)
        _draw_name(pen, row, y - 4 if stacked else y + 17, right=pen.width if stacked else left - 12)
        for column, one in enumerate(row.cells):
            _draw_cell(pen, row, weeks[column], one, left + column * cell, y, max(cell - 2, cell * 0.8), height)
    return pen.svg(role="group")  # a picture would hide its links


def _draw_months(pen: Pen, weeks: Sequence[date], left: float, cell: float) -> None:
    free_from, before = 0.0, None
    for index, week in enumerate(weeks):
        x = left + index * cell
        label = formats.month(week, year=before is None or week.year != before.year)
        new = before is None or (week.year, week.month) != (before.year, before.month)
        width = text_width(label, size=11)
        if new and x >= free_from and x + width <= pen.width:
            pen.text(x + 1, 11, label, css="t-2", size=11)
            free_from, before = x + width + 8, week


def _draw_name(pen: Pen, row: HeatRow, y: float, *, right: float) -> None:
    room = right - text_width(row.note) - 6
    name = row.name
    if text_width(name, bold=True) > room:
        name = name[: max(int(room / 7.2) - 1, 1)].rstrip() + "…"
    pen.text(0, y, name, css="t-ink t-b")
    pen.text(right, y, row.note, css="t-2", anchor="end")


def _draw_cell(
    pen: Pen, row: HeatRow, week: date, cell: HeatCell, x: float, y: float, width: float, height: float
) -> None:
    place = f"{row.name} {row.note}, week of {formats.day(week)}"
    if cell.share is None:
        look = "fill:none;stroke:var(--control);stroke-width:.8;stroke-dasharray:2 2"
        pen.rect(x + 0.5, y + 0.5, width - 1, height - 1, style=look, radius=2, title=f"{place}: not built yet")
        return
    color = heat_bin(cell.share)
    short = ", a shortfall" if color == SHORTFALL else ""
    label = f"{place}: {_words(cell.share)} taken{short}"
    pen.open_link(cell.href, label=label)
    pen.rect(x, y, width, height, style=f"fill:var(--heat-{color})", radius=2, title=label)
    text = str(whole_percent(cell.share)) if width >= NUMBER_NEEDS else "!" if color == SHORTFALL else ""
    if text:
        _draw_cell_text(pen, text, color, x + width / 2, y + height / 2 + 4)
    pen.close_link()


def _draw_cell_text(pen: Pen, text: str, color: int, x: float, y: float) -> None:
    weight = ";font-weight:600" if color == SHORTFALL else ""
    pen.text(x, y, text, anchor="middle", size=11, style=f"fill:var(--heat-{color}-ink){weight}")
