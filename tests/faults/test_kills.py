"""kill -9 of web, worker and PostgreSQL while something becomes binding, each at 20 random moments.

That is an acceptance, a change, a bundle, an approval or an offer of the waitlist. At most of the moments all processes
of the program are killed; at the others one of them, and the program goes on without it. Buyers write down what was
confirmed to them. Afterwards: totals equal entries, no quote is both expired and accepted, a bundle is there as a whole
or not at all, nothing is lost that was confirmed, and a repeat with the same key hears the same.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from marketplace.celery import SERVE_WAITLIST, app
from marketplace.local import servers
from marketplace.units import clock
from pricing.quotes.models import Quote
from tests.faults.clients import lapse_at
from tests.faults.conftest import Running
from tests.faults.deeds import Doers
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
def buying(running: Running, first_day: int, seed: int, **more: Any) -> Iterator[Doers]:
    doers = Doers(running.bank, needs(running, first_day), seed, asker=running.asker, approver=running.approver, **more)
    doers.start(BUYERS)
    try:
        yield doers
    finally:
        doers.finish()


def kill_at_random_moments(running: Running, doers: Doers, name: str, rng: random.Random, *, whole: int) -> None:
    """At `whole` of the moments everything of the program is killed and started again; else one process of it is."""
    stand = running.stand
    for everything in rng.sample([True] * whole + [False] * (MOMENTS - whole), MOMENTS):
        doers.wait_for_an_acceptance()
        random_moment(rng)
        if everything:
            stand.kill(name)
            getattr(stand, f"start_{name}")()
        else:
            stand.kill_one_below(name, rng)


def nothing_is_lost(running: Running, doers: Doers) -> None:
    """What was confirmed is there for its owner, over the same door, and everything adds up."""
    assert doers.lost() == []
    for quote, reservation in list(doers.confirmed.items())[-20:]:
        whose = [client for client in (running.bank, running.asker) if client.holds(reservation)]
        assert [client.certain("GET", f"/reservations/{reservation}").body["quote"] for client in whose] == [quote]
    verdict = running.stand.verdict(doers.confirmed)
    assert verdict.is_clean, verdict
    assert running.stand.broken(doers.bundles) == []


def test_web_is_killed_while_something_becomes_binding(running: Running) -> None:
    rng = random.Random(SEED)
    with buying(running, 20, SEED) as doers:
        kill_at_random_moments(running, doers, "web", rng, whole=12)
    assert set(doers.done) == {"accept", "change", "bundle", "approval"}
    nothing_is_lost(running, doers)


def test_postgres_is_killed_while_something_becomes_binding(running: Running) -> None:
    rng = random.Random(SEED + 1)
    with buying(running, 60, SEED + 1) as doers:
        kill_at_random_moments(running, doers, "postgres", rng, whole=16)
    assert set(doers.done) == {"accept", "change", "bundle", "approval"}
    nothing_is_lost(running, doers)


@contextmanager
def sweeping(stand: Stand) -> Iterator[None]:
    """A worker that is given the sweeps over what has lapsed, again and again."""
    over = threading.Event()
    stand.start_worker()

    def send() -> None:
        with app.connection_for_write(servers.embedded(stand.home).broker_url) as broker:
            while not over.wait(0.3):
                for task in ("pricing.expire_quotes", "marketplace.release_expired_holds", SERVE_WAITLIST):
                    app.send_task(task, connection=broker, ignore_result=True)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)
        stand.stop("worker")


def test_the_worker_is_killed_while_offers_are_made_and_taken_in_the_moment_in_which_quotes_lapse(
    running: Running,
) -> None:
    stand, rng = running.stand, random.Random(SEED + 2)
    session, one_at_a_time = stand.session("postgres"), threading.Lock()
    session.execute("SET session_replication_role = replica")  # past the trigger that freezes a quote's terms

    def shorten(quote: str, buyer: random.Random) -> None:
        with one_at_a_time:
            lapse_at(session, quote, buyer.uniform(-20, 120))

    with sweeping(stand), buying(running, 100, SEED + 2, shorten=shorten, serves=True) as doers:
        kill_at_random_moments(running, doers, "worker", rng, whole=12)
        with stand.database():
            wait_until(lambda: not Quote.objects.lapsed(clock.now()).exists(), timeout=30)
    session.close()
    assert set(doers.refused.values()) == {"quote_expired"}
    assert doers.done["offer"] > 0
    nothing_is_lost(running, doers)


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
