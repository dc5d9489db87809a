"""The organisation's rules and the inbox of approvals on pages: who may, by role and by route."""

from typing import Any

import pytest
from django.test import Client

from marketplace.journal.actor import SYSTEM
from marketplace.parties.agreements import SigningAuthority
from marketplace.parties.models import ADMIN, VIEWER, User
from marketplace.parties.signing import end_agreement
from marketplace.parties.spending import ApprovalChain, Budget, CostCentre
from marketplace.screening.actions import publish_policy
from marketplace.screening.models import EndCustomer, ScreeningPolicy
from marketplace.units import clock
from pricing.quotes.models import Quote
from reservations.booking.models import Reservation
from tests.journeys.test_web_bundles import take, two_parts
from tests.journeys.test_web_buying import browser_of, offer, quoted, reserved
from tests.market import Market, member

CENTRE = {"code": "4711", "name": "Risk", "period": "year", "is_default": "on"}
CHAIN = {"above": "0", "step_1": "approver", "step_2": "", "step_3": ""}


@pytest.fixture
def admin(market: Market) -> User:
    return member(market.bank.organisation, "admin@first.example", ADMIN)


@pytest.fixture
def viewer(market: Market) -> User:
    return member(market.bank.organisation, "viewer@first.example", VIEWER)


def with_rules(admin: User, *, amount: str = "100000000") -> dict[str, str]:
    """A cost centre with budgets, a chain and an end customer, all made on the pages; the addresses of what can be
    done with them."""
    client = browser_of(admin)
    client.post("/organisation/spending/cost-centres/", CENTRE)
    centre = CostCentre.objects.get(code="4711").public_id
    for year in range(clock.today().year, clock.today().year + 3):
        form = {"start": f"{year}-01-01", "amount": amount}
        client.post(f"/organisation/spending/cost-centres/{centre}/budgets/", form)
    client.post("/organisation/spending/chains/", CHAIN)
    customer = {"name": "Fjord AS", "country": "NO", "end_use": "research"}
    client.post("/organisation/signing/end-customers/", customer)
    authority = SigningAuthority.objects.filter(agreement__organisation=admin.organisations.get()).latest("pk")
    return {
        "budgets": f"/organisation/spending/cost-centres/{centre}/budgets/",
        "close": f"/organisation/spending/cost-centres/{centre}/close/",
        "withdraw": f"/organisation/spending/chains/{ApprovalChain.objects.get().public_id}/withdraw/",
        "revoke": f"/organisation/signing/authorities/{authority.public_id}/revoke/",
        "archive": f"/organisation/signing/end-customers/{EndCustomer.objects.get().public_id}/archive/",
    }


def state() -> list[Any]:
    kinds = (CostCentre, Budget, ApprovalChain, SigningAuthority, EndCustomer)
    return [list(kind.objects.order_by("pk").values()) for kind in kinds]


def test_an_administrator_sets_the_rules_on_pages(market: Market, admin: User) -> None:
    with_rules(admin)
    page = browser_of(admin).get("/organisation/spending/").text
    assert "4711 Risk" in page
    assert page.count("$100,000,000.00") >= 3
    assert "1. Approver" in page
    signing = browser_of(admin).get("/organisation/signing/").text
    assert "Fjord AS, NO" in signing
    assert "In force" in signing


@pytest.mark.parametrize("path", ["/organisation/spending/", "/organisation/signing/", "/approvals/"])
@pytest.mark.parametrize("role", ["viewer", "buyer", "approver", "admin"])
def test_every_member_sees_the_rules_and_only_an_administrator_buttons(
    market: Market, admin: User, viewer: User, path: str, role: str
) -> None:
    with_rules(admin)
    user = {"viewer": viewer, "admin": admin}.get(role) or getattr(market.bank, role)
    page = browser_of(user).get(path)
    assert page.status_code == 200
    if path != "/approvals/":
        assert ("danger" in page.text) == (role == "admin")


ADMINISTERED = [
    ("/organisation/spending/cost-centres/", CENTRE | {"code": "9"}),
    ("/organisation/spending/chains/", CHAIN | {"above": "7"}),
    ("/organisation/signing/authorities/", {"who": "user:1", "limit": "5", "agreement": "agr_x"}),
    ("budgets", {"start": "2027-01-01", "amount": "1"}),
    ("close", {}),
    ("withdraw", {}),
    ("revoke", {}),
    ("archive", {}),
]


@pytest.mark.parametrize(("path", "form"), ADMINISTERED)
def test_only_an_administrator_changes_the_rules(
    market: Market, admin: User, viewer: User, path: str, form: dict[str, str]
) -> None:
    address = with_rules(admin).get(path, path)
    before = state()
    for user in (viewer, market.bank.buyer, market.bank.approver):
        assert browser_of(user).post(address, form).status_code == 403
    assert Client().post(address, form).headers["Location"].startswith("/sign-in/")
    assert browser_of(admin).get(address).status_code == 405
    assert state() == before


@pytest.mark.parametrize(("path", "form"), [each for each in ADMINISTERED if not each[0].startswith("/")])
def test_a_stranger_finds_nothing_of_the_rules(market: Market, admin: User, path: str, form: dict[str, str]) -> None:
    address = with_rules(admin)[path]
    stranger = member(market.rival.organisation, "admin@rival.example", ADMIN)
    before = state()
    assert browser_of(stranger).post(address, form).status_code == 404
    assert "4711 Risk" not in browser_of(stranger).get("/organisation/spending/").text
    assert state() == before


def test_a_viewer_registers_no_end_customer(market: Market, viewer: User) -> None:
    form = {"name": "Fjord AS", "country": "NO", "end_use": "research"}
    assert browser_of(viewer).post("/organisation/signing/end-customers/", form).status_code == 403
    assert not EndCustomer.objects.exists()


@pytest.mark.parametrize(
    ("path", "form", "said"),
    [
        ("/organisation/spending/cost-centres/", {"code": "", "name": "x", "period": "year"}, "Code: This field"),
        ("budgets", {"start": "2027-02-02", "amount": "1"}, "A budget by the year starts with its first day"),
        ("/organisation/spending/chains/", CHAIN | {"above": "-1"}, "For totals above, USD: "),
        ("/organisation/signing/end-customers/", {"name": "A", "country": "no", "end_use": "research"}, "Two capital"),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(
    market: Market, admin: User, path: str, form: dict[str, str], said: str
) -> None:
    address = with_rules(admin).get(path, path)
    before = state()
    answer = browser_of(admin).post(address, form, follow=True)
    assert said in answer.text
    assert "Nothing was changed." in answer.text
    assert state() == before


def test_a_buyer_asks_and_an_approver_approves(market: Market, admin: User) -> None:
    with_rules(admin)
    buyer, approver = browser_of(market.bank.buyer), browser_of(market.bank.approver)
    path = quoted(buyer, market)
    assert "Ask to approve" in buyer.get(path).text
    asked = buyer.post(f"{path}accept/", {"purchase_order": "PO 77"}, follow=True)
    assert "Asked for approval: the 64 GPUs are kept until" in asked.text
    found = Reservation.objects.get()
    assert "Nothing waits for you" in buyer.get("/approvals/").text
    assert "1 approval waits for you" in approver.get("/approvals/").text
    refused = buyer.post(f"/reservations/{found.public_id}/approve/", follow=True)
    assert "This step is not yours to take: it waits for an approver." in refused.text
    done = approver.post(f"/reservations/{found.public_id}/approve/", follow=True)
    assert "Approved: the GPUs are reserved." in done.text
    form = buyer.get(f"/reservations/{found.public_id}/order-form/")
    assert form.headers["Content-Type"] == "application/pdf"
    assert b"PO 77" in form.content
    assert market.bank.approver.email.encode() in form.content


def test_a_declined_request_says_why(market: Market, admin: User) -> None:
    with_rules(admin)
    path = reserved(browser_of(market.bank.buyer), market)
    approver = browser_of(market.bank.approver)
    assert "Say why, in 10 characters" in approver.post(f"{path}decline/", {"reason": "no"}, follow=True).text
    done = approver.post(f"{path}decline/", {"reason": "Not this quarter, please"}, follow=True)
    assert "nothing was charged" in done.text
    assert "Not this quarter, please" in browser_of(market.bank.buyer).get(path).text


@pytest.mark.parametrize("verb", ["approve", "decline", "withdraw"])
def test_viewers_and_strangers_decide_nothing(market: Market, admin: User, viewer: User, verb: str) -> None:
    with_rules(admin)
    path = reserved(browser_of(market.bank.buyer), market)
    form = {"reason": "Not this quarter, please"}
    assert browser_of(viewer).post(f"{path}{verb}/", form).status_code == 403
    assert browser_of(market.rival.approver).post(f"{path}{verb}/", form).status_code == 404
    assert browser_of(market.rival.approver).get(f"{path}order-form/").status_code == 404
    assert browser_of(market.bank.approver).get(f"{path}{verb}/").status_code == 405
    assert Reservation.objects.get().status == "pending_approval"


def test_each_refusal_reads_on_the_page_as_over_rest(market: Market, admin: User) -> None:
    with_rules(admin, amount="100")
    buyer = browser_of(market.bank.buyer)
    path = quoted(buyer, market)

    def refused(**form: str) -> str:
        return str(buyer.post(f"{path}accept/", form, follow=True).text)

    assert "Cost centre 4711 has 100.00 USD left" in refused()
    assert "Name one of your organisation" in refused(cost_centre="cst_none")
    policy = ScreeningPolicy(starts_at=clock.now(), reason="tests", is_on=True)
    publish_policy(policy=policy, table="", by=SYSTEM, now=policy.starts_at)
    assert "needs a screening by Headroom" in refused()
    signed = market.bank.organisation.agreements.get()
    end_agreement(agreement=signed, until=clock.today(), reason="merger", by=SYSTEM, now=clock.now())
    assert "no master agreement in force with this seller or with Headroom" in refused()
    assert (Quote.objects.get().status, Reservation.objects.count()) == ("open", 0)


def test_a_bundle_is_taken_for_an_end_customer(market: Market, admin: User) -> None:
    with_rules(admin)
    buyer, customer = browser_of(market.bank.buyer), EndCustomer.objects.get()
    page = two_parts(market, buyer)
    assert f'<option value="{customer.public_id}">' in page.text
    take(buyer, page, "together", on_behalf_of=customer.public_id)
    assert {quote.on_behalf_of for quote in Quote.objects.all()} == {customer}


def test_a_quote_is_taken_for_an_end_customer(market: Market, admin: User) -> None:
    with_rules(admin)
    buyer, customer = browser_of(market.bank.buyer), EndCustomer.objects.get()
    form = {"offer": offer(buyer, market), "on_behalf_of": customer.public_id}
    buyer.post("/capacity/quote/", form)
    assert Quote.objects.get().on_behalf_of == customer
    stranger = browser_of(market.rival.buyer)
    form = {"offer": offer(stranger, market), "on_behalf_of": customer.public_id}
    assert "no such end customer" in stranger.post("/capacity/quote/", form, follow=True).text
    assert Quote.objects.count() == 1
