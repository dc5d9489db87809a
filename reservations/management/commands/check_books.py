from typing import Any

from django.core.management.base import BaseCommand

from reservations.billing.queries import differences


class Command(BaseCommand):
    help = "Checks that the ledger of money balances and agrees with dues and receipts. Exit 1 with every difference."

    def handle(self, *args: Any, **options: Any) -> None:
        found = differences()
        for each in found:
            self.stdout.write(each)
        if found:
            self.stderr.write(f"{len(found)} differences in the ledger of money")
            raise SystemExit(1)
        self.stdout.write("The ledger of money balances, and agrees with dues and receipts.")
