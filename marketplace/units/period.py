"""Delivery dates: whole UTC days, half-open [start, end)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def in_words(day: date) -> str:
    """`24 Mar 2027`: a date in a sentence, the same through every door."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def in_days(days: int) -> str:
    """`1 day`, `1,825 days`."""
    return f"{days:,} day{'s' if days != 1 else ''}"


class EmptyPeriod(ValueError):
    """The end is not after the start."""


@dataclass(frozen=True, order=True)
class Period:
    """Whole days from `start` (included) to `end` (not included)."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise EmptyPeriod(f"A period ends after it starts: {self.start} .. {self.end}")

    @classmethod
    def of(cls, start: date, days: int) -> "Period":
        return cls(start, start + timedelta(days=days))

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    def __iter__(self) -> Iterator[date]:
        return (self.start + timedelta(days=offset) for offset in range(self.days))

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end
