"""The continuity planner over REST: questions, scenarios, and each refusal with its code."""

import json
from typing import Any

from django.test import Client

from marketplace.models import Projection
from reservations.continuity.models import Scenario
from tests.continuity.conftest import bought
from tests.contracts.conftest import API, Caller
from tests.contracts.test_schema import follows
from tests.market import Market, key

SCOPES = ("read", "quote")


def bank(market: Market, *scopes: str) -> Caller:
    return Caller(key(market.bank.organisation, *(scopes or SCOPES)))


def patch(caller: Caller, path: str, body: Any) -> Any:
    client = Client(raise_request_exception=False)
    headers = {"Authorization": f"Bearer {caller.key}"}
    return client.patch(f"{API}{path}", json.dumps(body), content_type="application/json", headers=headers)


def kept(caller: Caller, market: Market, **changed: Any) -> Any:
    inputs = {"factor": "2", "from": market.day(20).isoformat()}
    body = {"name": "Doubling", "question": "growth", "inputs": inputs, **changed}
    return caller.post("/scenarios", body)


def test_the_three_questions_are_answered_under_their_versions(market: Market) -> None:
    reservation, caller = bought(market), bank(market, "read")
    site, day = market.h100.site.public_id, market.day(20).isoformat()
    lost = caller.post("/continuity/outage", {"sites": [site], "lost_from": day})
    assert lost.status_code == 200, lost.content
    found = lost.json()
    assert found["under"]["projection"] == Projection.objects.latest("pk").public_id
    assert found["reservations"][0]["reservation"] == reservation.public_id
    assert found["reservations"][0]["from"] == day
    grown = caller.post("/continuity/growth", {"factor": "2", "from": day}).json()
    assert grown["overage"]["unit_price"] is None
    offer = grown["accelerators"][0]["blocks"][0]["now"]["offer"]
    assert bank(market).post("/quotes", {"offer": offer}).status_code == 201
    moved = caller.post("/continuity/closure", {"country": "DE", "from": day}).json()
    assert moved["reservations"][0]["alternatives"][0]["country"] == "FR"


def test_answers_are_as_described(market: Market) -> None:
    bought(market)
    caller, day = bank(market), market.day(20).isoformat()
    site = market.h100.site.public_id
    for question, body in (
        ("outage", {"sites": [site], "late_days": 9}),
        ("growth", {"factor": "2", "from": day}),
        ("growth", {"factor": "20", "from": day, "firmness": "standby"}),
        ("closure", {"country": "DE", "from": day}),
        ("closure", {"region": "North", "from": day}),
    ):
        follows("post", f"/continuity/{question}", 200, caller.post(f"/continuity/{question}", body).json())
    made = kept(caller, market).json()
    follows("post", "/scenarios", 201, made)
    follows("get", "/scenarios/{public_id}", 200, caller.get(f"/scenarios/{made['id']}").json())
    follows("get", "/scenarios", 200, caller.get("/scenarios").json())
    again = kept(caller, market).json()
    found = caller.get("/scenarios/compare", scenarios=f"{made['id']},{again['id']}").json()
    follows("get", "/scenarios/compare", 200, found)


def test_the_bundle_of_an_answer_is_quoted_as_it_stands(market: Market) -> None:
    bought(market)
    caller = bank(market)
    day = market.day(20).isoformat()
    bundle = caller.post("/continuity/closure", {"country": "DE", "from": day}).json()["bundle"]
    assert caller.post("/offers", {"parts": bundle["parts"]}).json()["offers"]
    taken = caller.post("/quotes", {"offer": bundle["together"]["offer"]})
    assert taken.status_code == 201, taken.content
    assert taken.json()["total"] == bundle["together"]["total"]


def test_a_question_that_makes_no_sense_names_every_field(market: Market) -> None:
    answer = bank(market).post("/continuity/growth", {"factor": "0.5", "speed": 1})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/speed", "/factor", "/from"]


def test_a_scenario_is_kept_changed_worked_out_and_deleted(market: Market) -> None:
    caller = bank(market)
    made = kept(caller, market)
    assert made.status_code == 201, made.content
    scenario = made.json()
    assert (scenario["visibility"], scenario["results"]) == ("private", 1)
    assert scenario["allowed_actions"] == ["work_out", "rename", "share", "archive", "delete"]
    path = f"/scenarios/{scenario['id']}"
    changed = patch(caller, path, {"name": "Twice", "visibility": "organisation"}).json()
    assert (changed["name"], changed["visibility"]) == ("Twice", "organisation")
    assert caller.post(f"{path}/recompute").json()["results"] == 2
    assert [each["id"] for each in caller.get("/scenarios").json()["data"]] == [scenario["id"]]
    assert patch(caller, path, {"archived": True}).json()["archived_at"] is not None
    assert caller.get("/scenarios").json()["data"] == []
    assert len(caller.get("/scenarios", archived="yes").json()["data"]) == 1
    refused = caller.post(f"{path}/recompute")
    assert (refused.status_code, refused.json()["code"]) == (409, "scenario_archived")
    assert caller.delete(path).status_code == 204
    assert caller.get(path).status_code == 404
    assert not Scenario.objects.exists()


def test_a_repeat_of_keeping_keeps_once(market: Market) -> None:
    caller = bank(market)
    body = {"name": "A", "question": "growth", "inputs": {"factor": "2", "from": market.day(20).isoformat()}}
    first, again = (caller.post("/scenarios", body, idempotency_key="k") for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    assert Scenario.objects.count() == 1


def test_another_key_sees_what_is_shared_and_cannot_change_it(market: Market) -> None:
    path = f"/scenarios/{kept(bank(market), market, visibility='organisation').json()['id']}"
    other = bank(market)
    assert other.get(path).json()["allowed_actions"] == []
    refused = patch(other, path, {"name": "Mine"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_the_author")
    assert Scenario.objects.get().name == "Doubling"
    assert bank(market, "read", "quote", "admin").delete(path).status_code == 204


def test_wrong_fields_of_a_scenario_are_refused(market: Market) -> None:
    caller = bank(market)
    for changed, pointer in (
        ({"name": " "}, "/name"),
        ({"visibility": "world"}, "/visibility"),
        ({"question": "weather"}, "/question"),
        ({"inputs": {"factor": "2"}}, "/from"),
        ({"colour": "red"}, "/colour"),
    ):
        answer = kept(caller, market, **changed)
        assert answer.status_code == 422, changed
        assert pointer in [error["pointer"] for error in answer.json()["errors"]], changed
    assert not Scenario.objects.exists()
    path = f"/scenarios/{kept(caller, market).json()['id']}"
    assert patch(caller, path, {}).status_code == 422
    assert patch(caller, path, {"visibility": "world"}).status_code == 422


def test_scenarios_are_compared_figure_by_figure(market: Market) -> None:
    caller = bank(market)
    first = kept(caller, market).json()["id"]
    bought(market)
    second = kept(caller, market, name="After").json()["id"]
    found = caller.get("/scenarios/compare", scenarios=f"{first},{second}").json()
    assert [each["name"] for each in found["scenarios"]] == ["Doubling", "After"]
    values = {row["code"]: row["values"] for row in found["figures"]}
    assert values["added_gpu_days"] == [0, 64 * 20]
    assert caller.get("/scenarios/compare", scenarios=first).status_code == 422
    assert caller.get("/scenarios/compare", scenarios=f"{first},scn_none").status_code == 404


def test_a_key_that_may_only_read_keeps_nothing(market: Market) -> None:
    assert kept(bank(market, "read"), market).status_code == 403
    assert not Scenario.objects.exists()
