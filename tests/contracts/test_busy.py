"""Capacity that somebody else has locked: a program is told to try again, and nothing is half done."""

from collections.abc import Iterator

import pytest
from django.db import connections

from pricing.quotes.models import Quote
from tests.contracts.conftest import calls_of
from tests.market import Market, open_market


@pytest.fixture
def locked_market(transactional_db: None) -> Iterator[Market]:
    """A market whose capacity somebody else has locked, and a short patience."""
    market = open_market()
    other = connections.create_connection("default")
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("SELECT 1 FROM marketplace_capacityday FOR UPDATE")
    yield market
    other.rollback()
    other.close()


def test_a_busy_pool_asks_to_try_again(locked_market: Market) -> None:
    bank = calls_of(locked_market.bank)
    offer = bank.offer(locked_market)
    with connections["default"].cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")
    answer = bank.post("/quotes", {"offer": offer["id"]})
    with connections["default"].cursor() as cursor:
        cursor.execute("RESET lock_timeout")
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "busy", "1")
    assert not Quote.objects.exists()
