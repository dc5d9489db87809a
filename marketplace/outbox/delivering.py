"""From events to deliveries, and from deliveries to requests: what the sweeps do. Rows decide, not the queue.

A delivery in hand is leased: a worker that dies with it loses the lease after a minute, and somebody else sends the
event again, with the same id. So every event arrives at least once, and a receiver knows a repeat by its id.
"""

import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from marketplace.journal.actor import SYSTEM
from marketplace.outbox import schedule, signatures
from marketplace.outbox.connecting import Connector, Outcome
from marketplace.outbox.models import (
    DELIVERED,
    FAILED,
    PENDING,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSecret,
)
from marketplace.outbox.subscribing import NEW_ID, PINGED, WANTS, SecretLost, disable_endpoint, secret_of
from marketplace.units.instants import rfc3339

MOST_EVENTS = 10_000  # turned into deliveries by one transaction
LEASE = timedelta(seconds=60)  # far longer than a request may take
AT_ONCE = 4  # requests to one endpoint
SLOW = 3000  # milliseconds: an endpoint whose last answer took longer waits with those that fail
WELL, ILL = "well", "ill"
LANES = {
    WELL: "endpoint.failing_since IS NULL AND NOT endpoint.is_slow",
    ILL: "(endpoint.failing_since IS NOT NULL OR endpoint.is_slow)",
}
GONE = 410
_jitter = random.SystemRandom()


@dataclass(frozen=True)
class Parcel:
    """A delivery in hand: everything that is needed to send it, so that no thread asks the database."""

    delivery_id: int
    endpoint_id: int
    url: str
    message_id: str
    body: bytes
    secrets: tuple[bytes, ...]


def fan_out(*, now: datetime) -> int | None:
    """Turns the next events into deliveries, in one statement. Returns how many events were read; None if another does.

    Events are read in the order of their transactions and no further than the oldest one that still runs: ids are
    given before a transaction commits, so a cursor over ids alone would pass over an event that commits late.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT tx, event_id, floor FROM marketplace_webhookcursor FOR UPDATE SKIP LOCKED")
        at = cursor.fetchone()
        if at is None:
            return None
        cursor.execute(_RUNNING)
        settled, unused = cursor.fetchone()
        is_restored = at[0] > settled
        read = _read_on(cursor, at, settled=NEVER if is_restored else settled, now=now)
        if is_restored and not read:
            cursor.execute(_COUNT_ANEW, {"unused": unused})
    return read


def _read_on(cursor: Any, at: tuple[int, int, int], *, settled: int, now: datetime) -> int:
    values = {"tx": at[0], "event": at[1], "floor": at[2], "settled": settled, "now": now}
    cursor.execute(_FAN_OUT, {**values, "most": MOST_EVENTS, "pinged": PINGED})
    read: int = cursor.fetchone()[0]
    return read


NEVER = 2**62
# A database that was restored into another server numbers its transactions from the start again. What came with it has
# been read to its end by then, and is left behind by its ids, which go on.
_COUNT_ANEW = """
    UPDATE marketplace_webhookcursor SET tx = 0, event_id = 0, floor = GREATEST(
        floor, (SELECT COALESCE(max(id), 0) FROM marketplace_event WHERE tx >= %(unused)s))
"""
# The oldest transaction that could still write an event here, and the first number that nobody has. One that runs in
# another database of the server is passed over, if the server says so: one of unknown whereabouts counts as ours.
_RUNNING = """
    SELECT COALESCE(
        (
            SELECT min(running::text::bigint) FROM pg_snapshot_xip(pg_current_snapshot()) running
            WHERE NOT EXISTS (
                SELECT 1 FROM pg_locks held
                JOIN pg_stat_activity session ON session.pid = held.pid
                JOIN pg_database ours ON ours.datname = current_database()
                WHERE held.locktype = 'transactionid' AND held.mode = 'ExclusiveLock' AND held.granted
                  AND held.transactionid = running::xid AND session.datid <> ours.oid
            )
        ),
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    ), pg_snapshot_xmax(pg_current_snapshot())::text::bigint
"""
_FAN_OUT = f"""
    WITH batch AS (
        SELECT id, tx, public_id, name, organisation_id, created_at
        FROM marketplace_event
        WHERE (tx, id) > (%(tx)s, %(event)s) AND tx < %(settled)s AND id > %(floor)s
        ORDER BY tx, id LIMIT %(most)s
    ), made AS (
        INSERT INTO marketplace_webhookdelivery
            (public_id, endpoint_id, event_id, event_public_id, event_name, event_at, status, tries,
             next_at, created_at)
        SELECT {NEW_ID}, wanting.id, event.id, event.public_id, event.name, event.created_at, 'pending', 0,
               %(now)s, %(now)s
        FROM batch event
        JOIN marketplace_webhookendpoint wanting ON wanting.organisation_id = event.organisation_id
        WHERE wanting.status = 'enabled' AND event.created_at >= wanting.created_at AND event.name <> %(pinged)s
          AND {WANTS}
        ORDER BY event.tx, event.id
        ON CONFLICT (endpoint_id, event_id) DO NOTHING
    ), moved AS (
        UPDATE marketplace_webhookcursor SET tx = last.tx, event_id = last.id
        FROM (SELECT tx, id FROM batch ORDER BY tx DESC, id DESC LIMIT 1) last
    )
    SELECT count(*) FROM batch
"""


def take(*, lane: str, most: int, now: datetime) -> list[Parcel]:
    """Leases up to so many deliveries that are due, endpoints in turn and no endpoint more than AT_ONCE.

    The two lanes have workers of their own, so endpoints that fail or dawdle wait for each other and for nobody else.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE.format(lane=LANES[lane]), {"now": now, "most": most, "until": now + LEASE, "at_once": AT_ONCE}
        )
        rows = cursor.fetchall()
    endpoints = {row[1] for row in rows}
    secrets = _secrets(endpoints, now)
    _had_their_turn(endpoints, now)
    return [_parcel(row, secrets.get(row[1], ())) for row in rows]


_TAKE = """
    WITH chosen AS (
        SELECT due.id
        FROM marketplace_webhookendpoint endpoint
        CROSS JOIN LATERAL (
            SELECT id FROM marketplace_webhookdelivery
            WHERE endpoint_id = endpoint.id AND status = 'pending' AND next_at <= %(now)s
              AND (leased_until IS NULL OR leased_until <= %(now)s)
            ORDER BY next_at
            LIMIT GREATEST(0, %(at_once)s - (
                SELECT count(*) FROM marketplace_webhookdelivery
                WHERE endpoint_id = endpoint.id AND status = 'pending' AND leased_until > %(now)s
            ))
            FOR UPDATE SKIP LOCKED
        ) due
        WHERE endpoint.status = 'enabled' AND {lane}
        ORDER BY endpoint.claimed_at NULLS FIRST
        LIMIT %(most)s
    ), leased AS (
        UPDATE marketplace_webhookdelivery delivery
        SET leased_until = %(until)s, next_at = %(until)s, tries = tries + 1
        FROM chosen WHERE delivery.id = chosen.id
        RETURNING delivery.id, delivery.endpoint_id, delivery.event_id, delivery.event_public_id
    )
    SELECT leased.id, leased.endpoint_id, endpoint.url, leased.event_public_id,
           event.name, event.subject, event.data::text, event.created_at
    FROM leased
    JOIN marketplace_webhookendpoint endpoint ON endpoint.id = leased.endpoint_id
    LEFT JOIN marketplace_event event ON event.id = leased.event_id
"""


def _had_their_turn(endpoint_ids: set[int], now: datetime) -> None:
    # Never waits: whoever holds an endpoint may be waiting for the deliveries that are leased here.
    free = WebhookEndpoint.objects.select_for_update(skip_locked=True).filter(pk__in=endpoint_ids)
    WebhookEndpoint.objects.filter(pk__in=list(free.values_list("pk", flat=True))).update(claimed_at=now)


def _secrets(endpoint_ids: set[int], now: datetime) -> dict[int, tuple[bytes, ...]]:
    """Every secret that is valid now, the newest first; none where the master key is another one."""
    rows = WebhookSecret.objects.filter(endpoint__in=endpoint_ids).exclude(ends_at__lte=now).select_related("endpoint")
    found: dict[int, tuple[bytes, ...]] = {}
    for row in rows.order_by("-pk"):
        try:
            found[row.endpoint_id] = (*found.get(row.endpoint_id, ()), secret_of(row))
        except SecretLost:
            continue
    return found


def _parcel(row: tuple[Any, ...], secrets: tuple[bytes, ...]) -> Parcel:
    delivery_id, endpoint_id, url, message_id, name, subject, data, at = row
    body = b""
    if name is not None:
        body = signatures.payload(name=name, at=rfc3339(at), data=json.loads(data), event=message_id, subject=subject)
    return Parcel(delivery_id, endpoint_id, url, message_id, body, secrets)


def send(parcel: Parcel, *, timestamp: int, connector: Connector) -> Outcome:
    """One request. Runs in a thread and touches no database."""
    if not parcel.body:
        return Outcome(None, 0, error="The event is no longer kept.")
    if not parcel.secrets:
        return Outcome(None, 0, error="The key from which its secret was made is gone: rotate the secret.")
    headers = signatures.headers(parcel.secrets, message_id=parcel.message_id, timestamp=timestamp, body=parcel.body)
    return connector.post(parcel.url, headers=headers, body=parcel.body)


def note(*, parcel: Parcel, outcome: Outcome, now: datetime) -> WebhookDelivery:
    """Keeps what came of a request, and settles the delivery or when it is tried again."""
    endpoint = WebhookEndpoint.objects.select_for_update().get(pk=parcel.endpoint_id)
    delivery = WebhookDelivery.objects.select_for_update().get(pk=parcel.delivery_id)
    WebhookAttempt.objects.create(
        delivery=delivery,
        at=now,
        milliseconds=outcome.milliseconds,
        status=outcome.status,
        error=outcome.error,
        answer=outcome.answer,
    )
    if delivery.status == PENDING:
        _settle(delivery, outcome, now)
    _judge(endpoint, outcome, now)
    return delivery


def _settle(delivery: WebhookDelivery, outcome: Outcome, now: datetime) -> None:
    delivery.leased_until = None
    if outcome.is_delivered:
        delivery.status, delivery.finished_at = DELIVERED, now
    else:
        again = schedule.next_try(tries=delivery.tries, now=now, retry_after=outcome.retry_after, rng=_jitter)
        if again is None:
            delivery.status, delivery.finished_at = FAILED, now
        else:
            delivery.next_at = again
    delivery.save(update_fields=["leased_until", "status", "finished_at", "next_at"])


def _judge(endpoint: WebhookEndpoint, outcome: Outcome, now: datetime) -> None:
    """Which lane the endpoint is in, and whether it is given up."""
    was = endpoint.failing_since, endpoint.is_slow
    endpoint.failing_since = None if outcome.is_delivered else endpoint.failing_since or now
    endpoint.is_slow = outcome.milliseconds > SLOW
    if (endpoint.failing_since, endpoint.is_slow) != was:
        endpoint.save(update_fields=["failing_since", "is_slow"])
    if outcome.status == GONE:
        disable_endpoint(endpoint=endpoint, because="It answered 410 Gone.", by=SYSTEM, now=now)
    elif endpoint.failing_since and schedule.is_given_up(failing_since=endpoint.failing_since, now=now):
        days = schedule.GIVEN_UP_AFTER.days
        disable_endpoint(endpoint=endpoint, because=f"Nothing has arrived there for {days} days.", by=SYSTEM, now=now)
