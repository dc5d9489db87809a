"""What makes a price: each part as a bar that begins where the one before it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from marketplace.web import formats
from marketplace.web.charts.pen import Pen, Svg

WIDTH, HEIGHT = 100, 10
COLOURS = {"floor": "var(--text-3)", "scarcity": "var(--heat-5)", "firm": "var(--firm)", "terms": "var(--good)"}


@dataclass(frozen=True)
class Part:
    """USD per GPU-hour; `kind` is floor, scarcity, firm (what the class costs) or terms."""

    name: str
    amount: Decimal
    kind: str = "floor"


@dataclass(frozen=True)
class Row:
    name: str
    amount: Decimal
    shown: str  # four decimals: they lead to the total to the cent
    bar: Svg


def breakdown_rows(parts: Sequence[Part]) -> list[Row]:
    """Rows for partials/breakdown.html, in the order of the parts."""
    ends = [float(sum(part.amount for part in parts[: index + 1])) for index in range(len(parts))]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    scale = WIDTH / ((high - low) or 1)
    rows = []
    for part, end in zip(parts, ends, strict=True):
        begin = end - float(part.amount)
        bar = _bar((min(begin, end) - low) * scale, abs(end - begin) * scale, _colour(part))
        rows.append(Row(part.name, part.amount, formats.signed(f"{part.amount:.4f}"), bar))
    return rows


def _colour(part: Part) -> str:
    return COLOURS["terms"] if part.amount < 0 else COLOURS.get(part.kind, COLOURS["floor"])


def _bar(start: float, length: float, colour: str) -> Svg:
    pen = Pen(WIDTH, HEIGHT, "", "bar", attributes=' aria-hidden="true" preserveAspectRatio="none"')
    pen.rect(start, 0, max(length, 1), HEIGHT, style=f"fill:{colour}")
    return pen.svg(role="presentation")
