"""An offer: a priced answer to a need. A signed token, no row, and no claim on capacity."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property

import numpy as np
from django.core import signing
from numpy.typing import NDArray

from marketplace.catalogue.models import Pool
from marketplace.supply.models import Projection
from marketplace.supply.queries import delivery_confidence
from marketplace.units.compute import Footprint, gpu_hours
from marketplace.units.money import Money, unit_price, usd_from_cents
from marketplace.units.period import Period
from pricing.curve.models import PricePolicy
from pricing.curve.queries import PoolPrices

SALT = "headroom.offer"
PREFIX = "off_"
TOKEN_FIELDS = 11
CONFIDENCE_STEP = Decimal("0.0001")
Lines = Sequence[tuple[str, Money]]


class OfferInvalid(Exception):
    """Not an offer of ours, or not one made to this organisation: the two cannot be told apart."""


@dataclass(frozen=True)
class OfferTerms:
    """What the token itself carries: enough to make the quote, and to see that it was ours."""

    pool: str
    quantity: int
    asked_quantity: int
    period: Period
    firmness: str
    total: Money
    price_version: str
    organisation_id: int
    valid_until: datetime
    prepayment: int = 0


@dataclass(frozen=True)
class Offer:
    """An offer as it is shown. `ranks` says which it wins, `next_best_in` where it comes next (`ranking.py`).

    It is signed and taken apart where it is shown: a search compares many offers of which nobody sees the token.
    """

    terms: OfferTerms
    pool: Pool
    price_lines: Callable[[], Lines] = field(compare=False)
    delivery_confidence: Decimal
    ranks: tuple[str, ...] = ()
    next_best_in: tuple[str, ...] = ()
    wanted: int | None = None  # GPUs asked for at most, where a range was

    @cached_property
    def id(self) -> str:
        """The token."""
        return write_token(self.terms)

    @cached_property
    def breakdown(self) -> Lines:
        """What the total is made of, to the cent."""
        return self.price_lines()

    @property
    def total(self) -> Money:
        return self.terms.total

    @property
    def unit_price(self) -> Decimal:
        return unit_price(self.terms.total, self.gpu_hours)

    @property
    def gpu_hours(self) -> int:
        return gpu_hours(self.terms.quantity, self.terms.period.days)

    @cached_property
    def footprint(self) -> Footprint:
        """Energy, carbon and compute of the block."""
        return self.pool.footprint(self.gpu_hours)

    @property
    def h100_unit_price(self) -> Decimal:
        """Per H100-equivalent hour: what compares accelerators."""
        return unit_price(self.terms.total, self.footprint.h100_hours)

    @property
    def is_partial(self) -> bool:
        """Less than was asked for at most: of a range the largest that fits is offered."""
        return self.wanted is not None and self.terms.quantity < self.wanted

    @property
    def rounded_up(self) -> bool:
        return self.terms.quantity != self.terms.asked_quantity


def write_token(terms: OfferTerms) -> str:
    """Signs the terms; the order of the list is the token's format."""
    return PREFIX + signing.dumps(
        [
            terms.pool,
            terms.quantity,
            terms.asked_quantity,
            terms.period.start.isoformat(),
            terms.period.end.isoformat(),
            terms.firmness,
            int(terms.total.amount.scaleb(2)),
            terms.price_version,
            terms.organisation_id,
            int(terms.valid_until.timestamp()),
            terms.prepayment,
        ],
        salt=SALT,
        compress=True,
    )


def read_token(token: str, *, organisation_id: int) -> OfferTerms:
    """The terms of a token that we signed for this organisation. Raises OfferInvalid for anything else."""
    try:
        if not token.startswith(PREFIX):
            raise signing.BadSignature
        fields = signing.loads(token.removeprefix(PREFIX), salt=SALT)
    except signing.BadSignature as error:
        raise OfferInvalid from error
    if len(fields) != TOKEN_FIELDS:  # signed by a release before this one, minutes ago
        raise OfferInvalid
    pool, quantity, asked, start, end, firmness, cents, version, owner, until, prepayment = fields
    if owner != organisation_id:
        raise OfferInvalid
    return OfferTerms(
        pool=pool,
        quantity=quantity,
        asked_quantity=asked,
        period=Period(date.fromisoformat(start), date.fromisoformat(end)),
        firmness=firmness,
        total=usd_from_cents(cents),
        price_version=version,
        organisation_id=owner,
        valid_until=datetime.fromtimestamp(until, tz=UTC),
        prepayment=prepayment,
    )


def make_offer(
    *,
    pool: Pool,
    prices: PoolPrices,
    policy: PricePolicy,
    projection: Projection | None,
    quantity: int,
    asked_quantity: int,
    period: Period,
    firmness: str,
    total: Money,
    price_lines: Callable[[], Lines],
    prepayment: int,
    required: NDArray[np.int64],
    organisation_id: int,
    now: datetime,
    ranks: tuple[str, ...] = (),
    next_best_in: tuple[str, ...] = (),
    wanted: int | None = None,
) -> Offer:
    """An offer of a block at its total after terms. `required` is the nested use per day with this block in it: what
    the site must deliver."""
    terms = OfferTerms(
        pool=pool.public_id,
        quantity=quantity,
        asked_quantity=asked_quantity,
        period=period,
        firmness=firmness,
        total=total,
        price_version=prices.version,
        organisation_id=organisation_id,
        valid_until=(now + timedelta(minutes=policy.offer_minutes)).replace(microsecond=0),
        prepayment=prepayment,
    )
    confidence = delivery_confidence(pool_id=pool.pk, period=period, required=required, projection=projection)
    return Offer(
        terms=terms,
        pool=pool,
        price_lines=price_lines,
        delivery_confidence=Decimal(confidence).quantize(CONFIDENCE_STEP),
        ranks=ranks,
        next_best_in=next_best_in,
        wanted=wanted,
    )
