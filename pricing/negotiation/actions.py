"""What a buyer does in a negotiation. The engine answers in the same change; nothing here reads what staff may grant.

Lock order: the quote on the table, then the negotiation, then what docs/locking.md has for holds.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from marketplace.units.money import Money
from pricing.curve.models import PricePolicy
from pricing.negotiation import models as says
from pricing.negotiation.board import board, same_block_price
from pricing.negotiation.counters import Counter, Wish, read_counter
from pricing.negotiation.deals import Deal, OnTable, Trade
from pricing.negotiation.engine import answer, lengths_tried
from pricing.negotiation.models import OF_THE_QUOTE, Negotiation, Step
from pricing.negotiation.queries import last_answer, steps_of
from pricing.quotes.actions import QuoteClosed, QuoteExpired, QuoteNotFound, lock_open_quote, release_quote
from pricing.quotes.holding import prolong
from pricing.quotes.models import ACCEPTED, BUY, OPEN, Quote
from pricing.quotes.replacing import Replacement, replace_quote

ENGINE = Actor("Headroom")
MOST_STEPS = 100
LONGEST_SENTENCE = 1000


class NegotiationNotFound(Exception):
    """There is no such negotiation for this organisation."""


class NegotiationClosed(Exception):
    """The negotiation is over; `state` says how. Nothing was done."""

    def __init__(self, state: str) -> None:
        self.state = state
        super().__init__(f"The negotiation is over: it is {state}. Nothing was done.")


class NotNegotiable(Exception):
    """The quote changes a reservation: its price follows from the contract. Nothing was done."""

    def __init__(self) -> None:
        super().__init__("The price of a change follows from its contract and is not negotiated. Nothing was done.")


class WithSales(Exception):
    """Sales are to answer. Nothing was done."""

    def __init__(self) -> None:
        super().__init__(
            "Sales are about to answer. Until then you can accept the quote, reply, or withdraw. Nothing was done."
        )


class NothingToInsist(Exception):
    """There is no price to insist on: name one first. Nothing was done."""

    def __init__(self) -> None:
        super().__init__("Name the price that you want in a counter-offer first. Nothing was done.")


class NothingAsked(Exception):
    """Sales did not ask anything. Nothing was done."""

    def __init__(self) -> None:
        super().__init__("There is no question to reply to. Nothing was done.")


class SentenceMissing(ValueError):
    """Nothing was said. Nothing was done."""

    def __init__(self) -> None:
        super().__init__(f"Write a sentence, of at most {LONGEST_SENTENCE:,} characters. Nothing was done.")


class TradeGone(Exception):
    """The trade is not in the last answer. Nothing was done."""

    def __init__(self) -> None:
        super().__init__("That trade is not in the last answer any more. Nothing was done.")


class TradeDearer(Exception):
    """What was offered costs more now. Nothing was done, and the quote stands; `price` is what it costs now."""

    def __init__(self, total: Money) -> None:
        self.total = total
        super().__init__(f"It costs {total.amount:,.2f} USD now. Nothing was done, and your quote stands.")


class TooManySteps(Exception):
    """The thread is as long as threads get. Nothing was done."""

    def __init__(self) -> None:
        super().__init__(f"A negotiation has at most {MOST_STEPS} steps: accept the quote, withdraw, or ask sales.")


def counter_quote(*, public_id: str, wish: Wish, by: Actor, organisation_id: int) -> Negotiation:
    """Asks for other terms or another price on an open quote. The engine answers within the change.

    Agreed at published rates, the new quote replaces the old one; else the answer names trades to take. Raises
    QuoteNotFound, QuoteExpired, QuoteClosed, BadCounter, WithSales, TooManySteps, and whatever holds refuse.
    """
    quote, now = lock_open_quote(public_id=public_id, organisation_id=organisation_id)
    if quote.kind != BUY:
        raise NotNegotiable
    table = on_table(quote)
    counter = read_counter(wish, quote=quote, table=table, today=now.date())
    negotiation = _negotiation_of(quote, now)
    if negotiation.status == says.WITH_SALES:
        raise WithSales
    if negotiation.steps_taken >= MOST_STEPS - 2:
        raise TooManySteps
    negotiation.wanted = _wanted(counter)
    write_step(negotiation, now, by, says.BUYER, says.COUNTERED, table.terms(), negotiation.wanted, counter.sentence)
    _answer(negotiation, counter, table, by, now)
    return negotiation


def _wanted(counter: Counter) -> dict[str, Any]:
    return {**counter.deal.as_json(), **(counter.want.as_json() if counter.want else {})}


def on_table(quote: Quote) -> OnTable:
    return OnTable(Deal.of(quote), quote.money)


def _negotiation_of(quote: Quote, now: datetime) -> Negotiation:
    """The thread about a locked quote; opened with the first counter-offer."""
    if quote.is_negotiated:
        return Negotiation.objects.select_for_update().get(quote=quote)
    quote.is_negotiated = True
    quote.save(update_fields=["is_negotiated"])
    return Negotiation.objects.create(
        organisation_id=quote.organisation_id,
        seller_id=quote.pool.seller_id,
        opened_with=quote,
        quote=quote,
        opened_at=now,
    )


def _answer(negotiation: Negotiation, counter: Counter, table: OnTable, by: Actor, now: datetime) -> None:
    quote = negotiation.quote
    policy = PricePolicy.objects.in_force(quote.pool.seller, now)
    tried = [table.deal, counter.deal, *map(counter.deal.with_days, lengths_tried(counter.deal, policy.tenor))]
    found = answer(counter, table=table, board=board(quote, tried, now))
    if found.agreed is None:
        trades = [each.as_json() for each in found.trades]
        step = (says.ENGINE, says.ANSWERED, table.terms(), table.terms(), found.sentence, trades)
        write_step(negotiation, now, ENGINE, *step)
        return
    made = take_trade(negotiation, found.agreed, by, now)
    write_step(
        negotiation, now, ENGINE, says.ENGINE, says.GRANTED, table.terms(), on_table(made).terms(), found.sentence,
        quote=made,
    )  # fmt: skip


def take_trade(
    negotiation: Negotiation,
    trade: Trade,
    by: Actor,
    now: datetime,
    *,
    granted: bool = False,
    least_hold: timedelta = timedelta(),
) -> Quote:
    """Puts a quote with the trade's terms on the table in place of the one that is there."""
    deal, old = trade.deal, negotiation.quote
    published = None
    if deal.is_same_block(Deal.of(old)):
        published = same_block_price(old, deal.prepayment, now.date())
        if not granted and published.total.amount > trade.total.amount:
            raise TradeDearer(published.total)
    wanted = Replacement(
        deal.quantity, deal.period, deal.firmness, deal.prepayment, trade.total, granted=granted, least_hold=least_hold
    )
    negotiation.quote = replace_quote(quote=old, by=by, wanted=wanted, published=published, now=now)
    return negotiation.quote


def take(*, public_id: str, trade: str, by: Actor, organisation_id: int) -> Negotiation:
    """Takes a trade of the last answer: a new quote replaces the old one. It is accepted like any other.

    Raises NegotiationNotFound, NegotiationClosed, TradeGone, TradeDearer, PriceChanged, and whatever holds refuse.
    """
    negotiation, now = lock_negotiation(public_id=public_id, organisation_id=organisation_id)
    offered = _trade(negotiation, trade)
    table = on_table(negotiation.quote)
    made = take_trade(negotiation, offered, by, now, granted=_is_granted(negotiation, trade))
    negotiation.status, negotiation.with_sales_since = OPEN, None
    write_step(
        negotiation, now, by, says.BUYER, says.TOOK, table.terms(), on_table(made).terms(), offered.title, quote=made
    )
    return negotiation


def _trade(negotiation: Negotiation, trade: str) -> Trade:
    step = last_answer(steps_of(negotiation))
    found = next((each for each in step.trades if each["id"] == trade), None) if step else None
    if found is None:
        raise TradeGone
    return trade_from(found, on_table(negotiation.quote))


def _is_granted(negotiation: Negotiation, trade: str) -> bool:
    """Whether sales named the trade's price."""
    return negotiation.steps.filter(verb=says.OFFERED, trades__contains=[{"id": trade}]).exists()


def trade_from(stored: Mapping[str, Any], table: OnTable) -> Trade:
    total = stored["total"]
    deal = Deal.from_json(stored["terms"])
    return table.trade(deal, Money.from_json(total), reaches=stored["reaches"])


def insist(*, public_id: str, sentence: str, by: Actor, organisation_id: int) -> Negotiation:
    """Asks sales for the price that was wanted last. The hold is kept for them to answer, once, by published policy.

    Raises NegotiationNotFound, NegotiationClosed, WithSales, NothingToInsist.
    """
    negotiation, now = lock_negotiation(public_id=public_id, organisation_id=organisation_id)
    if negotiation.status == says.WITH_SALES:
        raise WithSales
    wanted = negotiation.wanted or {}
    if not ({"total", "unit_price"} & set(wanted)) or last_answer(steps_of(negotiation)) is None:
        raise NothingToInsist
    table = on_table(negotiation.quote)
    if not negotiation.steps.filter(verb=says.INSISTED).exists():
        policy = PricePolicy.objects.in_force(negotiation.quote.pool.seller, now)
        prolong(quote=negotiation.quote, until=now + policy.desk_hold, now=now)
    negotiation.status, negotiation.with_sales_since = says.WITH_SALES, now
    write_step(negotiation, now, by, says.BUYER, says.INSISTED, table.terms(), wanted, _short(sentence))
    return negotiation


def reply(*, public_id: str, sentence: str, by: Actor, organisation_id: int) -> Negotiation:
    """Answers what sales asked. Raises NegotiationNotFound, NegotiationClosed, NothingAsked, SentenceMissing."""
    negotiation, now = lock_negotiation(public_id=public_id, organisation_id=organisation_id)
    said = _short(sentence)
    if not said:
        raise SentenceMissing
    last = negotiation.steps.last()
    if last is None or last.verb != says.ASKED:
        raise NothingAsked
    negotiation.status, negotiation.with_sales_since = says.WITH_SALES, now
    terms = on_table(negotiation.quote).terms()
    write_step(negotiation, now, by, says.BUYER, says.REPLIED, terms, negotiation.wanted or terms, said)
    return negotiation


def withdraw(*, public_id: str, by: Actor, organisation_id: int, release: bool = False) -> Negotiation:
    """Ends the negotiation; the quote on the table stands until it expires, or is released with it.

    Raises NegotiationNotFound, NegotiationClosed.
    """
    negotiation, now = lock_negotiation(public_id=public_id, organisation_id=organisation_id)
    negotiation.status, negotiation.with_sales_since = says.WITHDRAWN, None
    terms = on_table(negotiation.quote).terms()
    write_step(negotiation, now, by, says.BUYER, says.WITHDREW, terms, terms, "")
    if release:
        release_quote(public_id=negotiation.quote.public_id, by=by, organisation_id=organisation_id)
    return negotiation


def settle(*, quote: Quote, by: Actor, now: datetime) -> None:
    """The quote on the table was accepted, which binds both sides: the thread ends. For who accepts quotes."""
    negotiation = Negotiation.objects.select_for_update().get(quote=quote)
    negotiation.quote = quote
    if negotiation.status == says.WITHDRAWN:
        return
    negotiation.status, negotiation.with_sales_since = ACCEPTED, None
    terms = on_table(quote).terms()
    write_step(negotiation, now, by, says.BUYER, says.ACCEPTED_STEP, terms, terms, "", quote=quote)


def lock_negotiation(*, public_id: str, organisation_id: int | None) -> tuple[Negotiation, datetime]:
    """Locks the quote on the table and then the negotiation; returns it with the time, if it goes on.

    `organisation_id` is the tenant's wall; None for staff. Raises NegotiationNotFound or NegotiationClosed.
    """
    rows = Negotiation.objects.all() if organisation_id is None else Negotiation.objects.of(organisation_id)
    seen = rows.filter(public_id=public_id).values_list("quote__public_id", "organisation_id").first()
    if seen is None:
        raise NegotiationNotFound
    quote, now = _lock_table(*seen)
    negotiation = Negotiation.objects.select_for_update().get(public_id=public_id)
    if negotiation.quote_id != quote.pk:  # replaced while we waited: what is on the table is another quote now
        raise NegotiationClosed("changed by somebody else")
    negotiation.quote = quote
    if negotiation.status not in (OPEN, says.WITH_SALES):
        raise NegotiationClosed(negotiation.state(now))
    return negotiation, now


def _lock_table(quote: str, organisation_id: int) -> tuple[Quote, datetime]:
    try:
        return lock_open_quote(public_id=quote, organisation_id=organisation_id)
    except QuoteExpired:
        raise NegotiationClosed(says.LAPSED) from None
    except QuoteClosed as closed:
        raise NegotiationClosed(OF_THE_QUOTE.get(closed.status, "changed by somebody else")) from None
    except QuoteNotFound:
        raise NegotiationNotFound from None


def write_step(
    negotiation: Negotiation,
    now: datetime,
    by: Actor,
    side: str,
    verb: str,
    before: dict[str, Any],
    after: Any,
    sentence: str = "",
    trades: list[dict[str, Any]] | None = None,
    *,
    quote: Quote | None = None,
    note: str = "",
) -> Step:
    """Adds a step to a locked thread, journals it and tells of it. The thread is saved with it."""
    negotiation.steps_taken += 1
    negotiation.save()
    step = Step.objects.create(
        negotiation=negotiation,
        number=negotiation.steps_taken,
        at=now,
        side=side,
        by=by.label,
        by_user_id=by.user_id,
        by_key_id=by.key_id,
        verb=verb,
        sentence=sentence,
        before=before,
        after=after,
        trades=trades or [],
        quote=quote,
        note=note,
    )
    _tell_of(negotiation, step, by, now)
    return step


def _tell_of(negotiation: Negotiation, step: Step, by: Actor, now: datetime) -> None:
    name, subject = f"negotiation.{EVENTS.get(step.verb, step.verb)}", negotiation.public_id
    record(by=by, verb=name, subject=subject, now=now, before=step.before, after=step.after, reason=step.note)
    emit(
        name=name,
        subject=subject,
        organisation_id=negotiation.organisation_id,
        data={
            "negotiation": subject,
            "step": step.number,
            "quote": negotiation.quote.public_id,
            "status": negotiation.status,
        },
        now=now,
    )


EVENTS = {says.TOOK: "taken", says.WITHDREW: "withdrawn"}


def _short(sentence: str) -> str:
    said = sentence.strip()
    if len(said) > LONGEST_SENTENCE:
        raise SentenceMissing
    return said
