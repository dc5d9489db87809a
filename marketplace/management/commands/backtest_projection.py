from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from marketplace.supply.learning.backtest import Backtest, Scored, backtest, by_lead, rolling, together
from marketplace.supply.learning.hazard import COVARIATES, HORIZON, PHASES, Hazard, TooLittleKnown
from marketplace.supply.learning.published import backtests_as_toml
from marketplace.supply.learning.reports import BadReports, Reports, read

HELP = """How well the dates of power projects are forecast, on public interconnection reports.

Fits on what was known on --as-of: milestones and cancellations dated after it are unknown, and so are later reports
with their projected dates. Forecasts, for every project with an agreement signed by then and not yet synchronised,
the 10, 50 and 90 % dates of synchronisation, and scores them with what is known on --until.

Scored: projects synchronised by --until, and those still open whose 90 % date has passed (their losses are taken at
--until, the least they can be). Left out and counted: cancelled by --until, gone from the reports by --as-of without
being cancelled, in operation without a date of synchronisation, still open with a 90 % date not yet passed.

Lines, metrics by lead (days from --as-of to the date then announced) named with _lead_ and the days:
  coverage_80 VALUE N SE       share inside the 10-90 % band; standard error clustered two ways, by county and by the
                               quarter of the report that brought the date announced
  pinball_ratio VALUE          pinball loss at 0.1, 0.5 and 0.9 over that of "as announced": the date announced at
                               --as-of taken for all three
  reached_10|50|90 VALUE N     share synchronised by their 10, 50, 90 % date with open projects censored (Kaplan-Meier):
                               all that stood, scored or not, so that a short wait hides nobody

Where the files know too few synchronisations before --as-of to learn from, our own figures fitted on public reports to
2022-12-31 stand in (said in a line `learnt_elsewhere`), but never for a day before that.

A short wait (under two years or so) scores mostly those that came early, so read `reached` beside the other two.
--rolling scores every quarter's end from --as-of on, each fitted on what was known at it, and adds them up; the
clusters are then counties and the quarters of the origins."""


class Command(BaseCommand):
    help = HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("--projects", type=Path, required=True, help="CSV, one row a project")
        parser.add_argument("--forecasts", type=Path, required=True, help="CSV, one row a change of a projected date")
        parser.add_argument("--as-of", type=_day, required=True, help="The day of the forecast, like 2020-12-31")
        parser.add_argument("--until", type=_day, help="The day of the score; default: the last report in the files")
        parser.add_argument("--rolling", action="store_true", help="Also from every later quarter's end")
        parser.add_argument("--toml", action="store_true", help="Print what is shipped as supply/public_backtest.toml")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            reports = read(options["projects"], options["forecasts"])
        except BadReports as refused:
            raise CommandError("\n".join([*refused.problems, "Nothing was scored."])) from None
        as_of, until = _span(reports, options["as_of"], options["until"])
        try:
            runs = (rolling if options["rolling"] else _once)(reports, as_of=as_of, until=until)
        except TooLittleKnown as refused:
            raise CommandError(f"--as-of {options['as_of']}: {refused}. Choose a later day.") from None
        if options["toml"]:
            self.stdout.write(backtests_as_toml(runs), ending="")
        else:
            self.tell(runs)

    def tell(self, runs: list[Backtest]) -> None:
        for run in runs:
            self._counts(run)
        self._learnt(runs[0].hazard)
        self._scores(runs, together(runs))

    def _counts(self, run: Backtest) -> None:
        self.stdout.write(f"as_of {date.fromordinal(run.as_of)} until {date.fromordinal(run.until)}")
        counts, gone = run.counts, run.left_out
        for name, number in (
            ("projects", counts.standing),
            ("scored", len(run.scored)),
            ("scored_synchronised", int(run.scored.came.sum())),
            ("scored_open_beyond_band", counts.open_scored),
            ("left_out_cancelled", counts.cancelled),
            ("left_out_open_band_not_passed", counts.open_not_yet),
            ("left_out_operating_undated", counts.in_operation_undated),
            ("not_standing_cancelled_before", gone.cancelled),
            ("not_standing_left_the_reports", gone.no_longer_reported),
            ("not_standing_operating_undated", gone.in_operation_undated),
            ("not_standing_no_date_announced", gone.no_date_announced),
        ):
            self.stdout.write(f"{name} {number}")

    def _learnt(self, hazard: Hazard) -> None:
        if hazard.shipped:
            self.stdout.write(f"learnt_elsewhere figures of ours until {date.fromordinal(hazard.shipped)}: see --help")
        self.stdout.write(
            f"learnt from {hazard.synchronised} projects synchronised and {hazard.open} open (censored), of those that "
            f"come within {HORIZON:.0f} days: log rate per day by days after the date announced, and effects"
        )
        bounds = ["<", *(f"{day:+.0f}" for day in PHASES)]
        self.stdout.write("learnt_phases " + " ".join(_pairs(bounds, hazard.phases)))
        self.stdout.write("learnt_effects " + "; ".join(_pairs(COVARIATES, hazard.effects)))

    def _scores(self, runs: list[Backtest], scored: Scored) -> None:
        if not len(scored):
            self.stdout.write("coverage_80 nan 0 nan\npinball_ratio nan")
            return
        self._lines("", scored)
        for name, part in by_lead(scored):
            self._lines(f"_lead_{name}", part)
        if len(runs) == 1:
            standing = runs[0].counts.standing - runs[0].counts.cancelled - runs[0].counts.in_operation_undated
            for level, share in zip((10, 50, 90), runs[0].reached, strict=True):
                self.stdout.write(f"reached_{level} {share:.3f} {standing}")

    def _lines(self, suffix: str, scored: Scored) -> None:
        coverage, error = scored.coverage()
        self.stdout.write(f"coverage_80{suffix} {coverage:.3f} {len(scored)} {error:.3f}")
        self.stdout.write(f"pinball_ratio{suffix} {scored.pinball_ratio():.3f}")


def _once(reports: Reports, *, as_of: int, until: int) -> list[Backtest]:
    return [backtest(reports, as_of=as_of, until=until)]


def _span(reports: Reports, as_of: date, until: date | None) -> tuple[int, int]:
    last = date.fromordinal(reports.last_day)
    until = until or last
    if until > last:
        raise CommandError(f"--until {until}: the last report in the files is of {last}; choose that or earlier")
    if as_of >= until:
        raise CommandError(f"--as-of {as_of}: must be before --until ({until}), or there is nothing to score")
    return as_of.toordinal(), until.toordinal()


def _pairs(names: Any, values: np.ndarray) -> list[str]:
    return [f"{name} {value:.2f}" for name, value in zip(names, values, strict=True)]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a date like 2022-12-31") from None
