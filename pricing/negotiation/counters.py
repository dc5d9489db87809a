"""What a buyer asks back, checked once for every door: terms that change, a price, or both."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from marketplace.units.firmness import FIRMNESS
from marketplace.units.money import Money
from marketplace.units.period import in_words
from pricing.negotiation.deals import Deal, OnTable, Want
from pricing.quotes.models import Quote
from pricing.quotes.need import LATEST_START_DAYS, LONGEST_BLOCK_DAYS, MOST_GPUS, Fault

LONGEST_SENTENCE = 1000
FLOOR = ("energy", "capital", "reserve")


class BadCounter(Exception):
    """The counter-offer makes no sense; `faults` names every field at fault. Nothing was done."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(" ".join(fault.message for fault in faults))
        self.faults = faults


@dataclass(frozen=True)
class Wish:
    """The fields of a counter-offer as a door hands them on: None is "as it is"."""

    quantity: int | None = None
    start: date | None = None
    duration_days: int | None = None
    firmness: str | None = None
    prepayment_percent: int | None = None
    total: Decimal | None = None
    unit_price: Decimal | None = None
    sentence: str = ""


@dataclass(frozen=True)
class Counter:
    """The deal that is asked for, the price that is wanted for it, if any, and the buyer's sentence."""

    deal: Deal
    want: Want | None
    sentence: str


def read_counter(wish: Wish, *, quote: Quote, table: OnTable, today: date) -> Counter:
    """Checks a counter-offer against the quote that is on the table. Raises BadCounter with every fault."""
    faults = [*_term_faults(wish, quote, today), *_price_faults(wish)]
    if faults:
        raise BadCounter(faults)
    deal, want = _deal(wish, table.deal), _want(wish, quote)
    faults = list(_faults_of_whole(deal, want, quote, table))
    if faults:
        raise BadCounter(faults)
    return Counter(deal, want, wish.sentence.strip()[:LONGEST_SENTENCE])


def _deal(wish: Wish, now: Deal) -> Deal:
    moved = now.starting(wish.start or now.period.start)
    sized = moved.with_days(wish.duration_days or moved.period.days)
    return replace(
        sized,
        quantity=wish.quantity or now.quantity,
        firmness=wish.firmness or now.firmness,
        prepayment=now.prepayment if wish.prepayment_percent is None else wish.prepayment_percent,
    )


def _want(wish: Wish, quote: Quote) -> Want | None:
    if wish.total is not None:
        return Want(total=Money(wish.total, quote.currency))
    return None if wish.unit_price is None else Want(unit=wish.unit_price)


def _term_faults(wish: Wish, quote: Quote, today: date) -> Iterator[Fault]:
    lot = quote.pool.lot
    if wish.quantity is not None and (not 1 <= wish.quantity <= MOST_GPUS or wish.quantity % lot):
        near = max(round(wish.quantity / lot), 1) * lot
        yield Fault("/quantity", "off_lot", f"This pool is sold in lots of {lot}. Enter {near:,} or another multiple.")
    first, last = today + timedelta(days=1), today + timedelta(days=LATEST_START_DAYS)
    if wish.start is not None and not first <= wish.start <= last:
        yield Fault("/start", "invalid", f"A block starts from {in_words(first)} to {in_words(last)}.")
    if wish.duration_days is not None and not 1 <= wish.duration_days <= LONGEST_BLOCK_DAYS:
        yield Fault("/duration_days", "invalid", f"Enter 1 to {LONGEST_BLOCK_DAYS:,} days.")
    if wish.firmness is not None and wish.firmness not in FIRMNESS:
        yield Fault("/firmness", "invalid", f"Choose one of {', '.join(FIRMNESS)}.")
    if wish.prepayment_percent is not None and not 0 <= wish.prepayment_percent <= 100:
        yield Fault("/prepayment_percent", "invalid", "Enter a whole number from 0 to 100.")


def _price_faults(wish: Wish) -> Iterator[Fault]:
    if wish.total is not None and wish.unit_price is not None:
        yield Fault("/unit_price", "invalid", "Give a total or a price per GPU-hour, one of the two.")
    for name, places in (("total", 2), ("unit_price", 4)):
        price: Decimal | None = getattr(wish, name)
        if price is not None and not _is_price(price, places):
            yield Fault(f"/{name}", "invalid", f"Enter an amount above 0 with at most {places} decimals.")
    if len(wish.sentence) > LONGEST_SENTENCE:
        yield Fault("/sentence", "max_length", f"At most {LONGEST_SENTENCE:,} characters.")


def _is_price(price: Decimal, places: int) -> bool:
    return price.is_finite() and 0 < price < Decimal(10) ** 15 and price == round(price, places)


def _faults_of_whole(deal: Deal, want: Want | None, quote: Quote, table: OnTable) -> Iterator[Fault]:
    if want is None:
        if deal == table.deal:
            yield Fault("", "nothing_changed", "Change a term or name a price: this is what is on the table.")
        return
    pointer = "/total" if want.total is not None else "/unit_price"
    if deal == table.deal and want.is_met(deal, table.total, deal):
        yield Fault(pointer, "not_lower", f"The quote is at {table.total.amount:,.2f} USD already: accept it.")
    floor = published_floor(quote)
    if want.most_for(deal.gpu_hours) < floor * deal.gpu_hours:
        right = f"{floor * deal.gpu_hours:,.2f} USD" if want.total is not None else f"{floor:.4f} USD per GPU-hour"
        yield Fault(pointer, "below_floor", f"That is below the floor, which covers cost. Enter {right} or more.")


def published_floor(quote: Quote) -> Decimal:
    """USD per GPU-hour, as the quote's breakdown shows it to its buyer: energy and capital, or the reserve price."""
    lines: list[Mapping[str, Any]] = quote.breakdown
    return sum((Decimal(line["amount"]["amount"]) for line in lines if line["code"] in FLOOR), Decimal(0)) / (
        quote.gpu_hours
    )
