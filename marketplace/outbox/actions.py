from datetime import datetime
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from marketplace.journal.actor import Actor
from marketplace.outbox.models import Event, new_event_id


def emit(
    *,
    name: str,
    subject: str,
    organisation_id: int | None,
    data: dict[str, Any],
    now: datetime,
) -> Event:
    """Writes an event (`noun.past_participle`) in the transaction of the change that it tells of."""
    return Event.objects.create(
        name=name,
        subject=subject,
        organisation_id=organisation_id,
        data=data,
        created_at=now,
    )


def tell(
    *, by: Actor, name: str, subject: str, organisation_id: int, now: datetime, after: Any, data: dict[str, Any]
) -> None:
    """`journal.record` and `emit` of one change under one name, in one statement: for the changes that happen all
    day."""
    values: dict[str, Any] = {
        "at": now,
        "name": name,
        "subject": subject,
        "actor": by.label,
        "user": by.user_id,
        "key": by.key_id,
        "for": by.organisation_id,
        "after": Jsonb(after),
        "public_id": new_event_id(),
        "organisation": organisation_id,
        "data": Jsonb(data),
    }
    with connection.cursor() as cursor:
        cursor.execute(_TELL, values)


_TELL = """
    WITH entry AS (
        INSERT INTO marketplace_entry
            (at, actor, user_id, key_id, organisation_id, verb, subject, before, after, reason)
        VALUES (%(at)s, %(actor)s, %(user)s, %(key)s, %(for)s, %(name)s, %(subject)s, NULL, %(after)s, '')
    )
    INSERT INTO marketplace_event (public_id, organisation_id, name, subject, data, created_at)
    VALUES (%(public_id)s, %(organisation)s, %(name)s, %(subject)s, %(data)s, %(at)s)
"""
