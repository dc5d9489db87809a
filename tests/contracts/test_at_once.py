"""The same change by several programs at once happens once; these markets are committed, so that threads see them."""

import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from django.db import connection, connections

from marketplace.capacity.queries import differences
from marketplace.change import change
from marketplace.change.models import Change
from pricing.quotes.models import Quote
from reservations.booking.models import Reservation
from tests.contracts.conftest import calls_of
from tests.market import Market, open_market

T = TypeVar("T")


def days_apart(market: Market, count: int) -> list[str]:
    """Starts so far apart that no two blocks share a day: nothing makes them wait for each other."""
    return [market.day(10 + 40 * number).isoformat() for number in range(count)]


def at_once(count: int, call: Callable[[], T]) -> list[T]:
    """What each of `count` threads was answered; they start together."""
    start = threading.Barrier(count)
    answers: list[T] = []

    def one() -> None:
        start.wait(10)
        try:
            answers.append(call())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


@pytest.fixture
def open_to_threads(transactional_db: None) -> Iterator[Market]:
    yield open_market()
    connections.close_all()


def test_while_the_first_still_runs_the_second_is_told(open_to_threads: Market) -> None:
    market, bank = open_to_threads, calls_of(open_to_threads.bank)
    running, finish = threading.Event(), threading.Event()

    def slow() -> None:
        running.set()
        finish.wait(10)

    def first() -> None:
        change.run_once(
            slow,
            organisation_id=market.bank.organisation.pk,
            key="one",
            request=b"",
            render=lambda nothing: (200, None),
        )
        connections.close_all()

    thread = threading.Thread(target=first)
    thread.start()
    running.wait(10)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")
    answer = bank.post("/quotes", {"offer": bank.offer(market)["id"]}, idempotency_key="one")
    finish.set()
    thread.join()
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (409, "in_progress", "1")
    assert not Quote.objects.exists()


def test_eight_at_once_with_one_key_make_one_quote(open_to_threads: Market) -> None:
    market, bank = open_to_threads, calls_of(open_to_threads.bank)
    body = {"offer": bank.offer(market)["id"]}
    answers = at_once(8, lambda: bank.post("/quotes", body, idempotency_key="one").json()["id"])
    assert len(answers) == 8
    assert len(set(answers)) == Quote.objects.count() == Change.objects.count() == 1
    assert differences() == []


def test_eight_at_once_with_one_reference_make_one_quote(open_to_threads: Market) -> None:
    market, bank = open_to_threads, calls_of(open_to_threads.bank)
    offers = [bank.offer(market, start={"from": day, "to": day})["id"] for day in days_apart(market, 8)]
    answers = at_once(
        8, lambda: bank.post("/quotes", {"offer": offers.pop(), "client_reference": "PO 7"}).json().get("code", "")
    )
    assert sorted(answers) == ["", *["client_reference_taken"] * 7]
    assert Quote.objects.count() == 1


def test_eight_at_once_accept_a_quote_once(open_to_threads: Market) -> None:
    market, bank = open_to_threads, calls_of(open_to_threads.bank)
    quote = bank.quote(market)["id"]
    answers = at_once(8, lambda: bank.post(f"/quotes/{quote}/accept").status_code)
    assert sorted(answers) == [201, *[409] * 7]
    assert Reservation.objects.count() == 1
    assert differences() == []
