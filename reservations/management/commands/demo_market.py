from argparse import ArgumentParser
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from marketplace.catalogue.models import Pool, Site
from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.local.demo_campuses import demo_campuses
from marketplace.parties.models import Organisation
from marketplace.supply.importing import import_campuses
from marketplace.tasks import project_due_supply
from marketplace.units import clock
from pricing.curve.actions import solve_again
from pricing.curve.models import Tape
from pricing.demand.versions import store_forecast
from pricing.tasks import forecast_due_demand, publish_due_tape, solve_due_prices
from reservations.management.cast import create_cast, write_sign_ins
from reservations.management.deliver import deliver
from reservations.management.portfolio import fill_portfolio
from reservations.management.reports import report
from reservations.management.trade import slip, trade


class Command(BaseCommand):
    help = "Fills an empty database with the demo market. Run again, it keeps what is there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", type=Path, help="Where to write the sign-ins and keys")
        parser.add_argument("--web", default="http://localhost:8300", help="Address of the web, for that file")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        # The tape comes last: a start that was killed half-way goes on where it stopped.
        if not Tape.objects.exists():
            self.open_market(now)
        cast = change.run(lambda: create_cast(Pool.objects.select_related("seller").earliest("pk").seller, now))
        filled = fill_portfolio()
        if filled:
            self.stdout.write(f"{filled} blocks bought for the bank")
        if options["json"]:
            change.run(lambda: write_sign_ins(Path(options["json"]), web=options["web"], cast=cast, now=now))

    def open_market(self, now: datetime) -> None:
        """Build-out, projection, prices, and what others have taken: in the product's own order.

        Where somebody has imported campuses of their own, those are the market, and nothing is invented.
        """
        is_ours = not Site.objects.filter(is_demo=False).exists()
        if is_ours:
            change.run(lambda: import_campuses(demo_campuses(now.date()), by=SYSTEM, now=now))
            report(now)
        self.stdout.write(f"build-out: {Pool.objects.count()} pools")
        project_due_supply()
        forecast_due_demand()
        solve_due_prices()
        self.stdout.write("supply projected and priced")
        if is_ours:
            self.stdout.write(f"{trade()} blocks of invented demand bought")
            self.stdout.write(f"{deliver()} deliveries announced or under way")
            self.take_in_sales()
            change.run(slip)
        publish_due_tape()

    def take_in_sales(self) -> None:
        """Demand and prices once more: the market opens as one whose forecasts know what it has sold."""
        for seller in Organisation.objects.filter(pools__isnull=False).distinct():
            change.run(partial(store_forecast, seller=seller, now=clock.now()))
            change.run(partial(solve_again, seller_id=seller.pk, reason="opening sales", now=clock.now()))
