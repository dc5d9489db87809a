"""Turnaround is claimed and not priced; a search offers what the ledger takes, and nothing that it would refuse."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from marketplace.capacity.models import ClaimLine
from marketplace.journal.actor import SYSTEM
from marketplace.units import clock
from marketplace.units.period import Period
from pricing.quotes.contracts import ContractPolicy, publish_contract
from pricing.quotes.shelf import _with_turnaround
from tests.market import Market, block_taken
from tests.pricing.test_quotes import ask, take

pytestmark = pytest.mark.django_db


def turnaround(market: Market, days: int) -> None:
    now = clock.now()
    policy = ContractPolicy(
        seller=market.seller.organisation, starts_at=now, turnaround_days=days, reason="cleaning takes time"
    )
    publish_contract(policy=policy, by=SYSTEM, now=now)


def on(market: Market, day: int, last: int | None = None) -> dict[str, Any]:
    return {"start": {"from": market.day(day).isoformat(), "to": market.day(last or day).isoformat()}}


def test_it_is_claimed_and_not_priced(market: Market) -> None:
    before = take(market, market.bank, **on(market, 10))
    turnaround(market, 3)
    quote = take(market, market.rival, **on(market, 60))
    line = ClaimLine.objects.get(claim__holder=quote.public_id)
    assert (line.end, line.occupied_end) == (quote.end, quote.end + timedelta(days=3))
    assert len(quote.use) == len(before.use) == 30


def test_a_block_is_offered_only_where_its_turnaround_fits_too(market: Market) -> None:
    turnaround(market, 3)
    block_taken(market.h100, Period(market.day(50), market.day(51)), 2048)
    found = ask(market, market.bank, **on(market, 10, 25))
    starts = {(offer.terms.period.start - market.today).days for offer in found.offers}
    assert starts
    assert max(starts) <= 50 - 30 - 3
    for start in (17, 18):
        offers = ask(market, market.bank, **on(market, start)).offers
        assert bool(offers) == (start == 17)
    assert take(market, market.bank, **on(market, 17)).start == market.day(17)


def test_a_refusal_names_the_day_that_is_full(market: Market) -> None:
    turnaround(market, 3)
    block_taken(market.h100, Period(market.day(50), market.day(60)), 2048)
    refused = ask(market, market.bank, **on(market, 18, 19)).refusal
    assert refused is not None
    assert (refused.binding.day, refused.binding.headroom) == (market.day(50), 0)
    assert all(take(market, market.bank, **_body(need)) for need in refused.nearest[:1])


def _body(need: Any) -> dict[str, Any]:
    body: dict[str, Any] = need.as_json()
    return body


def test_a_block_fits_in_the_least_room_exactly_if_it_fits_with_its_turnaround() -> None:
    rng = np.random.default_rng(5)
    room = rng.integers(0, 9, size=(4, 3, 40))
    days = [0, 1, 3, 3]
    least = _with_turnaround(room, days)
    for place, after in enumerate(days):
        for start in range(30):
            block, whole = slice(start, start + 5), slice(start, start + 5 + after)
            assert (least[place, :, block].min(axis=1) == room[place, :, whole].min(axis=1)).all()
