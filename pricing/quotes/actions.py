from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError

from marketplace.capacity import ledger
from marketplace.capacity.queries import inventory
from marketplace.catalogue.models import Pool
from marketplace.journal.actions import record
from marketplace.journal.actor import SYSTEM, Actor
from marketplace.outbox.actions import emit
from marketplace.parties.models import Organisation
from marketplace.supply.models import Projection
from marketplace.supply.queries import delivery_confidence
from marketplace.units import clock
from marketplace.units.firmness import rank
from marketplace.units.ids import new_id
from marketplace.units.instants import rfc3339
from marketplace.units.money import Money
from pricing.curve.models import PricePolicy, PriceVersion
from pricing.curve.queries import PoolPrices, current_versions, pool_prices, total_of
from pricing.quotes.models import EXPIRED, OPEN, RELEASED, Quote, TermsDocument
from pricing.quotes.offers import Offer, OfferTerms, read_token
from pricing.quotes.search import CONFIDENCE_STEP, make_offer

REFERENCE_CONSTRAINT = "one_quote_per_client_reference"


class OfferExpired(Exception):
    """The offer's `valid_until` has passed. Ask again: nothing was held."""


class PriceChanged(ledger.Refused):
    """The block costs more than offered. Nothing is held; `offer` is the block at today's price."""

    def __init__(self, offer: Offer) -> None:
        super().__init__("The price rose since the offer was made.", [offer.pool.pk])
        self.offer = offer


class MarketStale(Exception):
    """The projection behind the limits is older than policy allows: no new quote is made until a newer one is in."""


class QuoteNotFound(Exception):
    """There is no such quote for this organisation."""


class QuoteExpired(Exception):
    """The quote's time is over. Nothing was charged and nothing is held."""


class QuoteClosed(Exception):
    """The quote was accepted or released already; `status` says which."""

    def __init__(self, status: str) -> None:
        super().__init__(f"The quote is {status}.")
        self.status = status


class ClientReferenceTaken(Exception):
    """Another quote of this organisation has this client reference."""


@dataclass(frozen=True)
class Priced:
    """What the lock showed: the use per day, its price there, and the versions behind it."""

    prices: PoolPrices
    policy: PricePolicy
    projection: Projection
    use: list[int]
    total: Money
    required: Any


def take_quote(
    *,
    offer: str,
    organisation: Organisation,
    by: Actor,
    client_reference: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Quote:
    """Turns an offer into a quote that holds its capacity until it expires.

    The price is computed again at the use found under the lock. Not dearer than the offer: the quote stands, at the
    lower of the two. Dearer: PriceChanged, and nothing is held. Gone: InsufficientHeadroom.
    """
    terms = read_token(offer, organisation_id=organisation.pk)
    now = clock.now()
    if terms.valid_until <= now:
        raise OfferExpired
    if client_reference and Quote.objects.of(organisation.pk).filter(client_reference=client_reference).exists():
        raise ClientReferenceTaken
    pool = Pool.objects.select_related("site", "accelerator", "seller").get(public_id=terms.pool)
    policy = PricePolicy.objects.in_force(pool.seller, now)
    public_id = new_id("qte")
    line = ledger.Line(pool.pk, terms.period, terms.quantity)
    claimed = ledger.hold(
        holder=public_id,
        firmness=terms.firmness,
        lines=[line],
        expires_at=now + policy.hold,
        now=now,
    )
    priced = _price_under_lock(pool, terms, claimed, policy, now)
    if priced.total.amount > terms.total.amount:
        raise PriceChanged(_offer_again(pool, terms, priced, now))
    try:
        quote = _write(
            public_id,
            pool,
            terms,
            claimed,
            priced,
            policy,
            by,
            now,
            client_reference,
            metadata,
        )
    except IntegrityError as failure:
        # Two quotes at once with one reference: both passed the check above, the constraint stops the second.
        if REFERENCE_CONSTRAINT in str(failure):
            raise ClientReferenceTaken from failure
        raise
    record(
        by=by,
        verb="quote.created",
        subject=public_id,
        now=now,
        after={"total": priced.total.as_json()},
    )
    emit(
        name="quote.created",
        subject=public_id,
        organisation_id=organisation.pk,
        data={
            "quote": public_id,
            "total": priced.total.as_json(),
            "expires_at": rfc3339(quote.expires_at),
        },
        now=now,
    )
    return quote


def _price_under_lock(
    pool: Pool,
    terms: OfferTerms,
    claimed: ledger.Claimed,
    policy: PricePolicy,
    now: datetime,
) -> Priced:
    version_id = current_versions()[pool.seller_id]
    version = PriceVersion.objects.select_related("projection").get(pk=version_id)
    if now - version.projection.created_at > timedelta(hours=policy.projection_max_age_hours):
        raise MarketStale
    prices = pool_prices([version_id])[pool.pk]
    (room,) = claimed.rooms
    total = total_of(prices.day_cents(terms.firmness, terms.period, room, terms.quantity))
    use = prices.curve(terms.firmness, terms.period).limit - room
    # The rows are locked, so this read is of what was just written: the nested use with this block in it.
    found = inventory(pool_ids=[pool.pk], period=terms.period, now=now)
    return Priced(
        prices, policy, version.projection, use.astype(int).tolist(), total, found.nested[0, rank(terms.firmness)]
    )


def _offer_again(pool: Pool, terms: OfferTerms, priced: Priced, now: datetime) -> Offer:
    return make_offer(
        pool=pool,
        prices=priced.prices,
        policy=priced.policy,
        projection=priced.projection,
        quantity=terms.quantity,
        asked_quantity=terms.asked_quantity,
        period=terms.period,
        firmness=terms.firmness,
        total=priced.total,
        required=priced.required,
        organisation_id=terms.organisation_id,
        now=now,
    )


def _write(
    public_id: str,
    pool: Pool,
    terms: OfferTerms,
    claimed: ledger.Claimed,
    priced: Priced,
    policy: PricePolicy,
    by: Actor,
    now: datetime,
    client_reference: str | None,
    metadata: Mapping[str, str] | None,
) -> Quote:
    document = TermsDocument.objects.filter(in_force_from__lte=now).first()
    if document is None:
        raise MarketStale
    breakdown = priced.prices.breakdown(terms.firmness, terms.period, terms.quantity, priced.total)
    confidence = delivery_confidence(
        pool_id=pool.pk, period=terms.period, required=priced.required, projection=priced.projection
    )
    return Quote.objects.create(
        public_id=public_id,
        organisation_id=terms.organisation_id,
        pool=pool,
        firmness=terms.firmness,
        quantity=terms.quantity,
        asked_quantity=terms.asked_quantity,
        start=terms.period.start,
        end=terms.period.end,
        total=priced.total.amount,
        currency=priced.total.currency,
        breakdown=[{"code": code, "amount": amount.as_json()} for code, amount in breakdown],
        use=priced.use,
        price_version_id=priced.prices.version_id,
        delivery_confidence=Decimal(confidence).quantize(CONFIDENCE_STEP),
        spec=pool.specs.latest("version"),
        terms=document,
        terms_digest=document.digest,
        claim_id=claimed.claim_id,
        status=OPEN,
        created_at=now,
        created_by=by.label,
        expires_at=now + policy.hold,
        client_reference=client_reference,
        metadata=dict(metadata or {}),
    )


def lock_open_quote(*, public_id: str, organisation_id: int) -> tuple[Quote, datetime]:
    """Locks a quote of this organisation and returns it with the time, if it can still be used.

    Raises QuoteNotFound, QuoteExpired or QuoteClosed. The clock is read after the lock: a request that waited past
    the expiry is too late.
    """
    quote = Quote.objects.of(organisation_id).filter(public_id=public_id).select_for_update().first()
    if quote is None:
        raise QuoteNotFound
    now = clock.now()
    state = quote.state(now)
    if state == EXPIRED:
        raise QuoteExpired
    if state != OPEN:
        raise QuoteClosed(state)
    return quote, now


def release_quote(*, public_id: str, by: Actor, organisation_id: int) -> Quote:
    """Gives the hold back before it expires. This cannot be undone; the block may be asked for again."""
    quote, now = lock_open_quote(public_id=public_id, organisation_id=organisation_id)
    return _close(quote, RELEASED, by, now)


def expire_quote(*, quote_id: int) -> Quote | None:
    """Writes down that a quote's time is over and frees its capacity. None where it is not due or done."""
    quote = Quote.objects.filter(pk=quote_id, status=OPEN).select_for_update(skip_locked=True).first()
    if quote is None:
        return None
    now = clock.now()
    return _close(quote, EXPIRED, SYSTEM, now) if quote.has_expired(now) else None


def _close(quote: Quote, status: str, by: Actor, now: datetime) -> Quote:
    quote.status = status
    quote.save(update_fields=["status"])
    ledger.release_hold(claim_id=quote.claim_id, now=now)
    record(by=by, verb=f"quote.{status}", subject=quote.public_id, now=now)
    emit(
        name=f"quote.{status}",
        subject=quote.public_id,
        organisation_id=quote.organisation_id,
        data={"quote": quote.public_id},
        now=now,
    )
    return quote
