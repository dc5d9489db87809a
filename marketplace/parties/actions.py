"""What is done to organisations, their members and their keys."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.parties.models import SCOPES, ApiKey, Organisation
from marketplace.units.ids import new_id

LIVE_KEY_PREFIX = "hr_live"
SHOWN_CHARACTERS = 12
LAST_USE_STEP = timedelta(minutes=1)


class UnknownScope(ValueError):
    """A scope that does not exist was asked for."""


def digest_of(secret: str) -> str:
    """SHA-256 is enough for a random secret of 131 bits: there is nothing to guess from a dictionary."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create_api_key(
    *,
    organisation: Organisation,
    name: str,
    scopes: Sequence[str],
    by: Actor,
    now: datetime,
    expires_at: datetime | None = None,
    secret: str | None = None,
) -> tuple[ApiKey, str]:
    """Makes a key and returns it with its secret: the only moment at which anybody can read it."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise UnknownScope(f"Choose one or more of {', '.join(SCOPES)}; got {', '.join(unknown) or 'none'}.")
    secret = secret or new_id(LIVE_KEY_PREFIX)
    key = ApiKey.objects.create(
        organisation=organisation,
        name=name,
        prefix=secret[:SHOWN_CHARACTERS],
        digest=digest_of(secret),
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
        created_by_id=by.user_id,
    )
    record(
        by=by,
        verb="api_key.created",
        subject=organisation.public_id,
        now=now,
        after={"prefix": key.prefix},
    )
    return key, secret


def revoke_api_key(*, key: ApiKey, by: Actor, now: datetime) -> ApiKey:
    """Ends a key at once and for ever. Revoking twice keeps the first time."""
    if key.revoked_at is None:
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
        record(
            by=by,
            verb="api_key.revoked",
            subject=key.organisation.public_id,
            now=now,
            before={"prefix": key.prefix},
        )
    return key


def is_use_to_be_noted(*, key: ApiKey, now: datetime) -> bool:
    return key.last_used_at is None or now - key.last_used_at >= LAST_USE_STEP


def note_key_use(*, key: ApiKey, now: datetime) -> None:
    """Keeps the last use to the minute, so that a busy key does not write on every request."""
    if is_use_to_be_noted(key=key, now=now):
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
