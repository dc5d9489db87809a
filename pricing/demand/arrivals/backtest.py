"""Scores a forecast made at a date with what the file knows by its end, beside the two baselines.

MASE: the mean over hotels and arrival weeks of |forecast - became| / scale. The scale is each hotel's mean absolute
change from one arrival week to the next, over the weeks complete at the as-of date (Hyndman and Koehler 2006, with the
non-seasonal naive forecast, since a second year of which the seasonal one could be made may not exist).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from pricing.demand.arrivals.books import WEEK, Floats, became, books_at
from pricing.demand.arrivals.forecast import FEWEST_WEEKS, Forecast, forecast
from pricing.demand.arrivals.reading import EPOCH, Bookings, day_number

BUCKETS = (1, 5, 9, 14, 27)  # first lead of each, in weeks
OURS, LAST_YEAR, PICK_UP = "mase", "mase_as_last_year", "mase_pick_up"


class NothingToScore(Exception):
    """The as-of date leaves too little before it or nothing after it; says which dates would do."""


@dataclass(frozen=True)
class Backtest:
    """errors: by forecaster, (hotels, leads), in scales; not a number where nothing was said or is known."""

    hotels: tuple[str, ...]
    made: Forecast
    errors: dict[str, Floats]

    @property
    def leads(self) -> int:
        return self.errors[OURS].shape[1]

    @property
    def scored(self) -> NDArray[np.bool_]:
        return np.isfinite(self.errors[OURS])

    @property
    def without_last_year(self) -> int:
        """Scored weeks that the baseline leaves out."""
        return int((self.scored & ~np.isfinite(self.errors[LAST_YEAR])).sum())

    def mase(self, which: str, chosen: NDArray[np.bool_]) -> tuple[float, int]:
        """(mean, n) over the chosen hotels and leads, where there is an error."""
        errors = self.errors[which][chosen & np.isfinite(self.errors[which])]
        return (float(errors.mean()) if len(errors) else float("nan")), len(errors)

    def better_by(self) -> float:
        """Part by which the forecast's error is below that of the better baseline, each on the weeks that it has."""
        parts = []
        for which in (LAST_YEAR, PICK_UP):
            both = self.scored & np.isfinite(self.errors[which])
            if both.any():
                parts.append(1 - self.mase(OURS, both)[0] / self.mase(which, both)[0])
        return min(parts)

    def buckets(self) -> list[tuple[str, NDArray[np.bool_]]]:
        """(name, mask over hotels and leads) of every bucket that has a lead."""
        lead = np.arange(1, self.leads + 1)
        bounds = zip(BUCKETS, (*BUCKETS[1:], self.leads + 1), strict=True)
        spans = [(first, min(after - 1, self.leads)) for first, after in bounds]
        shape = self.scored.shape
        return [
            (f"{first}_{last}", np.broadcast_to((first <= lead) & (lead <= last), shape))
            for first, last in spans
            if first <= last
        ]


def backtest(bookings: Bookings, *, as_of: date, weeks: int) -> Backtest:
    """Forecasts the `weeks` arrival weeks after `as_of` from what was known then. Raises NothingToScore."""
    day = day_number(as_of)
    _refuse_bad_date(bookings, day)
    books = books_at(bookings, day, weeks)
    made = forecast(books)
    final = became(bookings, books)[:, books.complete :]
    said = {OURS: made.expected, LAST_YEAR: made.as_last_year, PICK_UP: made.pick_up}
    errors = {name: np.abs(values - final) / made.scale[:, None] for name, values in said.items()}
    return Backtest(bookings.hotels, made, errors)


def _refuse_bad_date(bookings: Bookings, day: int) -> None:
    first = int(bookings.arrival.min()) + WEEK * FEWEST_WEEKS - 1
    last = bookings.last_day - WEEK
    if not first <= day <= last:
        raise NothingToScore(
            f"{_date(day)} cannot be scored with this file: {FEWEST_WEEKS} whole weeks of arrivals must lie before it, "
            f"and one after it that the file knows to the end. Choose a date from {_date(first)} to {_date(last)}."
            if first <= last
            else f"The file spans too few weeks: {FEWEST_WEEKS} of arrivals and one more are needed."
        )


def _date(day: int) -> date:
    return EPOCH + timedelta(days=day)
