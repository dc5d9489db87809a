"""Quotes for a change of a block: what is added is held and priced under the lock, what is returned is given its worth.

Pricing knows parts of a block and their days, never a reservation: the caller, above, says what is added and returned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.capacity import ledger
from marketplace.capacity.queries import inventory
from marketplace.journal.actor import Actor
from marketplace.supply.queries import delivery_confidence
from marketplace.units.firmness import rank
from marketplace.units.ids import new_id
from marketplace.units.money import Money, usd_from_cents
from marketplace.units.period import Period
from pricing.curve import scarcity
from pricing.curve.models import PricePolicy, PriceVersion
from pricing.curve.queries import PoolPrices, Price, current_version, pool_prices, price_version
from pricing.quotes.actions import tell_of_quote
from pricing.quotes.changes import Ints, Part
from pricing.quotes.holds import Block, check_hold
from pricing.quotes.in_force import check_fresh
from pricing.quotes.models import OPEN, Quote
from pricing.quotes.offers import CONFIDENCE_STEP


@dataclass(frozen=True, eq=False)
class Asked:
    """A change as pricing sees it: days of one pool and class.

    `of` is the quote that the block was bought with, `organisation_id` who holds it now.
    `added` is priced, `claimed` is held for it (days of turnaround with it, and without days that are the holder's
    already). `own` (days of `period`,) is what the holder uses there now and `occupied` what its claims hold once the
    change's own is held, both GPUs a day. `back` and `fees` are parts and amounts that lower and raise the price.
    """

    of: Quote
    organisation_id: int
    kind: str
    changes: str
    after: Part
    period: Period
    added: tuple[Part, ...]
    claimed: tuple[Part, ...]
    own: Ints
    occupied: Ints
    back: tuple[tuple[Part, int], ...]
    fees: tuple[tuple[str, int], ...]
    prepaid: int


@dataclass(frozen=True, eq=False)
class Addition:
    """A part that is added, at today's price; `weights` (days,) are its list prices in cents."""

    part: Part
    price: Price
    weights: Ints


def worth_by_day(quote: Quote) -> Ints:
    """List price of each day of a quote's block, cents, shape (days,): what its days weigh against one another."""
    prices = pool_prices([quote.price_version_id])[quote.pool_id]
    curve = prices.curve(quote.firmness, quote.period)
    return scarcity.day_cents(curve, np.array(quote.use, dtype=np.float64), quote.quantity)


def take_change(
    *, asked: Asked, by: Actor, now: datetime, kept_for: timedelta | None = None
) -> tuple[Quote, list[Addition]]:
    """A quote for a change, which holds what it adds until it expires.

    Raises InsufficientHeadroom where something that is added does not fit, NoPrice or MarketStale where it has no
    price, HoldLimit or HoldCooldown where the organisation may not hold it. Nothing of the block itself is touched.
    """
    public_id, expires_at = new_id("qte"), now + (kept_for or asked.of.contract_terms.change_hold)
    _check_hold(asked, now)
    claim_id = _hold(asked, public_id, expires_at, now)
    version = price_version(current_version(asked.of.pool.seller_id))
    prices = pool_prices([version.pk])[asked.of.pool_id]
    additions, confidence = _priced(asked, prices, version, now) if asked.added else ([], asked.of.delivery_confidence)
    effect = _effect(asked, additions)
    quote = Quote.objects.create(
        public_id=public_id,
        kind=asked.kind,
        changes=asked.changes,
        lines=_lines(asked, additions),
        breakdown=[{"code": code, "amount": usd_from_cents(cents).as_json()} for code, cents in effect],
        total=usd_from_cents(sum(cents for _, cents in effect)).amount,
        list_total=sum((each.price.listed.amount for each in additions), Decimal(0)),
        use=[],
        quantity=asked.after.quantity,
        asked_quantity=asked.after.quantity,
        start=asked.after.period.start,
        end=asked.after.period.end,
        price_version_id=version.pk,
        delivery_confidence=confidence,
        claim_id=claim_id,
        organisation_id=asked.organisation_id,
        status=OPEN,
        created_at=now,
        created_by=by.label,
        expires_at=expires_at,
        hold_days=-(-kept_for // timedelta(days=1)) if kept_for else 0,  # its lapse is nobody's fault
        **{name: getattr(asked.of, name) for name in FROM_THE_BLOCK},
    )
    tell_of_quote(quote, by)
    return quote, additions


# What the terms in force when a contract was made say stays so for its changes.
FROM_THE_BLOCK = (
    "pool_id", "firmness", "spec_id", "terms_id", "terms_digest", "contract_id", "currency", "prepayment_percent",
    "on_behalf_of_id",
)  # fmt: skip


def _check_hold(asked: Asked, now: datetime) -> None:
    """Nobody hoards by asking for changes: what they add counts like any hold."""
    if not asked.added:
        return
    pool, gpu_days = asked.of.pool, sum(part.gpu_days for part in asked.added)
    days = asked.added[0].period.days if len(asked.added) == 1 else 1
    policy = PricePolicy.objects.in_force(pool.seller, now)
    check_hold(
        organisation_id=asked.organisation_id, block=Block(gpu_days // days, days, pool.lot), policy=policy, now=now
    )


def _hold(asked: Asked, holder: str, expires_at: datetime, now: datetime) -> int | None:
    if not asked.claimed:
        return None
    lines = [ledger.Line(asked.of.pool_id, part.period, part.quantity) for part in asked.claimed]
    held = ledger.hold(holder=holder, firmness=asked.of.firmness, lines=lines, expires_at=expires_at, now=now)
    return held.claim_id


def _priced(asked: Asked, prices: PoolPrices, version: PriceVersion, now: datetime) -> tuple[list[Addition], Decimal]:
    """Each added part at the use found under the lock, and the odds of the least sure of them."""
    policy = PricePolicy.objects.in_force(asked.of.pool.seller, now)
    check_fresh(version, policy, now)
    found = inventory(pool_ids=[asked.of.pool_id], period=asked.period, now=now)
    row = rank(asked.of.firmness)
    # Below what is added lies what all others use and what the holder uses already; its own turnaround does not count.
    room = found.room()[0, row] + asked.occupied - asked.own
    additions, odds = [], []
    for part in asked.added:
        days = _window(asked.period, part.period)
        additions.append(_addition(asked, prices, part, room[days], now))
        required = found.nested[0, row][days]
        odds.append(
            delivery_confidence(
                pool_id=asked.of.pool_id, period=part.period, required=required, projection=version.projection
            )
        )
    return additions, Decimal(min(odds)).quantize(CONFIDENCE_STEP)


def _addition(asked: Asked, prices: PoolPrices, part: Part, room: NDArray[np.int64], now: datetime) -> Addition:
    firmness = asked.of.firmness
    price = prices.price(firmness, part.period, room, part.quantity, quoted_on=now.date(), prepaid=asked.prepaid)
    return Addition(part, price, prices.day_cents(firmness, part.period, room, part.quantity))


def _window(whole: Period, part: Period) -> slice:
    return slice((part.start - whole.start).days, (part.end - whole.start).days)


def _effect(asked: Asked, additions: Sequence[Addition]) -> list[tuple[str, int]]:
    """What the change does to the price: added, returned, fees. Adds up to the quote's total."""
    lines = [("added", sum(cents_of(each.price.total) for each in additions))]
    lines.append(("returned", -sum(cents for _, cents in asked.back)))
    return [(code, cents) for code, cents in (*lines, *asked.fees) if cents]


def _lines(asked: Asked, additions: Sequence[Addition]) -> list[dict[str, Any]]:
    """Day by day: what is added and what is returned, each with its amount."""
    more = [("added", each.part, cents_of(each.price.total)) for each in additions]
    less = [("returned", part, -cents) for part, cents in asked.back]
    return [
        {
            "code": code,
            "start": part.period.start.isoformat(),
            "end_exclusive": part.period.end.isoformat(),
            "quantity": part.quantity,
            "amount": usd_from_cents(cents).as_json(),
        }
        for code, part, cents in (*more, *less)
    ]


def cents_of(money: Money) -> int:
    return int(money.amount.scaleb(2))
