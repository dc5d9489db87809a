"""Many clients of the real web server at once, locks that others hold, and connections that end."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
import pytest
from django.db import transaction

from marketplace.capacity import ledger
from tests.faults.clients import Client, Told, at_once
from tests.faults.conftest import Running
from tests.waiting import wait_until

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'headroom' AND wait_event_type = 'Lock'"


def offer(running: Running, client: Client, first_day: int, **changed: Any) -> str:
    day = running.market.day(first_day).isoformat()
    need = running.market.need(**{"quantity": 8, "duration_days": 5, **changed}, start={"from": day, "to": day})
    return str(client.certain("POST", "/offers", need).body["offers"][0]["id"])


def quote(running: Running, client: Client, first_day: int, **changed: Any) -> str:
    told = client.certain("POST", "/quotes", {"offer": offer(running, client, first_day, **changed)})
    assert told.status == 201, told
    return str(told.body["id"])


def clean(running: Running, *accepted: tuple[str, Told]) -> bool:
    verdict = running.stand.verdict({quote: str(told.body["id"]) for quote, told in accepted})
    assert verdict.is_clean, verdict
    return True


def test_the_same_key_from_eight_clients_at_once_is_one_reservation(running: Running) -> None:
    bank = running.bank
    wanted = quote(running, bank, 200)
    told = at_once([lambda: bank.certain("POST", f"/quotes/{wanted}/accept", idempotency_key="eight")] * 8)
    assert [each.status for each in told] == [201] * 8
    assert len({each.body["id"] for each in told}) == 1
    assert sum(each.headers.get("Idempotent-Replayed") != "true" for each in told) == 1
    assert clean(running, (wanted, told[0]))


def test_of_two_acceptances_of_one_quote_at_once_one_is_told_that_it_was_accepted_already(running: Running) -> None:
    bank = running.bank
    for _ in range(5):
        wanted = quote(running, bank, 210)
        told = at_once([lambda wanted=wanted: bank.certain("POST", f"/quotes/{wanted}/accept")] * 2)  # type: ignore[misc]
        assert sorted((each.status, each.code) for each in told) == [(201, ""), (409, "quote_accepted")]
        winner = next(each for each in told if each.status == 201)
        assert clean(running, (wanted, winner))


def last_block_left(running: Running, first_day: int, days: int, gpus: int) -> None:
    """On those days the pool has this much, and nobody has any of it."""
    limits = np.full((3, days), gpus, dtype=np.int64)
    with running.stand.database(), transaction.atomic():
        ledger.set_limits(pool_id=running.market.h100.pk, first_day=running.market.day(first_day), limits=limits)


def test_the_last_block_is_wanted_by_64_clients_and_sold_once(running: Running) -> None:
    last_block_left(running, 220, 5, 8)
    buyers = [running.bank, running.rival] * 32
    offers = {client: offer(running, client, 220) for client in (running.bank, running.rival)}

    def want(client: Client) -> tuple[Client, Told]:
        return client, client.certain("POST", "/quotes", {"offer": offers[client]})

    told = at_once([lambda client=client: want(client) for client in buyers])  # type: ignore[misc]
    outcomes = Counter((each.status, each.code) for _, each in told)
    assert outcomes == {(201, ""): 1, (409, "insufficient_headroom"): 63}
    winner, won = next((client, each) for client, each in told if each.status == 201)
    accepted = winner.certain("POST", f"/quotes/{won.body['id']}/accept")
    assert accepted.status == 201
    assert clean(running, (str(won.body["id"]), accepted))


def test_more_than_there_is_is_refused_and_never_clipped(running: Running) -> None:
    """Another system's fault, ours to avoid: “created”, with less than was asked for."""
    last_block_left(running, 230, 5, 64)
    token = offer(running, running.bank, 230, quantity=64)
    taken = quote(running, running.rival, 230)
    told = running.bank.certain("POST", "/quotes", {"offer": token})
    assert (told.status, told.code) == (409, "insufficient_headroom")
    rows = running.stand.execute(
        "SELECT sum(firm_held) FROM marketplace_capacityday WHERE day = %s", [running.market.day(230)]
    )
    assert rows == [(8,)]
    assert running.rival.certain("POST", f"/quotes/{taken}/release").status == 200


# Locks and connections


@contextmanager
def somebody(running: Running, *first: str) -> Iterator["psycopg.Connection[Any]"]:
    """Another session in a transaction of its own that has run these statements; it gives up at the end."""
    with running.stand.session() as session:
        session.execute("BEGIN")
        for statement in first:
            session.execute(statement)
        try:
            yield session
        finally:
            if not session.closed:
                session.execute("ROLLBACK")


def in_background(client: Client, path: str, **more: Any) -> tuple[threading.Thread, list[Any]]:
    """A request that will have to wait; what it was told, once it has been."""
    told: list[Any] = []

    def send() -> None:
        told.append(client.once("POST", path, **more))

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread, told


def waits(running: Running) -> None:
    wait_until(lambda: running.stand.execute(WAITING) >= [(1,)])


def lock_days(running: Running, pool: int, *offsets: int) -> str:
    days = ", ".join(f"'{running.market.day(offset)}'" for offset in offsets)
    return f"SELECT 1 FROM marketplace_capacityday WHERE pool_id = {pool} AND day IN ({days}) ORDER BY day FOR UPDATE"


def nothing_done(running: Running, client: Client, wanted: str) -> bool:
    """The quote is as it was: open, held, and can still be accepted with the same key."""
    assert client.certain("GET", f"/quotes/{wanted}").body["status"] == "open"
    told = client.certain("POST", f"/quotes/{wanted}/accept", idempotency_key=f"k-{wanted}")
    assert told.status == 201
    return clean(running, (wanted, told))


def test_a_quote_that_somebody_else_has_locked_for_too_long_is_busy(running: Running) -> None:
    wanted = quote(running, running.bank, 240)
    with somebody(running, f"SELECT 1 FROM pricing_quote WHERE public_id = '{wanted}' FOR UPDATE"):
        thread, told = in_background(running.bank, f"/quotes/{wanted}/accept", idempotency_key=f"k-{wanted}")
        waits(running)
        thread.join(20)
    assert (told[0].status, told[0].code, told[0].headers["Retry-After"]) == (503, "busy", "1")
    assert nothing_done(running, running.bank, wanted)


def test_a_deadlock_with_somebody_who_locks_days_backwards_ends_as_busy_and_nothing_is_half_done(
    running: Running,
) -> None:
    wanted, pool = quote(running, running.bank, 250), running.market.h100.pk
    with somebody(running, lock_days(running, pool, 254)) as backwards:
        thread, told = in_background(running.bank, f"/quotes/{wanted}/accept", idempotency_key=f"k-{wanted}")
        waits(running)  # it has the first four days, and wants the fifth
        time.sleep(0.2)  # so that the other's wait is the younger one: the server ends the one that notices first
        backwards.execute(lock_days(running, pool, 250))
        thread.join(20)
    assert (told[0].status, told[0].code) == (503, "busy")
    assert nothing_done(running, running.bank, wanted)


def test_a_connection_that_is_ended_in_the_middle_leaves_nothing_half_done(running: Running) -> None:
    wanted, pool = quote(running, running.bank, 260), running.market.h100.pk
    with somebody(running, lock_days(running, pool, 264)):
        thread, told = in_background(running.bank, f"/quotes/{wanted}/accept", idempotency_key=f"k-{wanted}")
        waits(running)
        running.stand.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'", user="postgres"
        )
        thread.join(20)
    assert (told[0].status, told[0].code) == (500, "internal_error")
    assert nothing_done(running, running.bank, wanted)


@pytest.fixture
def repeatable_read(running: Running) -> Iterator[None]:
    """Under this isolation PostgreSQL refuses to write over what a later transaction has written."""
    running.stand.execute(
        "ALTER DATABASE headroom SET default_transaction_isolation = 'repeatable read'", user="postgres"
    )
    running.stand.hang_up()
    yield
    running.stand.execute("ALTER DATABASE headroom RESET default_transaction_isolation", user="postgres")
    running.stand.hang_up()


def test_a_serialization_failure_ends_as_busy_and_nothing_is_half_done(running: Running, repeatable_read: None) -> None:
    wanted, pool = quote(running, running.bank, 270), running.market.h100.pk
    touch = "UPDATE marketplace_capacityday SET limit_standby = limit_standby + 1"
    first = f"{touch} WHERE pool_id = {pool} AND day = '{running.market.day(272)}'"
    with somebody(running, first) as session:
        thread, told = in_background(running.bank, f"/quotes/{wanted}/accept", idempotency_key=f"k-{wanted}")
        waits(running)
        session.execute("COMMIT")
        session.execute("BEGIN")
        thread.join(20)
    assert (told[0].status, told[0].code) == (503, "busy")
    assert nothing_done(running, running.bank, wanted)
