"""A quote's price computed again from what is stored, step by step, and compared with what the quote says."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from marketplace.units.compute import gpu_hours
from marketplace.units.money import Money, usd_from_cents
from pricing.curve import scarcity
from pricing.curve.constants import Constants
from pricing.curve.models import PriceVersion
from pricing.curve.queries import PoolPrices, Price, pool_prices
from pricing.curve.terms import WHOLE
from pricing.quotes.bundles import Bundle
from pricing.quotes.models import Quote
from pricing.quotes.parts import Part, price_together, tenor_of, volume_hours

PERCENT = Decimal(100)


@dataclass(frozen=True)
class Days:
    """The days of the block: arrays of shape (days,). GPUs, USD per GPU-hour, cents, and rates in parts of WHOLE."""

    first: date
    limit: NDArray[np.float64]
    use: NDArray[np.float64]
    use_at_solve: NDArray[np.float64]
    dual: NDArray[np.float64]
    unit_price: NDArray[np.float64]  # of the first GPU
    before: NDArray[np.int64]  # F(x)
    after: NDArray[np.int64]  # F(x + q)
    lead_rate: NDArray[np.int64]

    @property
    def cents(self) -> NDArray[np.int64]:
        return self.after - self.before


@dataclass(frozen=True)
class TermLine:
    """One discount: what it looks at, the rate that its schedule gives for that, and what it takes off."""

    code: str
    at: str
    rate_percent: Decimal
    amount: Money


@dataclass(frozen=True)
class Explanation:
    """A past price, made again. `differences` is empty where every stored amount is the one computed here."""

    quote: Quote
    version: PriceVersion
    constants: Constants
    days: Days
    price: Price
    terms: tuple[TermLine, ...]
    differences: tuple[str, ...]

    @property
    def matches(self) -> bool:
        return not self.differences


def explain_quote(quote: Quote) -> Explanation:
    """Computes the price again from the stored curve, use, terms and policy: no figure of today is read."""
    version = PriceVersion.objects.select_related("policy__seller", "projection", "seller").get(
        pk=quote.price_version_id
    )
    prices = pool_prices([version.pk])[quote.pool_id]
    days = _days(quote, prices)
    price, tenor, hours = _price(quote, prices, days)
    return Explanation(
        quote,
        version,
        prices.constants,
        days,
        price,
        tuple(_term_lines(quote, prices, days, price, tenor, hours)),
        tuple(_differences(quote, price)),
    )


def less_concession(published: Price, quote: Quote) -> Price:
    """The published price less what sales granted, which follows from no curve: it is stored with the quote."""
    if not quote.concession:
        return published
    granted = Money(-quote.concession, quote.currency)
    total = Money(published.total.amount - quote.concession, quote.currency)
    return Price(published.listed, total, (*published.lines, ("negotiated", granted)))


def _days(quote: Quote, prices: PoolPrices) -> Days:
    of = prices.curve(quote.firmness, quote.period)
    x = np.asarray(quote.use, dtype=np.float64)
    lead = (quote.start - quote.created_at.date()).days
    return Days(
        first=quote.start,
        limit=of.limit,
        use=x,
        use_at_solve=of.use,
        dual=of.dual,
        unit_price=scarcity.unit_price(of, x),
        before=scarcity.cumulative_cents(of, x),
        after=scarcity.cumulative_cents(of, x + quote.quantity),
        lead_rate=prices.terms.lead_time.rate(np.arange(lead, lead + quote.period.days)),
    )


def _price(quote: Quote, prices: PoolPrices, days: Days) -> tuple[Price, int, int]:
    """The price, and the days and GPU-hours that earn tenor and volume: of a bundle, those of all its parts."""
    quoted_on, prepaid = quote.created_at.date(), quote.prepayment_percent
    if quote.bundle is not None:
        return _price_in(quote.bundle, quote)
    published = prices.price_of_days(
        quote.firmness, quote.period, days.cents, quote.quantity, quoted_on=quoted_on, prepaid=prepaid
    )
    return less_concession(published, quote), quote.period.days, gpu_hours(quote.quantity, quote.period.days)


def _price_in(bundle: Bundle, quote: Quote) -> tuple[Price, int, int]:
    quotes = bundle.quotes
    parts = [_part(each) for each in quotes]
    prices = price_together(bundle.kind, parts, quoted_on=bundle.created_at.date())
    at = next(number for number, each in enumerate(quotes) if each.pk == quote.pk)
    tenor = tenor_of(bundle.kind, [part.period for part in parts])[at]
    return prices[at], tenor, volume_hours(parts, quote.price_version_id)


def _part(quote: Quote) -> Part:
    prices = pool_prices([quote.price_version_id])[quote.pool_id]
    cents = _days(quote, prices).cents
    return Part(prices, quote.pool_id, quote.firmness, quote.period, quote.quantity, cents, quote.prepayment_percent)


def _term_lines(
    quote: Quote, prices: PoolPrices, days: Days, price: Price, tenor: int, hours: int
) -> Iterator[TermLine]:
    of = prices.terms
    amounts = dict(price.lines)
    at_lead = Decimal(int((days.cents * days.lead_rate).sum())) / max(int(days.cents.sum()), 1)
    rates = {
        "term_tenor": (f"{tenor:,} days", Decimal(int(of.tenor.rate(tenor)))),
        "term_lead_time": ("each day's days ahead, weighted by its list price", at_lead),
        "term_prepayment": (
            f"{quote.prepayment_percent} % paid up front",
            Decimal(int(of.prepayment.rate(quote.prepayment_percent))),
        ),
        "term_volume": (f"{hours:,} GPU-hours", Decimal(int(of.volume.rate(hours)))),
    }
    for code, (at, rate) in rates.items():
        percent = (rate * PERCENT / WHOLE).quantize(Decimal("0.0001"))
        yield TermLine(code, at, percent, amounts.get(code, usd_from_cents(0)))


def _differences(quote: Quote, price: Price) -> Iterator[str]:
    if price.total != quote.money:
        yield f"total: stored {quote.total}, computed {price.total.amount}"
    if price.listed != quote.list_money:
        yield f"list total: stored {quote.list_total}, computed {price.listed.amount}"
    stored = {line["code"]: Decimal(line["amount"]["amount"]) for line in quote.breakdown}
    computed = {code: amount.amount for code, amount in price.lines}
    for code in {**stored, **computed}:
        if stored.get(code) != computed.get(code):
            yield f"{code}: stored {stored.get(code, 'nothing')}, computed {computed.get(code, 'nothing')}"
