from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from marketplace.journal.actor import Actor
from marketplace.outbox.models import Event, new_event_id
from marketplace.units.writes import Write, run


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
    run(*telling(by=by, name=name, subject=subject, organisation_id=organisation_id, now=now, after=after, data=data))


def telling(
    *, by: Actor, name: str, subject: str, organisation_id: int, now: datetime, after: Any, data: dict[str, Any]
) -> tuple[Write, Write]:
    """What `tell` writes, for whoever writes more in the same statement."""
    entry = (now, by.label, by.user_id, by.key_id, by.organisation_id, name, subject, Jsonb(after))
    event = (new_event_id(), organisation_id, name, subject, Jsonb(data), now)
    return Write("entry", _ENTRY, entry), Write("event", _EVENT, event)


_ENTRY = """
    INSERT INTO marketplace_entry (at, actor, user_id, key_id, organisation_id, verb, subject, before, after, reason)
    VALUES (%s, %s, %s, %s, %s, %s, %s, NULL, %s, '')
"""
_EVENT = """
    INSERT INTO marketplace_event (public_id, organisation_id, name, subject, data, created_at)
    VALUES (%s, %s, %s, %s, %s, %s)
"""
