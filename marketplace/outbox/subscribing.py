"""What an organisation does with its webhook endpoints: make, change, rotate the secret, test, replay, remove."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox import signatures
from marketplace.outbox.actions import emit
from marketplace.outbox.addresses import Reach, Target
from marketplace.outbox.connecting import Connector
from marketplace.outbox.models import (
    DISABLED,
    ENABLED,
    FAILED,
    PENDING,
    REMOVED,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSecret,
)

MOST_ENDPOINTS = 20
MOST_REPLAYED = 10_000
MOST_NAMES = 50
OVERLAP, LONGEST_OVERLAP = timedelta(hours=24), timedelta(days=7)
EVENT_NAME = re.compile(r"[a-z_]{1,30}\.(\*|[a-z_]{1,29})")
PINGED = "webhook_endpoint.pinged"


class WebhookRefused(Exception):
    """What was asked of a webhook endpoint cannot be; `field` is what was wrong, the sentence what would be right."""

    def __init__(self, field: str, said: str) -> None:
        super().__init__(said)
        self.field = field


class SecretLost(Exception):
    """The master key is another one than that from which this secret was derived: nobody could verify what we sign."""


@dataclass(frozen=True)
class Made:
    """An endpoint with its newest secret, to be shown this once."""

    endpoint: WebhookEndpoint
    secret: str


def connector() -> Connector:
    """How this installation reaches receivers."""
    return Connector(Reach(loopback=settings.WEBHOOKS_TO_LOOPBACK), ca_file=settings.WEBHOOKS_CA_FILE)


def reachable(url: str) -> Target:
    """The address, looked up and checked, before any transaction. Raises AddressRefused."""
    return connector().checked(url)


def create_endpoint(
    *,
    organisation_id: int,
    target: Target,
    events: Sequence[str] = (),
    description: str = "",
    by: Actor,
    now: datetime,
) -> Made:
    """Events from now on are sent to the address. Raises WebhookRefused."""
    own = WebhookEndpoint.objects.of(organisation_id)
    if own.count() >= MOST_ENDPOINTS:
        raise WebhookRefused("url", f"There are {MOST_ENDPOINTS} endpoints already. Remove one first.")
    if own.filter(url=target.url).exists():
        raise WebhookRefused("url", "There is an endpoint with this address already. Change that one.")
    endpoint = WebhookEndpoint.objects.create(
        organisation_id=organisation_id, url=target.url, events=_names(events), description=description, created_at=now
    )
    _begin_cursor()
    secret = _new_secret(endpoint, now)
    _told(endpoint, "created", by, now, after=_facts(endpoint))
    return Made(endpoint, secret)


def _names(events: Sequence[str]) -> list[str]:
    """The events that are wanted, each once: `quote.accepted`, or `quote.*` for all about quotes."""
    wrong = [name for name in events if not EVENT_NAME.fullmatch(name)]
    if wrong:
        raise WebhookRefused(
            "events",
            f"“{wrong[0][:60]}” is no event. Name one such as quote.accepted, or quote.* for all.",
        )
    if len(events) > MOST_NAMES:
        raise WebhookRefused("events", f"Name at most {MOST_NAMES} events, or none to be sent every one.")
    return sorted(set(events))


def _begin_cursor() -> None:
    """From the first endpoint on events are read; those before are nobody's to be sent."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO marketplace_webhookcursor (id, tx, event_id, floor)
            VALUES (1, pg_snapshot_xmin(pg_current_snapshot())::text::bigint, 0, 0) ON CONFLICT DO NOTHING
            """
        )


def _new_secret(endpoint: WebhookEndpoint, now: datetime) -> str:
    salt = secrets.token_hex(32)
    secret = signatures.derive(settings.WEBHOOK_KEY, endpoint=endpoint.public_id, salt=salt)
    WebhookSecret.objects.create(
        endpoint=endpoint, salt=salt, fingerprint=signatures.fingerprint(secret), created_at=now
    )
    return signatures.shown(secret)


def newest_secret(endpoint: WebhookEndpoint) -> str:
    """The newest secret as its receiver was shown it: for the repeat of a request whose answer was lost."""
    return signatures.shown(secret_of(endpoint.secrets.select_related("endpoint").get(ends_at=None)))


def secret_of(row: WebhookSecret) -> bytes:
    """Raises SecretLost rather than sign with what the receiver does not have."""
    secret = signatures.derive(settings.WEBHOOK_KEY, endpoint=row.endpoint.public_id, salt=row.salt)
    if signatures.fingerprint(secret) != row.fingerprint:
        raise SecretLost
    return secret


def change_endpoint(
    *,
    endpoint: WebhookEndpoint,
    target: Target | None = None,
    events: Sequence[str] | None = None,
    description: str | None = None,
    enabled: bool | None = None,
    by: Actor,
    now: datetime,
) -> WebhookEndpoint:
    """Changes what is named and nothing else. What was missed while disabled is not sent: replay it."""
    row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    before = _facts(row)
    if target is not None and target.url != row.url:
        if WebhookEndpoint.objects.of(row.organisation_id).filter(url=target.url).exists():
            raise WebhookRefused("url", "There is an endpoint with this address already. Change that one.")
        row.url = target.url
    if events is not None:
        row.events = _names(events)
    if description is not None:
        row.description = description
    if enabled is not None:
        _switch(row, enabled)
    if _facts(row) != before:
        row.save()
        if row.status == DISABLED:
            drop_pending(endpoint_id=row.pk, now=now)
        _told(row, "changed", by, now, before=before, after=_facts(row))
    return row


def _switch(row: WebhookEndpoint, enabled: bool) -> None:
    if enabled and row.status == DISABLED:
        row.status, row.disabled_because, row.failing_since, row.is_slow = ENABLED, "", None, False
    elif not enabled and row.status == ENABLED:
        row.status, row.disabled_because = DISABLED, "Switched off by its organisation."


def rotate_secret(*, endpoint: WebhookEndpoint, by: Actor, now: datetime, overlap: timedelta = OVERLAP) -> Made:
    """A new secret; until the overlap is over messages are signed with the one before it, too. At most two at once."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise WebhookRefused("overlap_hours", f"The old secret stays good for 0 to {LONGEST_OVERLAP.days * 24} hours.")
    row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    row.secrets.filter(ends_at__gt=now).update(ends_at=now)
    row.secrets.filter(ends_at=None).update(ends_at=now + overlap)
    secret = _new_secret(row, now)
    _told(row, "secret_rotated", by, now, after={"old_until": (now + overlap).isoformat()})
    return Made(row, secret)


def disable_endpoint(*, endpoint: WebhookEndpoint, because: str, by: Actor, now: datetime) -> WebhookEndpoint:
    """Sends nothing more there, and says why: staff, or the market itself after days of failure."""
    row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    if row.status != ENABLED:
        return row
    row.status, row.disabled_because = DISABLED, because
    row.save(update_fields=["status", "disabled_because"])
    drop_pending(endpoint_id=row.pk, now=now)
    _told(row, "disabled", by, now, before={"status": ENABLED}, after={"because": because})
    return row


def remove_endpoint(*, endpoint: WebhookEndpoint, by: Actor, now: datetime) -> WebhookEndpoint:
    """For ever. Its deliveries and attempts stay on record."""
    row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    if row.status == REMOVED:
        return row
    row.status = REMOVED
    row.save(update_fields=["status"])
    drop_pending(endpoint_id=row.pk, now=now)
    row.secrets.filter(ends_at=None).update(ends_at=now)
    _told(row, "removed", by, now, before=_facts(row))
    return row


def drop_pending(*, endpoint_id: int, now: datetime) -> None:
    waiting = WebhookDelivery.objects.filter(endpoint_id=endpoint_id, status=PENDING)
    waiting.update(status=FAILED, finished_at=now, leased_until=None)


def ping(*, endpoint: WebhookEndpoint, by: Actor, now: datetime) -> WebhookDelivery:
    """Sends this endpoint, and no other, an event that says nothing: to see whether it arrives."""
    _require_enabled(endpoint)
    record(by=by, verb=PINGED, subject=endpoint.public_id, now=now)
    event = emit(
        name=PINGED,
        subject=endpoint.public_id,
        organisation_id=endpoint.organisation_id,
        data={"webhook_endpoint": endpoint.public_id},
        now=now,
    )
    return WebhookDelivery.objects.create(
        endpoint=endpoint,
        event_id=event.pk,
        event_public_id=event.public_id,
        event_name=event.name,
        event_at=event.created_at,
        next_at=now,
        created_at=now,
    )


def redeliver(*, delivery: WebhookDelivery, by: Actor, now: datetime) -> WebhookDelivery:
    """Sends one event again, with the same id, on a schedule that begins anew."""
    row = WebhookDelivery.objects.select_for_update(of=("self",)).select_related("endpoint").get(pk=delivery.pk)
    _require_enabled(row.endpoint)
    row.status, row.tries, row.next_at, row.finished_at, row.leased_until = PENDING, 0, now, None, None
    row.save(update_fields=["status", "tries", "next_at", "finished_at", "leased_until"])
    record(by=by, verb="webhook_delivery.redelivered", subject=row.public_id, now=now)
    return row


def replay(*, endpoint: WebhookEndpoint, start: datetime, end: datetime, by: Actor, now: datetime) -> int:
    """Sends every event of [start, end) that the endpoint wants again, delivered or not. Returns how many."""
    _require_enabled(endpoint)
    if not start < end:
        raise WebhookRefused("to", "“to” is the first moment that is not replayed: it lies after “from”.")
    values: dict[str, Any] = {
        "endpoint": endpoint.pk,
        "from": start,
        "to": end,
        "now": now,
        "most": MOST_REPLAYED + 1,
        "pinged": PINGED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {**values, "most": MOST_REPLAYED + 1})
        found: int = cursor.fetchone()[0]
        if found > MOST_REPLAYED:
            raise WebhookRefused("to", f"More than {MOST_REPLAYED:,} events lie in between. Choose a shorter time.")
        cursor.execute(_REPLAY, values)
    after = {"from": start.isoformat(), "to": end.isoformat(), "events": found}
    record(by=by, verb="webhook_endpoint.replayed", subject=endpoint.public_id, now=now, after=after)
    return found


def _require_enabled(endpoint: WebhookEndpoint) -> None:
    if endpoint.status != ENABLED:
        raise WebhookRefused("status", "The endpoint is disabled: nothing is sent to it. Enable it first.")


def _facts(row: WebhookEndpoint) -> dict[str, object]:
    return {"url": row.url, "events": row.events, "description": row.description, "status": row.status}


def _told(
    row: WebhookEndpoint, what: str, by: Actor, now: datetime, before: object = None, after: object = None
) -> None:
    name = f"webhook_endpoint.{what}"
    record(by=by, verb=name, subject=row.public_id, now=now, before=before, after=after)
    data = {"webhook_endpoint": row.public_id, "status": row.status, "because": row.disabled_because}
    emit(name=name, subject=row.public_id, organisation_id=row.organisation_id, data=data, now=now)


WANTS = """
    (cardinality(wanting.events) = 0 OR event.name = ANY(wanting.events)
     OR split_part(event.name, '.', 1) || '.*' = ANY(wanting.events))
"""
# Random and as long as every public id: of a UUID's 122 random bits, in letters and digits.
NEW_ID = """
    'whd_' || left(translate(encode(sha256(uuid_send(gen_random_uuid())), 'base64'), '+/=' || chr(10), ''), 22)
"""
_CHOSEN = f"""
    FROM marketplace_webhookendpoint wanting
    JOIN marketplace_event event ON event.organisation_id = wanting.organisation_id
    WHERE wanting.id = %(endpoint)s AND event.created_at >= %(from)s AND event.created_at < %(to)s
      AND event.name <> %(pinged)s AND {WANTS}
"""
_COUNT = f"SELECT count(*) FROM (SELECT 1 {_CHOSEN} LIMIT %(most)s) found"
_REPLAY = f"""
    INSERT INTO marketplace_webhookdelivery
        (public_id, endpoint_id, event_id, event_public_id, event_name, event_at, status, tries, next_at, created_at)
    SELECT {NEW_ID}, wanting.id, event.id, event.public_id, event.name, event.created_at, 'pending', 0, %(now)s, %(now)s
    {_CHOSEN} ORDER BY event.id
    ON CONFLICT (endpoint_id, event_id) DO UPDATE
    SET status = 'pending', tries = 0, next_at = %(now)s, finished_at = NULL, leased_until = NULL
"""
