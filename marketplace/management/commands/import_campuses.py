from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from marketplace.celery import PROJECT_SUPPLY, wake
from marketplace.change import change
from marketplace.journal.actor import Actor
from marketplace.supply.assumptions import PACKAGED, BadAssumptions, read_assumptions
from marketplace.supply.campuses import BadCampusFiles, read
from marketplace.supply.importing import Imported, import_campuses
from marketplace.units import clock


class Command(BaseCommand):
    help = "Takes in Epoch AI's campus files: all of them, or, where anything is wrong, none, with every reason."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, help="Has data_centers.csv and data_center_timelines.csv")
        parser.add_argument("--assumptions", type=Path, default=PACKAGED, help="TOML; see supply/assumptions.toml")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            assumptions = read_assumptions(options["assumptions"])
            plan = read(options["directory"], assumptions, today=clock.today())
        except (BadAssumptions, BadCampusFiles) as refused:
            for problem in refused.problems:
                self.stderr.write(str(problem))
            self.stderr.write(f"Nothing was imported: {len(refused.problems)} problems.")
            raise SystemExit(1) from None
        actor = Actor("manage.py import_campuses")
        self.tell(change.run(lambda: import_campuses(plan, by=actor, now=clock.now())))
        wake(PROJECT_SUPPLY)

    def tell(self, imported: Imported) -> None:
        for verb in ("created", "updated", "withdrawn", "unchanged"):
            for noun, count in getattr(imported, verb).items():
                self.stdout.write(f"{verb} {count} {noun if count == 1 else noun + 's'}")
        if not imported.changed_anything:
            self.stdout.write("Nothing changed.")
