"""One change: its transaction, its idempotency row, and its single retry after expired holds are released.

Every write enters here (web, REST, admin, tasks) and nowhere opens a transaction of its own.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import IntegrityError, OperationalError, transaction
from psycopg import errors

from marketplace.capacity.actions import release_expired_holds
from marketplace.capacity.ledger import Refused
from marketplace.change.models import Change
from marketplace.units import clock

T = TypeVar("T")


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
        if not release_expired_holds(pool_ids=refused.pool_ids, now=clock.now()):
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
    if key is None:
        status, body = render(run(action))
        return Answer(status, body, replayed=False)
    digest = hashlib.sha256(request).hexdigest()

    def keyed() -> Answer:
        stored = _reserve(organisation_id, key, digest)
        if stored is not None:
            return stored
        status, body = render(action())
        Change.objects.filter(organisation_id=organisation_id, key=key).update(
            status=status, answer=body
        )
        return Answer(status, body, replayed=False)

    return run(keyed)


def _reserve(organisation_id: int, key: str, digest: str) -> Answer | None:
    """Takes the key's row for this transaction, or returns the answer stored under it."""
    try:
        with transaction.atomic():
            # A second request with this key waits here until the first has committed, or for lock_timeout.
            Change.objects.create(
                organisation_id=organisation_id,
                key=key,
                request_digest=digest,
                at=clock.now(),
            )
    except IntegrityError:
        stored = Change.objects.get(organisation_id=organisation_id, key=key)
        if stored.request_digest != digest:
            raise IdempotencyMismatch from None
        return Answer(stored.status, stored.answer, replayed=True)
    except OperationalError as error:
        if isinstance(error.__cause__, errors.LockNotAvailable):
            raise InProgress from error
        raise
    return None


def _attempt(action: Callable[[], T]) -> T:
    try:
        with transaction.atomic():
            return action()
    except OperationalError as error:
        if isinstance(
            error.__cause__,
            errors.LockNotAvailable
            | errors.DeadlockDetected
            | errors.SerializationFailure,
        ):
            raise Busy from error
        raise
