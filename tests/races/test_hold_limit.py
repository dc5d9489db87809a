"""Two holds of one organisation at once: the limit counts both, because its account is locked before it is read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connection

from marketplace.change import change
from pricing.quotes.accounts import HoldAccount
from pricing.quotes.actions import take_quote
from pricing.quotes.holds import HoldLimit
from pricing.quotes.models import Quote
from tests.holding import offered, rules
from tests.market import Market, open_market
from tests.races import buyers
from tests.races.gate import THROUGH_THE_GATE, at_the_gate, replaced
from tests.races.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

DAY = 64 * 24  # GPU-hours of one block
SQL = (settings.BASE_DIR / "pricing/quotes/sql/0011_change_holds.sql").read_text()
FUNCTION = SQL[SQL.index("CREATE OR REPLACE FUNCTION quote_holds") :]


@contextmanager
def variant(changed: Callable[[str], str]) -> Iterator[None]:
    """The live function is `changed(original)` for a while."""
    original = FUNCTION
    with connection.cursor() as cursor:
        cursor.execute(changed(original))
        try:
            yield
        finally:
            cursor.execute(original)


def gated(text: str) -> str:
    """Stopped after the look, before the leap."""
    return replaced(text, "END $$;", f"    {THROUGH_THE_GATE}\nEND $$;")


def gated_without_lock(text: str) -> str:
    assert text.count(" FOR UPDATE;") == 2
    return gated(text).replace(" FOR UPDATE;", ";")


def takes(market: Market) -> list[Callable[[], Quote]]:
    """Two holds of the bank on days of their own, each of them all that it may hold."""
    rules(market, hold_limit_gpu_hours=DAY)
    party = market.bank
    HoldAccount.objects.create(organisation=party.organisation)  # the very first hold makes it, which is a lock, too
    by = party.buyer.as_actor(party.organisation.pk)

    def take(offer: str) -> Callable[[], Quote]:
        return lambda: change.run(lambda: take_quote(offer=offer, organisation=party.organisation, by=by))

    return [take(one_day(market, number)) for number in range(2)]


def one_day(market: Market, number: int) -> str:
    """An offer of 64 GPUs for one day that no other of these touches."""
    on = market.day(10 + number).isoformat()
    return offered(market, market.bank, duration_days=1, start={"from": on, "to": on}).id


def test_of_two_holds_at_once_the_second_hears_the_limit() -> None:
    market = open_market()
    first, second = takes(market)
    with variant(gated):
        outcomes = at_the_gate(first, second)
    assert [type(each) for each in outcomes] == [Quote, HoldLimit]
    assert Quote.objects.filter(status="open").count() == 1


def test_twin_without_the_lock_both_are_held_and_the_limit_is_broken() -> None:
    market = open_market()
    first, second = takes(market)
    with variant(gated_without_lock):
        outcomes = at_the_gate(first, second)
    assert [type(each) for each in outcomes] == [Quote, Quote]
    assert sum(each.gpu_hours for each in Quote.objects.filter(status="open")) == 2 * DAY


def test_of_sixteen_holds_at_once_as_many_stand_as_the_limit_has_room_for() -> None:
    market = open_market()
    rules(market, hold_limit_gpu_hours=3 * DAY)
    offers = [one_day(market, number) for number in range(16)]
    outcomes = race(buyers.take, [(each, market.bank.organisation.pk) for each in offers])
    assert sorted(each.error or "held" for each in outcomes) == ["HoldLimit"] * 13 + ["held"] * 3
    assert Quote.objects.filter(status="open").count() == 3
