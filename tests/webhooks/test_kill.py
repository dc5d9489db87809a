"""kill -9 of the worker with deliveries in hand: every event arrives all the same, and a repeat has the same id."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from psycopg.conninfo import make_conninfo

from marketplace.celery import DELIVER_WEBHOOKS, app
from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.local.home import ROOT
from marketplace.local.processes import Child, spawn, stop
from marketplace.models import WebhookDelivery
from marketplace.outbox import subscribing
from marketplace.outbox.actions import emit
from marketplace.outbox.models import DELIVERED, PENDING
from marketplace.tasks import fan_out_events
from marketplace.units import clock
from tests.waiting import wait_until
from tests.webhooks.receiver import Receiver, Reply, receiving

pytestmark = pytest.mark.django_db(transaction=True)
EVENTS = 8


def courier(log: Path) -> Child:
    """A real worker of the queue that waits for other people's servers."""
    database = make_conninfo(os.environ["DATABASE_URL"], dbname=str(settings.DATABASES["default"]["NAME"]))
    env = os.environ | {"DATABASE_URL": database, "HEADROOM_WEBHOOKS_TO_LOOPBACK": "1", "HEADROOM_LOCAL": "1"}
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    args = [sys.executable, "-m", "celery", "-A", "marketplace.celery", "worker", "-P", "threads", "-c", "2"]
    return spawn("courier", [*args, "-Q", "webhooks", "-l", "INFO", *quiet], log=log, env=env, cwd=ROOT)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def test_a_killed_worker_loses_nothing_that_it_had_in_hand(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "WEBHOOKS_TO_LOOPBACK", True)
    app.control.purge()
    target = subscribing.reachable(receiver.url)
    change.run(
        lambda: subscribing.create_endpoint(
            organisation_id=1, target=target, events=["quote.*"], by=SYSTEM, now=clock.now()
        )
    )
    events = [
        change.run(lambda: emit(name="quote.accepted", subject="q", organisation_id=1, data={}, now=clock.now()))
        for _ in range(EVENTS)
    ]
    fan_out_events()
    receiver.answer = lambda arrived: Reply(after=30.0)  # the first four are in hand as the worker dies
    first = courier(tmp_path / "first.log")
    try:
        app.send_task(DELIVER_WEBHOOKS, queue="webhooks", ignore_result=True)
        wait_until(lambda: len(receiver.arrived) >= 4, timeout=90)
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
    finally:
        stop([first])
    in_hand = set(receiver.ids)
    assert WebhookDelivery.objects.filter(status=PENDING).count() == EVENTS, "nothing was noted"
    receiver.answer = lambda arrived: Reply()
    # A minute passes: the leases are over.
    WebhookDelivery.objects.update(leased_until=clock.now(), next_at=clock.now())
    second = courier(tmp_path / "second.log")
    try:
        app.send_task(DELIVER_WEBHOOKS, queue="webhooks", ignore_result=True)
        wait_until(lambda: WebhookDelivery.objects.filter(status=DELIVERED).count() == EVENTS, timeout=90)
    finally:
        stop([second])
    assert set(receiver.ids) == {event.public_id for event in events}
    assert sorted({each for each in receiver.ids if receiver.ids.count(each) > 1}) == sorted(in_hand)
