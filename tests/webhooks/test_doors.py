"""Webhooks by every door: made, shown once, watched, sent again, switched off."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from marketplace.change.models import Change
from marketplace.models import Entry, Event, WebhookDelivery, WebhookEndpoint
from marketplace.parties.models import ADMIN, User
from marketplace.tasks import deliver_webhooks, fan_out_events
from tests.market import Market, key, member, open_market
from tests.webhooks.receiver import Receiver, Reply, receiving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def to_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "WEBHOOKS_TO_LOOPBACK", True)


@pytest.fixture
def market(transactional_db: None) -> Market:
    return open_market()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


class Program:
    def __init__(self, secret: str) -> None:
        self.client, self.headers = Client(), {"Authorization": f"Bearer {secret}"}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        send = getattr(self.client, method.lower())
        more = {} if method == "GET" else {"content_type": "application/json"}
        data = body if method == "GET" else json.dumps(body or {})
        return send(f"/api/v1/{path}", data, headers={**self.headers, **headers}, **more)


def bank(market: Market) -> Program:
    return Program(key(market.bank.organisation, "admin"))


def send_all() -> None:
    fan_out_events()
    deliver_webhooks()


def test_the_way_over_rest_from_an_address_to_a_replay(market: Market, receiver: Receiver) -> None:
    program = bank(market)
    made = program.ask("POST", "webhook-endpoints", {"url": receiver.url, "events": ["webhook_endpoint.*"]})
    assert made.status_code == 201, made.content
    endpoint, secret = made.json()["id"], made.json()["secret"]
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    for shown in (program.ask("GET", "webhook-endpoints"), program.ask("GET", f"webhook-endpoints/{endpoint}")):
        assert secret not in shown.content.decode()
    pinged = program.ask("POST", f"webhook-endpoints/{endpoint}/ping").json()
    send_all()
    arrived = next(each for each in receiver.arrived if each.json["type"] == "webhook_endpoint.pinged")
    assert arrived.is_signed_with(secret)
    delivery = program.ask("GET", f"webhook-deliveries/{pinged['id']}").json()
    assert (delivery["status"], delivery["event"]) == ("delivered", arrived.id)
    assert [(each["status"], each["answer"]) for each in delivery["attempts"]] == [(200, "thank you")]
    assert program.ask("POST", f"webhook-deliveries/{pinged['id']}/redeliver").json()["status"] == "pending"
    send_all()
    assert receiver.ids.count(arrived.id) == 2
    window = {"start": "2020-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
    replayed = program.ask("POST", f"webhook-endpoints/{endpoint}/replay", window).json()
    assert replayed == {"object": "webhook_replay", "events": 1}
    changed = program.ask("PATCH", f"webhook-endpoints/{endpoint}", {"enabled": False}).json()
    assert (changed["status"], changed["url"]) == ("disabled", receiver.url)
    assert program.ask("POST", f"webhook-endpoints/{endpoint}/ping").status_code == 422
    assert program.ask("DELETE", f"webhook-endpoints/{endpoint}").json()["status"] == "removed"
    assert program.ask("GET", f"webhook-endpoints/{endpoint}").status_code == 404
    assert program.ask("GET", "webhook-deliveries").json()["data"] == []


def test_a_repeat_hears_the_same_secret_and_what_is_kept_for_it_has_none(market: Market, receiver: Receiver) -> None:
    program, body = bank(market), {"url": receiver.url}
    once, again = (program.ask("POST", "webhook-endpoints", body, **{"Idempotency-Key": "hook-1"}) for _ in range(2))
    assert once.json() == again.json()
    assert again["Idempotent-Replayed"] == "true"
    assert WebhookEndpoint.objects.count() == 1
    assert once.json()["secret"] not in json.dumps(Change.objects.get().answer)
    rotated = program.ask("POST", f"webhook-endpoints/{once.json()['id']}/rotate-secret").json()
    late = program.ask("POST", "webhook-endpoints", body, **{"Idempotency-Key": "hook-1"}).json()
    assert "secret" not in late, "an old request must not tell a newer secret"
    assert rotated["secret"] != once.json()["secret"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "http://192.168.0.1/"}, "/url"),
        ({"url": "https://169.254.169.254/latest"}, "/url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "/url"),
        ({"url": "https://no-such-name.invalid/"}, "/url"),
        ({"url": "https://localhost/", "events": ["quote"]}, "/events"),
        ({"url": "https://localhost/", "secret": "mine"}, "/secret"),
        ({}, "/url"),
    ],
)
def test_what_cannot_be_is_refused_by_field_and_nothing_is_made(
    market: Market, body: dict[str, Any], pointer: str
) -> None:
    answer = bank(market).ask("POST", "webhook-endpoints", body)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert WebhookEndpoint.objects.count() == 0


def test_an_administrator_does_it_all_on_the_page(market: Market, receiver: Receiver) -> None:
    client = Client()
    client.force_login(member(market.bank.organisation, "admin@first.example", ADMIN))
    page = client.post("/organisation/webhooks/", {"url": receiver.url, "events": "quote.*"}, follow=True)
    text = page.content.decode()
    found = re.search(r"whsec_[A-Za-z0-9+/]{43}=", text)
    assert found
    here = page.redirect_chain[-1][0]
    assert found[0] not in client.get(here).content.decode(), "shown once"
    assert "on its way" in client.post(f"{here}ping/", follow=True).content.decode()
    receiver.answer = lambda arrived: Reply(500, b"broken here")
    send_all()
    text = client.get(here).content.decode()
    assert "broken here" in text
    assert "Nothing has arrived since" in text
    delivery = WebhookDelivery.objects.get()
    client.post(f"/organisation/webhooks/deliveries/{delivery.public_id}/again/")
    assert Entry.objects.filter(verb="webhook_delivery.redelivered").count() == 1
    client.post(f"{here}change/", {"url": receiver.url, "events": "", "description": "Scheduler"})
    assert WebhookEndpoint.objects.get().events == []
    wrong = client.post(f"{here}change/", {"url": "https://10.0.0.1/", "events": ""}, follow=True).content.decode()
    assert "leads to no public" in wrong or "does not lead to a public address" in wrong
    assert WebhookEndpoint.objects.get().url == receiver.url
    new = client.post(f"{here}rotate/", {"overlap_hours": 1}, follow=True).content.decode()
    assert re.search(r"whsec_[A-Za-z0-9+/]{43}=", new)
    window = {"start": "2020-01-01T00:00", "end": "2100-01-01T00:00"}
    assert "sent again" in client.post(f"{here}replay/", window, follow=True).content.decode()
    client.post(f"{here}disable/")
    assert "Disabled" in client.get(here).content.decode()
    client.post(f"{here}enable/")
    client.post(f"{here}remove/")
    assert client.get(here).status_code == 404


def test_staff_switch_an_endpoint_off_and_its_organisation_is_told(market: Market, receiver: Receiver) -> None:
    bank(market).ask("POST", "webhook-endpoints", {"url": receiver.url})
    endpoint = WebhookEndpoint.objects.get()
    client = Client()
    client.force_login(User.objects.create_superuser("root@headroom.test", "x", name="Root"))
    page = client.get(f"/admin/marketplace/webhookendpoint/{endpoint.pk}/change/").content.decode()
    assert receiver.url in page
    client.post(f"/admin/marketplace/webhookendpoint/{endpoint.pk}/disable/")
    endpoint.refresh_from_db()
    assert endpoint.disabled_because == "Switched off by Headroom's staff."
    told = Event.objects.get(name="webhook_endpoint.disabled")
    assert told.organisation_id == market.bank.organisation.pk
