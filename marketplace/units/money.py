"""Money is a decimal with a currency, rounded once, at the edge of a calculation, by `rounded`."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

USD = "USD"
MINOR_DIGITS = {"USD": 2, "EUR": 2, "INR": 2, "JPY": 0}
CURRENCIES = sorted(MINOR_DIGITS)
UNIT_PRICE_STEP = Decimal("0.0001")  # unit prices are derived from totals and shown with four decimals


@dataclass(frozen=True)
class Money:
    """An amount in one currency, already rounded to that currency's smallest coin."""

    amount: Decimal
    currency: str = USD

    def as_json(self) -> dict[str, str]:
        return {
            "amount": f"{self.amount:.{MINOR_DIGITS[self.currency]}f}",
            "currency": self.currency,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, str]) -> "Money":
        """What `as_json` wrote."""
        return cls(Decimal(value["amount"]), value["currency"])

    def __str__(self) -> str:
        return f"{self.amount:.{MINOR_DIGITS[self.currency]}f} {self.currency}"


def rounded(amount: Decimal, currency: str = USD) -> Money:
    """The only place where an amount is rounded: half to even, to the currency's smallest coin."""
    return Money(
        amount.quantize(Decimal(1).scaleb(-MINOR_DIGITS[currency]), rounding=ROUND_HALF_EVEN),
        currency,
    )


def usd_from_cents(cents: int) -> Money:
    """Whole US cents, as the price curve counts them."""
    return Money(Decimal(int(cents)).scaleb(-2), USD)


def unit_price(total: Money, hours: int | Decimal) -> Decimal:
    """Price per GPU-hour or H100-equivalent hour, to four decimals: for reading, the total is what binds."""
    return (total.amount / hours).quantize(UNIT_PRICE_STEP, rounding=ROUND_HALF_EVEN)
