"""kill -9 of web, worker and PostgreSQL during acceptances, each at 20 random moments.

Buyers write down what was confirmed to them. Afterwards: totals equal entries, no quote is both expired and accepted,
nothing is lost that was confirmed, and a repeat with the same key hears the same reservation.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from marketplace.celery import app
from marketplace.local import servers
from marketplace.units import clock
from pricing.quotes.models import Quote
from tests.faults.clients import Buyers, Client, lapse_at
from tests.faults.conftest import Running
from tests.faults.stand import Stand, random_moment
from tests.waiting import wait_until

MOMENTS = 20
BUYERS = 3
SEED = 20270101


def needs(running: Running, first_day: int) -> Callable[[random.Random], dict[str, Any]]:
    """Small blocks that overlap, so that acceptances meet in the same days."""

    def need(rng: random.Random) -> dict[str, Any]:
        day = running.market.day(first_day + rng.randrange(10)).isoformat()
        return running.market.need(quantity=8, duration_days=5, start={"from": day, "to": day})

    return need


@contextmanager
def buying(running: Running, first_day: int, seed: int, **more: Any) -> Iterator[Buyers]:
    buyers = Buyers(running.bank, needs(running, first_day), seed, **more)
    buyers.start(BUYERS)
    try:
        yield buyers
    finally:
        buyers.finish()


def ask_again(client: Client, buyers: Buyers) -> None:
    """What was confirmed is there for its owner, over the same door."""
    for quote, reservation in list(buyers.confirmed.items())[-20:]:
        told = client.certain("GET", f"/reservations/{reservation}")
        assert (told.status, told.body["quote"]) == (200, quote)


def test_web_is_killed_during_acceptances(running: Running) -> None:
    stand, rng = running.stand, random.Random(SEED)
    with buying(running, 20, SEED) as buyers:
        for moment in range(MOMENTS):
            buyers.wait_for_an_acceptance()
            random_moment(rng)
            if moment % 10 == 9:
                stand.kill("web")
                stand.start_web()
            else:
                stand.kill_one_below("web", rng)
    ask_again(running.bank, buyers)
    assert len(buyers.confirmed) >= MOMENTS
    assert stand.verdict(buyers.confirmed).is_clean, stand.verdict(buyers.confirmed)


def test_postgres_is_killed_during_acceptances(running: Running) -> None:
    stand, rng = running.stand, random.Random(SEED + 1)
    with buying(running, 60, SEED + 1) as buyers:
        for moment in range(MOMENTS):
            buyers.wait_for_an_acceptance()
            random_moment(rng)
            if moment % 4 == 3:
                stand.kill("postgres")
                stand.start_postgres()
            else:  # one of its processes: the server ends all others, recovers and goes on
                stand.kill_one_below("postgres", rng)
    ask_again(running.bank, buyers)
    assert len(buyers.confirmed) >= MOMENTS
    assert stand.verdict(buyers.confirmed).is_clean, stand.verdict(buyers.confirmed)


@contextmanager
def sweeping(stand: Stand) -> Iterator[None]:
    """A worker that is given the sweeps over what has lapsed, again and again."""
    over = threading.Event()
    stand.start_worker()

    def send() -> None:
        with app.connection_for_write(servers.embedded(stand.home).broker_url) as broker:
            while not over.wait(0.3):
                for task in ("pricing.expire_quotes", "marketplace.release_expired_holds"):
                    app.send_task(task, connection=broker, ignore_result=True)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)
        stand.stop("worker")


def test_the_worker_is_killed_while_quotes_are_accepted_in_the_moment_in_which_they_lapse(running: Running) -> None:
    stand, rng = running.stand, random.Random(SEED + 2)
    session, one_at_a_time = stand.session("postgres"), threading.Lock()
    session.execute("SET session_replication_role = replica")  # past the trigger that freezes a quote's terms

    def shorten(quote: str, buyer: random.Random) -> None:
        with one_at_a_time:
            lapse_at(session, quote, buyer.uniform(-20, 120))

    with sweeping(stand), buying(running, 100, SEED + 2, shorten=shorten) as buyers:
        for moment in range(MOMENTS):
            buyers.wait_for_an_acceptance()
            random_moment(rng)
            if moment % 10 == 9:
                stand.kill("worker")
                stand.start_worker()
            else:  # the process that runs the task; the worker starts another
                stand.kill_one_below("worker", rng)
        with stand.database():
            wait_until(lambda: not Quote.objects.lapsed(clock.now()).exists(), timeout=30)
    session.close()
    assert set(buyers.refused.values()) == {"quote_expired"}
    assert len(buyers.confirmed) > 0
    verdict = stand.verdict(buyers.confirmed)
    assert verdict.is_clean, verdict


@pytest.fixture(autouse=True)
def _fresh_answers(running: Running) -> None:
    """Each test starts with a web server that is up."""
    if "web" not in running.stand.children:
        running.stand.start_web()


def test_twin_with_a_server_that_answers_before_it_has_written_something_confirmed_is_lost(running: Running) -> None:
    """What the suite's own server is told, and no other ever: without this the test above would prove nothing."""
    stand, rng = running.stand, random.Random(SEED + 3)
    need = needs(running, 140)
    stand.execute("ALTER DATABASE headroom SET synchronous_commit = off", user="postgres")
    try:
        stand.hang_up()
        assert any(is_lost(running, need(rng)) for _ in range(10))
    finally:
        stand.execute("ALTER DATABASE headroom RESET synchronous_commit", user="postgres")
        stand.hang_up()
    assert stand.verdict({}).is_clean  # lost as a whole, and never by half


def is_lost(running: Running, need: dict[str, Any]) -> bool:
    """Whether an acceptance is gone that was confirmed just before the server was killed."""
    buyer = running.rival
    offer = buyer.certain("POST", "/offers", need).body["offers"][0]["id"]
    quote = buyer.certain("POST", "/quotes", {"offer": offer}).body["id"]
    told = buyer.certain("POST", f"/quotes/{quote}/accept")
    running.stand.kill("postgres")
    running.stand.start_postgres()
    return told.status == 201 and buyer.certain("GET", f"/reservations/{told.body['id']}").status == 404
