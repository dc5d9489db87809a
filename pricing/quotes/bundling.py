"""Bundles: taken all or none, released all or none, at one expiry.

Each part is an ordinary quote with a claim of its own. The claims are taken in one call of the ledger, and the price of
all is worked out from the room that each found under its lock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError

from marketplace.capacity import ledger
from marketplace.catalogue.models import Pool
from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from marketplace.parties.models import Organisation
from marketplace.screening.actions import end_customer_of
from marketplace.screening.models import EndCustomer
from marketplace.screening.queries import Party, ScreeningRequired, clear
from marketplace.units import clock
from marketplace.units.ids import new_id
from marketplace.units.instants import rfc3339
from pricing.curve.models import PricePolicy
from pricing.curve.queries import Price, pool_prices
from pricing.quotes.actions import (
    ClientReferenceTaken,
    OfferExpired,
    Priced,
    QuoteClosed,
    QuoteExpired,
    QuoteNotFound,
    Taking,
    close_quote,
    offer_again,
    remember,
    write_quote,
)
from pricing.quotes.bundle_offers import BundleOffer, BundleTerms, read_bundle_token
from pricing.quotes.bundles import Bundle, new_bundle_id
from pricing.quotes.contracts import ContractPolicy
from pricing.quotes.holds import Block, check_hold
from pricing.quotes.in_force import Locked, check_fresh, seen_under_lock
from pricing.quotes.models import EXPIRED, OPEN, RELEASED, Quote
from pricing.quotes.parts import Part, price_together

REFERENCE_CONSTRAINT = "one_bundle_per_client_reference"


class BundleNotFound(QuoteNotFound):
    """There is no such bundle for this organisation."""


class BundlePriceChanged(ledger.Refused):
    """The bundle costs more than offered. Nothing is held; `offer` is the same bundle at today's price."""

    def __init__(self, offer: BundleOffer) -> None:
        super().__init__("The price rose since the offer was made.", [part.pool.pk for part in offer.parts])
        self.offer = offer


@dataclass(frozen=True)
class _Claimed:
    """A part with what its claim found under the lock."""

    taking: Taking
    claim: ledger.Claimed
    part: Part
    locked: Locked

    def priced(self, price: Price) -> Priced:
        part = self.part
        limit = part.prices.curve(part.firmness, part.period).limit
        use = (limit - self.claim.rooms[0]).astype(int).tolist()
        return Priced(part.prices, use, price, self.locked)


def take_bundle(
    *,
    offer: str,
    organisation: Organisation,
    by: Actor,
    client_reference: str | None = None,
    metadata: Mapping[str, str] | None = None,
    on_behalf_of: str | None = None,
    held_until: datetime | None = None,
) -> Bundle:
    """Turns the offer of a bundle into quotes that hold all of its capacity until one expiry.

    Priced as a whole under the lock: not dearer than offered, and it stands at the lower total; dearer:
    BundlePriceChanged; a part is gone: InsufficientHeadroom; one is not cleared: ScreeningRequired; more than the
    organisation may hold: HoldLimit or HoldCooldown. In every case nothing is held.
    """
    terms = read_bundle_token(offer, organisation_id=organisation.pk)
    now = clock.now()
    if terms.valid_until <= now:
        raise OfferExpired
    customer = end_customer_of(organisation_id=organisation.pk, public_id=on_behalf_of)
    takings = _takings(terms, by, now, customer, held_until)
    _check_cleared(takings, now)
    _check_hold(takings)
    claimed = _hold_all(takings)
    prices = price_together(terms.kind, [each.part for each in claimed], quoted_on=now.date())
    priced = [each.priced(price) for each, price in zip(claimed, prices, strict=True)]
    if sum(price.total.amount for price in prices) > terms.total.amount:
        raise BundlePriceChanged(_offer_again(terms.kind, takings, priced))
    bundle = _write(terms, takings, prices, client_reference, dict(metadata or {}))
    for number, (each, found) in enumerate(zip(claimed, priced, strict=True)):
        quote = write_quote(each.taking, each.claim.claim_id, found, bundle=bundle, bundle_part=number)
        remember(quote)
        _tell(quote.public_id, "quote.created", bundle, by, now)
    _tell(bundle.public_id, "bundle.created", bundle, by, now)
    return bundle


def _check_cleared(takings: Sequence[Taking], now: datetime) -> None:
    """Every part for itself: one that is not cleared refuses all."""
    customers = [each.on_behalf_of for each in takings]
    deals = [
        Party(each.terms.organisation_id, each.pool.pk, customer.pk if customer else None)
        for each, customer in zip(takings, customers, strict=True)
    ]
    if not all(clear(deals, now=now)):
        raise ScreeningRequired


def _takings(
    terms: BundleTerms, by: Actor, now: datetime, customer: EndCustomer | None, held_until: datetime | None
) -> list[Taking]:
    """The parts in the making, all with the shortest hold of the sellers' policies, or with the one that is given."""
    names = {part.pool for part in terms.parts}
    pools = {pool.public_id: pool for pool in Pool.objects.select_related("seller").filter(public_id__in=names)}
    sellers = {pool.seller for pool in pools.values()}
    policies = {seller.pk: PricePolicy.objects.in_force(seller, now) for seller in sellers}
    contracts = {seller.pk: ContractPolicy.objects.in_force(seller.pk, now) for seller in sellers}
    until = held_until or now + min(policy.hold for policy in policies.values())
    return [
        Taking(
            new_id("qte"),
            part,
            pools[part.pool],
            policies[pools[part.pool].seller_id],
            contracts[pools[part.pool].seller_id],
            by,
            now,
            None,
            {},
            customer,
            held_until=until,
        )
        for part in terms.parts
    ]


@dataclass(frozen=True)
class _AllOrNone(Block):
    """Everything that a bundle holds, as one: a part of it does not help."""

    hours: int = 0

    @property
    def gpu_hours(self) -> int:
        return self.hours

    def most_within(self, gpu_hours: int) -> int:
        return 0


def _check_hold(takings: Sequence[Taking]) -> None:
    """The whole of it counts, under the policy of every seller whose capacity is in it."""
    hours = sum(each.block.gpu_hours for each in takings)
    for policy in {each.policy.pk: each.policy for each in takings}.values():
        first = takings[0]
        check_hold(
            organisation_id=first.terms.organisation_id, block=_AllOrNone(0, 0, 1, hours), policy=policy, now=first.now
        )


def _hold_all(takings: Sequence[Taking]) -> list[_Claimed]:
    claims = ledger.hold_all(
        wanted=[
            ledger.Wanted(
                each.public_id,
                each.terms.firmness,
                ledger.Line(each.pool.pk, each.terms.period, each.terms.quantity, each.occupied_end),
            )
            for each in takings
        ],
        expires_at=takings[0].expires_at,
        now=takings[0].now,
    )
    return [_found(taking, claim) for taking, claim in zip(takings, claims, strict=True)]


def _found(taking: Taking, claim: ledger.Claimed) -> _Claimed:
    """All parts are claimed, so the nested use of each has all of them in it. Raises MarketStale."""
    terms, pool = taking.terms, taking.pool
    locked = seen_under_lock(pool, terms.firmness, terms.period, taking.now)
    version = locked.version
    check_fresh(version, taking.policy, taking.now)
    prices = pool_prices([version.pk])[pool.pk]
    cents = prices.day_cents(terms.firmness, terms.period, claim.rooms[0], terms.quantity)
    part = Part(prices, pool.pk, terms.firmness, terms.period, terms.quantity, cents, terms.prepayment)
    return _Claimed(taking, claim, part, locked)


def _offer_again(kind: str, takings: Sequence[Taking], priced: Sequence[Priced]) -> BundleOffer:
    return BundleOffer(kind, tuple(offer_again(*each) for each in zip(takings, priced, strict=True)))


def _write(
    terms: BundleTerms,
    takings: Sequence[Taking],
    prices: Sequence[Price],
    client_reference: str | None,
    metadata: dict[str, str],
) -> Bundle:
    first = takings[0]
    bundle = Bundle(
        public_id=new_bundle_id(),
        organisation_id=terms.organisation_id,
        kind=terms.kind,
        total=sum((price.total.amount for price in prices), Decimal(0)),
        list_total=sum((price.listed.amount for price in prices), Decimal(0)),
        created_at=first.now,
        created_by=first.by.label,
        expires_at=first.expires_at,
        client_reference=client_reference,
        metadata=metadata,
    )
    try:
        bundle.save(force_insert=True)
    except IntegrityError as failure:
        if REFERENCE_CONSTRAINT in str(failure):
            raise ClientReferenceTaken from failure
        raise
    return bundle


def lock_open_bundle(*, public_id: str, organisation_id: int) -> tuple[Bundle, list[Quote], datetime]:
    """Locks every part of a bundle of this organisation, by id, and returns them with the time, if all can be used.

    Raises BundleNotFound, QuoteExpired or QuoteClosed. The clock is read after the locks.
    """
    bundle = Bundle.objects.of(organisation_id).filter(public_id=public_id).first()
    if bundle is None:
        raise BundleNotFound
    quotes = list(Quote.objects.filter(bundle=bundle).order_by("pk").select_for_update())
    now = clock.now()
    states = {quote.state(now) for quote in quotes}
    if EXPIRED in states:
        raise QuoteExpired
    if states != {OPEN}:
        raise QuoteClosed(states.pop())
    # All claims before the first day: who moves a single one of them then waits for all, or has ended before.
    ledger.lock_claims(claim_ids=[quote.claim_id for quote in quotes if quote.claim_id is not None])
    return bundle, quotes, now


def release_bundle(*, public_id: str, by: Actor, organisation_id: int) -> Bundle:
    """Gives every hold of the bundle back before it expires. This cannot be undone."""
    bundle, quotes, now = lock_open_bundle(public_id=public_id, organisation_id=organisation_id)
    for quote in in_claim_order(quotes):
        close_quote(quote, RELEASED, by, now)
    _tell(bundle.public_id, "bundle.released", bundle, by, now)
    return bundle


def in_claim_order(quotes: Sequence[Quote]) -> list[Quote]:
    """By (pool, start): the order in which their days are locked, as they were when they were claimed."""
    return sorted(quotes, key=lambda quote: (quote.pool_id, quote.start, quote.pk))


def _tell(subject: str, name: str, bundle: Bundle, by: Actor, now: datetime) -> None:
    total = bundle.money.as_json()
    record(by=by, verb=name, subject=subject, now=now, after={"bundle": bundle.public_id, "total": total})
    emit(
        name=name,
        subject=subject,
        organisation_id=bundle.organisation_id,
        data={"bundle": bundle.public_id, "total": total, "expires_at": rfc3339(bundle.expires_at)},
        now=now,
    )
