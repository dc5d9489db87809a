"""A slip over REST: what is offered, choosing, causes and the thread about one; every answer as the schema has it."""

from datetime import timedelta
from typing import Any

import pytest

from marketplace.units import clock
from reservations.allocation.remedies import Remedy
from reservations.booking.models import Reservation
from tests.contracts.conftest import Caller
from tests.contracts.test_schema import follows
from tests.market import Market, key
from tests.reservations.test_delay_credits import cause
from tests.slipping import contracts, second_hall, substitute, told, wait


@pytest.fixture
def remedy(market: Market, bank: Caller) -> Remedy:
    contracts(market)
    made = bank.post(f"/quotes/{bank.quote(market)['id']}/accept").json()
    block = Reservation.objects.get(public_id=made["id"])
    return told(block, wait(block, 11), substitute(block, second_hall(market)))


def kinds(body: dict[str, Any]) -> dict[str, str]:
    return {each["kind"]: each["id"] for each in body["choices"]}


def test_the_contract_says_what_is_owed_before_acceptance_and_after(market: Market, bank: Caller) -> None:
    assert bank.quote(market)["contract"]["delay_terms"] is None
    contracts(market)
    quote = bank.quote(market)
    terms = quote["contract"]["delay_terms"]
    assert (terms["rate_percent"], terms["excuses"]["weather"], terms["long_stop_days"]) == (50, 30, 90)
    made = bank.post(f"/quotes/{quote['id']}/accept").json()
    assert made["contract"]["delay_terms"] == terms


def test_a_remedy_is_read_chosen_and_chosen_again(market: Market, bank: Caller, remedy: Remedy) -> None:
    listed = bank.get("/remedies", status="open").json()
    follows("get", "/remedies", 200, listed)
    (body,) = listed["data"]
    assert (body["status"], body["allowed_actions"], set(kinds(body))) == ("open", ["choose"], {"wait", "substitute"})
    assert body["standing"] == kinds(body)["wait"]
    path, wanted = f"/remedies/{remedy.public_id}", {"choice": kinds(body)["substitute"]}
    chosen = bank.post(f"{path}/choose", wanted, idempotency_key="one")
    follows("post", "/remedies/{public_id}/choose", 200, chosen.json())
    assert chosen.json()["standing"] == wanted["choice"]
    assert bank.post(f"{path}/choose", wanted, idempotency_key="one").json() == chosen.json()
    again = bank.post(f"{path}/choose", {"choice": kinds(body)["wait"]})
    assert again.json()["standing"] == kinds(body)["wait"]
    shown = bank.get(path).json()
    follows("get", "/remedies/{public_id}", 200, shown)
    events = [each["name"] for each in bank.get("/events").json()["data"] if each["subject"] == remedy.public_id]
    assert sorted(events) == ["remedy.announced", "remedy.chosen", "remedy.chosen"]


def test_refusals_have_a_sentence_each(market: Market, bank: Caller, remedy: Remedy) -> None:
    path = f"/remedies/{remedy.public_id}/choose"
    unknown = bank.post(path, {"choice": "rmc_nothing"})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/choice")
    assert bank.post("/remedies/rmd_nothing/choose", {"choice": "x"}).status_code == 404
    reader = Caller(key(market.bank.organisation, "read"))
    assert reader.get(f"/remedies/{remedy.public_id}").json()["allowed_actions"] == []
    assert reader.post(path, {"choice": remedy.default.public_id}).status_code == 403
    with clock.frozen(remedy.deadline + timedelta(seconds=1)):
        late = bank.post(path, {"choice": remedy.default.public_id})
        assert (late.status_code, late.json()["code"]) == (409, "remedy_closed")
        assert bank.get(f"/remedies/{remedy.public_id}").json()["status"] == "settled"


def test_a_cause_is_read_and_disputed_in_a_thread(market: Market, bank: Caller, remedy: Remedy) -> None:
    made, path = cause(market, 5), f"/reservations/{remedy.reservation.public_id}"
    causes = bank.get(f"{path}/causes").json()
    follows("get", "/reservations/{public_id}/causes", 200, causes)
    assert [(each["id"], each["kind"], each["dispute"]) for each in causes["data"]] == [
        (made.public_id, "weather", None)
    ]
    opened = bank.post(f"{path}/disputes", {"cause": made.public_id, "text": "It was mild"})
    follows("post", "/reservations/{public_id}/disputes", 201, opened.json())
    again = bank.post(f"{path}/disputes", {"cause": made.public_id, "text": "It was mild"})
    assert (again.status_code, again.json()["code"]) == (409, "dispute_open")
    thread = f"/disputes/{opened.json()['id']}"
    said = bank.post(f"{thread}/posts", {"text": "Here is the weather report"})
    follows("post", "/disputes/{public_id}/posts", 201, said.json())
    shown = bank.get(thread).json()
    follows("get", "/disputes/{public_id}", 200, shown)
    assert [post["text"] for post in shown["posts"]] == ["It was mild", "Here is the weather report"]
    assert (shown["outcome"], shown["allowed_actions"]) == (None, ["post"])
    assert bank.get(f"{path}/disputes").json()["data"] == [shown]
