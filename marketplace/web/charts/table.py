"""The numbers behind a chart, as a table: nothing is readable only in the drawing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from marketplace.web import formats

Cell = str | date
NOTHING = "–"


@dataclass(frozen=True)
class Table:
    """Rows of text and dates. `numeric` names the columns that are set to the right."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()


def dated(day: date, cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """The values of one date."""
    return (day, *cells)


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Cell]], numeric: Iterable[int]) -> Table:
    return Table(caption, tuple(head), tuple(tuple(row) for row in rows), frozenset(numeric))


def amount(value: float | None, *, digits: int = 2) -> str:
    return NOTHING if value is None else formats.money(value, digits=digits)


def count(value: float | None) -> str:
    return NOTHING if value is None else formats.count(value)
