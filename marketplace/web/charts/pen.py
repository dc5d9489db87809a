"""A small pen for SVG: shapes in, one escaped string out. It knows nothing about what it draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from html import escape

from marketplace.web.charts.scales import DateTick, Scale, text_width

Point = tuple[float, float]
WIDE, MIDDLE, NARROW = 1112, 830, 326  # the whole page on a desk, on a small laptop or a tablet, on a phone
MEDIUM, COMPACT = 712, 600  # two thirds of a page, on a desk and on a small laptop
NAMES = {WIDE: "wide", MIDDLE: "medium", MEDIUM: "medium", COMPACT: "compact", NARROW: "narrow"}


class Svg(str):
    """Markup that is escaped already; templates print it as it is."""

    def __html__(self) -> str:
        return str(self)


def drawings(draw: Callable[[int], Svg], widths: Sequence[int]) -> Svg:
    """The same chart at several widths; the style sheet shows the one that fits. Text is never scaled down."""
    return Svg("".join(draw(width) for width in widths))


@dataclass
class Pen:
    """Collects shapes on a canvas of `width` x `height` pixels, origin at the top left."""

    width: float
    height: float
    title: str
    name: str = ""
    attributes: str = ""
    shapes: list[str] = field(default_factory=list)

    def line(self, start: Point, end: Point, *, css: str = "gridline", style: str = "") -> None:
        (x1, y1), (x2, y2) = start, end
        self.shapes.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{_attributes(css, style)}/>')

    def path(self, points: Sequence[Point], *, css: str = "ln", style: str = "", closed: bool = False) -> None:
        if points:
            self.shapes.append(f'<path d="{_steps(points)}{"Z" if closed else ""}"{_attributes(css, style)}/>')

    def area(self, top: Sequence[Point], bottom: Sequence[Point], *, style: str) -> None:
        self.path([*top, *reversed(bottom)], css="", style=style, closed=True)

    def rect(
        self, x: float, y: float, width: float, height: float, *, style: str = "", radius: float = 0, title: str = ""
    ) -> None:
        corner = f' rx="{radius:g}"' if radius else ""
        inside = f"<title>{escape(title)}</title>" if title else ""
        self.shapes.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}"{corner}'
            f"{_attributes('', style)}>{inside}</rect>"
        )

    def circle(self, centre: Point, radius: float, *, style: str) -> None:
        x, y = centre
        self.shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"{_attributes("", style)}/>')

    def diamond(self, centre: Point, radius: float, *, style: str) -> None:
        x, y = centre
        corners = [(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)]
        self.path(corners, css="", style=style, closed=True)

    def text(
        self, x: float, y: float, text: str, *, css: str = "", anchor: str = "start", size: int = 12, style: str = ""
    ) -> None:
        look = ";".join(part for part in (f"font-size:{size}px" if size != 12 else "", style) if part)
        self.shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{_attributes(css, look)}>{escape(text)}</text>'
        )

    def pair(self, x: float, y: float, bold: str, plain: str) -> None:
        """A name and what it is, on one line; the second begins where the first really ends."""
        self.shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="t-2"><tspan class="t-ink t-b">{escape(bold)}</tspan>'
            f'<tspan dx="6">{escape(plain)}</tspan></text>'
        )

    def open_link(self, href: str, *, label: str) -> None:
        self.shapes.append(f'<a href="{escape(href)}" aria-label="{escape(label)}">')

    def close_link(self) -> None:
        self.shapes.append("</a>")

    def svg(self, *, role: str = "img") -> Svg:
        return Svg(
            f'<svg class="{self.name}" viewBox="0 0 {self.width:g} {self.height:g}" role="{role}"'
            f' aria-label="{escape(self.title)}"{self.attributes}>{"".join(self.shapes)}</svg>'
        )


def canvas(width: int, height: float, title: str) -> Pen:
    return Pen(width, height, title, NAMES.get(width, ""))


def follow_dates(pen: Pen, first: date, last: date, left: float, right: float) -> None:
    """Tells static/js/chart-tip.js which dates lie where; the values come from the table beside the chart."""
    pen.attributes += f' data-first="{first}" data-last="{last}" data-left="{left:g}" data-right="{right:g}"'


def draw_date_axis(pen: Pen, ticks: Sequence[DateTick], x: Scale, *, y: float, left: float, right: float) -> None:
    """A baseline with ticks. A label that would touch the one before it, or leave the canvas, is moved or left out."""
    pen.line((left, y), (right, y), css="axis")
    free_from = -1e9
    for tick in ticks:
        at, width = x(tick.day.toordinal()), text_width(tick.label)
        begin = min(max(at - width / 2, 0), pen.width - width)
        pen.line((at, y), (at, y + 4), css="axis")
        if begin >= free_from:
            pen.text(begin, y + 17, tick.label)
            free_from = begin + width + 8


def draw_value_axis(
    pen: Pen, ticks: Sequence[float], y: Scale, *, left: float, right: float, label: Callable[[float], str]
) -> None:
    for tick in ticks:
        pen.line((left, y(tick)), (right, y(tick)))
        pen.text(left - 6, y(tick) + 4, label(tick), anchor="end")


def draw_nothing(width: int, title: str, message: str) -> Svg:
    """What stands where there is nothing to draw yet."""
    pen = canvas(width, 72, f"{title}. {message}")
    pen.rect(0.5, 0.5, width - 1, 71, style="fill:none;stroke:var(--line-strong);stroke-dasharray:4 4", radius=6)
    pen.text(16, 40, message, css="t-2")
    return pen.svg()


def runs(xs: Sequence[float], ys: Sequence[float | None]) -> list[list[Point]]:
    """Unbroken stretches of a line: None is a gap, and a gap is left open."""
    found: list[list[Point]] = [[]]
    for x, y in zip(xs, ys, strict=True):
        if y is None:
            found.append([])
        else:
            found[-1].append((x, y))
    return [run for run in found if run]


def _attributes(css: str, style: str) -> str:
    return (f' class="{css}"' if css else "") + (f' style="{style}"' if style else "")


def _steps(points: Sequence[Point]) -> str:
    """Path data; runs along an axis are written short, so that steps over years stay small."""
    (x, y), *rest = points
    parts, before = [f"M{x:.1f} {y:.1f}"], (x, y)
    for x, y in rest:
        if y == before[1]:
            parts.append(f"H{x:.1f}")
        elif x == before[0]:
            parts.append(f"V{y:.1f}")
        else:
            parts.append(f"L{x:.1f} {y:.1f}")
        before = (x, y)
    return "".join(parts)
