"""Events arrive at least once: signed, tried again, in parallel, and past every kind of failure."""

import base64
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections, transaction

from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.models import Entry, Event, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret
from marketplace.outbox import delivering, schedule, subscribing
from marketplace.outbox.actions import emit
from marketplace.outbox.connecting import Outcome
from marketplace.outbox.delivering import ILL, WELL, note, take
from marketplace.outbox.models import DELIVERED, DISABLED, ENABLED, FAILED, PENDING
from marketplace.outbox.subscribing import Made, WebhookRefused
from marketplace.tasks import deliver_webhooks, fan_out_events, retry_webhooks
from marketplace.units import clock
from tests.webhooks.receiver import CA_FILE, Receiver, Reply, receiving

pytestmark = pytest.mark.django_db(transaction=True)
BANK, RIVAL = 1, 2


@pytest.fixture(autouse=True)
def to_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "WEBHOOKS_TO_LOOPBACK", True)
    monkeypatch.setattr(settings, "WEBHOOKS_CA_FILE", CA_FILE)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def listen(url: str, *events: str, organisation_id: int = BANK) -> Made:
    """An endpoint that wants these events; its own `created` is read first, so that tests see theirs alone."""
    target = subscribing.reachable(url)
    made = change.run(
        lambda: subscribing.create_endpoint(
            organisation_id=organisation_id, target=target, events=events, by=SYSTEM, now=clock.now()
        )
    )
    fan_out_events()
    WebhookDelivery.objects.all().delete()
    return made


def happen(name: str = "quote.accepted", *, to: int | None = BANK, **data: Any) -> Event:
    return change.run(lambda: emit(name=name, subject="qte_1", organisation_id=to, data=data, now=clock.now()))


def send_all() -> None:
    fan_out_events()
    deliver_webhooks()
    retry_webhooks()


def pass_time(by: timedelta = timedelta(days=2)) -> None:
    """What is to be tried again is due now."""
    WebhookDelivery.objects.filter(status=PENDING).update(next_at=clock.now(), leased_until=None)


def test_an_event_arrives_signed_as_the_specification_says(receiver: Receiver) -> None:
    made = listen(receiver.url)
    event = happen(total="12.50", words="für Sie")
    send_all()
    (arrived,) = receiver.arrived
    assert arrived.id == event.public_id
    assert arrived.is_signed_with(made.secret)
    assert not arrived.is_signed_with("whsec_" + base64.b64encode(b"0" * 32).decode())
    assert arrived.json["type"] == "quote.accepted"
    assert arrived.json["timestamp"] == f"{event.created_at:%Y-%m-%dT%H:%M:%S.%f}Z"
    assert arrived.json["data"] == {"total": "12.50", "words": "für Sie"}
    assert arrived.headers["content-type"] == "application/json"
    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.attempts.get().status) == (DELIVERED, 200)
    assert delivery.attempts.get().answer == "thank you"
    send_all()
    assert len(receiver.arrived) == 1


def test_over_tls_to_a_name_with_a_certificate_of_its_own() -> None:
    with receiving(secure=True) as receiver:
        made = listen(receiver.url)
        happen()
        send_all()
        assert receiver.arrived[0].is_signed_with(made.secret)


def test_an_endpoint_is_sent_what_it_asked_for_and_only_of_its_own_organisation(receiver: Receiver) -> None:
    listen(receiver.url, "quote.accepted", "reservation.*")
    wanted = [happen("quote.accepted"), happen("reservation.slipped")]
    for name, to in (("quote.created", BANK), ("quote.accepted", RIVAL), ("reservation.slipped", None)):
        happen(name, to=to)
    send_all()
    assert sorted(receiver.ids) == sorted(each.public_id for each in wanted)


def test_what_happened_before_an_endpoint_was_made_is_not_sent_to_it(receiver: Receiver) -> None:
    happen()
    listen(receiver.url)
    send_all()
    assert receiver.arrived == []


def one_commits_late() -> None:
    """A transaction takes its number and its event's id first, and commits after others were read and sent."""
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "INSERT INTO marketplace_event (public_id, organisation_id, name, subject, data, created_at)"
                " VALUES ('evt_late', %s, 'quote.accepted', 'qte_1', '{}', clock_timestamp())",
                [BANK],
            )
            happen()
            send_all()
            cursor.execute("COMMIT")
    finally:
        other.close()
    send_all()


def test_an_event_of_a_transaction_that_commits_late_is_not_passed_over(receiver: Receiver) -> None:
    listen(receiver.url)
    one_commits_late()
    assert "evt_late" in receiver.ids
    assert len(receiver.ids) == 2


def test_a_transaction_in_another_database_of_the_server_holds_nothing_up(receiver: Receiver) -> None:
    listen(receiver.url)
    other = connections.create_connection("default")
    other.settings_dict = {**other.settings_dict, "NAME": "postgres"}
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT pg_current_xact_id()")
            happen()
            send_all()
            assert len(receiver.arrived) == 1
    finally:
        other.close()


def test_a_cursor_over_ids_alone_would_pass_it_over(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: every event that can be seen is taken to be settled, and what commits late is lost."""
    listen(receiver.url)
    connection.cursor().execute(
        "UPDATE marketplace_webhookcursor SET event_id = (SELECT max(id) FROM marketplace_event)"
    )
    by_id = delivering._FAN_OUT.replace("(tx, id) > (%(tx)s, %(event)s)", "id > %(event)s")
    by_id = by_id.replace("tx DESC, id DESC", "id DESC").replace("tx, id L", "id L")
    monkeypatch.setattr(delivering, "_RUNNING", "SELECT (2::bigint ^ 61)::bigint, (2::bigint ^ 61)::bigint")
    monkeypatch.setattr(
        delivering, "_FAN_OUT", by_id.replace("tx DESC, id DESC", "id DESC").replace("tx, id L", "id L")
    )
    one_commits_late()
    assert "evt_late" not in receiver.ids
    assert len(receiver.ids) == 1


def test_a_failure_is_tried_again_with_the_same_id_and_a_new_timestamp(receiver: Receiver) -> None:
    made = listen(receiver.url)
    receiver.answer = lambda arrived: Reply(500 if len(receiver.arrived) < 3 else 204)
    event = happen()
    for _ in range(3):
        send_all()
        pass_time()
    assert receiver.ids == [event.public_id] * 3
    assert all(each.is_signed_with(made.secret) for each in receiver.arrived)
    delivery = WebhookDelivery.objects.get()
    assert delivery.status == DELIVERED
    assert [each.status for each in delivery.attempts.order_by("pk")] == [500, 500, 204]
    assert WebhookEndpoint.objects.get().failing_since is None


def test_between_tries_nothing_is_sent(receiver: Receiver) -> None:
    listen(receiver.url)
    receiver.answer = lambda arrived: Reply(503, headers={"Retry-After": "120"})
    happen()
    send_all()
    send_all()
    assert len(receiver.arrived) == 1
    assert WebhookDelivery.objects.get().next_at - clock.now() > timedelta(seconds=100)


def test_after_the_last_try_it_has_failed_and_is_kept_with_every_attempt(receiver: Receiver) -> None:
    listen(receiver.url)
    receiver.answer = lambda arrived: Reply(500)
    happen()
    for _ in range(schedule.TRIES + 2):
        send_all()
        pass_time()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.attempts.count()) == (FAILED, schedule.TRIES)


@pytest.mark.parametrize("status", [301, 307, 400, 404, 500])
def test_whatever_is_not_a_2xx_is_a_failure(receiver: Receiver, status: int) -> None:
    listen(receiver.url)
    receiver.answer = lambda arrived: Reply(status, headers={"Location": receiver.url})
    happen()
    send_all()
    assert len(receiver.arrived) == 1
    assert WebhookDelivery.objects.get().status == PENDING


def test_a_receiver_that_is_away_is_an_attempt_too() -> None:
    with receiving() as gone:
        url = gone.url
    listen(url)
    happen()
    send_all()
    attempt = WebhookAttempt.objects.get()
    assert attempt.status is None
    assert "connection failed" in attempt.error


def test_410_gone_disables_the_endpoint_at_once_and_says_so(receiver: Receiver) -> None:
    made = listen(receiver.url)
    receiver.answer = lambda arrived: Reply(410)
    happen()
    send_all()
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.status, endpoint.disabled_because) == (DISABLED, "It answered 410 Gone.")
    told = Event.objects.get(name="webhook_endpoint.disabled")
    assert (told.organisation_id, told.data["because"]) == (BANK, "It answered 410 Gone.")
    happen()
    send_all()
    assert len(receiver.arrived) == 1
    assert made.endpoint.deliveries.exclude(status=FAILED).count() == 0


def test_days_of_nothing_but_failure_disable_it_and_a_success_begins_the_count_anew(receiver: Receiver) -> None:
    listen(receiver.url)
    began = clock.now()
    for days, delivered, left in ((0, False, ENABLED), (4, True, ENABLED), (6, False, ENABLED), (12, False, DISABLED)):
        with clock.frozen(began + timedelta(days=days)):
            happen()
            fan_out_events()
            come_of_all(Outcome(200, 5) if delivered else Outcome(None, 5, error="No answer in 10 s."))
        assert WebhookEndpoint.objects.get().status == left, days
    assert "5 days" in WebhookEndpoint.objects.get().disabled_because


def come_of_all(outcome: Outcome) -> None:
    """Whatever is due comes to this."""
    now = clock.now()
    for lane in (WELL, ILL):
        while parcels := change.run(lambda: take(lane=lane, most=50, now=now)):  # noqa: B023
            for parcel in parcels:
                change.run(lambda: note(parcel=parcel, outcome=outcome, now=now))  # noqa: B023


def test_a_worker_that_dies_with_a_delivery_in_hand_loses_it_to_the_next_one(receiver: Receiver) -> None:
    """It had been sent, and nobody wrote it down: it is sent again, with the same id, so a receiver knows it."""
    listen(receiver.url)
    event = happen()
    fan_out_events()
    now = clock.now()
    (parcel,) = change.run(lambda: take(lane=WELL, most=10, now=now))
    assert delivering.send(parcel, timestamp=int(now.timestamp()), connector=subscribing.connector()).is_delivered
    send_all()
    assert len(receiver.arrived) == 1, "another worker leaves it alone while it is leased"
    with clock.frozen(now + delivering.LEASE + timedelta(seconds=1)):
        deliver_webhooks()
    assert receiver.ids == [event.public_id] * 2
    assert WebhookDelivery.objects.get().status == DELIVERED


def test_two_workers_never_have_one_delivery_in_hand(receiver: Receiver) -> None:
    listen(receiver.url)
    for _ in range(6):
        happen()
    fan_out_events()
    now = clock.now()
    other = connections.create_connection("default")
    try:
        with transaction.atomic():
            mine = take(lane=WELL, most=2, now=now)
            with other.cursor() as cursor:
                values: dict[str, Any] = {"now": now, "most": 10, "until": now + delivering.LEASE, "at_once": 4}
                cursor.execute("SET lock_timeout = 1000")
                cursor.execute(delivering._TAKE.format(lane=delivering.LANES[WELL]), values)
                theirs = [row[0] for row in cursor.fetchall()]
    finally:
        other.close()
    assert len(mine) == 2
    assert theirs, "it does not wait: it takes others"
    assert not {each.delivery_id for each in mine} & set(theirs)


def test_no_more_than_four_requests_are_made_to_one_endpoint_at_once(receiver: Receiver) -> None:
    listen(receiver.url)
    for _ in range(10):
        happen()
    fan_out_events()
    now = clock.now()
    counts = [len(change.run(lambda: take(lane=WELL, most=50, now=now))) for _ in range(3)]
    assert counts == [4, 0, 0]


def test_a_slow_endpoint_with_a_long_queue_delays_nobody_else(receiver: Receiver) -> None:
    with receiving() as slow:
        slow.answer = lambda arrived: Reply(after=2.0)
        listen(slow.url, organisation_id=RIVAL)
        listen(receiver.url)
        for _ in range(12):
            happen(to=RIVAL)
        events = [happen() for _ in range(12)]
        seen: list[int] = []
        receiver.answer = lambda arrived: seen.append(len(slow.arrived)) or Reply()  # type: ignore[func-returns-value]
        send_all()
    assert sorted(receiver.ids) == sorted(each.public_id for each in events)
    assert max(seen) <= 8, "all of ours were there before the slow one's second four were answered"


def test_an_endpoint_that_was_slow_or_failed_waits_in_a_lane_apart(receiver: Receiver) -> None:
    made = listen(receiver.url)
    happen()
    fan_out_events()
    now = clock.now()
    (parcel,) = change.run(lambda: take(lane=WELL, most=5, now=now))
    change.run(lambda: note(parcel=parcel, outcome=Outcome(200, delivering.SLOW + 1), now=now))
    happen()
    fan_out_events()
    assert change.run(lambda: take(lane=WELL, most=5, now=clock.now())) == []
    (again,) = change.run(lambda: take(lane=ILL, most=5, now=clock.now()))
    change.run(lambda: note(parcel=again, outcome=Outcome(200, 20), now=clock.now()))
    assert WebhookEndpoint.objects.get(pk=made.endpoint.pk).is_slow is False


def test_fanning_out_twice_makes_no_second_delivery(receiver: Receiver) -> None:
    listen(receiver.url)
    happen()
    fan_out_events()
    connection.cursor().execute("UPDATE marketplace_webhookcursor SET tx = 0, event_id = 0")
    fan_out_events()
    assert WebhookDelivery.objects.filter(event_name="quote.accepted").count() == 1


def test_after_a_restore_into_another_server_nothing_is_lost_and_nothing_old_is_sent(receiver: Receiver) -> None:
    """Its transactions are numbered from the start again: the cursor and what was there lie far ahead of them."""
    old = [happen() for _ in range(2)]
    listen(receiver.url)
    unread = happen()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE marketplace_event DISABLE TRIGGER append_only")
        cursor.execute("UPDATE marketplace_event SET tx = tx + 10000000")
        cursor.execute("UPDATE marketplace_webhookcursor SET tx = tx + 10000000")
        cursor.execute("ALTER TABLE marketplace_event ENABLE TRIGGER append_only")
    new = happen("reservation.slipped")
    for _ in range(3):
        send_all()
    assert sorted(receiver.ids) == sorted([unread.public_id, new.public_id])
    assert not {each.public_id for each in old} & set(receiver.ids)


def test_while_secrets_are_rotated_both_are_good_and_then_the_old_one_is_not(receiver: Receiver) -> None:
    made = listen(receiver.url)
    hour = timedelta(hours=1)
    new = change.run(
        lambda: subscribing.rotate_secret(endpoint=made.endpoint, by=SYSTEM, now=clock.now(), overlap=hour)
    )
    assert new.secret != made.secret
    happen()
    send_all()
    between = receiver.arrived[-1]
    assert between.is_signed_with(made.secret)
    assert between.is_signed_with(new.secret)
    WebhookSecret.objects.exclude(ends_at=None).update(ends_at=clock.now())
    happen()
    send_all()
    assert not receiver.arrived[-1].is_signed_with(made.secret)
    assert receiver.arrived[-1].is_signed_with(new.secret)


def test_no_more_than_two_secrets_are_good_at_once(receiver: Receiver) -> None:
    made = listen(receiver.url)
    for _ in range(3):
        change.run(lambda: subscribing.rotate_secret(endpoint=made.endpoint, by=SYSTEM, now=clock.now()))
    happen()
    send_all()
    good = [each for each in receiver.arrived if each.json["type"] == "quote.accepted"]
    assert len(good[-1].headers["webhook-signature"].split(" ")) == 2
    assert not good[-1].is_signed_with(made.secret)


def test_the_secret_stands_nowhere_in_the_database(receiver: Receiver) -> None:
    made = listen(receiver.url)
    raw = base64.b64decode(made.secret.removeprefix("whsec_"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
        for table in tables:
            cursor.execute(f"SELECT string_agg(t::text, E'\\n') FROM \"{table}\" t")
            text = "".join(str(cell) for row in cursor.fetchall() for cell in row)
            for form in (made.secret, made.secret[6:], raw.hex()):
                assert form not in text, table


def test_with_another_master_key_nothing_is_signed_and_the_attempt_says_why(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen(receiver.url)
    monkeypatch.setattr(settings, "WEBHOOK_KEY", b"another")
    happen()
    send_all()
    assert receiver.arrived == []
    assert "rotate the secret" in WebhookAttempt.objects.get().error


def test_a_ping_goes_to_its_endpoint_alone(receiver: Receiver) -> None:
    with receiving() as other:
        made = listen(receiver.url, "reservation.*")
        listen(other.url)
        change.run(lambda: subscribing.ping(endpoint=made.endpoint, by=SYSTEM, now=clock.now()))
        send_all()
        assert [each.json["type"] for each in receiver.arrived] == ["webhook_endpoint.pinged"]
        assert other.arrived == []


def test_one_is_sent_again_and_a_range_is_replayed_with_the_same_ids(receiver: Receiver) -> None:
    made = listen(receiver.url, "quote.accepted")
    began = clock.now()
    events = [happen() for _ in range(3)]
    happen("quote.created")
    end = clock.now()
    happen()
    send_all()
    receiver.arrived.clear()
    delivery = WebhookDelivery.objects.get(event_id=events[0].pk)
    change.run(lambda: subscribing.redeliver(delivery=delivery, by=SYSTEM, now=clock.now()))
    send_all()
    assert receiver.ids == [events[0].public_id]
    found = change.run(
        lambda: subscribing.replay(endpoint=made.endpoint, start=began, end=end, by=SYSTEM, now=clock.now())
    )
    send_all()
    assert found == 3
    assert sorted(receiver.ids[1:]) == sorted(each.public_id for each in events)
    assert delivery.attempts.count() == 3
    assert Entry.objects.filter(verb="webhook_endpoint.replayed").values_list("after__events", flat=True).get() == 3


def test_what_was_missed_while_disabled_is_there_for_a_replay(receiver: Receiver) -> None:
    made = listen(receiver.url)
    began = clock.now()

    def switch(on: bool) -> None:
        change.run(lambda: subscribing.change_endpoint(endpoint=made.endpoint, enabled=on, by=SYSTEM, now=clock.now()))

    switch(False)
    missed = happen()
    send_all()
    with pytest.raises(WebhookRefused, match="disabled"):
        change.run(lambda: subscribing.ping(endpoint=WebhookEndpoint.objects.get(), by=SYSTEM, now=clock.now()))
    switch(True)
    endpoint = WebhookEndpoint.objects.get()
    assert missed.public_id not in receiver.ids
    change.run(lambda: subscribing.replay(endpoint=endpoint, start=began, end=clock.now(), by=SYSTEM, now=clock.now()))
    send_all()
    assert missed.public_id in receiver.ids


def test_a_replay_that_is_too_long_or_backwards_is_refused_and_sends_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = listen(receiver.url)
    now = clock.now()
    monkeypatch.setattr(subscribing, "MOST_REPLAYED", 2)
    for _ in range(3):
        happen()
    for start, end, said in ((now, now, "after"), (now - timedelta(days=1), clock.now(), "More than 2 events")):
        with pytest.raises(WebhookRefused, match=said):
            change.run(
                lambda start=start, end=end: subscribing.replay(  # type: ignore[misc]
                    endpoint=made.endpoint, start=start, end=end, by=SYSTEM, now=clock.now()
                )
            )
    assert WebhookDelivery.objects.count() == 0


def test_an_attempt_is_never_rewritten(receiver: Receiver) -> None:
    listen(receiver.url)
    happen()
    send_all()
    with pytest.raises(Exception, match="append-only"), transaction.atomic():
        WebhookAttempt.objects.update(status=500)
    assert WebhookAttempt.objects.get().status == 200


def test_ids_of_deliveries_have_the_shape_of_every_id(receiver: Receiver) -> None:
    listen(receiver.url)
    for _ in range(30):
        happen()
    fan_out_events()
    ids = set(WebhookDelivery.objects.values_list("public_id", flat=True))
    assert len(ids) == 30
    assert all(re.fullmatch(r"whd_[0-9A-Za-z]{22}", each) for each in ids)


def test_turning_events_into_deliveries_reads_by_an_index(receiver: Receiver) -> None:
    listen(receiver.url)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO marketplace_event (public_id, organisation_id, name, subject, data, created_at)"
            " SELECT 'evt_' || n, 3, 'quote.created', 'qte', '{}', clock_timestamp() FROM generate_series(1, 20000) n"
        )
        cursor.execute("ANALYZE marketplace_event")
        fan_out_events()
        cursor.execute("SELECT tx, event_id FROM marketplace_webhookcursor")
        tx, event_id = cursor.fetchone()
        values = {"tx": tx, "event": event_id, "floor": 0, "settled": tx + 10**6}
        values |= {"now": clock.now(), "most": 10_000, "pinged": "x"}
        cursor.execute("EXPLAIN " + delivering._FAN_OUT, values)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "event_transaction" in plan
    assert "Seq Scan on marketplace_event" not in plan
