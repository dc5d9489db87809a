"""What other start dates cost: a calendar of totals, and the change against the date asked for."""

import calendar as months
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from marketplace.web import formats
from marketplace.web.charts.flex import Flex, flex_table, start_date_changes
from marketplace.web.charts.table import Table, table
from pricing.quotes.calendar import CalendarDay
from pricing.quotes.offers import Offer
from pricing.web.ask import AskForm

MONTHS_SHOWN = 3


@dataclass(frozen=True)
class Cell:
    """A day of the calendar. `total` is None where nothing fits, and the day is no link outside the window."""

    day: date
    total: Decimal | None
    href: str
    classes: str
    inside: bool
    chosen: bool


@dataclass(frozen=True)
class Week:
    """Monday to Sunday; None is a day of the month before or after. `away` has no day of the window."""

    cells: list[Cell | None]
    away: bool


@dataclass(frozen=True)
class Calendar:
    """The starts of a window with their totals; `chosen` is the date that the offers are for."""

    days: Sequence[CalendarDay]
    first: date
    last: date
    chosen: date

    def shown(self, form: AskForm, month: str, on: date | None) -> dict[str, Any]:
        """Months in weeks, from the one asked for (2027-03) or that of the chosen date, and links to those around."""
        found = {day.start: day for day in self.days}
        every = sorted({(day.start.year, day.start.month) for day in self.days})
        at = self._first_shown(every, month)
        names = every[at : at + MONTHS_SHOWN]
        return {
            "months": [self._month(year, number, found, form) for year, number in names],
            "earlier": self._turn(form, every, at - MONTHS_SHOWN, on) if at > 0 else "",
            "later": self._turn(form, every, at + MONTHS_SHOWN, on) if at + MONTHS_SHOWN < len(every) else "",
            "starts_table": self._table([day for day in self.days if (day.start.year, day.start.month) in names]),
            "chosen": self.chosen,
        }

    def _first_shown(self, every: list[tuple[int, int]], month: str) -> int:
        texts = [f"{year}-{number:02}" for year, number in every]
        wanted = month if month in texts else f"{self.chosen:%Y-%m}"
        at = texts.index(wanted) if wanted in texts else 0
        return min(at, max(0, len(every) - MONTHS_SHOWN))

    def _turn(self, form: AskForm, every: list[tuple[int, int]], at: int, on: date | None) -> str:
        year, number = every[max(0, at)]
        return form.href(month=f"{year}-{number:02}", on=on.isoformat() if on else "") + "#h-cal"

    def _month(self, year: int, month: int, found: dict[date, CalendarDay], form: AskForm) -> dict[str, Any]:
        weeks = months.Calendar().monthdatescalendar(year, month)
        rows = [self._week([day for day in week if day.month == month], week, found, form) for week in weeks]
        return {"name": f"{months.month_name[month]} {year}", "weeks": rows}

    def _table(self, days: list[CalendarDay]) -> Table:
        rows = [(day.start, formats.money(day.total.amount), formats.money(day.unit_price, digits=4)) for day in days]
        return table("price by start date", ["Start", "Total", "Per GPU-hour"], rows, (1, 2))

    def against(self, offer: Offer) -> float | None:
        """The offer's price per GPU-hour against that of the chosen date; None for that date itself, or without it."""
        base = next((day.unit_price for day in self.days if day.start == self.chosen), None)
        if base is None or offer.terms.period.start == self.chosen:
            return None
        return float(offer.unit_price / base - 1)

    def _week(self, days: list[date], week: list[date], found: dict[date, CalendarDay], form: AskForm) -> Week:
        cells = [self._cell(day, found, form) if day in days else None for day in week]
        return Week(cells, away=not any(cell and cell.inside for cell in cells))

    def _cell(self, day: date, found: dict[date, CalendarDay], form: AskForm) -> Cell:
        total = found[day].total.amount if day in found else None
        low = total is not None and total <= self.cheap and total < self.dearest
        marks = ("low" if low else "", "min" if day == self.best.start else "")
        chosen = day == self.chosen
        classes = " ".join(filter(None, ("day", *marks, "sel" if chosen else "")))
        href = form.href(on=day.isoformat()) + "#offers" if total is not None else ""
        return Cell(day, total, href, classes, self.first <= day <= self.last, chosen)

    @cached_property
    def best(self) -> CalendarDay:
        """The cheapest start, the nearest to the chosen one of equals."""
        return min(self.days, key=lambda day: (day.total.amount, abs((day.start - self.chosen).days)))

    @cached_property
    def cheap(self) -> Decimal:
        """A third of the starts cost no more than this."""
        return sorted(day.total.amount for day in self.days)[(len(self.days) - 1) // 3]

    @cached_property
    def dearest(self) -> Decimal:
        return max(day.total.amount for day in self.days)

    def flex(self) -> dict[str, Any]:
        """The chart of changes against the chosen date, where there is something to compare."""
        totals = {day.start: day.total.amount for day in self.days}
        if self.chosen not in totals or self.best.total.amount == self.dearest:
            return {}
        base, best = totals[self.chosen], self.best
        saving = base - best.total.amount
        change_by_day = [float((total - base) / base) for total in totals.values()]
        note = f"saves {formats.compact_money(saving)}" if saving > 0 else ""
        flex = Flex(list(totals), change_by_day, self.chosen, best.start if saving > 0 else None, note)
        return {
            "flex": start_date_changes(flex, title="Change in total by start date"),
            "flex_table": flex_table(flex, caption="price change by start date"),
            "flex_title": _finding((best.start - self.chosen).days, -float(saving / base)),
        }


def _finding(moved: int, change: float) -> str:
    if not round(change, 3):
        return "Your date is as cheap as any in the window"
    days = f"{abs(moved)} day{'s' if abs(moved) > 1 else ''}"
    return f"Start {days} {'later' if moved > 0 else 'sooner'}: {formats.change(change)}"
