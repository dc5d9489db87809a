"""The one clock. Rules take `now` as an argument; only the edge of a change asks here, after its locks are held."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime

from django.db import connection

_frozen: ContextVar[datetime | None] = ContextVar("frozen", default=None)


def now() -> datetime:
    """The database's wall clock in UTC (one clock for every process), or the time a test has frozen."""
    frozen_at = _frozen.get()
    if frozen_at is not None:
        return frozen_at
    with connection.cursor() as cursor:
        # clock_timestamp, not now(): inside a transaction now() is the time of its start, before it waited for locks.
        cursor.execute("SELECT clock_timestamp()")
        at: datetime = cursor.fetchone()[0]
    return at.astimezone(UTC)


def seen(at: datetime) -> datetime:
    """The time that a statement read beside its rows (units/compiled.py), or the time a test has frozen."""
    return _frozen.get() or at.astimezone(UTC)


def frozen_at() -> datetime | None:
    """The time a test has frozen, for a statement that asks the database's clock itself where there is none."""
    return _frozen.get()


def today() -> date:
    """The current trading day: a UTC date."""
    return now().date()


@contextmanager
def frozen(at: datetime) -> Iterator[datetime]:
    """Stops the clock for this thread of execution: for tests and replays."""
    token = _frozen.set(at)
    try:
        yield at
    finally:
        _frozen.reset(token)
