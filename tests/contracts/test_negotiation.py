"""Negotiating over REST: each step safe to retry, each refusal with its code, and nothing of anybody else's."""

from typing import Any

import pytest

from marketplace.change import change
from marketplace.outbox.models import Event
from marketplace.units import clock
from pricing.negotiation.models import Negotiation
from pricing.quotes.models import Quote
from tests.bargaining import Table, answer, below, offer, set_table
from tests.contracts.conftest import Caller
from tests.contracts.test_schema import follows
from tests.market import Market


@pytest.fixture
def table(market: Market) -> Table:
    return set_table(market)


def asked(table: Table, percent: int) -> dict[str, Any]:
    return {"total": {"amount": str(below(table.quote, percent)), "currency": "USD"}}


def countered(caller: Caller, table: Table, percent: int = 2) -> dict[str, Any]:
    found = caller.post(f"/quotes/{table.quote.public_id}/counter", asked(table, percent))
    assert found.status_code == 201, found.content
    return dict(found.json())


def test_a_counter_is_answered_with_trades_and_a_repeat_hears_the_same(table: Table, bank: Caller) -> None:
    path = f"/quotes/{table.quote.public_id}/counter"
    first = bank.post(path, asked(table, 2), idempotency_key="c-1")
    again = bank.post(path, asked(table, 2), idempotency_key="c-1")
    assert (first.status_code, first.json(), again.headers["Idempotent-Replayed"]) == (201, again.json(), "true")
    follows("post", "/quotes/{public_id}/counter", 201, first.json())
    body = first.json()
    assert (body["object"], body["status"], body["quote"]) == ("negotiation", "open", table.quote.public_id)
    assert body["allowed_actions"] == ["accept", "counter", "take", "insist", "withdraw"]
    assert [step["verb"] for step in body["steps"]] == ["countered", "answered"]
    assert Negotiation.objects.get().steps.count() == 2


def test_a_trade_is_taken_and_the_new_quote_is_accepted_as_any(table: Table, bank: Caller) -> None:
    body = countered(bank, table)
    trade = next(each for each in body["steps"][-1]["trades"] if each["gives"] == ["prepayment_percent"])
    taken = bank.post(f"/negotiations/{body['id']}/take", {"trade": trade["id"]}, idempotency_key="t-1")
    assert taken.status_code == 200, taken.content
    assert bank.post(f"/negotiations/{body['id']}/take", {"trade": trade["id"]}, idempotency_key="t-1").json() == (
        taken.json()
    )
    new = bank.get(f"/quotes/{taken.json()['quote']}").json()
    assert (new["total"], new["replaces"], new["prepayment_percent"]) == (trade["total"], table.quote.public_id, 50)
    old = bank.get(f"/quotes/{table.quote.public_id}").json()
    assert (old["status"], old["replaced_by"], old["allowed_actions"]) == ("replaced", new["id"], [])
    refused = bank.post(f"/quotes/{table.quote.public_id}/accept")
    assert (refused.status_code, refused.json()["code"]) == (409, "quote_replaced")
    assert bank.post(f"/quotes/{new['id']}/accept").status_code == 201
    thread = bank.get(f"/negotiations/{body['id']}").json()
    assert (thread["status"], thread["allowed_actions"]) == ("accepted", [])
    assert thread["steps"][-1]["verb"] == "accepted"
    closed = bank.post(f"/negotiations/{body['id']}/insist", {})
    assert (closed.status_code, closed.json()["code"], closed.json()["state"]) == (
        409,
        "negotiation_closed",
        "accepted",
    )


def test_sales_answer_in_the_thread_and_the_buyer_sees_no_note(table: Table, bank: Caller) -> None:
    body = countered(bank, table, 20)
    insisted = bank.post(f"/negotiations/{body['id']}/insist", {"sentence": "We need that."})
    assert (insisted.status_code, insisted.json()["status"]) == (200, "with_sales")
    assert insisted.json()["allowed_actions"] == ["accept", "withdraw"]
    waiting = bank.post(f"/quotes/{table.quote.public_id}/counter", asked(table, 3))
    assert (waiting.status_code, waiting.json()["code"]) == (409, "with_sales")
    negotiation = Negotiation.objects.get()
    answer("decline", negotiation, table.sales, reason="price", note="Their walk-away is our bid price.")
    declined = bank.get(f"/negotiations/{body['id']}").json()
    follows("get", "/negotiations/{public_id}", 200, declined)
    assert declined["steps"][-1]["by"] == "sales"
    assert "Their walk-away" not in str(declined)
    granted = offer(negotiation, table.sales, below(table.quote, 4)).quote
    quote = bank.get(f"/quotes/{granted.public_id}").json()
    assert quote["breakdown"][-1]["code"] == "negotiated"
    price = bank.get(f"/quotes/{granted.public_id}/price").json()
    assert (price["matches"], price["total"]) == (True, quote["total"])
    assert [event["name"] for event in bank.get("/events", subject=body["id"]).json()["data"]][::-1] == [
        "negotiation.countered", "negotiation.answered", "negotiation.insisted", "negotiation.declined",
        "negotiation.offered",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "", "nothing_changed"),
        ({"price": "1"}, "/price", "unknown_field"),
        ({"quantity": "64"}, "/quantity", "invalid"),
        ({"quantity": 65}, "/quantity", "off_lot"),
        ({"total": "5"}, "/total", "not_an_object"),
        ({"total": {"amount": "abc", "currency": "USD"}}, "/total/amount", "invalid"),
        ({"unit_price": 1.4}, "/unit_price", "invalid"),
        ({"unit_price": "1.0"}, "/unit_price", "below_floor"),
        ({"start": "2027-02-30"}, "/start", "invalid"),
    ],
)
def test_a_counter_refuses_what_makes_no_sense(
    table: Table, bank: Caller, body: dict[str, Any], pointer: str, code: str
) -> None:
    refused = bank.post(f"/quotes/{table.quote.public_id}/counter", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert [(each["pointer"], each["code"]) for each in refused.json()["errors"]] == [(pointer, code)]
    assert not Negotiation.objects.exists()


@pytest.mark.parametrize(
    ("verb", "body", "code"),
    [
        ("take", {"trade": "trd_none"}, "trade_gone"),
        ("reply", {"sentence": "Yes."}, "nothing_asked"),
    ],
)
def test_each_refusal_has_a_code(table: Table, bank: Caller, verb: str, body: dict[str, Any], code: str) -> None:
    thread = countered(bank, table)
    refused = bank.post(f"/negotiations/{thread['id']}/{verb}", body)
    assert (refused.status_code, refused.json()["code"]) == (409, code)
    follows("post", f"/negotiations/{{public_id}}/{verb}", 409, refused.json())
    assert Negotiation.objects.get().steps.count() == 2


def test_nothing_to_insist_on(table: Table, bank: Caller, market: Market) -> None:
    thread = bank.post(f"/quotes/{table.quote.public_id}/counter", {"start": market.day(33).isoformat()}).json()
    refused = bank.post(f"/negotiations/{thread['id']}/insist", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_insist")


def test_a_strangers_negotiation_is_what_does_not_exist(table: Table, bank: Caller, rival: Caller) -> None:
    thread = countered(bank, table)
    for verb, body in (("take", {"trade": "trd_x"}), ("insist", {}), ("reply", {"sentence": "x"}), ("withdraw", {})):
        theirs = rival.post(f"/negotiations/{thread['id']}/{verb}", body)
        nobodys = rival.post(f"/negotiations/neg_none/{verb}", body)
        assert (theirs.status_code, theirs.json()) == (404, nobodys.json())
    assert rival.get(f"/negotiations/{thread['id']}").json() == rival.get("/negotiations/neg_none").json()
    assert rival.post(f"/quotes/{table.quote.public_id}/counter", {}).status_code == 404
    assert rival.get("/negotiations").json()["data"] == []
    assert Negotiation.objects.get().steps.count() == 2
    assert not Event.objects.filter(name__startswith="negotiation", organisation_id=table.market.rival.organisation.pk)


def test_lists_filter_by_state_and_by_any_quote_of_the_thread(table: Table, bank: Caller) -> None:
    thread = countered(bank, table)
    trade = thread["steps"][-1]["trades"][0]
    new = bank.post(f"/negotiations/{thread['id']}/take", {"trade": trade["id"]}).json()["quote"]
    for quote in (new, table.quote.public_id):
        (found,) = bank.get("/negotiations", quote=quote).json()["data"]
        assert found["id"] == thread["id"]
    follows("get", "/negotiations", 200, bank.get("/negotiations").json())
    assert len(bank.get("/negotiations", status="open").json()["data"]) == 1
    assert bank.get("/negotiations", status="with_sales").json()["data"] == []
    with clock.frozen(Quote.objects.get(public_id=new).expires_at):
        assert len(bank.get("/negotiations", status="lapsed").json()["data"]) == 1
        assert bank.get("/negotiations", status="open").json()["data"] == []


def test_withdrawing_with_the_quote(table: Table, bank: Caller) -> None:
    thread = countered(bank, table)
    done = bank.post(f"/negotiations/{thread['id']}/withdraw", {"release": True})
    assert (done.status_code, done.json()["status"]) == (200, "withdrawn")
    assert bank.get(f"/quotes/{table.quote.public_id}").json()["status"] == "released"


def test_a_key_that_only_reads_does_not_negotiate(table: Table, market: Market) -> None:
    from tests.market import key

    reader = Caller(change.run(lambda: key(market.bank.organisation, "read")))
    refused = reader.post(f"/quotes/{table.quote.public_id}/counter", {})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_required")
