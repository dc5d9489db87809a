"""Offers of several blocks together: one signed token for all of them, no row, and no claim on capacity."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.core import signing

from marketplace.units.money import Money, unit_price, usd_from_cents
from marketplace.units.period import Period
from pricing.quotes.offers import Offer, OfferInvalid, OfferTerms

PREFIX = "bof_"
SALT = "headroom.bundle_offer"
MOST_PARTS = 64


@dataclass(frozen=True)
class BundleTerms:
    """What the token carries: the kind, and the terms of each part in the order in which they were asked for."""

    kind: str
    parts: tuple[OfferTerms, ...]
    organisation_id: int
    valid_until: datetime

    @property
    def total(self) -> Money:
        return Money(sum((part.total.amount for part in self.parts), Decimal(0)))


@dataclass(frozen=True)
class BundleOffer:
    """Blocks that are had all or none. `wanted`: GPUs asked for at most, where that is one number."""

    kind: str
    parts: tuple[Offer, ...]
    wanted: int | None = None
    ranks: tuple[str, ...] = ()
    next_best_in: tuple[str, ...] = ()

    @property
    def terms(self) -> BundleTerms:
        first = self.parts[0].terms
        until = min(part.terms.valid_until for part in self.parts)
        return BundleTerms(self.kind, tuple(part.terms for part in self.parts), first.organisation_id, until)

    @cached_property
    def id(self) -> str:
        """The token."""
        return write_bundle_token(self.terms)

    @property
    def total(self) -> Money:
        return self.terms.total

    @property
    def gpu_hours(self) -> int:
        return sum(part.gpu_hours for part in self.parts)

    @property
    def unit_price(self) -> Decimal:
        return unit_price(self.total, self.gpu_hours)

    @property
    def start(self) -> date:
        return min(part.terms.period.start for part in self.parts)

    @property
    def end(self) -> date:
        return max(part.terms.period.end for part in self.parts)

    @property
    def quantity(self) -> int:
        """The most GPUs on any day."""
        edges = sorted({day for part in self.parts for day in (part.terms.period.start, part.terms.period.end)})
        return max(sum(part.terms.quantity for part in self.parts if day in part.terms.period) for day in edges)

    @property
    def is_partial(self) -> bool:
        """Less than was asked for at most: of a range the largest that fits is offered."""
        return self.wanted is not None and self.quantity < self.wanted

    @property
    def valid_until(self) -> datetime:
        return self.terms.valid_until


def is_bundle_token(token: str) -> bool:
    return token.startswith(PREFIX)


def write_bundle_token(terms: BundleTerms) -> str:
    """Signs the terms; the order of the lists is the token's format."""
    until = int(terms.valid_until.timestamp())
    return PREFIX + signing.dumps(
        [terms.kind, terms.organisation_id, until, [_fields(part) for part in terms.parts]], salt=SALT, compress=True
    )


def read_bundle_token(token: str, *, organisation_id: int) -> BundleTerms:
    """The terms of a token that we signed for this organisation. Raises OfferInvalid for anything else."""
    try:
        if not is_bundle_token(token):
            raise signing.BadSignature
        kind, owner, until, parts = signing.loads(token.removeprefix(PREFIX), salt=SALT)
    except (signing.BadSignature, ValueError) as error:
        raise OfferInvalid from error
    if owner != organisation_id:
        raise OfferInvalid
    valid_until = datetime.fromtimestamp(until, tz=UTC)
    return BundleTerms(kind, tuple(_part(fields, owner, valid_until) for fields in parts), owner, valid_until)


def _fields(part: OfferTerms) -> list[Any]:
    return [
        part.pool,
        part.quantity,
        part.asked_quantity,
        part.period.start.isoformat(),
        part.period.days,
        part.firmness,
        int(part.total.amount.scaleb(2)),
        part.price_version,
        part.prepayment,
    ]


def _part(fields: Sequence[Any], owner: int, valid_until: datetime) -> OfferTerms:
    pool, quantity, asked, start, days, firmness, cents, version, prepayment = fields
    return OfferTerms(
        pool=pool,
        quantity=quantity,
        asked_quantity=asked,
        period=Period.of(date.fromisoformat(start), days),
        firmness=firmness,
        total=usd_from_cents(cents),
        price_version=version,
        organisation_id=owner,
        valid_until=valid_until,
        prepayment=prepayment,
    )
