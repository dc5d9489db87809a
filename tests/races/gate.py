"""A gate that stops everybody between the look and the leap, so that a twin shows its damage every time.

A twin is the same race on a variant of the ledger's function from which the lock has been taken. Variants are made
from the text of the .sql file, and the original is put back whatever happens.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection

from tests.waiting import wait_until

FILES = ("capacity/sql/0001_ledger.sql", "capacity/sql/0003_returns.sql", "parties/sql/0007_budgets.sql")
SQL = "\n".join((settings.BASE_DIR / "marketplace" / name).read_text() for name in FILES)
GATE = 7462  # the advisory lock that is the gate
WAITING = """
    SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE NOT granted AND datname = current_database()
"""
THROUGH_THE_GATE = f"PERFORM pg_advisory_xact_lock_shared({GATE});"


def function(name: str) -> str:
    """The text that creates a function of the ledger or of the budgets, from its file."""
    found = re.search(rf"CREATE FUNCTION {name}\(.*?END \$\$;", SQL, re.DOTALL)
    assert found, name
    return found[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)


def replaced(text: str, old: str, new: str) -> str:
    """`text` with its one `old` replaced; fails where the file no longer reads so."""
    assert text.count(old) == 1, f"{text.count(old)} times: {old}"
    return text.replace(old, new)


@contextmanager
def variant(name: str, changed: Callable[[str], str]) -> Iterator[None]:
    """The live function is `changed(original)` for a while."""
    original = function(name)
    _execute(changed(original))
    try:
        yield
    finally:
        _execute(original)


@contextmanager
def without_the_trigger() -> Iterator[None]:
    _execute("ALTER TABLE marketplace_capacityday DISABLE TRIGGER nothing_is_sold_twice")
    try:
        yield
    finally:
        _execute("ALTER TABLE marketplace_capacityday ENABLE TRIGGER nothing_is_sold_twice")


def gated(text: str) -> str:
    """capacity_claim with the gate between what it finds and what it does about it."""
    return replaced(text, ") locked;", f") locked;\n        {THROUGH_THE_GATE}")


def gated_without_lock(text: str) -> str:
    return replaced(gated(text), "ORDER BY day FOR UPDATE", "ORDER BY day")


def at_the_gate(first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    """Runs both, each in a thread and a connection of its own; opens the gate once both wait, there or for a lock.

    Returns what each returned or raised.
    """
    outcomes: list[Any] = [None, None]
    _execute(f"SELECT pg_advisory_lock({GATE})")
    threads = [threading.Thread(target=_run, args=(outcomes, n, work)) for n, work in enumerate((first, second))]
    try:
        for number, thread in enumerate(threads, start=1):
            thread.start()
            wait_until(partial(are_waiting, number), timeout=10)
    finally:
        _execute(f"SELECT pg_advisory_unlock({GATE})")
        for thread in threads:
            if thread.ident is not None:
                thread.join(30)
    return outcomes


def are_waiting(number: int) -> bool:
    return waiting() >= number


def waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return int(cursor.fetchone()[0])


def _run(outcomes: list[Any], number: int, work: Callable[[], Any]) -> None:
    try:
        outcomes[number] = work()
    except Exception as error:
        outcomes[number] = error
    finally:
        connection.close()


def _execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def wait_at_the_gate() -> None:
    """Stops here until the gate opens."""
    _execute(f"SELECT pg_advisory_lock_shared({GATE})")
    _execute(f"SELECT pg_advisory_unlock_shared({GATE})")
