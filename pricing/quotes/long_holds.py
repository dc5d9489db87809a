"""Holding a quote for days instead of minutes, for a committee that meets next week: at a published fee.

The fee is part of the quote's total by day, with a minimum, as the policy in force when it is taken says. It is shown
before it is taken, owed once it is taken, and credited when the quote is accepted.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from marketplace.units.instants import rfc3339
from marketplace.units.money import Money
from marketplace.units.period import in_days, in_words
from pricing.curve.models import PricePolicy
from pricing.quotes.actions import lock_open_quote
from pricing.quotes.holding import prolong
from pricing.quotes.models import BUY, OPEN, Quote


class LongHoldUnavailable(Exception):
    """The seller's policy has no long holds. Nothing was changed."""


class LongHoldTooLong(Exception):
    """The quote cannot be held for so many days; `most_days` is what could be had. Nothing was changed."""

    def __init__(self, quote: Quote, most_days: int, by_policy: int) -> None:
        self.most_days = most_days
        could = f"{in_days(most_days)} more could be had" if most_days else "it cannot be held any longer"
        super().__init__(
            f"A quote is held for at most {in_days(by_policy)} in all and not beyond the start of its block on "
            f"{in_words(quote.start)}: {could}. Nothing was changed."
        )


class FeeChanged(Exception):
    """The fee is higher than the one that was agreed to; `fee` is what it is now. Nothing was changed or charged."""

    def __init__(self, fee: Money) -> None:
        self.fee = fee
        super().__init__(f"The fee is {fee} now. Nothing was changed or charged.")


@dataclass(frozen=True)
class LongHold:
    """So many days more, until then, for this much more. `fee` is owed now; `quote.hold_fee` has all of them."""

    quote: Quote
    days: int
    expires_at: datetime
    fee: Money


def preview(*, quote: Quote, days: int, now: datetime) -> LongHold:
    """What holding an open quote longer would cost. Changes nothing. Raises LongHoldUnavailable or LongHoldTooLong."""
    policy = PricePolicy.objects.in_force(quote.pool.seller, now)
    if not policy.long_hold_days or quote.kind != BUY or quote.bundle_id is not None:
        raise LongHoldUnavailable("The seller of this pool keeps no quote longer. Nothing was changed.")
    most = min(policy.long_hold_days - quote.hold_days, quote.longest_hold(now))
    if not 1 <= days <= most:
        raise LongHoldTooLong(quote, max(most, 0), policy.long_hold_days)
    whole = policy.long_hold_fee(quote.money, quote.hold_days + days)
    owed = Money(max(whole.amount - quote.hold_fee, whole.amount * 0), quote.currency)
    return LongHold(quote, days, quote.held_from(now) + timedelta(days=days), owed)


def choices(*, quote: Quote, now: datetime) -> list[LongHold]:
    """A week, a fortnight, the most: what a page offers. Empty where the quote cannot be held longer."""
    if quote.state(now) != OPEN or quote.kind != BUY or quote.bundle_id is not None:
        return []
    policy = PricePolicy.objects.in_force(quote.pool.seller, now)
    most = max(min(policy.long_hold_days - quote.hold_days, quote.longest_hold(now)), 0)
    days = sorted({each for each in (7, 14, most) if 1 <= each <= most})
    return [preview(quote=quote, days=each, now=now) for each in days]


def hold_longer(
    *, public_id: str, days: int, by: Actor, organisation_id: int, agreed_fee: Money | None = None
) -> LongHold:
    """Keeps an open quote's hold for days more. The fee is owed from now on, and never given back but by acceptance.

    Raises QuoteNotFound, QuoteExpired, QuoteClosed, LongHoldUnavailable, LongHoldTooLong, and FeeChanged where the fee
    is above the one that was agreed to.
    """
    quote, now = lock_open_quote(public_id=public_id, organisation_id=organisation_id)
    found = preview(quote=quote, days=days, now=now)
    if agreed_fee is not None and found.fee.amount > agreed_fee.amount:
        raise FeeChanged(found.fee)
    _keep(found, now)
    _tell_of(found, by, now)
    return found


def _keep(found: LongHold, now: datetime) -> None:
    quote = found.quote
    days, fee = quote.hold_days + found.days, quote.hold_fee + found.fee.amount
    prolong(quote=quote, until=found.expires_at, now=now, hold_days=days, hold_fee=fee)


def _tell_of(found: LongHold, by: Actor, now: datetime) -> None:
    quote = found.quote
    kept = {"days": found.days, "expires_at": rfc3339(found.expires_at), "fee": found.fee.as_json()}
    record(by=by, verb="quote.held_longer", subject=quote.public_id, now=now, after=kept)
    emit(
        name="quote.held_longer",
        subject=quote.public_id,
        organisation_id=quote.organisation_id,
        data={"quote": quote.public_id, **kept},
        now=now,
    )
