"""A purchase is made under what is in force at its moment, whichever process published it."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.screening.queries import ScreeningRequired
from marketplace.units import clock
from pricing.quotes import actions
from pricing.quotes.actions import take_quote
from pricing.quotes.in_force import seen_under_lock
from pricing.quotes.models import Quote
from pricing.quotes.need import parse_need
from pricing.quotes.queries import known_names
from pricing.quotes.search import search
from reservations.booking.actions import accept_quote
from reservations.booking.models import Reservation
from tests.market import Market, open_market
from tests.races import publishers
from tests.races.racing import race
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def market() -> Market:
    """This process has bought already: whatever it keeps of a purchase, it keeps."""
    market = open_market()
    buy(market)
    return market


def offer(market: Market) -> str:
    need = parse_need(market.need(), today=market.today, known=known_names())
    return search(need=need, organisation_id=market.bank.organisation.pk, now=clock.now()).offers[0].id


def take(market: Market, token: str) -> Quote:
    return change.run(lambda: take_quote(offer=token, organisation=market.bank.organisation, by=SYSTEM))


def accept(market: Market, quote: Quote) -> Reservation:
    bank = market.bank.organisation.pk
    return change.run(lambda: accept_quote(public_id=quote.public_id, by=SYSTEM, organisation_id=bank))


def buy(market: Market) -> Reservation:
    return accept(market, take(market, offer(market)))


def elsewhere(publish: Callable[..., int], market: Market, *more: int) -> int:
    """What another process has published when this returns: its id."""
    (outcome,) = race(publish, [(market.h100.pk, *more)])
    assert outcome.error is None
    return int(outcome.value)


def test_a_price_policy_of_another_process_is_that_of_the_next_purchase(market: Market) -> None:
    quote = take(market, offer(market))
    assert quote.expires_at - quote.created_at == timedelta(minutes=20)
    token = offer(market)
    elsewhere(publishers.price_policy, market, 7)
    quote = take(market, token)
    assert quote.expires_at - quote.created_at == timedelta(minutes=7)


def test_a_contract_policy_of_another_process_is_that_of_the_next_purchase(market: Market) -> None:
    before, token = take(market, offer(market)), offer(market)
    published = elsewhere(publishers.contract, market, 3)
    after = take(market, token)
    assert (after.contract_id, after.contract_terms.turnaround_days) == (published, 3)
    # What was quoted before keeps its version, and is accepted under it.
    assert accept(market, before).quote.contract_id == before.contract_id != published


def test_prices_terms_and_spec_of_another_process_are_those_of_the_next_purchase(market: Market) -> None:
    token = offer(market)
    version, document, spec = (
        elsewhere(publish, market) for publish in (publishers.prices, publishers.terms, publishers.service_spec)
    )
    quote = take(market, token)
    assert (quote.price_version_id, quote.terms_id, quote.spec_id) == (version, document, spec)
    assert quote.terms_digest == quote.terms.digest == "1" * 64


def test_screening_that_another_process_switched_on_stops_the_next_purchase(market: Market) -> None:
    open_quote, token = take(market, offer(market)), offer(market)
    elsewhere(publishers.screening, market)
    with pytest.raises(ScreeningRequired):
        take(market, token)
    with pytest.raises(ScreeningRequired):
        accept(market, open_quote)
    assert Quote.objects.count() == 2
    assert Reservation.objects.count() == 1


@contextmanager
def taken_while_its_days_are_locked(market: Market) -> Iterator[Future[Quote]]:
    """A purchase that waits, within the block, for days that somebody else has locked."""
    settings = connection.settings_dict
    other = psycopg.connect(
        dbname=settings["NAME"], user=settings["USER"], host=settings["HOST"], port=settings["PORT"] or None
    )
    token = offer(market)
    with ThreadPoolExecutor(1) as pool:
        other.execute("SELECT 1 FROM marketplace_capacityday ORDER BY pool_id, day FOR UPDATE")
        taking = pool.submit(_take_and_leave, market, token)
        wait_until(lambda: taking.done() or somebody_waits())
        assert not taking.done()
        yield taking
        other.rollback()
        taking.result(timeout=20)
    other.close()


def _take_and_leave(market: Market, token: str) -> Quote:
    try:
        return take(market, token)
    finally:
        connection.close()


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


def test_prices_published_while_a_purchase_waits_for_its_days_are_those_of_the_purchase(market: Market) -> None:
    with taken_while_its_days_are_locked(market) as taking:
        version = elsewhere(publishers.prices, market)
    assert taking.result().price_version_id == version


def test_asked_before_the_wait_they_would_be_those_of_yesterday(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = take(market, offer(market)).price_version_id
    monkeypatch.setattr(actions, "seen_under_lock", _seen_once())
    take(market, offer(market))
    with taken_while_its_days_are_locked(market) as taking:
        version = elsewhere(publishers.prices, market)
    assert taking.result().price_version_id == before != version


def _seen_once() -> Callable[..., Any]:
    """Keeps what it saw at first, as a process would that trusted what it keeps."""
    seen: list[Any] = []

    def kept(*asked: Any) -> Any:
        if not seen:
            seen.append(seen_under_lock(*asked))
        return seen[0]

    return kept
