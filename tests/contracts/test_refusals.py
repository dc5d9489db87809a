"""One code per cause, with everything at fault named, and nothing done."""

import re
from datetime import timedelta
from typing import Any

import pytest

from marketplace.capacity.models import Claim
from marketplace.supply.models import Projection
from marketplace.units import clock
from marketplace.web.errors import CODES
from pricing.demand.models import Enquiry
from pricing.quotes.models import Quote
from tests.contracts.conftest import Caller
from tests.holding import rules
from tests.market import Market

PROBLEM = "application/problem+json"


def test_a_problem_has_its_page(market: Market, bank: Caller) -> None:
    problem = bank.get("/quotes/qte_none").json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "errors"}
    assert problem["type"].endswith("/errors/not_found/")


def test_every_field_of_a_need_at_fault_is_named(market: Market, bank: Caller) -> None:
    need = {"accelerators": ["h1000"], "quantity": 0, "start": {"from": "2027-02-30", "to": 5}, "limit_prise": "2.00"}
    answer = bank.post("/offers", need)
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, PROBLEM)
    assert {error["pointer"]: error["code"] for error in answer.json()["errors"]} == {
        "/limit_prise": "unknown_field",
        "/quantity": "invalid",
        "/duration_days": "required",
        "/start/from": "invalid",
        "/start/to": "invalid",
        "/firmness": "required",
        "/accelerators/0": "unknown",
    }
    assert not Enquiry.objects.exists()


@pytest.mark.parametrize(
    "start", [{"from": "9999-12-01", "to": "9999-12-31"}, {"from": "2001-01-01", "to": "2001-01-02"}]
)
def test_dates_beyond_all_horizons_are_refused(market: Market, bank: Caller, start: dict[str, str]) -> None:
    assert bank.post("/offers", market.need(start=start)).status_code == 422


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/offer", "required"),
        ({"offer": 5}, "/offer", "invalid"),
        ({"offer": "off_x", "max_price": "1"}, "/max_price", "unknown_field"),
        ({"offer": "off_x", "client_reference": ""}, "/client_reference", "blank"),
        ({"offer": "off_x", "client_reference": "x" * 121}, "/client_reference", "max_length"),
        ({"offer": "off_x", "metadata": {"a": 1}}, "/metadata/a", "invalid"),
        ({"offer": "off_x", "metadata": {str(i): "" for i in range(21)}}, "/metadata", "invalid"),
        ([], "", "not_an_object"),
    ],
)
def test_a_quote_refuses_what_it_does_not_know(
    market: Market, bank: Caller, body: Any, pointer: str, code: str
) -> None:
    answer = bank.post("/quotes", body)
    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]


def test_accepting_takes_no_fields(market: Market, bank: Caller) -> None:
    quote = bank.quote(market)
    assert bank.post(f"/quotes/{quote['id']}/accept", {"price": "1"}).json()["errors"][0]["pointer"] == "/price"
    assert bank.get(f"/quotes/{quote['id']}").json()["status"] == "open"


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"\xff{}",
        b'{"offer": "a", "offer": "b"}',
        b'{"offer": NaN}',
        b'{"offer": "\\u0000"}',
        b'{"offer": "\\ud800"}',
        b'{"\\ud800": 1}',
        b"[" * 30_000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b"9" * 5000,
    ],
)
def test_what_is_not_one_json_value_is_malformed(market: Market, bank: Caller, raw: bytes) -> None:
    answer = bank.post("/quotes", raw)
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("malformed_json", "invalid")


def test_malformed_json_says_so(market: Market, bank: Caller) -> None:
    answer = bank.post("/offers", b'{"quantity": 1, "quantity": 2}')
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert "twice" in answer.json()["detail"]


def test_a_form_is_not_json(market: Market) -> None:
    from django.test import Client

    headers = {"Authorization": f"Bearer {market.bank.key}"}
    answer = Client().post("/api/v1/offers", {"quantity": "1"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_body_has_a_size(market: Market, bank: Caller) -> None:
    answer = bank.post("/offers", b'"' + b"x" * 70_000 + b'"')
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


def test_other_methods_are_not_allowed(market: Market, bank: Caller) -> None:
    answer = bank.post("/pools")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


def test_a_query_parameter_that_does_not_exist_is_refused(market: Market, bank: Caller) -> None:
    for path in ("/pools", "/sites", "/accelerators", "/events", "/quotes", "/reservations", "/supply", "/prices"):
        answer = bank.get(path, statsu="open")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert "/statsu" in [error["pointer"] for error in answer.json()["errors"]]


def test_an_offer_ends(market: Market, bank: Caller) -> None:
    offer = bank.offer(market)
    with clock.frozen(clock.now() + timedelta(minutes=16)):
        answer = bank.post("/quotes", {"offer": offer["id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "offer_expired")


def test_a_dearer_block_is_offered_again_at_its_price(market: Market, bank: Caller, rival: Caller) -> None:
    block = {"start": {"from": market.day(10).isoformat(), "to": market.day(10).isoformat()}, "quantity": 640}
    offer = bank.offer(market, **block)
    assert rival.post("/quotes", {"offer": rival.offer(market, **block)["id"]}).status_code == 201
    answer = bank.post("/quotes", {"offer": offer["id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "price_changed")
    assert Quote.objects.count() == Claim.objects.count() == 1

    dearer = answer.json()["offer"]
    assert (dearer["pool"], dearer["start"], dearer["quantity"]) == (offer["pool"], offer["start"], 640)
    assert bank.post("/quotes", {"offer": dearer["id"]}).json()["total"] == dearer["total"]


def test_a_block_that_is_gone_names_what_is_left(market: Market, bank: Caller, rival: Caller) -> None:
    block = {"start": {"from": market.day(10).isoformat(), "to": market.day(10).isoformat()}, "quantity": 1600}
    offer = bank.offer(market, **block)
    rival.post("/quotes", {"offer": rival.offer(market, **block)["id"]})
    answer = bank.post("/quotes", {"offer": offer["id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_headroom")
    nearest = answer.json()["nearest"]
    assert nearest[0]["quantity"] == 2048 - 1600
    binding = answer.json()["binding"]
    assert (binding["constraint"], binding["pool"], binding["headroom"]) == ("headroom", offer["pool"], 2048 - 1600)
    assert all(bank.post("/offers", need).json()["offers"] for need in nearest)
    assert Quote.objects.count() == 1


def test_a_quote_is_accepted_once(market: Market, bank: Caller) -> None:
    quote = bank.quote(market)
    bank.post(f"/quotes/{quote['id']}/accept")
    for verb in ("accept", "release"):
        answer = bank.post(f"/quotes/{quote['id']}/{verb}")
        assert (answer.status_code, answer.json()["code"]) == (409, "quote_accepted")
    assert bank.get("/reservations").json()["data"][0]["quote"] == quote["id"]


def test_an_expired_quote_is_over_for_good(market: Market, bank: Caller) -> None:
    quote = bank.quote(market)
    with clock.frozen(Quote.objects.get().expires_at):
        for verb in ("accept", "release"):
            answer = bank.post(f"/quotes/{quote['id']}/{verb}")
            assert (answer.status_code, answer.json()["code"]) == (409, "quote_expired")
        shown = bank.get(f"/quotes/{quote['id']}").json()
    assert (shown["status"], shown["allowed_actions"]) == ("expired", [])


def test_old_figures_sell_nothing(market: Market, bank: Caller) -> None:
    rules(market, projection_max_age_hours=1)
    made_at = Projection.objects.get().created_at
    with clock.frozen(made_at + timedelta(minutes=59)):
        offer = bank.offer(market)
    with clock.frozen(made_at + timedelta(minutes=61)):
        answer = bank.post("/quotes", {"offer": offer["id"]})
    assert (answer.status_code, answer.json()["code"]) == (503, "prices_stale")
    assert int(answer.headers["Retry-After"]) > 0
    assert not Claim.objects.exists()


def test_a_client_reference_is_used_once(market: Market, bank: Caller) -> None:
    bank.quote(market, client_reference="PO 7")
    answer = bank.post("/quotes", {"offer": bank.offer(market)["id"], "client_reference": "PO 7"})
    assert (answer.status_code, answer.json()["code"]) == (409, "client_reference_taken")
    assert Quote.objects.count() == 1


def test_a_bug_tells_nothing(market: Market, bank: Caller) -> None:
    offer = bank.offer(market)
    # Without terms rows and prices the market cannot be in any state that the product knows.
    market.h100.specs.all().delete()
    answer = bank.post("/quotes", {"offer": offer["id"]})
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, PROBLEM)
    assert (answer.json()["code"], answer.json()["detail"]) == ("internal_error", CODES["internal_error"].meaning)
    assert not Quote.objects.exists()


def test_times_are_utc_with_z(market: Market, bank: Caller) -> None:
    quote = bank.quote(market)
    bank.post(f"/quotes/{quote['id']}/accept")
    (event, *_) = bank.get("/events", name="quote.created").json()["data"]
    times = [quote["created_at"], quote["expires_at"], event["created_at"], event["data"]["expires_at"]]
    times += [bank.offer(market)["valid_until"], bank.get("/reservations").json()["data"][0]["created_at"]]
    assert [at for at in times if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", at)] == []
