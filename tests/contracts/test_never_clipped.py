"""A request beyond what there is is refused with what does fit: never answered as done with less of it.

Slurm answers "created" and clips a reservation to the nodes that it has. Here a quantity, a length and a start are what
was asked for, or there is no offer, no quote and no hold.
"""

from datetime import date, timedelta
from typing import Any

import pytest

from marketplace.capacity import ledger
from marketplace.capacity.models import Claim
from marketplace.change import change
from marketplace.units import clock
from marketplace.units.period import Period
from pricing.quotes.models import Quote
from tests.contracts.conftest import Caller
from tests.market import DAYS, Market

MOST = 2048  # GPUs that the largest pool sells as firm


@pytest.mark.parametrize(
    "beyond",
    [
        {"quantity": MOST + 8},
        {"quantity": {"min": MOST + 8, "max": MOST + 800}},
        {"quantity": 1_000_000},
        {"duration_days": DAYS + 1},
        {"duration_days": {"min": DAYS + 1, "max": DAYS + 90}},
    ],
)
def test_a_need_beyond_supply_is_refused_with_what_does_fit(
    market: Market, bank: Caller, beyond: dict[str, Any]
) -> None:
    answer = bank.post("/offers", market.need(**beyond)).json()
    assert (answer["offers"], answer["calendar"]) == ([], [])
    assert answer["refusal"]["code"]
    for nearest in answer["refusal"]["nearest"]:
        offers = bank.post("/offers", nearest).json()["offers"]
        assert offers
        assert all(is_what_was_asked(offer, nearest) for offer in offers)


def is_what_was_asked(offer: dict[str, Any], need: dict[str, Any]) -> bool:
    """Of a range the most that fits counts, within it; a pool's lot may round up, and the offer says so."""
    least = need["quantity"]["min"] if isinstance(need["quantity"], dict) else need["quantity"]
    wanted = need["duration_days"]
    shortest = wanted["min"] if isinstance(wanted, dict) else wanted
    days = date.fromisoformat(offer["end_exclusive"]) - date.fromisoformat(offer["start"])
    return bool(offer["quantity"] >= least and days.days >= shortest)


def test_all_there_is_is_sold_whole(market: Market, bank: Caller) -> None:
    offer = bank.offer(market, quantity=MOST)
    quote = bank.post("/quotes", {"offer": offer["id"]}).json()
    bought = bank.post(f"/quotes/{quote['id']}/accept").json()
    assert offer["quantity"] == quote["quantity"] == bought["quantity"] == MOST
    (claim,) = Claim.objects.prefetch_related("lines")
    assert [line.quantity for line in claim.lines.all()] == [MOST]


def test_an_offer_that_no_longer_fits_whole_makes_no_smaller_quote(market: Market, bank: Caller) -> None:
    offer = bank.offer(market, quantity=MOST)
    rival_takes(8, market, offer)
    answer = bank.post("/quotes", {"offer": offer["id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_headroom")
    assert any(nearest["quantity"] == MOST - 8 for nearest in answer.json()["nearest"])
    assert not Quote.objects.exists()
    assert [claim.holder for claim in Claim.objects.all()] == ["rsv_rival"]


def rival_takes(gpus: int, market: Market, offer: dict[str, Any]) -> None:
    """One day in the middle of the block."""
    line = ledger.Line(market.h100.pk, Period.of(date.fromisoformat(offer["start"]) + timedelta(days=3), 1), gpus)
    change.run(lambda: ledger.commit(holder="rsv_rival", firmness="firm", lines=[line], now=clock.now()))
