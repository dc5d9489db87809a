from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketplace.supply.learning.reports import BadReports, read
from marketplace.supply.learning.shipped import as_toml
from marketplace.supply.learning.slip_fit import fit_slips


class Command(BaseCommand):
    help = (
        "Fits how power slips on public interconnection reports, open projects censored, and prints the TOML that is "
        "shipped as marketplace/supply/power_slips.toml. The files are those of backtest_projection."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--projects", type=Path, required=True, help="CSV, one row a project")
        parser.add_argument("--forecasts", type=Path, required=True, help="CSV, one row a change of a projected date")
        parser.add_argument("--until", type=date.fromisoformat, help="Learn from what was known by then; default: all")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            reports = read(options["projects"], options["forecasts"])
        except BadReports as refused:
            raise CommandError("\n".join([*refused.problems, "Nothing was fitted."])) from None
        until = options["until"].toordinal() if options["until"] else reports.last_day
        self.stdout.write(as_toml(fit_slips(reports, min(until, reports.last_day))), ending="")
