"""Delivery through each door: REST for both sides, pages for both sides, the cockpit for staff."""

import csv
import io
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.parties.models import User
from marketplace.units import clock
from reservations.delivery.models import Delivery, DeliveryAct
from reservations.tasks import allot_projects
from tests.contracts.conftest import Caller
from tests.delivery.conftest import NODES, Site
from tests.market import key, member

pytestmark = pytest.mark.django_db
GOOD = {"burn_in_hours": "24", "memory_errors": "0"}
BODY = {
    "nodes": [
        {"node": node, "results": {**GOOD, "burn_in_hours": "3" if node == "node-2" else "24"}} for node in NODES
    ],
    "fabric": {"collective_gb_s": "361.5"},
}
ACCESS = {"contact": "ops@northwind.example", "access_reference": "https://portal.northwind.example/rsv"}


@pytest.fixture
def provider(site: Site) -> Caller:
    return Caller(key(site.market.seller.organisation, "read", "supply"))


@pytest.fixture
def bank(site: Site) -> Caller:
    return Caller(site.market.bank.key)


def path(site: Site, act: str = "") -> str:
    return f"/reservations/{site.block.public_id}/delivery{act}"


def test_over_rest_from_notice_to_a_rejection_and_a_second_hand_over(
    site: Site, provider: Caller, bank: Caller
) -> None:
    allot_projects()
    with clock.frozen(site.at(-9)):
        ready = provider.post(path(site, "/ready"), {"ready_on": site.block.start.isoformat()})
        assert (ready.status_code, ready.json()["ready_on"]) == (200, site.block.start.isoformat())
    with clock.frozen(site.at(0)):
        assert provider.get("/deliveries").json()["data"][0]["allowed_actions"] == ["hand_over"]
        given = provider.post(path(site, "/handover"), ACCESS, idempotency_key="one").json()
        assert provider.post(path(site, "/handover"), ACCESS, idempotency_key="one").json() == given
        seen = bank.get(path(site)).json()
        assert seen["allowed_actions"] == ["accept_delivery", "accept_part", "reject_delivery"]
        assert (seen["status"], seen["access_reference"]) == ("delivering", ACCESS["access_reference"])
        assert seen["served_by"] == [{"project": "Hall 1", "gpus": 64}]
        assert [test["name"] for test in seen["tests"]] == [
            "burn_in_hours", "memory_errors", "collective_gb_s", "failed_node_percent",
        ]  # fmt: skip
        tested = bank.post(path(site, "/results"), BODY).json()
        assert tested["verdict"]["failed"] == [{"node": "node-2", "tests": ["burn_in_hours"]}]
        assert tested["verdict"]["passes"] is False
    with clock.frozen(site.at(1)):
        why = {"tests": ["burn_in_hours"], "reason": "node-2 did not last a day"}
        rejected = bank.post(path(site, "/reject"), why).json()
        assert (rejected["status"], rejected["late_days"], rejected["handed_over_on"]) == ("scheduled", 1, None)
        again = provider.post(path(site, "/handover"), ACCESS).json()
        assert [act["kind"] for act in again["acts"]] == ["ready", "handover", "results", "rejected", "handover"]
        provider.post(path(site, "/provider-results"), {"nodes": [{"node": "node-2", "results": GOOD}]})
    with clock.frozen(site.at(2)):
        done = bank.post(path(site, "/accept")).json()
        assert (done["status"], done["late_days"], done["nodes_open"]) == ("delivered", 2, 0)
        assert done["accepted_on"] == site.at(2).date().isoformat()
    with clock.frozen(site.at(31)):
        assert provider.post(path(site, "/hand-back")).json()["handed_back_on"] == site.at(31).date().isoformat()


def test_in_part_over_rest(site: Site, bank: Caller) -> None:
    site.give()
    with clock.frozen(site.at(1)):
        bank.post(path(site, "/results"), BODY)
        part = bank.post(path(site, "/accept"), {"nodes": [node for node in NODES if node != "node-2"]}).json()
    assert (part["status"], part["nodes_open"], part["allowed_actions"]) == ("delivering", 1, [])
    assert part["accepted_in_part"] == [{"gpus": 56, "on": site.at(1).date().isoformat(), "late_days": 0}]


@pytest.mark.parametrize(
    ("act", "body", "pointer"),
    [
        ("/ready", {"ready_on": "2020-01-01"}, "/ready_on"),
        ("/ready", {"ready_on": "soon"}, "/ready_on"),
        ("/handover", {**ACCESS, "access_reference": "password: hunter2"}, "/access_reference"),
        ("/handover", {**ACCESS, "access_reference": "ftp://x"}, "/access_reference"),
        ("/handover", {**ACCESS, "contact": "the passwd is hunter2"}, "/contact"),
        ("/handover", {"contact": "desk"}, "/access_reference"),
        ("/handover", {**ACCESS, "password": "x"}, "/password"),
        ("/provider-results", {"fabric": {"vibes": "1"}}, "/nodes"),
        ("/provider-results", {"fabric": {"collective_gb_s": "much"}}, "/fabric/collective_gb_s"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_happens(
    site: Site, provider: Caller, act: str, body: dict[str, Any], pointer: str
) -> None:
    with clock.frozen(site.at(0)):
        if "results" in act:
            site.give()
        before = DeliveryAct.objects.count()
        answer = provider.post(path(site, act), body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.json()
    assert pointer in [each["pointer"] for each in answer.json()["errors"]]
    assert "hunter2" not in json.dumps(answer.json())
    assert DeliveryAct.objects.count() == before


def test_each_side_has_its_own_acts_and_strangers_find_nothing(site: Site, provider: Caller, bank: Caller) -> None:
    site.give()
    rival = Caller(key(site.market.rival.organisation, "read", "commit", "supply"))
    other = Caller(key(site.market.other_seller.organisation, "read", "supply"))
    buyer_who_supplies = Caller(key(site.market.bank.organisation, "supply"))
    with clock.frozen(site.at(1)):
        for caller in (rival, other):
            assert caller.get(path(site)).status_code == 404
            assert caller.post(path(site, "/handover"), ACCESS).json()["code"] == "not_found"
        assert buyer_who_supplies.post(path(site, "/handover"), ACCESS).json()["code"] == "not_found"
        assert rival.post(path(site, "/accept")).json()["code"] == "not_found"
        assert bank.post(path(site, "/handover"), ACCESS).json()["code"] == "scope_required"
        assert provider.post(path(site, "/accept")).json()["code"] == "scope_required"
        committing = Caller(key(site.market.seller.organisation, "commit"))
        assert committing.post(path(site, "/accept")).json()["code"] == "not_found"
        assert provider.get(path(site)).json()["allowed_actions"] == []
        assert other.get("/deliveries").json()["data"] == []
    assert DeliveryAct.objects.count() == 1


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_sellers_people_hand_over_and_the_customers_accept_in_part_on_pages(site: Site) -> None:
    seller, buyer = browser(site.market.seller.buyer), browser(site.market.bank.buyer)
    page, block = reverse("deliver", args=[site.block.public_id]), reverse("reservation", args=[site.block.public_id])
    with clock.frozen(site.at(0)):
        assert page in text(seller.get(reverse("deliveries")))
        assert "Hand over" in text(seller.get(page))
        give = reverse("provide", args=[site.block.public_id, "hand-over"])
        refused = seller.post(give, {**ACCESS, "access_reference": "pwd 123"}, follow=True)
        assert "looks like a password or a key" in text(refused)
        assert not Delivery.objects.exists()
        assert "customer has been told" in text(seller.post(give, ACCESS, follow=True))
        shown = text(buyer.get(block))
        assert ACCESS["access_reference"] in shown
        assert "Accept all" in shown
        hours = {node: 3 if node == "node-2" else 24 for node in NODES}
        lines = "\n".join(f"{node},burn_in_hours,{hours[node]}\n{node},memory_errors,0" for node in NODES)
        report = reverse("delivery-results", args=[site.block.public_id])
        wrong = buyer.post(report, {"results": "node-1,24"}, follow=True)
        assert "Line 1: write node,test,figure" in text(wrong)
        tested = text(buyer.post(report, {"results": lines + "\nfabric,collective_gb_s,360"}, follow=True))
        assert "node-2: burn_in_hours" in tested
        accept = reverse("delivery-accept", args=[site.block.public_id])
        assert "Choose the nodes" in text(buyer.post(accept, {"part": "1"}, follow=True))
        good = [node for node in NODES if node != "node-2"]
        assert "the rest stays late" in text(buyer.post(accept, {"part": "1", "nodes": good}, follow=True))
        assert "Hand over" in text(seller.get(page)), "the rest"
    sheet: Any = buyer.get(reverse("delivery-csv", args=[site.block.public_id]))
    rows = list(csv.reader(io.StringIO(b"".join(sheet.streaming_content).decode())))
    assert [row[4] for row in rows if row[6] == ""] == ["handover", "results", "in_part"]


def test_a_rejection_on_the_page_and_a_viewer_who_may_only_look(site: Site) -> None:
    site.give()
    buyer = browser(site.market.bank.buyer)
    reject = reverse("delivery-reject", args=[site.block.public_id])
    viewer = browser(member(site.market.bank.organisation, "viewer@first.example", "viewer"))
    seller_viewer = browser(member(site.market.seller.organisation, "viewer@northwind.example", "viewer"))
    with clock.frozen(site.at(1)):
        assert viewer.post(reject, {"reason": "much too slow"}).status_code == 403
        give = reverse("provide", args=[site.block.public_id, "hand-over"])
        assert seller_viewer.post(give, ACCESS).status_code == 403
        assert "Name tests that failed" in text(buyer.post(reject, {"reason": "much too slow"}, follow=True))
        stranger = browser(site.market.rival.buyer)
        assert stranger.post(reject, {"reason": "much too slow"}).status_code == 404
        assert stranger.get(reverse("deliver", args=[site.block.public_id])).status_code == 404
    assert DeliveryAct.objects.count() == 1


def test_staff_see_what_is_due_and_a_picture_and_act_in_the_providers_name(site: Site) -> None:
    allot_projects()
    root = browser(User.objects.create_superuser("root@headroom.test", "x", name="Root"))
    with clock.frozen(site.at(0)):
        due = text(root.get(reverse("admin:deliveries")))
        assert site.block.public_id in due
        assert "<svg" in due
        assert "Hall 1" in due
        life = reverse("admin:reservation-life", args=[site.block.public_id])
        assert "For the provider: notice and hand-over" in text(root.get(life))
        give = reverse("admin:reservation-deliver", args=[site.block.public_id, "hand-over"])
        assert "Handed over" in text(root.post(give, ACCESS, follow=True))
        assert "For the provider: results" in text(root.get(life))
        nonsense = reverse("admin:reservation-deliver", args=[site.block.public_id, "explode"])
        assert root.post(nonsense).status_code == 404
    act = DeliveryAct.objects.get()
    assert (act.side, act.by) == ("provider", "root@headroom.test")
