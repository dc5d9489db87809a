"""The description of the API is current, true, and readable without another host."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from marketplace.api.schema import openapi
from marketplace.web.errors import CODES
from tests.contracts.conftest import Caller
from tests.market import Market

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
REMEDY = "./headroom manage spectacular --format openapi-json --file docs/openapi.json"


def test_the_committed_schema_is_current() -> None:
    assert json.loads(COMMITTED.read_text()) == json.loads(json.dumps(openapi())), f"run {REMEDY}"


def test_every_operation_needs_a_key_and_names_its_problems() -> None:
    for path, methods in openapi()["paths"].items():
        for operation in methods.values():
            assert operation["security"] == [{"apiKey": []}], path
            assert {"401", "403"} <= set(operation["responses"]), path


def test_answers_are_as_described(market: Market, bank: Caller) -> None:
    quote = bank.quote(market, metadata={"team": "risk"})
    reservation = bank.post(f"/quotes/{quote['id']}/accept").json()
    bank.quote(market)
    pool = {"pool": market.h100.public_id}
    for path in ("/pools", "/sites", "/accelerators", "/events", "/quotes", "/reservations"):
        follows("get", path, 200, bank.get(path).json())
    for path in ("/supply", "/headroom", "/prices"):
        follows("get", path, 200, bank.get(path, **pool).json())
    follows("get", "/quotes/{public_id}", 200, bank.get(f"/quotes/{quote['id']}").json())
    follows("get", "/reservations/{public_id}", 200, reservation)
    follows("post", "/offers", 200, bank.post("/offers", market.need()).json())
    follows("post", "/offers", 200, bank.post("/offers", market.need(quantity={"min": 5000, "max": 9000})).json())
    follows("post", "/offers", 422, bank.post("/offers", {}).json())
    follows("post", "/quotes", 422, bank.post("/quotes", {}).json())
    follows("get", "/quotes", 401, Caller(None).get("/quotes").json())


def follows(method: str, path: str, status: int, body: Any) -> None:
    """The body is valid under the schema, and has no field that the schema does not know."""
    described = openapi()
    responses = described["paths"][f"/api/v1{path}"][method]["responses"]
    (content,) = responses[str(status)]["content"].values()
    whole = {**strict(content["schema"]), "components": strict(described["components"])}
    errors = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(whole).iter_errors(body)]
    assert errors == [], f"{method} {path} {status}"


def strict(schema: Any) -> Any:
    """Objects with named properties and no others."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strict(each) for name, each in schema.items()}
    if "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


def test_the_schema_and_its_page_are_open_to_all_and_load_nothing_from_elsewhere(db: None) -> None:
    assert Client().get("/api/schema/").json()["openapi"].startswith("3.1")
    page = Client().get("/api/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    assert re.findall(r'(?:src|href)="(?:https?:)?//', text) == []
    assert "POST /api/v1/offers" in text
    missing = [target for target in re.findall(r'href="#([^"]+)"', text) if f'id="{target}"' not in text]
    assert missing == []


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_page(db: None, code: str) -> None:
    page = Client().get(f"/errors/{code}/")
    assert page.status_code == 200
    assert escape(CODES[code].title) in page.content.decode()


def test_a_code_that_does_not_exist_has_none(db: None) -> None:
    assert Client().get("/errors/bad_luck/").status_code == 404


def test_people_get_pages_and_programs_get_problems(db: None) -> None:
    page, problem = Client().get("/nothing/here/"), Client().get("/api/v1/nothing")
    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert (problem.status_code, problem.headers["Content-Type"]) == (404, "application/problem+json")
