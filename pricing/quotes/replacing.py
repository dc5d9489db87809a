"""A quote that replaces another one of the same buyer: on other terms, at another price, or for another block.

The hold is never lost on the way. The same block keeps its claim, which goes on to stand for the new quote; another one
is claimed in the same transaction in which the old one is given up, so that either both happen or nothing does.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from marketplace.capacity import ledger
from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from marketplace.screening.queries import check_cleared
from marketplace.units.ids import new_id
from marketplace.units.money import Money, unit_price
from marketplace.units.period import Period
from pricing.curve.models import PricePolicy
from pricing.curve.queries import Price
from pricing.demand.actions import record_replaced
from pricing.quotes.actions import (
    PriceChanged,
    QuoteExpired,
    Taking,
    offer_again,
    price_under_lock,
    tell_of_quote,
    write_quote,
)
from pricing.quotes.contracts import ContractPolicy
from pricing.quotes.holds import check_hold
from pricing.quotes.models import OPEN, REPLACED, Quote
from pricing.quotes.offers import OfferTerms

NEGOTIATED = "negotiated"
# What a quote of the same block has of its own; all the rest was frozen with the block, and stays.
OWN = {"id", "public_id", "status", "created_at", "created_by", "expires_at"}


@dataclass(frozen=True)
class Replacement:
    """What is to stand in a quote's place. `total` is what was agreed to: the new quote is never dearer.

    `granted`: sales named that total; what it is below the published price becomes a line of its own. `least_hold`:
    how long the hold of the same block lasts at least.
    """

    quantity: int
    period: Period
    firmness: str
    prepayment: int
    total: Money
    granted: bool = False
    least_hold: timedelta = timedelta()


def replace_quote(*, quote: Quote, by: Actor, wanted: Replacement, published: Price | None, now: datetime) -> Quote:
    """Makes the quote that replaces an open one, which the caller has locked.

    `published` is the price of the same block on the new terms; None for another block, whose price is computed at the
    use found under the lock. Raises PriceChanged, InsufficientHeadroom, HoldLimit, HoldCooldown, MarketStale.
    """
    quote.status = REPLACED
    quote.save(update_fields=["status"])
    if published is None:
        made = _on_another_block(quote, by, wanted, now)
    else:
        made = _on_the_same_block(quote, by, wanted, published, now)
    _remember(quote, made)
    _tell_of(quote, made, by)
    return made


def _on_the_same_block(quote: Quote, by: Actor, wanted: Replacement, published: Price, now: datetime) -> Quote:
    """The claim is handed over; everything that was frozen with the block stays: use, version, confidence, terms."""
    public_id, until = new_id("qte"), max(quote.expires_at, now + wanted.least_hold)
    assert quote.claim_id is not None, "a quote to buy holds capacity"
    try:
        ledger.hand_over(claim_id=quote.claim_id, holder=public_id, now=now)
        if until > quote.expires_at:
            ledger.prolong_hold(claim_id=quote.claim_id, expires_at=until, now=now)
    except ledger.HoldGone as gone:
        raise QuoteExpired from gone
    kept = {field.attname: getattr(quote, field.attname) for field in Quote._meta.concrete_fields}
    frozen = {name: value for name, value in kept.items() if name not in OWN}
    changed = {"prepayment_percent": wanted.prepayment, **_price(quote, wanted, published)}
    made = Quote(
        public_id=public_id,
        status=OPEN,
        created_at=now,
        created_by=by.label,
        expires_at=until,
        **(frozen | changed),
    )
    made.save(force_insert=True)
    return made


def _on_another_block(quote: Quote, by: Actor, wanted: Replacement, now: datetime) -> Quote:
    taking = _taking(quote, by, wanted, now)
    whose = quote.on_behalf_of_id
    check_cleared(organisation_id=quote.organisation_id, pool_id=quote.pool_id, end_customer_id=whose, now=now)
    given_up = quote.gpu_hours if taking.policy.long_holds_count or not quote.hold_days else 0
    check_hold(
        organisation_id=quote.organisation_id, block=taking.block, policy=taking.policy, now=now, given_up=given_up
    )
    assert quote.claim_id is not None, "a quote to buy holds capacity"
    claimed = ledger.exchange_hold(
        claim_id=quote.claim_id,
        holder=taking.public_id,
        firmness=wanted.firmness,
        lines=[ledger.Line(quote.pool_id, wanted.period, wanted.quantity, taking.occupied_end)],
        expires_at=taking.expires_at,
        now=now,
    )
    priced = price_under_lock(taking, claimed)
    if not wanted.granted and priced.price.total.amount > wanted.total.amount:
        raise PriceChanged(offer_again(taking, priced))
    return write_quote(taking, claimed.claim_id, priced, **_price(quote, wanted, priced.price))


def _taking(quote: Quote, by: Actor, wanted: Replacement, now: datetime) -> Taking:
    policy = PricePolicy.objects.in_force(quote.pool.seller, now)
    terms = OfferTerms(
        pool=quote.pool.public_id,
        quantity=wanted.quantity,
        asked_quantity=wanted.quantity,
        period=wanted.period,
        firmness=wanted.firmness,
        total=wanted.total,
        price_version=quote.price_version.public_id,
        organisation_id=quote.organisation_id,
        valid_until=quote.expires_at,
        prepayment=wanted.prepayment,
    )
    return Taking(
        public_id=new_id("qte"),
        terms=terms,
        pool=quote.pool,
        policy=policy,
        contract=ContractPolicy.objects.in_force(quote.pool.seller_id, now),
        by=by,
        now=now,
        client_reference=quote.client_reference,
        metadata=dict(quote.metadata),
        on_behalf_of=quote.on_behalf_of,
    )


def _price(quote: Quote, wanted: Replacement, published: Price) -> dict[str, Any]:
    """The price fields of the new quote: the published price, less what sales granted, to the cent."""
    conceded = published.total.amount - wanted.total.amount if wanted.granted else published.total.amount * 0
    conceded = max(conceded, conceded * 0)
    lines = [*published.lines, *([(NEGOTIATED, Money(-conceded, published.total.currency))] if conceded else [])]
    return {
        "total": published.total.amount - conceded,
        "list_total": published.listed.amount,
        "breakdown": [{"code": code, "amount": amount.as_json()} for code, amount in lines],
        "concession": conceded,
        "is_negotiated": True,
        "replaces_id": quote.pk,
    }


def _remember(quote: Quote, made: Quote) -> None:
    """Demand hears that the wish lives on under another quote."""
    record_replaced(
        quote=quote.public_id,
        by=made.public_id,
        pool=made.pool,
        quantity=made.quantity,
        period=made.period,
        unit_price=unit_price(made.money, made.gpu_hours),
        now=made.created_at,
    )


def _tell_of(quote: Quote, made: Quote, by: Actor) -> None:
    after = {"replaced_by": made.public_id}
    record(by=by, verb="quote.replaced", subject=quote.public_id, now=made.created_at, after=after)
    emit(
        name="quote.replaced",
        subject=quote.public_id,
        organisation_id=quote.organisation_id,
        data={"quote": quote.public_id, **after},
        now=made.created_at,
    )
    tell_of_quote(made, by)
