"""Signing, budgets, approvals and screening over REST: per scope, per stranger, and each refusal with its code."""

import hashlib
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from marketplace.journal.actor import SYSTEM, Actor
from marketplace.parties.agreements import SigningAuthority
from marketplace.parties.models import ApiKey
from marketplace.parties.signing import end_agreement
from marketplace.parties.spending import Budget, CostCentre
from marketplace.screening import actions as screening
from marketplace.screening.models import EndCustomer, ScreeningPolicy
from marketplace.units import clock
from pricing.quotes.models import Quote
from reservations.booking.assigning import consent_to_assignment
from reservations.booking.models import Reservation
from reservations.tasks import make_order_forms
from tests.contracts.conftest import Caller
from tests.contracts.test_schema import follows
from tests.market import Market, key

LISTS = ("/cost-centres", "/approval-chains", "/agreements", "/authorities", "/end-customers", "/approvals")
ADMIN_POSTS: tuple[tuple[str, Any], ...] = (
    ("/cost-centres", {"code": "1", "name": "Risk", "period": "year"}),
    ("/cost-centres/{centre}/budgets", {"start": "2027-01-01", "amount": "1.00"}),
    ("/cost-centres/{centre}/close", {}),
    ("/approval-chains", {"above": {"amount": "0"}, "steps": [{"role": "approver"}]}),
    ("/approval-chains/{chain}/withdraw", {}),
    ("/authorities", {"agreement": "{agreement}", "person": "buyer@first.example", "limit": {"amount": "5.00"}}),
    ("/authorities/{authority}/revoke", {}),
    ("/end-customers/{customer}/archive", {}),
)


@pytest.fixture
def admin(market: Market) -> Caller:
    return Caller(key(market.bank.organisation, "read", "quote", "commit", "admin"))


def a_centre(admin: Caller, amount: str = "100000000.00", **changed: Any) -> dict[str, Any]:
    """A cost centre by the year, the default, with the same budget in three years."""
    body = {"code": "4711", "name": "Risk", "period": "year", "is_default": True, **changed}
    made = admin.post("/cost-centres", body).json()
    for year in range(clock.today().year, clock.today().year + 3):
        answer = admin.post(f"/cost-centres/{made['id']}/budgets", {"start": f"{year}-01-01", "amount": amount})
        assert answer.status_code == 200, answer.content
    return dict(answer.json())


def a_chain(admin: Caller, *steps: dict[str, str], above: str = "0.00") -> dict[str, Any]:
    answer = admin.post("/approval-chains", {"above": {"amount": above, "currency": "USD"}, "steps": list(steps)})
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def a_customer(caller: Caller) -> dict[str, Any]:
    answer = caller.post("/end-customers", {"name": "Fjord AS", "country": "NO", "end_use": "research"})
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    return body


def test_a_purchase_is_charged_and_says_to_what(market: Market, bank: Caller, admin: Caller) -> None:
    centre = a_centre(admin)
    made = bank.post(f"/quotes/{bank.quote(market)['id']}/accept", {"purchase_order": "PO 4500012"}).json()
    assert (made["cost_centre"], made["purchase_order"], made["status"]) == (centre["id"], "PO 4500012", "scheduled")
    follows("get", "/reservations/{public_id}", 200, bank.get(f"/reservations/{made['id']}").json())
    (shown,) = bank.get("/cost-centres").json()["data"]
    assert sum(Decimal(each["spent"]) for each in shown["budgets"]) == Decimal(made["total"]["amount"])
    follows("get", "/cost-centres", 200, bank.get("/cost-centres").json())


def test_over_budget_says_which_and_what_would_fit(market: Market, bank: Caller, admin: Caller) -> None:
    centre = a_centre(admin, "1000.00")
    quote = bank.quote(market)
    said = refused(bank.post(f"/quotes/{quote['id']}/accept"), 409, "over_budget")
    assert said["cost_centre"] == centre["id"]
    needed, total = Decimal(said["needed"]["amount"]), Decimal(quote["total"]["amount"])
    assert said["left"] == {"amount": "1000.00", "currency": "USD"}
    assert 1000 < needed <= total
    assert abs(Decimal(said["fits"]["amount"]) - 1000 * total / needed) < 1
    assert "has 1000.00 USD left" in said["detail"]
    assert bank.get(f"/quotes/{quote['id']}").json()["status"] == "open"
    assert not Reservation.objects.exists()


def test_a_cost_centre_is_needed_where_there_are_any(market: Market, bank: Caller, admin: Caller) -> None:
    a_centre(admin, is_default=False)
    quote = bank.quote(market)
    for body in ({}, {"cost_centre": "cst_none"}):
        said = refused(bank.post(f"/quotes/{quote['id']}/accept", body), 422, "cost_centre_needed")
        assert said["errors"][0]["pointer"] == "/cost_centre"
    assert not Reservation.objects.exists()


def test_without_an_agreement_or_authority_nothing_is_accepted(market: Market, bank: Caller) -> None:
    quote = bank.quote(market)
    SigningAuthority.objects.filter(api_key__isnull=False).delete()
    refused(bank.post(f"/quotes/{quote['id']}/accept"), 403, "no_authority")
    signed = market.bank.organisation.agreements.get()
    end_agreement(agreement=signed, until=clock.today(), reason="merger", by=SYSTEM, now=clock.now())
    refused(bank.post(f"/quotes/{quote['id']}/accept"), 403, "no_agreement")
    assert (Quote.objects.get().status, Reservation.objects.count()) == ("open", 0)


def test_a_request_is_approved_over_rest(market: Market, bank: Caller, admin: Caller) -> None:
    chain = a_chain(admin, {"role": "approver"})
    follows("get", "/approval-chains", 200, bank.get("/approval-chains").json())
    assert chain["steps"] == [{"role": "approver", "person": None}]
    asked = bank.post(f"/quotes/{bank.quote(market)['id']}/accept").json()
    assert (asked["status"], asked["order_form_digest"]) == ("pending_approval", None)
    (waiting,) = bank.get("/approvals").json()["data"]
    assert (waiting["reservation"], waiting["allowed_actions"]) == (asked["id"], [])
    assert admin.get("/approvals").json()["data"][0]["allowed_actions"] == ["approve", "decline"]
    follows("get", "/approvals", 200, admin.get("/approvals").json())
    refused(bank.post(f"/reservations/{asked['id']}/approve"), 403, "not_your_turn")
    refused(bank.get(f"/reservations/{asked['id']}/order-form"), 409, "not_ordered")
    done = admin.post(f"/reservations/{asked['id']}/approve", {"note": "within plan"})
    assert (done.status_code, done.json()["status"]) == (200, "scheduled")
    refused(admin.post(f"/reservations/{asked['id']}/approve"), 409, "not_in_this_state")


def test_who_asks_does_not_approve(market: Market, admin: Caller) -> None:
    a_chain(admin, {"role": "admin"})
    asked = admin.post(f"/quotes/{admin.quote(market)['id']}/accept").json()
    refused(admin.post(f"/reservations/{asked['id']}/approve"), 403, "own_request")
    refused(admin.post(f"/reservations/{asked['id']}/decline", {"reason": "changed my mind"}), 403, "own_request")
    assert admin.post(f"/reservations/{asked['id']}/withdraw").json()["status"] == "released"


def test_an_approval_that_comes_too_late_says_so(market: Market, bank: Caller, admin: Caller) -> None:
    a_chain(admin, {"role": "approver"})
    asked = bank.post(f"/quotes/{bank.quote(market)['id']}/accept").json()
    with clock.frozen(clock.now() + timedelta(hours=25)):
        refused(admin.post(f"/reservations/{asked['id']}/approve"), 409, "approval_expired")
        assert bank.get(f"/reservations/{asked['id']}").json()["status"] == "released"
        assert bank.get("/approvals").json()["data"] == []


def test_a_declined_request_needs_a_reason_and_is_final(market: Market, bank: Caller, admin: Caller) -> None:
    a_chain(admin, {"role": "approver"})
    asked = bank.post(f"/quotes/{bank.quote(market)['id']}/accept").json()
    refused(admin.post(f"/reservations/{asked['id']}/decline", {"reason": "no"}), 422, "invalid")
    done = admin.post(f"/reservations/{asked['id']}/decline", {"reason": "Not this quarter, please"})
    assert done.json()["status"] == "released"
    refused(admin.post(f"/reservations/{asked['id']}/approve"), 409, "not_in_this_state")


def test_the_order_form_has_the_digest_of_the_reservation(market: Market, bank: Caller) -> None:
    made = bank.post(f"/quotes/{bank.quote(market)['id']}/accept", {"purchase_order": "PO 77"}).json()
    first, again = (bank.get(f"/reservations/{made['id']}/order-form") for _ in range(2))
    assert (first.status_code, first.headers["Content-Type"]) == (200, "application/pdf")
    assert first.content == again.content
    digest = bank.get(f"/reservations/{made['id']}").json()["order_form_digest"]
    assert digest == hashlib.sha256(first.content).hexdigest()
    assert b"PO 77" in first.content


def test_the_sweep_makes_the_same_order_form(market: Market, bank: Caller) -> None:
    made = bank.post(f"/quotes/{bank.quote(market)['id']}/accept").json()
    assert (make_order_forms(), make_order_forms()) == (1, 0)
    digest = bank.get(f"/reservations/{made['id']}").json()["order_form_digest"]
    assert digest == hashlib.sha256(bank.get(f"/reservations/{made['id']}/order-form").content).hexdigest()


def switch_on(table: str = "* * * * * allow") -> None:
    policy = ScreeningPolicy(starts_at=clock.now(), reason="tests", is_on=True)
    screening.publish_policy(policy=policy, table=table, by=SYSTEM, now=policy.starts_at)


def clear_party(market: Market, customer: EndCustomer | None = None) -> None:
    now, bank = clock.now(), market.bank.organisation
    proposal = screening.propose_clearance(
        organisation=bank,
        end_customer=customer,
        cleared_until=now.date() + timedelta(days=90),
        end_use="commercial",
        reason="Checked by hand",
        by=Actor("anna", user_id=1, is_staff=True),
        now=now,
    )
    by = Actor("bela", user_id=2, is_staff=True)
    screening.decide_clearance(proposal_id=proposal.pk, confirm=True, by=by, now=now)


def test_every_cause_of_a_screening_reads_the_same(market: Market, bank: Caller) -> None:
    """Pending, blocked, an end customer who is not cleared, and a rule that denies: to the byte."""
    offer, customer = bank.offer(market), a_customer(bank)
    switch_on()
    said = [bank.post("/quotes", {"offer": offer["id"]})]
    clear_party(market)
    said.append(bank.post("/quotes", {"offer": offer["id"], "on_behalf_of": customer["id"]}))
    switch_on("* DE * * * deny")
    said.append(bank.post("/quotes", {"offer": offer["id"]}))
    bank_itself, why = market.bank.organisation, "A news report, to be checked"
    screening.block(organisation=bank_itself, end_customer=None, reason=why, by=SYSTEM, now=clock.now())
    said.append(bank.post("/quotes", {"offer": offer["id"]}))
    refused(said[0], 403, "screening_required")
    assert len({(answer.status_code, answer.content) for answer in said}) == 1
    assert not Quote.objects.exists()


def test_a_quote_that_is_no_longer_clear_cannot_be_accepted(market: Market, bank: Caller) -> None:
    switch_on()
    clear_party(market)
    quote = bank.quote(market)
    switch_on("* * DE * * deny")
    refused(bank.post(f"/quotes/{quote['id']}/accept"), 403, "screening_required")
    assert bank.get(f"/quotes/{quote['id']}").json()["status"] == "open"


def test_a_reseller_names_for_whom_it_buys(market: Market, bank: Caller, rival: Caller) -> None:
    customer = a_customer(bank)
    assert customer["screening"] == {"object": "screening", "status": "pending", "cleared_until": None}
    quote = bank.quote(market, on_behalf_of=customer["id"])
    assert quote["on_behalf_of"] == customer["id"]
    follows("get", "/quotes/{public_id}", 200, bank.get(f"/quotes/{quote['id']}").json())
    made = bank.post(f"/quotes/{quote['id']}/accept").json()
    assert made["on_behalf_of"] == customer["id"]
    assert b"Fjord AS, NO" in bank.get(f"/reservations/{made['id']}/order-form").content
    offer = rival.offer(market)
    theirs, unknown = (
        rival.post("/quotes", {"offer": offer["id"], "on_behalf_of": each}) for each in (customer["id"], "ecu_none")
    )
    assert refused(theirs, 422, "invalid")["errors"][0]["pointer"] == "/on_behalf_of"
    assert theirs.content == unknown.content


def test_screening_shows_its_own_party_where_it_stands(market: Market, bank: Caller, rival: Caller) -> None:
    clear_party(market)
    until = (clock.today() + timedelta(days=90)).isoformat()
    assert bank.get("/screening").json() == {"object": "screening", "status": "cleared", "cleared_until": until}
    assert rival.get("/screening").json()["status"] == "pending"
    follows("get", "/screening", 200, bank.get("/screening").json())


def ids(admin: Caller) -> dict[str, str]:
    """One of each, of the bank."""
    return {
        "centre": a_centre(admin)["id"],
        "chain": a_chain(admin, {"role": "approver"}, above="999999999.00")["id"],
        "agreement": admin.get("/agreements").json()["data"][0]["id"],
        "authority": admin.get("/authorities").json()["data"][0]["id"],
        "customer": a_customer(admin)["id"],
    }


def filled(path: str, body: Any, known: dict[str, str]) -> tuple[str, Any]:
    return path.format(**known), {k: v.format(**known) if isinstance(v, str) else v for k, v in body.items()}


def state() -> list[Any]:
    return [
        list(CostCentre.objects.order_by("pk").values()),
        list(Budget.objects.order_by("pk").values()),
        list(SigningAuthority.objects.order_by("pk").values()),
        list(EndCustomer.objects.order_by("pk").values()),
    ]


@pytest.mark.parametrize(("path", "body"), ADMIN_POSTS)
def test_rules_are_changed_with_the_scope_admin_alone(market: Market, admin: Caller, path: str, body: Any) -> None:
    address, sent = filled(path, body, ids(admin))
    before = state()
    for scopes in (("read",), ("read", "quote", "commit"), ("supply", "usage")):
        said = refused(Caller(key(market.bank.organisation, *scopes)).post(address, sent), 403, "scope_required")
        assert said["scope"] == "admin"
        SigningAuthority.objects.filter(api_key=ApiKey.objects.latest("pk")).delete()
    assert state() == before


@pytest.mark.parametrize(("path", "body"), [each for each in ADMIN_POSTS if "{" in each[0]])
def test_a_strangers_rules_are_like_none(market: Market, admin: Caller, path: str, body: Any) -> None:
    known = ids(admin)
    stranger = Caller(key(market.rival.organisation, "read", "admin"))
    before = state()
    theirs = stranger.post(*filled(path, body, known))
    unknown = stranger.post(*filled(path, body, {name: f"{name[:3]}_none" for name in known}))
    assert theirs.status_code == 404
    assert theirs.content == unknown.content
    assert state() == before


@pytest.mark.parametrize("path", LISTS)
def test_lists_show_an_organisation_its_own(market: Market, bank: Caller, admin: Caller, path: str) -> None:
    ids(admin)
    a_chain(admin, {"role": "admin"})
    bank.post(f"/quotes/{bank.quote(market)['id']}/accept")
    stranger = Caller(key(market.rival.organisation, "read", "admin"))
    mine, theirs = admin.get(path).json()["data"], stranger.get(path).json()["data"]
    assert mine != []
    assert not {each["id"] for each in mine} & {each["id"] for each in theirs}
    follows("get", path, 200, admin.get(path).json())


@pytest.mark.parametrize("verb", ["approve", "decline", "withdraw"])
def test_a_strangers_request_is_like_none(market: Market, bank: Caller, admin: Caller, verb: str) -> None:
    a_chain(admin, {"role": "approver"})
    asked = bank.post(f"/quotes/{bank.quote(market)['id']}/accept").json()
    stranger = Caller(key(market.rival.organisation, "read", "commit", "admin"))
    body = {"reason": "Not this quarter"} if verb == "decline" else {}
    theirs, unknown = (stranger.post(f"/reservations/{each}/{verb}", body) for each in (asked["id"], "rsv_none"))
    assert (theirs.status_code, theirs.content) == (404, unknown.content)
    assert bank.get(f"/reservations/{asked['id']}").json()["status"] == "pending_approval"
    assert stranger.get(f"/reservations/{asked['id']}/order-form").status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/cost-centres", {"code": "1", "name": "Risk", "period": "week"}, "/period"),
        ("/cost-centres/{centre}/budgets", {"start": "2027-02-01", "amount": "1.00"}, "/start"),
        ("/cost-centres/{centre}/budgets", {"start": "2027-01-01", "amount": "-1.00"}, "/amount"),
        ("/approval-chains", {"above": {"amount": "0"}, "steps": [{"person": "x@rival.example"}]}, "/steps/0/person"),
        (
            "/authorities",
            {"agreement": "agr_none", "person": "buyer@first.example", "limit": {"amount": "5.00"}},
            "/agreement",
        ),
        (
            "/authorities",
            {"agreement": "{agreement}", "person": "x@rival.example", "limit": {"amount": "5.00"}},
            "/person",
        ),
        ("/authorities", {"agreement": "{agreement}", "limit": {"amount": "5.00"}}, "/person"),
        ("/end-customers", {"name": "Fjord AS", "country": "Norway"}, "/country"),
        ("/end-customers", {"name": "Fjord AS", "country": "no"}, "/country"),
    ],
)
def test_what_makes_no_sense_is_named_by_its_field(
    market: Market, admin: Caller, path: str, body: Any, pointer: str
) -> None:
    known = ids(admin)
    before = state()
    said = refused(admin.post(*filled(path, body, known)), 422, "invalid")
    assert said["errors"][0]["pointer"] == pointer
    assert state() == before


def test_a_purchase_asks_few_questions(market: Market, bank: Caller, admin: Caller) -> None:
    """Search, quote and accept over HTTP with everything on: agreement, authority, budget and screening."""
    a_centre(admin)
    switch_on()
    clear_party(market)
    bank.post(f"/quotes/{bank.quote(market)['id']}/accept")  # what a process keeps is kept
    with CaptureQueriesContext(connection) as asked:
        made = bank.post(f"/quotes/{bank.quote(market)['id']}/accept")
    assert made.status_code == 201
    questions = [each["sql"] for each in asked.captured_queries if "SAVEPOINT" not in each["sql"]]
    assert len(questions) <= 40, "\n".join(sql[:160] for sql in questions)


def test_who_takes_a_reservation_over_reads_nothing_of_the_order(market: Market, bank: Caller, rival: Caller) -> None:
    quote = bank.quote(market, on_behalf_of=a_customer(bank)["id"])
    block = bank.post(f"/quotes/{quote['id']}/accept", {"purchase_order": "PO 77"}).json()
    path = f"/reservations/{block['id']}"
    assert bank.get(f"{path}/order-form").status_code == 200
    body = {"receiver": market.rival.organisation.public_id, "grounds": "affiliate"}
    offered = bank.post(f"{path}/assignments", body).json()
    consent_to_assignment(assignment=offered["id"], agrees=True, reason="same group of companies", by=SYSTEM)
    assert rival.post(f"/assignments/{offered['id']}/accept").json()["status"] == "accepted"
    taken = rival.get(path).json()
    assert (taken["purchase_order"], taken["on_behalf_of"], taken["order_form_digest"]) == ("", None, None)
    assert rival.get(f"{path}/order-form").status_code == 404
    page = Client()
    page.force_login(market.rival.buyer)
    shown = page.get(f"/reservations/{block['id']}/").text
    for secret in ("PO 77", "Fjord", "First Bank"):
        assert secret not in shown
