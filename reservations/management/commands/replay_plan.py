from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reservations.allocation.models import Plan
from reservations.allocation.plans import replay


class Command(BaseCommand):
    help = "Makes a stored plan again from its stored inputs and seed, and compares the two bit for bit. Exit 1 if not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plan", help="Its id: pln_…")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = replay(public_id=options["plan"])
        except Plan.DoesNotExist as error:
            raise CommandError(
                f"There is no plan {options['plan']!r}: ids look like pln_… and stand in the admin."
            ) from error
        self.stdout.write(f"inputs   {found.plan.digest} {'as stored' if found.inputs_are_whole else 'NOT as stored'}")
        self.stdout.write(f"stored   {found.plan.result_digest}")
        self.stdout.write(f"replayed {found.result_digest}")
        if not found.is_the_same:
            raise CommandError("The plan that was made again is another one than the plan that is stored.")
        self.stdout.write("The same, bit for bit.")
