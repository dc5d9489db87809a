"""What a quote's pool has around its block, at published prices: read once, with the quote's own hold given back.

The block that the quote holds is priced from what the quote froze, on other terms of payment at the rates of its own
policy; every other block at the prices and the room of now, as a search would price it.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import numpy as np

from marketplace.capacity.kept import kept_inventory
from marketplace.capacity.queries import Inventory
from marketplace.units.firmness import rank
from marketplace.units.money import Money, usd_from_cents
from marketplace.units.period import Period
from pricing.curve import scarcity
from pricing.curve.models import PricePolicy
from pricing.curve.queries import Price, pool_prices
from pricing.negotiation.deals import Deal
from pricing.quotes.blocks import Starts
from pricing.quotes.in_force import MarketStale
from pricing.quotes.market import current_market
from pricing.quotes.models import Quote
from pricing.quotes.need import Need, Range
from pricing.quotes.reach import Reach
from pricing.quotes.search import blocks_that_fit
from pricing.quotes.shelf import longer, shelf_of, turnarounds

SOONER_DAYS, LATER_DAYS = 90, 180  # how far from the block's start another one is looked for


@dataclass(frozen=True)
class Board:
    """`first` and `last` are the starts that are looked at, both included."""

    quote: Quote
    around: Reach
    policy: PricePolicy
    today: date
    first: date
    last: date
    _found: dict[Deal, Starts | None] = field(default_factory=dict, compare=False)

    def total(self, deal: Deal) -> Money | None:
        """What a deal costs now; None where it does not fit or is not priced."""
        if deal.is_same_block(Deal.of(self.quote)):
            return same_block_price(self.quote, deal.prepayment, self.today).total
        if not self.first <= deal.period.start <= self.last:
            return None
        starts = self.starts(deal)
        at = (deal.period.start - self.first).days
        if starts is None or at not in starts.offsets:
            return None
        return usd_from_cents(int(starts.cents[np.searchsorted(starts.offsets, at)]))

    def starts(self, deal: Deal) -> Starts | None:
        """Every start from `first` on at which a block like the deal's fits, with its total in cents."""
        key = deal.starting(self.first)
        if key not in self._found:
            self._found[key] = self._price(key)
        return self._found[key]

    def _price(self, deal: Deal) -> Starts | None:
        size, days = Range(deal.quantity, deal.quantity), Range(deal.period.days, deal.period.days)
        need = Need(size, days, self.first, self.last, deal.firmness, prepayment=deal.prepayment)
        blocks = blocks_that_fit(self.around.of(need), need)
        if not blocks:
            return None
        found = blocks[0][1]
        own = Deal.of(self.quote)
        if not deal.starting(own.period.start).is_same_block(own):
            return found
        # The block that is held is priced as it was quoted, also among its neighbours.
        frozen = int(same_block_price(self.quote, deal.prepayment, self.today).total.amount.scaleb(2))
        is_own = found.offsets == (own.period.start - self.first).days
        return replace(found, cents=np.where(is_own, frozen, found.cents))


def board(quote: Quote, deals: list[Deal], now: datetime) -> Board:
    """Wide enough for those deals and all that `engine` tries around them. Raises MarketStale without prices."""
    market = current_market()
    place = next((at for at, pool in enumerate(market.pools) if pool.pk == quote.pool_id), None)
    if place is None:
        raise MarketStale
    starts = [deal.period.start for deal in deals]
    first = max(now.date() + timedelta(days=1), min(starts) - timedelta(days=SOONER_DAYS))
    last = max(max(starts) + timedelta(days=LATER_DAYS), first)
    longest = max(deal.period.days for deal in deals)
    period = Period(first, last + timedelta(days=longest))
    after = turnarounds(market, [market.pools[place]], now)
    whole = kept_inventory(pool_ids=[quote.pool_id], period=longer(period, after), now=now)
    shelf = shelf_of(market, [place], period, _without(whole, quote), after, now)
    policy = shelf.policies[market.pools[place].seller_id]
    return Board(quote, Reach(replace(shelf, documents={})), policy, now.date(), first, last)


def _without(found: Inventory, quote: Quote) -> Inventory:
    """The inventory as if the quote held nothing: what would be given up for what is taken instead."""
    nested = found.nested.copy()
    occupied = (quote.start, quote.end + timedelta(days=quote.contract_terms.turnaround_days))
    low, high = (min(max((day - found.period.start).days, 0), found.period.days) for day in occupied)
    nested[:, rank(quote.firmness) :, low:high] -= quote.quantity
    return replace(found, nested=nested)


def same_block_price(quote: Quote, prepayment: int, today: date) -> Price:
    """The block of a quote at the list price that it froze, with that share paid up front: its own policy's rates."""
    prices = pool_prices([quote.price_version_id])[quote.pool_id]
    use = np.asarray(quote.use, dtype=np.float64)
    cents = scarcity.day_cents(prices.curve(quote.firmness, quote.period), use, quote.quantity)
    return prices.price_of_days(
        quote.firmness, quote.period, cents, quote.quantity, quoted_on=today, prepaid=prepayment
    )
