"""One change: its transaction, its idempotency row, and its single retry after expired holds are released.

Every write enters here (web, REST, admin, tasks) and nowhere opens a transaction of its own.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import OperationalError, connection, transaction
from psycopg import errors
from psycopg.types.json import Jsonb

from marketplace.capacity.actions import release_expired_holds
from marketplace.capacity.ledger import Refused
from marketplace.change.models import Change
from marketplace.units import clock
from marketplace.units.prepared import planned_once

T = TypeVar("T")
_SOMEBODY_ELSE_HAS_IT = errors.LockNotAvailable | errors.DeadlockDetected | errors.SerializationFailure


class Busy(Exception):
    """Somebody else held what this change needs for too long. Nothing was done; try again."""


class InProgress(Exception):
    """Another request with the same idempotency key is still running."""


class IdempotencyMismatch(Exception):
    """The idempotency key was used before, for another request."""


@dataclass(frozen=True)
class Answer:
    """What a keyed change answered: the status and body that a repeat of the request hears again."""

    status: int
    body: Any
    replayed: bool


def run(action: Callable[[], T]) -> T:
    """Runs the action in one transaction; a claim that does not fit is tried once more without expired holds."""
    try:
        return _attempt(action)
    except Refused as refused:
        with _busy_if_locked():
            released = release_expired_holds(pool_ids=refused.pool_ids, now=clock.now())
        if not released and not refused.met_expired:
            raise
        return _attempt(action)


def run_once(
    action: Callable[[], T],
    *,
    organisation_id: int,
    key: str | None,
    request: bytes,
    render: Callable[[T], tuple[int, Any]],
) -> Answer:
    """Runs the action at most once per (organisation, key) and stores its answer in the same transaction.

    Refusals roll back, row and all: the same key may be tried again once what was wrong is mended.
    """

    def once() -> Answer:
        if key is None:
            return Answer(*render(action()), replayed=False)
        digest = hashlib.sha256(request).hexdigest()
        if not _reserve(organisation_id, key, digest):
            return _stored(organisation_id, key, digest)
        answer = Answer(*render(action()), replayed=False)
        _store(organisation_id, key, answer)
        return answer

    return run(once)


@planned_once()
def _reserve(organisation_id: int, key: str, digest: str) -> bool:
    """Takes the key's row for this transaction; False where a request before this one has used it."""
    try:
        with connection.cursor() as cursor:
            # A second request with this key waits here until the first has ended, or for lock_timeout.
            cursor.execute(
                """
                INSERT INTO marketplace_change (organisation_id, key, request_digest, status, at)
                VALUES (%s, %s, %s, 0, COALESCE(%s::timestamptz, clock_timestamp()))
                ON CONFLICT (organisation_id, key) DO NOTHING
                """,
                [organisation_id, key, digest, clock.frozen_at()],
            )
            return bool(cursor.rowcount)
    except OperationalError as error:
        if isinstance(error.__cause__, errors.LockNotAvailable):
            raise InProgress from error
        raise


@planned_once()
def _store(organisation_id: int, key: str, answer: Answer) -> None:
    values: list[Any] = [answer.status, Jsonb(answer.body), organisation_id, key]
    with connection.cursor() as cursor:
        cursor.execute(_STORE, values)


_STORE = "UPDATE marketplace_change SET status = %s, answer = %s WHERE organisation_id = %s AND key = %s"


def _stored(organisation_id: int, key: str, digest: str) -> Answer:
    stored = Change.objects.get(organisation_id=organisation_id, key=key)
    if stored.request_digest != digest:
        raise IdempotencyMismatch
    return Answer(stored.status, stored.answer, replayed=True)


def _attempt(action: Callable[[], T]) -> T:
    with _busy_if_locked(), transaction.atomic():
        return action()


@contextmanager
def _busy_if_locked() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if isinstance(error.__cause__, _SOMEBODY_ELSE_HAS_IT):
            raise Busy from error
        raise
