"""The queue is a hint and the database is the truth: tasks twice, backwards or not at all; and a clock that jumps."""

import random
import time
from collections.abc import Callable, Iterator

import pytest

from marketplace.celery import app
from marketplace.local import servers
from marketplace.outbox.models import Event
from pricing.quotes.models import EXPIRED, OPEN, Quote
from tests.faults.clients import lapse_at
from tests.faults.conftest import Running
from tests.faults.stand import Stand
from tests.faults.test_over_http import clean, quote
from tests.waiting import wait_until

SWEEPS = (
    "pricing.expire_quotes",
    "marketplace.release_expired_holds",
    "pricing.publish_tape",
    "marketplace.watch_exposure",
)


def lapsed(running: Running, count: int, first_day: int) -> list[str]:
    """Quotes that have run out, and of which no sweep has heard."""
    wanted = [quote(running, running.bank, first_day) for _ in range(count)]
    with running.stand.session("postgres") as session:
        session.execute("SET session_replication_role = replica")
        for each in wanted:
            lapse_at(session, each, -1000)
    return wanted


def held(running: Running, quotes: list[str]) -> int:
    rows = running.stand.execute(
        "SELECT count(*) FROM marketplace_claim c JOIN pricing_quote q ON q.claim_id = c.id "
        "WHERE q.public_id = ANY(%s) AND c.status = 'held'",
        [quotes],
    )
    return int(rows[0][0])


def expired(running: Running, quotes: list[str]) -> list[int]:
    """How often each was told of as expired."""
    with running.stand.database():
        written = Quote.objects.filter(public_id__in=quotes, status=EXPIRED).count()
        told = [Event.objects.filter(name="quote.expired", subject=each).count() for each in quotes]
    return told if written == len(quotes) else []


def send(stand: Stand, tasks: list[str]) -> None:
    with app.connection_for_write(servers.embedded(stand.home).broker_url) as broker:
        for task in tasks:
            app.send_task(task, connection=broker, ignore_result=True)


def sweep(running: Running, task: str, seen: Callable[[], bool]) -> None:
    """Sends the task, as beat does, until its work is seen: a worker that has lost its connection fails once."""

    def look() -> bool:
        send(running.stand, [task])
        return wait_briefly(seen)

    wait_until(look, timeout=60)


def wait_briefly(seen: Callable[[], bool]) -> bool:
    for _ in range(20):
        if seen():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def worker(running: Running) -> Iterator[None]:
    running.stand.start_worker()
    yield
    running.stand.stop("worker", "beat")


def test_tasks_that_are_delivered_twice_and_backwards_do_their_work_once(running: Running, worker: None) -> None:
    wanted = lapsed(running, 6, 290)
    twice = [*SWEEPS, *SWEEPS]
    random.Random(7).shuffle(twice)
    send(running.stand, [*twice, *reversed(twice)])
    wait_until(lambda: expired(running, wanted) and not held(running, wanted), timeout=60)
    done = running.stand.children["worker"].last_lines(1000).count("succeeded")
    send(running.stand, list(reversed(SWEEPS)))
    wait_until(lambda: running.stand.children["worker"].last_lines(1000).count("succeeded") > done, timeout=30)
    assert expired(running, wanted) == [1] * 6
    assert clean(running)


def test_while_the_broker_is_gone_the_market_sells_and_afterwards_the_sweeps_catch_up(
    running: Running, worker: None
) -> None:
    """Nothing here waits for a minute to pass: what is due follows from rows, so a minute's work is made at once."""
    stand, bank = running.stand, running.bank
    stand.start_beat()
    stand.kill("broker")
    late = lapsed(running, 3, 300)
    wanted = quote(running, bank, 300)
    told = bank.certain("POST", f"/quotes/{wanted}/accept")
    assert told.status == 201
    for each in late:  # the clock decides, not the sweep that cannot run
        refused = bank.certain("POST", f"/quotes/{each}/accept")
        assert (refused.status, refused.code) == (409, "quote_expired")
    free = running.rival.certain("GET", "/pools").status
    assert (free, expired(running, late)) == (200, [])
    assert [stand.children[name].process.poll() for name in ("web", "worker", "beat")] == [None] * 3
    stand.start_broker()
    wait_until(lambda: expired(running, late) == [1] * 3 and not held(running, late), timeout=60)
    assert clean(running, (wanted, told))


# The clock

MOVED = """
    CREATE TABLE IF NOT EXISTS public.moved_clock (shift interval NOT NULL);
    DELETE FROM public.moved_clock;
    INSERT INTO public.moved_clock VALUES (interval '0');
    CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
        'SELECT pg_catalog.clock_timestamp() + shift FROM public.moved_clock';
    ALTER DATABASE headroom SET search_path = public, pg_catalog;
"""
AS_IT_WAS = """
    ALTER DATABASE headroom RESET search_path;
    DROP FUNCTION public.clock_timestamp();
    DROP TABLE public.moved_clock;
"""


class Clock:
    """The database's clock, which is the product's in all of its processes: a function of that name in front of it."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand

    def move(self, to: str) -> None:
        self._stand.execute("UPDATE public.moved_clock SET shift = %s::interval", [to])


@pytest.fixture
def moved_clock(running: Running) -> Iterator[Clock]:
    running.stand.execute(MOVED)
    running.stand.hang_up()
    yield Clock(running.stand)
    running.stand.execute(AS_IT_WAS)
    running.stand.hang_up()


def test_a_clock_that_jumps_ahead_ends_quotes_at_once_and_one_that_jumps_back_revives_none(
    running: Running, worker: None, moved_clock: Clock
) -> None:
    bank = running.bank
    ended, kept = quote(running, bank, 310), quote(running, bank, 310)
    moved_clock.move("19 minutes")
    assert bank.certain("GET", f"/quotes/{kept}").body["status"] == OPEN
    told = bank.certain("POST", f"/quotes/{kept}/accept")
    assert told.status == 201
    moved_clock.move("21 minutes")
    refused = bank.certain("POST", f"/quotes/{ended}/accept")
    assert (refused.status, refused.code) == (409, "quote_expired")
    sweep(running, "pricing.expire_quotes", lambda: expired(running, [ended]) == [1])
    moved_clock.move("-10 minutes")
    for path in (f"/quotes/{ended}/accept", f"/quotes/{ended}/release"):
        refused = bank.certain("POST", path)
        assert (refused.status, refused.code) == (409, "quote_expired"), path
    assert bank.certain("GET", f"/reservations/{told.body['id']}").status == 200
    assert clean(running, (kept, told))


def test_a_hold_that_was_given_back_while_the_clock_was_ahead_cannot_be_accepted_when_it_is_right_again(
    running: Running, worker: None, moved_clock: Clock
) -> None:
    """The ledger's sweep frees capacity without touching the quote: the quote must not be accepted over it."""
    wanted = quote(running, running.bank, 320)
    moved_clock.move("30 minutes")
    sweep(running, "marketplace.release_expired_holds", lambda: held(running, [wanted]) == 0)
    moved_clock.move("0")
    refused = running.bank.certain("POST", f"/quotes/{wanted}/accept")
    assert (refused.status, refused.code) == (409, "quote_expired")
    assert clean(running)
