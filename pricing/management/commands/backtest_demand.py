from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand
from numpy.typing import NDArray

from pricing.demand.arrivals.backtest import LAST_YEAR, OURS, PICK_UP, Backtest, NothingToScore, backtest
from pricing.demand.arrivals.reading import BadBookings, read_bookings

MOST_WEEKS = 52


class Command(BaseCommand):
    help = (
        "Forecasts bookings net of cancellations by arrival week, per hotel, from what was known at a date, and scores "
        "the forecast beside 'as last year' and 'pick-up'. Prints `name value n`; n counts hotel-weeks."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bookings", type=Path, required=True, help="CSV, plain or gzip; see docs/demand.md")
        parser.add_argument("--as-of", type=_day, required=True, help="Nothing after this day is read, as 2016-05-31")
        parser.add_argument("--weeks", type=_weeks, default=26, help="The most weeks ahead, 1 to 52; 26 if left out")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            bookings = read_bookings(options["bookings"])
            found = backtest(bookings, as_of=options["as_of"], weeks=options["weeks"])
        except (BadBookings, NothingToScore) as refused:
            self.stderr.write(f"{refused} Nothing was scored.")
            raise SystemExit(1) from None
        self.stdout.write(f"hotels {', '.join(found.hotels)}: each forecast for itself, errors averaged over both")
        self._tell("", found, np.ones_like(found.scored))
        for name, chosen in found.buckets():
            self._tell(f"_{name}", found, chosen)
        for row, hotel in enumerate(found.hotels):
            self._tell(f"_{hotel}", found, np.arange(len(found.hotels))[:, None] == row)
        self.stdout.write(f"without_last_year {found.without_last_year}")
        self.stdout.write(f"better_than_best_baseline_percent {100 * found.better_by():.1f}")

    def _tell(self, name: str, found: Backtest, chosen: NDArray[np.bool_]) -> None:
        """The forecast and its baselines on the same hotels and leads, where any has been scored."""
        for which in (OURS, LAST_YEAR, PICK_UP):
            value, n = found.mase(which, np.broadcast_to(chosen, found.scored.shape))
            if n:
                self.stdout.write(f"{which}{name} {value:.4f} {n}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a date. Give one such as 2016-05-31.") from None


def _weeks(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= MOST_WEEKS:
        raise ArgumentTypeError(f"{text!r}: give a whole number of weeks from 1 to {MOST_WEEKS}.")
    return int(text)
