from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.units.money import Money, usd_from_cents
from pricing.quotes.explain import Explanation, explain_quote
from pricing.quotes.models import Quote

COLUMNS = "{:>12} {:>9} {:>9} {:>9} {:>10} {:>10} {:>18} {:>18} {:>16}"


class Command(BaseCommand):
    help = "Computes a quote's price again from what is stored, step by step. Exit 1 where the quote says otherwise."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("quote", help="The quote's id, qte_…")

    def handle(self, *args: Any, **options: Any) -> None:
        quote = Quote.objects.with_terms().filter(public_id=options["quote"]).first()
        if quote is None:
            raise CommandError(f"There is no quote {options['quote']}. Ids begin with qte_; the admin lists them.")
        found = explain_quote(quote)
        for line in (*_what(found), *_curve(found), *_days(found), *_terms(found)):
            self.stdout.write(line)
        if not found.matches:
            for difference in found.differences:
                self.stderr.write(f"DIFFERS: {difference}")
            raise SystemExit(1)
        self.stdout.write("The stored price is the one computed here, to the cent.")


def _what(found: Explanation) -> Iterator[str]:
    quote, version = found.quote, found.version
    yield f"{quote.public_id}: {quote.quantity:,} {quote.firmness} GPUs of {quote.pool}, {quote.start} to {quote.end}"
    yield f"  quoted {quote.created_at:%Y-%m-%d %H:%M} UTC, {quote.period.days} days, the end not included"
    yield f"  price version {version.public_id} of {version.seller}: {version.reason}"
    yield f"  policy {version.policy}, projection {version.projection.public_id}"


def _curve(found: Explanation) -> Iterator[str]:
    of, index = found.constants, ("firm", "standard", "standby").index(found.quote.firmness)
    made = "reserve price" if of.reserve is not None else f"energy {of.energy} + capital {of.capital}"
    yield "Curve, USD per GPU-hour:"
    yield f"  p(x) = base + dual exp({of.dual_steepness:g} max(0, x - x0) / max(C - x0, {found.quote.pool.lot}))"
    yield f"         + {of.adder} exp({of.fill_steepness:g} (x / C - 1)), at most {of.cap}"
    yield f"  base = floor {of.floor} ({made}) + {found.quote.firmness} premium {of.premiums[index]}"


def _days(found: Explanation) -> Iterator[str]:
    days = found.days
    shown = sorted({0, int(np.argmin(days.cents)), int(np.argmax(days.cents)), len(days.cents) - 1})
    yield f"Days (first, cheapest, dearest, last of {len(days.cents)}): F(x + {found.quote.quantity}) - F(x), USD"
    yield COLUMNS.format("day", "C", "x", "x0", "dual", "p(x)", "F(x)", f"F(x+{found.quote.quantity})", "price")
    for at in shown:
        yield COLUMNS.format(
            str(days.first + timedelta(days=at)),
            f"{days.limit[at]:,.0f}",
            f"{days.use[at]:,.0f}",
            f"{days.use_at_solve[at]:,.0f}",
            f"{days.dual[at]:.4f}",
            f"{days.unit_price[at]:.6f}",
            *(_usd(usd_from_cents(int(each[at]))) for each in (days.before, days.after, days.cents)),
        )
    yield f"Sum of all {len(days.cents)} days, the list price: {_usd(found.price.listed)}"


def _terms(found: Explanation) -> Iterator[str]:
    yield "Lines:"
    rates = {line.code: f"  {line.rate_percent:g} % of the list price for {line.at}" for line in found.terms}
    for code, amount in found.price.lines:
        yield f"  {code:<18}{_usd(amount):>20}{rates.get(code, '')}"
    for line in found.terms:
        if not line.amount.amount:
            yield f"  {line.code:<18}{'0.00':>20}{rates[line.code]}"
    yield f"Total, computed: {_usd(found.price.total)}   stored: {_usd(found.quote.money)}"


def _usd(money: Money) -> str:
    amount: Decimal = money.amount
    return f"{amount:,.2f}"
