from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError
from django.db.models import QuerySet

from marketplace.capacity import ledger
from marketplace.catalogue.models import Pool
from marketplace.journal.actions import record
from marketplace.journal.actor import SYSTEM, Actor
from marketplace.outbox.actions import emit, telling
from marketplace.parties.models import Organisation
from marketplace.screening.actions import end_customer_of
from marketplace.screening.models import EndCustomer
from marketplace.screening.queries import check_cleared
from marketplace.supply.queries import delivery_confidence
from marketplace.units import clock
from marketplace.units.compiled import Compiled, given
from marketplace.units.compute import gpu_hours
from marketplace.units.ids import new_id
from marketplace.units.instants import rfc3339
from marketplace.units.money import unit_price
from marketplace.units.prepared import planned_once
from marketplace.units.writes import Write, insert, run
from pricing.curve.models import PricePolicy
from pricing.curve.queries import PoolPrices, Price, pool_prices
from pricing.demand.actions import quoted, record_lost, taken
from pricing.quotes.contracts import ContractPolicy
from pricing.quotes.holds import Block, check_hold
from pricing.quotes.in_force import Locked, check_fresh, policies_of, seen_under_lock
from pricing.quotes.models import ACCEPTED, EXPIRED, OPEN, RELEASED, REPLACED, Quote
from pricing.quotes.offers import CONFIDENCE_STEP, Offer, OfferTerms, make_offer, read_token

REFERENCE_CONSTRAINT = "one_quote_per_client_reference"


class OfferExpired(Exception):
    """The offer's `valid_until` has passed. Ask again: nothing was held."""


class PriceChanged(ledger.Refused):
    """The block costs more than offered. Nothing is held; `offer` is the block at today's price."""

    def __init__(self, offer: Offer) -> None:
        super().__init__("The price rose since the offer was made.", [offer.pool.pk])
        self.offer = offer


class QuoteNotFound(Exception):
    """There is no such quote for this organisation."""


class QuoteExpired(Exception):
    """The quote's time is over. Nothing was charged and nothing is held."""


class QuoteClosed(Exception):
    """The quote was accepted or released already; `status` says which."""

    def __init__(self, status: str) -> None:
        super().__init__(f"The quote is {status}.")
        self.status = status


class PartOfBundle(QuoteClosed):
    """The quote is a part of a bundle: it is accepted or released with all the others. `bundle` is its id."""

    def __init__(self, bundle: str) -> None:
        super().__init__("part of a bundle")
        self.args = (f"The quote is a part of bundle {bundle}, whose parts are taken all or none.",)
        self.bundle = bundle


class ClientReferenceTaken(Exception):
    """Another quote of this organisation has this client reference."""


@dataclass(frozen=True)
class Taking:
    """A quote in the making: everything that is known before anything is locked."""

    public_id: str
    terms: OfferTerms
    pool: Pool
    policy: PricePolicy
    contract: ContractPolicy
    by: Actor
    now: datetime
    client_reference: str | None
    metadata: dict[str, str]
    on_behalf_of: EndCustomer | None = None
    held_until: datetime | None = None  # a bundle has one expiry, whatever each seller's policy says

    @property
    def expires_at(self) -> datetime:
        return self.held_until or self.now + self.policy.hold

    @property
    def block(self) -> Block:
        return Block(self.terms.quantity, self.terms.period.days, self.pool.lot)

    @property
    def occupied_end(self) -> date:
        """The block and the turnaround after it, which is claimed and not priced."""
        return self.terms.period.end + timedelta(days=self.contract.turnaround_days)


@dataclass(frozen=True)
class Priced:
    """What the lock showed: the use per day, its price there, and the versions behind it."""

    prices: PoolPrices
    use: list[int]
    price: Price
    locked: Locked


@planned_once()
def take_quote(
    *,
    offer: str,
    organisation: Organisation,
    by: Actor,
    client_reference: str | None = None,
    metadata: Mapping[str, str] | None = None,
    on_behalf_of: str | None = None,
    held_until: datetime | None = None,
) -> Quote:
    """Turns an offer into a quote that holds its capacity until it expires; `on_behalf_of` names an end customer.

    The price is computed again at the use found under the lock. Not dearer than the offer: the quote stands, at the
    lower of the two. Dearer: PriceChanged, and nothing is held. Gone: InsufficientHeadroom. Not cleared:
    ScreeningRequired. More than the organisation may hold unbought: HoldLimit, or HoldCooldown where it let too many
    holds lapse. `held_until` is another expiry than the policy's: that of an offer from the waitlist.
    """
    terms = read_token(offer, organisation_id=organisation.pk)
    pool, policy, contract, now = policies_of(terms.pool)
    if terms.valid_until <= now:
        raise OfferExpired
    if client_reference and _is_taken(organisation.pk, client_reference):
        raise ClientReferenceTaken
    customer = end_customer_of(organisation_id=organisation.pk, public_id=on_behalf_of)
    whose = customer.pk if customer else None
    check_cleared(organisation_id=organisation.pk, pool_id=pool.pk, end_customer_id=whose, now=now)
    kept = (client_reference, dict(metadata or {}), customer, held_until)
    taking = Taking(new_id("qte"), terms, pool, policy, contract, by, now, *kept)
    # Before the ledger, as docs/locking.md has it: two holds of one organisation at once are counted one by one.
    check_hold(organisation_id=organisation.pk, block=taking.block, policy=policy, now=now)
    claimed = _hold(taking)
    priced = price_under_lock(taking, claimed)
    if priced.price.total.amount > terms.total.amount:
        raise PriceChanged(offer_again(taking, priced))
    quote = make_quote(taking, claimed.claim_id, priced)
    write(quote, *_remembering(quote), *_telling_of(quote, by))
    return quote


def _is_taken(organisation_id: int, client_reference: str) -> bool:
    own = Quote.objects.of(organisation_id).filter(client_reference=client_reference)
    return own.exclude(status=REPLACED).exists()


def remember(quote: Quote) -> None:
    """Demand hears what became of the wish."""
    run(*_remembering(quote))


def _remembering(quote: Quote) -> tuple[Write, ...]:
    return quoted(
        organisation_id=quote.organisation_id,
        quote=quote.public_id,
        pool=quote.pool,
        firmness=quote.firmness,
        quantity=quote.asked_quantity,
        period=quote.period,
        unit_price=unit_price(quote.money, gpu_hours(quote.quantity, quote.period.days)),
        now=quote.created_at,
    )


def _hold(taking: Taking) -> ledger.Claimed:
    terms = taking.terms
    return ledger.hold(
        holder=taking.public_id,
        firmness=terms.firmness,
        lines=[ledger.Line(taking.pool.pk, terms.period, terms.quantity, taking.occupied_end)],
        expires_at=taking.expires_at,
        now=taking.now,
    )


def price_under_lock(taking: Taking, claimed: ledger.Claimed) -> Priced:
    terms, pool, now = taking.terms, taking.pool, taking.now
    locked = seen_under_lock(pool, terms.firmness, terms.period, now)
    version = locked.version
    check_fresh(version, taking.policy, now)
    prices = pool_prices([version.pk])[pool.pk]
    (room,) = claimed.rooms
    price = prices.price(
        terms.firmness, terms.period, room, terms.quantity, quoted_on=now.date(), prepaid=terms.prepayment
    )
    use = prices.curve(terms.firmness, terms.period).limit - room
    return Priced(prices, use.astype(int).tolist(), price, locked)


def offer_again(taking: Taking, priced: Priced) -> Offer:
    """The same block at the price that the lock showed."""
    terms = taking.terms
    return make_offer(
        pool=taking.pool,
        prices=priced.prices,
        policy=taking.policy,
        projection=priced.locked.version.projection,
        quantity=terms.quantity,
        asked_quantity=terms.asked_quantity,
        period=terms.period,
        firmness=terms.firmness,
        total=priced.price.total,
        price_lines=lambda: priced.price.lines,
        prepayment=terms.prepayment,
        required=priced.locked.required,
        organisation_id=terms.organisation_id,
        now=taking.now,
    )


def write_quote(taking: Taking, claim_id: int, priced: Priced, **more: Any) -> Quote:
    """Writes a quote that stands on a claim; `more` are fields that a quote made otherwise than from an offer has."""
    quote = make_quote(taking, claim_id, priced, **more)
    write(quote)
    return quote


def make_quote(taking: Taking, claim_id: int, priced: Priced, **more: Any) -> Quote:
    """The same quote, not yet written."""
    document = priced.locked.document
    terms = taking.terms
    return Quote(
        public_id=taking.public_id,
        organisation_id=terms.organisation_id,
        pool=taking.pool,
        firmness=terms.firmness,
        quantity=terms.quantity,
        asked_quantity=terms.asked_quantity,
        start=terms.period.start,
        end=terms.period.end,
        spec=priced.locked.spec,
        terms=document,
        terms_digest=document.digest,
        contract_id=taking.contract.pk,
        claim_id=claim_id,
        status=OPEN,
        created_at=taking.now,
        created_by=taking.by.label,
        expires_at=taking.expires_at,
        client_reference=taking.client_reference,
        metadata=taking.metadata,
        on_behalf_of=taking.on_behalf_of,
        **{**_price_fields(taking, priced), **more},
    )


def write(quote: Quote, *beside: Write) -> None:
    """Writes a new quote, and what goes with it, in one statement."""
    try:
        insert(quote, *beside)
    except IntegrityError as failure:
        # Two quotes at once with one reference: both passed the check above, the constraint stops the second.
        if REFERENCE_CONSTRAINT in str(failure):
            raise ClientReferenceTaken from failure
        raise


def _price_fields(taking: Taking, priced: Priced) -> dict[str, Any]:
    """What the quote keeps of its price: enough to compute it again."""
    terms = taking.terms
    confidence = delivery_confidence(
        pool_id=taking.pool.pk,
        period=terms.period,
        required=priced.locked.required,
        projection=priced.locked.version.projection,
    )
    return {
        "total": priced.price.total.amount,
        "list_total": priced.price.listed.amount,
        "currency": priced.price.total.currency,
        "prepayment_percent": terms.prepayment,
        "breakdown": [{"code": code, "amount": amount.as_json()} for code, amount in priced.price.lines],
        "use": priced.use,
        "price_version_id": priced.prices.version_id,
        "delivery_confidence": Decimal(confidence).quantize(CONFIDENCE_STEP),
    }


def tell_of_quote(quote: Quote, by: Actor) -> None:
    run(*_telling_of(quote, by))


def _telling_of(quote: Quote, by: Actor) -> tuple[Write, ...]:
    total = quote.money.as_json()
    return telling(
        by=by,
        name="quote.created",
        subject=quote.public_id,
        organisation_id=quote.organisation_id,
        after={"total": total},
        data={"quote": quote.public_id, "kind": quote.kind, "total": total, "expires_at": rfc3339(quote.expires_at)},
        now=quote.created_at,
    )


def lock_open_quote(*, public_id: str, organisation_id: int) -> tuple[Quote, datetime]:
    """Locks a quote of this organisation and returns it with the time, if it can still be used.

    Raises QuoteNotFound, QuoteExpired, QuoteClosed or PartOfBundle. The clock is read after the lock: a request
    that waited past the expiry is too late.
    """
    found = _locked.first_at(public_id=public_id, organisation_id=organisation_id)
    if found is None:
        raise QuoteNotFound
    quote, now = found
    state = quote.state(now)
    if state == EXPIRED:
        raise QuoteExpired
    if state != OPEN:
        raise QuoteClosed(state)
    if quote.bundle is not None:
        raise PartOfBundle(quote.bundle.public_id)
    return quote, now


@Compiled
def _locked() -> QuerySet[Quote]:
    rows = Quote.objects.of(given("organisation_id")).select_related("pool__seller", "organisation", "on_behalf_of")
    return rows.filter(public_id=given("public_id")).order_by().select_for_update(of=("self",))


def accepted(*, quote: Quote, now: datetime) -> tuple[Write, ...]:
    """A locked quote that was open is accepted, and the wish behind it served: what is to be written with what was
    made of it."""
    quote.status = ACCEPTED
    return Write("accepted", _ACCEPTED, (ACCEPTED, quote.pk)), taken(quote=quote.public_id, now=now)


_ACCEPTED = "UPDATE pricing_quote SET status = %s WHERE id = %s"


def release_quote(*, public_id: str, by: Actor, organisation_id: int) -> Quote:
    """Gives the hold back before it expires. This cannot be undone; the block may be asked for again."""
    quote, now = lock_open_quote(public_id=public_id, organisation_id=organisation_id)
    return close_quote(quote, RELEASED, by, now)


def expire_quote(*, quote_id: int) -> Quote | None:
    """Writes down that a quote's time is over and frees its capacity. None where it is not due or done."""
    quote = Quote.objects.filter(pk=quote_id, status=OPEN).select_for_update(skip_locked=True).first()
    if quote is None:
        return None
    now = clock.now()
    return close_quote(quote, EXPIRED, SYSTEM, now) if quote.has_expired(now) else None


def close_quote(quote: Quote, status: str, by: Actor, now: datetime) -> Quote:
    """Ends a locked quote that was not accepted, and frees its capacity."""
    quote.status = status
    quote.save(update_fields=["status"])
    if quote.claim_id is not None:
        ledger.release_hold(claim_id=quote.claim_id, now=now)
    record_lost(quote=quote.public_id, now=now)
    record(by=by, verb=f"quote.{status}", subject=quote.public_id, now=now)
    emit(
        name=f"quote.{status}",
        subject=quote.public_id,
        organisation_id=quote.organisation_id,
        data={"quote": quote.public_id},
        now=now,
    )
    return quote
