from typing import Any

from django.core.management.base import BaseCommand

from marketplace.capacity.queries import differences
from marketplace.catalogue.models import Pool


class Command(BaseCommand):
    help = "Compares the ledger's totals with its entries, on a live database. Exit 1 with every difference."

    def handle(self, *args: Any, **options: Any) -> None:
        found = differences()
        names = {pool.pk: str(pool) for pool in Pool.objects.select_related("site", "accelerator")}
        for d in found:
            self.stdout.write(
                f"{names.get(d.pool_id, d.pool_id)} {d.day} {d.firmness}: held {d.held}, entries say "
                f"{d.held_by_entries}; committed {d.committed}, entries say {d.committed_by_entries}"
            )
        if found:
            self.stderr.write(f"{len(found)} differences between totals and entries")
            raise SystemExit(1)
        self.stdout.write("The ledger's totals equal its entries.")
