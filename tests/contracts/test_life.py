"""A reservation's life over REST: its state, its changes, its money and who holds it."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from marketplace.journal.actor import SYSTEM
from marketplace.units import clock
from pricing.quotes.contracts import ContractPolicy, publish_contract
from reservations.booking import states
from reservations.booking.amendments import Assignment
from reservations.booking.assigning import consent_to_assignment
from reservations.booking.models import Reservation
from reservations.booking.payments import record_receipt
from tests.contracts.conftest import Caller
from tests.contracts.test_schema import follows
from tests.market import Market, key


@pytest.fixture
def block(market: Market, bank: Caller) -> dict[str, Any]:
    return reserved(market, bank)


def reserved(market: Market, who: Caller, **fields: Any) -> dict[str, Any]:
    return dict(who.post(f"/quotes/{who.quote(market, **fields)['id']}/accept").json())


def day(text: str, days: int) -> str:
    return (date.fromisoformat(text) + timedelta(days=days)).isoformat()


def test_the_terms_are_shown_before_and_after_acceptance(market: Market, bank: Caller) -> None:
    quote = bank.quote(market)
    contract = quote["contract"]
    assert [each["cause"] for each in contract["exits"]] == [
        "convenience", "provider_switching", "breach", "insolvency", "sanctions", "regulators_order",
    ]  # fmt: skip
    assert contract["exits"][0]["fee"][0] == {"from_days_ahead": 0, "percent": "60.00"}
    assert (quote["kind"], quote["changes"], quote["lines"]) == ("buy", None, [])
    made = bank.post(f"/quotes/{quote['id']}/accept").json()
    assert made["contract"] == contract
    assert made["allowed_actions"] == ["cancel", "extend", "resize", "move", "assign"]


def test_a_change_is_quoted_and_made_once(market: Market, bank: Caller, block: dict[str, Any]) -> None:
    end = day(block["end_exclusive"], 5)
    path = f"/reservations/{block['id']}/changes"
    body = {"kind": "extend", "end_exclusive": end}
    answer = bank.post(path, body, idempotency_key="one")
    quote = answer.json()
    follows("post", "/reservations/{public_id}/changes", 201, quote)
    assert (answer.status_code, quote["kind"], quote["changes"]) == (201, "extend", block["id"])
    assert [line["code"] for line in quote["lines"]] == ["added"]
    assert bank.post(path, body, idempotency_key="one").json() == quote
    longer = bank.post(f"/quotes/{quote['id']}/accept").json()
    assert (longer["id"], longer["end_exclusive"], longer["revision"]) == (block["id"], end, 1)
    assert longer["days"] == [{"start": block["start"], "end_exclusive": end, "quantity": 64}]
    again = bank.post(f"/quotes/{quote['id']}/accept").json()
    assert again["code"] == "quote_accepted"
    (row,) = bank.get(path).json()["data"]
    assert (row["quote"], row["accepted_at"] is not None) == (quote["id"], True)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"kind": "extend"}, 422, "invalid"),
        ({"kind": "resize", "quantity": 12}, 422, "invalid"),
        ({"kind": "resell"}, 422, "invalid"),
        ({"kind": "cancel", "cause": "insolvency"}, 403, "cause_needs_staff"),
        ({"kind": "cancel", "cause": "provider_switching"}, 409, "notice_too_short"),
        ({"kind": "end_early", "end_exclusive": "2030-01-01"}, 409, "not_in_this_state"),
    ],
)
def test_a_change_that_is_refused_has_one_code_and_does_nothing(
    market: Market, bank: Caller, block: dict[str, Any], body: dict[str, Any], status: int, code: str
) -> None:
    answer = bank.post(f"/reservations/{block['id']}/changes", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert bank.get(f"/reservations/{block['id']}/changes").json()["data"] == []


def test_locked_terms_say_since_when(market: Market, bank: Caller, block: dict[str, Any]) -> None:
    row = Reservation.objects.get()
    with clock.frozen(states.midnight(row.start) - timedelta(hours=1)):
        answer = bank.post(f"/reservations/{block['id']}/changes", {"kind": "cancel"})
    assert (answer.status_code, answer.json()["code"]) == (409, "locked")
    assert block["locked_since"].startswith((row.start - timedelta(days=1)).isoformat())


def test_a_key_that_only_looks_changes_nothing(market: Market, block: dict[str, Any]) -> None:
    reader = Caller(key(market.bank.organisation, "read"))
    answer = reader.post(f"/reservations/{block['id']}/changes", {"kind": "cancel"})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_required")
    assert reader.get(f"/reservations/{block['id']}").json()["allowed_actions"] == []


def test_the_state_is_the_clocks_and_the_list_filters_by_it(
    market: Market, bank: Caller, block: dict[str, Any]
) -> None:
    row = Reservation.objects.get()
    with clock.frozen(states.midnight(row.start)):
        assert bank.get(f"/reservations/{block['id']}").json()["status"] == "delivering"
        assert len(bank.get("/reservations", status="delivering").json()["data"]) == 1
        assert bank.get("/reservations", status="scheduled").json()["data"] == []
        delivered = bank.post(f"/reservations/{block['id']}/accept-delivery").json()
        assert delivered["status"] == "delivered"
        again = bank.post(f"/reservations/{block['id']}/accept-delivery")
        assert (again.status_code, again.json()["code"]) == (409, "not_in_this_state")
    steps = bank.get(f"/reservations/{block['id']}/transitions").json()
    follows("get", "/reservations/{public_id}/transitions", 200, steps)
    assert [(step["action"], step["after"]) for step in steps["data"]] == [
        ("hand_over", "delivering"),
        ("accept_delivery", "delivered"),
    ]


def test_what_is_due_and_what_came_in(market: Market, bank: Caller, rival: Caller) -> None:
    now = clock.now()
    deposit = ContractPolicy(starts_at=now, deposit_percent=10, payment_days=3, reason="tests")
    publish_contract(policy=deposit, by=SYSTEM, now=now)
    block = reserved(market, bank)
    assert block["status"] == "pending_payment"
    (due,) = bank.get("/dues", reservation=block["id"]).json()["data"]
    assert (due["reason"], due["due_at"]) == ("up_front", block["deadline"])
    amount = Decimal(due["amount"]["amount"])
    assert amount == (Decimal(block["total"]["amount"]) / 10).quantize(Decimal("0.01"), rounding="ROUND_HALF_EVEN")
    said: dict[str, Any] = {"reservation": block["id"], "currency": "USD", "received_on": clock.today(), "by": SYSTEM}
    record_receipt(bank_reference="B1", amount=amount - 1, **said)
    assert bank.get(f"/reservations/{block['id']}").json()["status"] == "pending_payment"
    record_receipt(bank_reference="B2", amount=Decimal(1), **said)
    assert bank.get(f"/reservations/{block['id']}").json()["status"] == "scheduled"
    receipts = bank.get("/receipts").json()
    follows("get", "/receipts", 200, receipts)
    assert [row["bank_reference"] for row in receipts["data"]] == ["B2", "B1"]
    assert rival.get("/dues").json()["data"] == rival.get("/receipts").json()["data"] == []


def test_a_block_is_assigned_with_consent_and_the_wall_stands(market: Market, bank: Caller, rival: Caller) -> None:
    block = reserved(market, bank, client_reference="secret-1", metadata={"desk": "secret-2"})
    other = market.rival.organisation.public_id
    path = f"/reservations/{block['id']}"
    body = {"receiver": other, "grounds": "affiliate"}
    offered = bank.post(f"{path}/assignments", body).json()
    follows("post", "/reservations/{public_id}/assignments", 201, offered)
    assert (offered["status"], offered["allowed_actions"]) == ("offered", ["withdraw"])
    assert bank.post(f"{path}/assignments", body).json()["code"] == "assignment_open"
    assert rival.get("/assignments").json()["data"] == []
    assert rival.post(f"/assignments/{offered['id']}/accept").json()["code"] == "not_found"
    consent_to_assignment(assignment=offered["id"], agrees=True, reason="same group of companies", by=SYSTEM)
    (seen,) = rival.get("/assignments").json()["data"]
    assert seen["allowed_actions"] == ["accept", "decline"]
    assert rival.get(path).status_code == 404
    assert rival.post(f"/assignments/{offered['id']}/accept").json()["status"] == "accepted"
    assert bank.get(path).status_code == 404
    taken = rival.get(path)
    assert taken.json()["allowed_actions"] == block["allowed_actions"]
    for secret in ("secret", market.bank.buyer.email, "First Bank", "key hr_"):
        assert secret not in taken.content.decode()
    again = rival.post(f"/assignments/{offered['id']}/accept")
    assert (again.status_code, again.json()["code"]) == (409, "assignment_closed")
    change = rival.post(f"{path}/changes", {"kind": "resize", "quantity": 72})
    assert change.status_code == 201
    assert rival.post(f"/quotes/{change.json()['id']}/accept").json()["quantity"] == 72


def test_an_assignment_expires_and_is_withdrawn(market: Market, bank: Caller, rival: Caller) -> None:
    block = reserved(market, bank)
    body = {"receiver": market.rival.organisation.public_id, "grounds": "business_sold"}
    first = bank.post(f"/reservations/{block['id']}/assignments", body).json()
    row = Assignment.objects.get()
    with clock.frozen(row.expires_at):
        assert bank.get(f"/assignments/{first['id']}").json()["status"] == "expired"
        second = bank.post(f"/reservations/{block['id']}/assignments", body)
        assert second.status_code == 201
        assert bank.post(f"/assignments/{second.json()['id']}/withdraw").json()["status"] == "withdrawn"
        closed = bank.post(f"/assignments/{second.json()['id']}/withdraw").json()
    assert (closed["code"], closed["detail"]) == (
        "assignment_closed",
        "This assignment was withdrawn. Nothing was changed.",
    )


@pytest.mark.parametrize("receiver", ["org_none", "self"])
def test_a_receiver_is_another_organisation(market: Market, bank: Caller, block: dict[str, Any], receiver: str) -> None:
    whom = market.bank.organisation.public_id if receiver == "self" else receiver
    answer = bank.post(f"/reservations/{block['id']}/assignments", {"receiver": whom, "grounds": "other"})
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/receiver"]
    assert not Assignment.objects.exists()
