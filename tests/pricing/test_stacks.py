"""The prices of all pools at once are those of each pool alone."""

from datetime import timedelta

import numpy as np
import pytest

from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.period import Period
from pricing.curve.queries import current_versions, pool_prices
from pricing.curve.stacks import stacked
from tests.market import DAYS, Market

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("firmness", FIRMNESS)
def test_a_stack_prices_every_pool_as_it_prices_itself(market: Market, firmness: str) -> None:
    """Whatever is asked in between: use that moved in one pool, other days, another quantity, fewer pools."""
    prices = tuple(pool_prices(current_versions().values()).values())
    draws = np.random.default_rng(rank(firmness))
    rooms = draws.integers(-40, 2000, (len(prices), DAYS))
    for step in range(12):
        rooms[step % 2, draws.integers(DAYS) :] -= draws.integers(0, 3) * 8
        rows = (0, 1) if step % 3 else (1,)
        first = int(draws.integers(0, DAYS - 1))
        period = Period.of(market.day(first), int(draws.integers(1, DAYS - first + 1)))
        room, quantity = rooms[list(rows), first : first + period.days], draws.integers(1, 400, len(rows))
        found = stacked(tuple(prices[row] for row in rows), firmness).day_cents(period, room, quantity)
        for row, place in enumerate(rows):
            alone = prices[place].day_cents(firmness, period, room[row], int(quantity[row]))
            assert (found[row] == alone).all()


def test_days_beyond_the_versions_have_no_price(market: Market) -> None:
    stack = stacked(tuple(pool_prices(current_versions().values()).values()), "firm")
    period = Period(market.today - timedelta(days=3), market.day(DAYS + 5))
    has_price = stack.priced_days(period)
    assert has_price[0].nonzero()[0].tolist() == list(range(3, 3 + DAYS))
    cents = stack.day_cents(period, np.full((2, period.days), 500), np.array([8, 72]))
    assert ((cents > 0) == has_price).all()
    after = Period.of(market.day(DAYS + 50), 4)
    assert not stack.priced_days(after).any()
    assert not stack.day_cents(after, np.full((2, 4), 500), np.array([8, 72])).any()
