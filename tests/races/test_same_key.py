"""One idempotency key from many requests at once, and locks that are not to be had, with real connections."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection

from marketplace.change import change
from marketplace.change.models import Change
from tests.capacity import a_pool, block, commit, sold
from tests.races.gate import GATE, waiting
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def own_connection(work: Callable[[], Any]) -> Callable[[], Any]:
    """The work on a connection that ends with it, telling an error by its type."""

    def run() -> Any:
        try:
            return work()
        except Exception as error:
            return type(error)
        finally:
            connection.close()

    return run


def once(action: Callable[[], Any], request: bytes = b"{}") -> change.Answer:
    return change.run_once(action, organisation_id=1, key="k-1", request=request, render=lambda _: (201, {"ok": True}))


def test_of_eight_requests_with_one_key_one_runs_and_the_others_hear_its_answer() -> None:
    pool = a_pool(firm=80)
    together = threading.Barrier(8)

    def request() -> change.Answer:
        together.wait(10)
        return once(lambda: commit("rsv_bank", block(pool, 8)))

    with ThreadPoolExecutor(8) as threads:
        answers = [each.result() for each in [threads.submit(own_connection(request)) for _ in range(8)]]
    assert Counter((a.status, a.replayed) for a in answers) == Counter({(201, True): 7, (201, False): 1})
    assert (sold(pool.pk), Change.objects.count()) == (8, 1)


def test_if_the_first_of_two_is_refused_the_second_runs() -> None:
    pool = a_pool(firm=80)
    started, go_on = threading.Event(), threading.Event()

    def fail() -> None:
        started.set()
        go_on.wait(10)
        raise RuntimeError

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(own_connection(lambda: once(fail)))
        started.wait(10)
        second = threads.submit(own_connection(lambda: once(lambda: commit("rsv_bank", block(pool, 8)))))
        wait_until(lambda: waiting() == 1)
        go_on.set()
        assert first.result() is RuntimeError
        assert second.result() == change.Answer(201, {"ok": True}, replayed=False)
    assert sold(pool.pk) == 8


def test_a_second_request_waits_for_the_lock_timeout_and_hears_that_the_first_is_in_progress() -> None:
    pool = a_pool()
    started, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        started.set()
        go_on.wait(10)

    def impatient() -> change.Answer:
        execute("SET lock_timeout = '200ms'")
        return once(lambda: commit("rsv_bank", block(pool, 8)))

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(own_connection(lambda: once(slow)))
        started.wait(10)
        assert threads.submit(own_connection(impatient)).result() is change.InProgress
        go_on.set()
        assert first.result() == change.Answer(201, {"ok": True}, replayed=False)
    assert sold(pool.pk) == 0


def test_days_that_are_locked_for_too_long_are_busy_and_nothing_is_done() -> None:
    pool = a_pool()
    locked, go_on = threading.Event(), threading.Event()

    def sit_on_it() -> None:
        commit("rsv_rival", block(pool, 8))
        locked.set()
        go_on.wait(10)

    def impatient() -> change.Answer:
        execute("SET lock_timeout = '200ms'")
        return once(lambda: commit("rsv_bank", block(pool, 16)))

    with ThreadPoolExecutor(2) as threads:
        rival = threads.submit(own_connection(lambda: change.run(sit_on_it)))
        locked.wait(10)
        assert threads.submit(own_connection(impatient)).result() is change.Busy
        go_on.set()
        rival.result()
    assert (sold(pool.pk), Change.objects.count()) == (8, 0)


def test_of_two_changes_in_a_deadlock_one_is_busy_and_the_other_goes_through() -> None:
    pools = [a_pool(), a_pool()]
    both_have_one = threading.Barrier(2)

    def against(first: Any, second: Any) -> Callable[[], str]:
        def both() -> str:
            commit("rsv_race", block(first, 8))
            both_have_one.wait(10)
            commit("rsv_race", block(second, 8))  # two claims in one change: the order of the ledger is not kept
            return "done"

        return both

    with ThreadPoolExecutor(2) as threads:
        works = [against(*pools), against(*reversed(pools))]
        outcomes = [threads.submit(own_connection(partial(change.run, work))) for work in works]
        found = {str(each.result()) for each in outcomes}
    assert found == {"done", str(change.Busy)}
    assert [sold(pool.pk) for pool in pools] == [8, 8]


def test_an_error_of_the_server_that_is_not_about_locks_stays_what_it_is() -> None:
    def cancelled() -> None:
        execute("SET LOCAL statement_timeout = '50ms'")
        execute(f"SELECT pg_sleep(5), {GATE}")

    with pytest.raises(OperationalError):
        change.run(cancelled)
