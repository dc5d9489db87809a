"""Which project serves whom, as a picture: a lane for each project, a box for each block, as high as its GPUs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from marketplace.web import formats
from marketplace.web.charts.pen import WIDE, Pen, Svg, canvas, draw_date_axis, draw_nothing
from marketplace.web.charts.scales import Scale, date_ticks, linear
from marketplace.web.charts.table import Table, table

LANE, GAP, LEFT, TOP, AXIS = 44, 22, 8, 6, 26
LOOKS = ("var(--band-firm)", "var(--band-standard)", "var(--band-standby)")


@dataclass(frozen=True)
class Box:
    """GPUs of one block over days; `rank` is its class, 0 the firmest."""

    name: str
    start: date
    end: date
    gpus: int
    rank: int = 0


@dataclass(frozen=True)
class Lane:
    """A project with what it serves; no `gpus` for what no project is ready for. `ready` is when it is, by P50."""

    name: str
    gpus: int
    ready: date | None
    boxes: tuple[Box, ...]


def draw_serving(lanes: Sequence[Lane], *, first: date, last: date, title: str, width: int = WIDE) -> Svg:
    """Days from left to right. A lane's height stands for all GPUs of its project, so what is white is free."""
    if not lanes:
        return draw_nothing(width, title, "Nothing is served from here yet.")
    pen = canvas(width, TOP + len(lanes) * (LANE + GAP) + AXIS, title)
    x = linear(first.toordinal(), last.toordinal(), LEFT, width - LEFT)
    for number, lane in enumerate(lanes):
        _draw_lane(pen, lane, TOP + number * (LANE + GAP) + GAP, x, first, last)
    ticks = date_ticks(first, last, pixels=width - 2 * LEFT)
    draw_date_axis(pen, ticks, x, y=pen.height - AXIS + 2, left=LEFT, right=width - LEFT)
    return pen.svg()


def _draw_lane(pen: Pen, lane: Lane, top: float, x: Scale, first: date, last: date) -> None:
    ready = f", ready {formats.day(lane.ready)}" if lane.ready else ""
    pen.pair(LEFT, top - 5, lane.name, f"{lane.gpus:,} GPUs{ready}" if lane.gpus else "no project is ready in time")
    since = min(max(lane.ready or first, first), last)
    pen.rect(x(since.toordinal()), top, x(last.toordinal()) - x(since.toordinal()), LANE, style="fill:var(--inset)")
    most = max(lane.gpus, _highest(lane.boxes), 1)
    for box, offset in _stacked(lane.boxes):
        begin, end = x(max(box.start, first).toordinal()), x(min(box.end, last).toordinal())
        height = LANE * box.gpus / most
        said = f"{box.name}: {box.gpus:,} GPUs, {formats.day(box.start)} to {formats.day(box.end)}"
        look = f"fill:{LOOKS[box.rank]};stroke:var(--surface);stroke-width:1"
        if end > begin:
            pen.rect(begin, top + LANE - LANE * offset / most - height, end - begin, height, style=look, title=said)


def _stacked(boxes: Sequence[Box]) -> list[tuple[Box, int]]:
    """Each box on top of those that it overlaps: (box, GPUs below it), the lowest place that is free."""
    placed: list[tuple[Box, int]] = []
    for box in sorted(boxes, key=lambda each: (each.start, -each.gpus)):
        under = [(below, other) for other, below in placed if other.start < box.end and box.start < other.end]
        offset = 0
        for below, other in sorted(under, key=lambda each: each[0]):
            if below >= offset + box.gpus:
                break
            offset = max(offset, below + other.gpus)
        placed.append((box, offset))
    return placed


def _highest(boxes: Sequence[Box]) -> int:
    return max((offset + box.gpus for box, offset in _stacked(boxes)), default=0)


def serving_table(lanes: Sequence[Lane], *, caption: str) -> Table:
    rows = [(lane.name, box.name, box.start, box.end, f"{box.gpus:,}") for lane in lanes for box in lane.boxes]
    return table(caption, ("Project", "Block", "From", "Until", "GPUs"), rows, (4,))
