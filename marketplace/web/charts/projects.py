"""The projects behind a supply fan, on its time axis: planned date, likely range, slip and what it waits for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from marketplace.web import formats
from marketplace.web.charts.pen import NARROW, WIDE, Pen, draw_date_axis
from marketplace.web.charts.scales import DateTick, Scale, text_width
from marketplace.web.charts.table import NOTHING, Table, table

ROW = {WIDE: 27}
STACKED_ROW = 44
AXIS = 26


@dataclass(frozen=True)
class ProjectBar:
    """A phase. p10 <= p50 <= p90 are the dates by which it is ready with that probability; None is not foreseeable.

    `moved`: days by which p50 moved since the projection before, None where there is nothing to compare.
    """

    site: str
    phase: str
    planned: date | None
    p10: date | None
    p50: date | None
    p90: date | None
    gpus: int
    mw: float | None
    bottleneck: str
    moved: int | None = None

    def starts_by(self, last: date) -> bool:
        known = [day for day in (self.planned, self.p10, self.p50) if day]
        return bool(known) and min(known) <= last

    def slip(self) -> str:
        if not (self.planned and self.p50):
            return ""
        days = (self.p50 - self.planned).days
        return formats.signed(f"{days:+d} d") if days else "on plan"

    def note(self) -> str:
        """`19 Mar 2027, +16 d · waits for racks`."""
        ready = formats.day(self.p50) if self.p50 else "no date yet"
        dated = ", ".join(part for part in (ready, self.slip()) if part)
        return f"{dated} · waits for {self.bottleneck.lower()}" if self.bottleneck else dated


def projects_height(rows: int, width: int) -> float:
    return 28 + rows * ROW.get(width, STACKED_ROW) + AXIS if rows else 0


def project_table(projects: Sequence[ProjectBar], *, caption: str) -> Table:
    head = ["Project", "Planned", "Ready, 10\u202f% sure", "50\u202f%", "90\u202f%", "50\u202f% moved", "GPUs", "MW"]
    head += ["Waits for"]
    rows = [
        (
            f"{project.site}, {project.phase}" if project.phase else project.site,
            *(day or NOTHING for day in (project.planned, project.p10, project.p50, project.p90)),
            _moved(project.moved),
            formats.signed(f"{project.gpus:+,d}"),
            NOTHING if project.mw is None else formats.count(project.mw),
            project.bottleneck or NOTHING,
        )
        for project in projects
    ]
    return table(caption, head, rows, (5, 6, 7))


def _moved(days: int | None) -> str:
    """`+12 d` since the projection before."""
    return NOTHING if days is None else formats.signed(f"{days:+d} d") if days else "0 d"


def draw_projects(
    pen: Pen,
    projects: Sequence[ProjectBar],
    x: Scale,
    ticks: Sequence[DateTick],
    *,
    top: float,
    left: float,
    right: float,
    last: date,
) -> None:
    """One row each under a heading, the fan's dates repeated under the last."""
    if not projects:
        return
    wide = pen.width == WIDE
    row = ROW.get(int(pen.width), STACKED_ROW)
    bottom = top + row * len(projects)
    for tick in ticks:
        pen.line((x(tick.day.toordinal()), top), (x(tick.day.toordinal()), bottom))
    _draw_heading(pen, top, wide=wide)
    for index, project in enumerate(projects):
        y = top + index * row
        if index:
            pen.line((0, y), (pen.width, y))
        _draw_names(pen, project, y + (row / 2 + 4 if wide else 16), wide=wide)
        _draw_bar(pen, project, x, y + (row / 2 if wide else 31), left=left, right=right, last=last)
    draw_date_axis(pen, ticks, x, y=bottom, left=left, right=right)


def _draw_heading(pen: Pen, top: float, *, wide: bool) -> None:
    pen.text(0, top - 10, "The projects behind it", css="t-ink t-b")
    if wide:
        pen.text(pen.width - 72, top - 10, "GPUs", css="t-2", anchor="end")
        pen.text(pen.width, top - 10, "Power", css="t-2", anchor="end")
    pen.line((0, top), (pen.width, top), css="axis")


def _draw_names(pen: Pen, project: ProjectBar, y: float, *, wide: bool) -> None:
    gpus = formats.signed(f"{project.gpus:+,d}") if project.gpus else "0"
    gpus_right = pen.width - 72 if wide else pen.width
    room = 208 if wide else pen.width - text_width(gpus) - 12
    site = _fit(project.site, room, bold=True)
    used = text_width(site, bold=True) + 8
    pen.pair(0, y, site, _fit(project.phase, room - used) if project.phase and used + 24 < room else "")
    pen.text(gpus_right, y, gpus, css="t-ink", anchor="end")
    if wide and project.mw is not None:
        pen.text(pen.width, y, f"{formats.count(project.mw)} MW", css="t-2", anchor="end")


def _draw_bar(pen: Pen, project: ProjectBar, x: Scale, y: float, *, left: float, right: float, last: date) -> None:
    """Hollow diamond: planned. Bar: 10 % to 90 %. Tick: as likely before as after. Text where there is room."""

    def at(day: date | None) -> float:
        return right if day is None or day > last else max(x(day.toordinal()), left)

    begin, end = at(project.p10), at(project.p90)
    if project.p10 and project.p10 <= last:
        span = f"{project.site} {project.phase}: {project.note()}"
        pen.rect(begin, y - 5, end - begin, 10, style="fill:var(--band-firm)", radius=2, title=span)
    if project.p50 and project.p50 <= last:
        pen.line(
            (at(project.p50), y - 7), (at(project.p50), y + 7), css="", style="stroke:var(--firm);stroke-width:2.5"
        )
    first = begin
    if project.planned and project.planned <= last:
        first = min(begin, at(project.planned) - 5)
        end = max(end, at(project.planned) + 5)
        look = "fill:var(--surface);stroke:var(--text-2);stroke-width:1.5"
        pen.diamond((at(project.planned), y), 4.5, style=look)
    _draw_note(pen, project, y + 4, first=first, end=end, left=left, right=right)


def _draw_note(pen: Pen, project: ProjectBar, y: float, *, first: float, end: float, left: float, right: float) -> None:
    """As much of the note as fits beside the bar, after it or before it; the table has all of it."""
    whole = project.note()
    ready = whole.partition(" · ")[0]
    choices = (whole, ready, project.slip()) if pen.width > NARROW else (ready, project.slip())
    for words in choices:
        width = text_width(words, size=11)
        if end + 8 + width <= right:
            pen.text(end + 8, y, words, css="t-2 halo", size=11)
            return
        if first - 8 - width >= left:
            pen.text(first - 8, y, words, css="t-2 halo", anchor="end", size=11)
            return


def _fit(text: str, room: float, *, bold: bool = False) -> str:
    """Names that are too long end in an ellipsis; the table has them whole."""
    if text_width(text, bold=bold) <= room:
        return text
    keep = max(int(len(text) * room / text_width(text, bold=bold)) - 1, 1)
    return text[:keep].rstrip() + "…"
