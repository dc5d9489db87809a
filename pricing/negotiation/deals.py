"""The terms that a negotiation may change, and what could be traded for a lower price: plain values, no database."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from marketplace.units.compute import gpu_hours
from marketplace.units.ids import new_id
from marketplace.units.money import Money, unit_price
from marketplace.units.period import Period, in_days, in_words

START, DAYS, QUANTITY, PREPAYMENT, FIRMNESS_OF = "start", "duration_days", "quantity", "prepayment_percent", "firmness"
BY_TOTAL, BY_GPU_HOUR = "total", "gpu_hour"


class Quoted(Protocol):
    """What this module knows of a quote."""

    quantity: int
    firmness: str
    prepayment_percent: int

    @property
    def period(self) -> Period: ...


@dataclass(frozen=True)
class Deal:
    """A block of one pool with the share that is paid up front."""

    quantity: int
    period: Period
    firmness: str
    prepayment: int

    @classmethod
    def of(cls, quote: Quoted) -> "Deal":
        return cls(quote.quantity, quote.period, quote.firmness, quote.prepayment_percent)

    @classmethod
    def from_json(cls, terms: Mapping[str, Any]) -> "Deal":
        period = Period(date.fromisoformat(terms["start"]), date.fromisoformat(terms["end_exclusive"]))
        return cls(terms["quantity"], period, terms["firmness"], terms["prepayment_percent"])

    def as_json(self) -> dict[str, Any]:
        return {
            "quantity": self.quantity,
            "start": self.period.start.isoformat(),
            "end_exclusive": self.period.end.isoformat(),
            "firmness": self.firmness,
            "prepayment_percent": self.prepayment,
        }

    @property
    def gpu_hours(self) -> int:
        return gpu_hours(self.quantity, self.period.days)

    def is_same_block(self, other: "Deal") -> bool:
        """The same GPUs on the same days: one hold serves both."""
        return replace(self, prepayment=other.prepayment) == other

    def with_days(self, days: int) -> "Deal":
        return replace(self, period=Period.of(self.period.start, days))

    def starting(self, start: date) -> "Deal":
        return replace(self, period=Period.of(start, self.period.days))


def differences(before: Deal, after: Deal) -> Iterator[tuple[str, str]]:
    """(term, what it means in words) of each term in which the deals differ."""
    moved = (after.period.start - before.period.start).days
    if moved:
        way = "later" if moved > 0 else "sooner"
        yield START, f"start {in_days(abs(moved))} {way}, on {in_words(after.period.start)}"
    if after.period.days != before.period.days:
        yield DAYS, f"take {in_days(after.period.days)} instead of {before.period.days:,}"
    if after.quantity != before.quantity:
        yield QUANTITY, f"take {after.quantity:,} GPUs instead of {before.quantity:,}"
    if after.firmness != before.firmness:
        yield FIRMNESS_OF, f"take {after.firmness} instead of {before.firmness}"
    if after.prepayment != before.prepayment:
        yield (
            PREPAYMENT,
            f"pay {after.prepayment} % up front" + (f" instead of {before.prepayment}" if before.prepayment else ""),
        )


def in_title(words: list[str]) -> str:
    """`Start 9 days later, on 24 Mar 2027, and pay 50 % up front`."""
    said = ", and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    return said[:1].upper() + said[1:]


@dataclass(frozen=True)
class Trade:
    """Something that the buyer could give, and what the block costs then. `change` is of what is compared: -0.18 is
    18 % less of the total, or per GPU-hour where size or length differ."""

    id: str
    deal: Deal
    total: Money
    gives: tuple[str, ...]
    title: str
    compared_by: str
    change: Decimal
    reaches: bool

    @property
    def unit_price(self) -> Decimal:
        return unit_price(self.total, self.deal.gpu_hours)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "title": self.title,
            "gives": list(self.gives),
            "terms": self.deal.as_json(),
            "total": self.total.as_json(),
            "unit_price": f"{self.unit_price:.4f}",
            "compared_by": self.compared_by,
            "change_percent": f"{self.change * 100:.1f}",
            "reaches": self.reaches,
        }


@dataclass(frozen=True)
class OnTable:
    """The deal that a trade is compared with, and its total."""

    deal: Deal
    total: Money

    def trade(self, deal: Deal, total: Money, *, reaches: bool) -> Trade:
        differ = list(differences(self.deal, deal))
        by = BY_TOTAL if deal.gpu_hours == self.deal.gpu_hours else BY_GPU_HOUR
        hours = (1, 1) if by == BY_TOTAL else (self.deal.gpu_hours, deal.gpu_hours)
        before, after = self.total.amount / hours[0], total.amount / hours[1]
        return Trade(
            id=new_id("trd"),
            deal=deal,
            total=total,
            gives=tuple(term for term, _ in differ),
            title=in_title([words for _, words in differ]),
            compared_by=by,
            change=after / before - 1 if before else Decimal(0),
            reaches=reaches,
        )

    def terms(self) -> dict[str, Any]:
        """As a step stores them."""
        price = unit_price(self.total, self.deal.gpu_hours)
        return {**self.deal.as_json(), "total": self.total.as_json(), "unit_price": f"{price:.4f}"}


@dataclass(frozen=True)
class Want:
    """The price that a buyer asks for: a total, or USD per GPU-hour."""

    total: Money | None = None
    unit: Decimal | None = None

    def most_for(self, hours: int) -> Decimal:
        """The highest total, in dollars, at which a deal of so many GPU-hours has the price that is wanted."""
        if self.total is not None:
            return self.total.amount
        assert self.unit is not None
        return self.unit * hours

    def is_met(self, deal: Deal, total: Money, asked: Deal) -> bool:
        """A total is wanted for the deal that was asked: one with more GPU-hours meets it at the same unit price."""
        if self.total is None:
            return total.amount <= self.most_for(deal.gpu_hours)
        hours = max(deal.gpu_hours, asked.gpu_hours)
        return total.amount * asked.gpu_hours <= self.total.amount * hours

    def as_json(self) -> dict[str, Any]:
        if self.total is not None:
            return {"total": self.total.as_json()}
        return {"unit_price": f"{self.unit:.4f}"}

    def in_words(self) -> str:
        if self.total is not None:
            return f"{self.total.amount:,.2f} {self.total.currency}"
        return f"{self.unit:,.4f} USD per GPU-hour"
