"""What sales staff do in a negotiation: offer, decline, ask, each in the same thread, and only inside their limits.

Whatever is refused to a member of staff here leaves no trace in the thread: the buyer sees steps, and nothing else.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from marketplace.journal.actor import Actor
from marketplace.parties.models import User
from marketplace.units.money import Money
from pricing.curve.models import PricePolicy
from pricing.negotiation import models as says
from pricing.negotiation.actions import (
    NegotiationClosed,
    NegotiationNotFound,
    SentenceMissing,
    lock_negotiation,
    on_table,
    take_trade,
    write_step,
)
from pricing.negotiation.board import board
from pricing.negotiation.deals import Deal, OnTable
from pricing.negotiation.margins import PERCENT, WalkAway, limit_of, walk_away, who_may
from pricing.negotiation.models import Negotiation
from pricing.quotes.models import OPEN, Quote

SHORTEST_REASON = 10
# What a buyer hears of a refusal: one of these sentences, without a figure in it, whatever staff noted down.
REASONS = {
    "price": "We cannot go to the price that you asked for. The quote stands, and so do the published trades.",
    "terms": "We cannot offer those terms for this block. The quote stands as it is.",
    "capacity": "We keep this capacity at its published price. The quote stands.",
    "time": "We cannot answer this in the time that the quote has left. The quote stands until it expires.",
}


class BeyondLimit(Exception):
    """The grant is beyond what this person may give on their own. Nothing was done. Said to staff alone."""

    def __init__(self, said: str, who: Sequence[str]) -> None:
        self.who = tuple(who)
        others = f" Within their limits: {', '.join(who)}." if who else " Nobody's limit is that wide."
        super().__init__(f"{said}{others} Nothing was done.")


class NotLower(ValueError):
    """The offer is not below the published price of its terms. Nothing was done."""


class DoesNotFit(ValueError):
    """The terms that are offered do not fit. Nothing was done."""


class ReasonMissing(ValueError):
    """A refusal needs one of the published reasons, and a note for colleagues. Nothing was done."""


class TellsFigures(ValueError):
    """The sentence would tell the buyer what only staff know. Nothing was done."""


@dataclass(frozen=True)
class Figures:
    """What a member of staff sees of a deal before they answer: totals in USD."""

    deal: Deal
    published: Money
    walk_away: WalkAway

    def discount_percent(self, total: Money) -> Decimal:
        """Below the published price of the same terms."""
        return (1 - total.amount / self.published.amount) * PERCENT

    def is_below_walk_away(self, total: Money) -> bool:
        return total.amount < self.walk_away.least.amount


def figures(*, quote: Quote, deal: Deal, now: datetime) -> Figures:
    """Raises DoesNotFit where the deal has no price or no room."""
    published = board(quote, [Deal.of(quote), deal], now).total(deal)
    if published is None:
        raise DoesNotFit("These terms do not fit, or are not priced. Nothing was done.")
    of_staff = walk_away(deal=deal, pool_id=quote.pool_id, seller=quote.pool.seller, now=now)
    return Figures(deal, published, of_staff)


def offer(
    *, public_id: str, deal: Deal, total: Money, sentence: str, by: Actor, staff: User, note: str = ""
) -> Negotiation:
    """Puts a price, with other terms or without, before the buyer.

    The block that is on the table has its new quote at once, which binds us until it expires; other terms are the
    buyer's to take. Raises BeyondLimit, NotLower, DoesNotFit, TellsFigures, and what `lock_for_staff` raises.
    """
    negotiation, now = lock_for_staff(public_id=public_id, staff=staff)
    found = figures(quote=negotiation.quote, deal=deal, now=now)
    _check_price(total, found, negotiation.quote)
    _check_limit(found, total, staff)
    _check_sentence(sentence, found)
    table = on_table(negotiation.quote)
    if deal == table.deal:
        _grant(negotiation, table, total, sentence, by, note, now)
    else:
        _propose(negotiation, table, deal, total, sentence, by, note, now)
    return negotiation


def _check_price(total: Money, found: Figures, quote: Quote) -> None:
    least = min(found.published.amount, quote.total) if found.deal == Deal.of(quote) else found.published.amount
    if not 0 < total.amount < least:
        raise NotLower(f"Offer less than {least:,.2f} USD, the price that the buyer has for these terms already.")


def _check_limit(found: Figures, total: Money, staff: User) -> None:
    discount, is_below = found.discount_percent(total), found.is_below_walk_away(total)
    limit = limit_of(staff)
    if limit is not None and limit.allows(discount_percent=discount, is_below_walk_away=is_below):
        return
    said = f"This is {discount:.2f} % below the published {found.published.amount:,.2f} USD"
    if is_below:
        said += f" and below the walk-away price of {found.walk_away.least.amount:,.2f} USD"
    may = "have no limit" if limit is None else f"may grant {limit.most_discount_percent} %"
    may += "" if limit and limit.below_walk_away else ", and nothing below the walk-away price"
    raise BeyondLimit(f"{said}; you {may}.", who_may(discount_percent=discount, is_below_walk_away=is_below))


def _grant(
    negotiation: Negotiation, table: OnTable, total: Money, sentence: str, by: Actor, note: str, now: datetime
) -> None:
    """A lower price for the very terms that are on the table: a new quote at once, held for a plain hold at least."""
    policy = PricePolicy.objects.in_force(negotiation.quote.pool.seller, now)
    trade = table.trade(table.deal, total, reaches=True)
    made = take_trade(negotiation, trade, by, now, granted=True, least_hold=policy.hold)
    negotiation.status, negotiation.with_sales_since = OPEN, None
    step = (says.SALES, says.OFFERED, table.terms(), on_table(made).terms(), sentence.strip())
    write_step(negotiation, now, by, *step, quote=made, note=note)


def _propose(
    negotiation: Negotiation,
    table: OnTable,
    deal: Deal,
    total: Money,
    sentence: str,
    by: Actor,
    note: str,
    now: datetime,
) -> None:
    """Other terms at a price of ours: nothing moves until the buyer takes them."""
    trade = table.trade(deal, total, reaches=False)
    negotiation.status, negotiation.with_sales_since = OPEN, None
    after = OnTable(deal, total).terms()
    step = (says.SALES, says.OFFERED, table.terms(), after, sentence.strip(), [trade.as_json()])
    write_step(negotiation, now, by, *step, note=note)


def decline(*, public_id: str, reason: str, note: str, by: Actor, staff: User) -> Negotiation:
    """Says no, with a published reason. The note is for colleagues and the journal; the buyer never sees it.

    Raises ReasonMissing, and what `lock_for_staff` raises.
    """
    if reason not in REASONS or len(note.strip()) < SHORTEST_REASON:
        raise ReasonMissing(
            f"Choose a reason and note why, in {SHORTEST_REASON} characters or more: the note is for staff alone."
        )
    negotiation, now = lock_for_staff(public_id=public_id, staff=staff)
    negotiation.status, negotiation.with_sales_since = OPEN, None
    terms = on_table(negotiation.quote).terms()
    step = (says.SALES, says.DECLINED, terms, terms, REASONS[reason])
    write_step(negotiation, now, by, *step, note=note.strip())
    return negotiation


def ask(*, public_id: str, sentence: str, by: Actor, staff: User) -> Negotiation:
    """Asks the buyer something. Raises SentenceMissing, TellsFigures, and what `lock_for_staff` raises."""
    if not sentence.strip():
        raise SentenceMissing
    negotiation, now = lock_for_staff(public_id=public_id, staff=staff)
    quote = negotiation.quote
    _check_sentence(sentence, figures(quote=quote, deal=Deal.of(quote), now=now))
    negotiation.status, negotiation.with_sales_since = OPEN, None
    terms = on_table(quote).terms()
    write_step(negotiation, now, by, says.SALES, says.ASKED, terms, terms, sentence.strip())
    return negotiation


def lock_for_staff(*, public_id: str, staff: User) -> tuple[Negotiation, datetime]:
    """A negotiation that goes on, of a seller whose negotiations this person may see.

    Raises NegotiationNotFound or NegotiationClosed.
    """
    if not Negotiation.objects.for_staff(staff).filter(public_id=public_id).exists():
        raise NegotiationNotFound
    return lock_negotiation(public_id=public_id, organisation_id=None)


def _check_sentence(sentence: str, found: Figures) -> None:
    """No figure that only staff know may stand in a sentence to the buyer, however it is written."""
    of_staff = found.walk_away
    secret = [of_staff.bid.amount, of_staff.least.amount]
    secret += [each / found.deal.gpu_hours for each in secret]
    said = {Decimal(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", sentence)}
    told = any(abs(number - each) <= each / 1000 for number in said for each in secret)
    if told or re.search(r"margin|walk.?away|bid price", sentence, re.IGNORECASE):
        raise TellsFigures("The buyer must not hear of bid price, margin or walk-away price. Nothing was done.")


__all__ = [
    "BeyondLimit", "DoesNotFit", "NegotiationClosed", "NegotiationNotFound", "NotLower", "ReasonMissing",
    "SentenceMissing", "TellsFigures", "ask", "decline", "figures", "offer",
]  # fmt: skip
