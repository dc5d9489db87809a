"""One need through three doors: the page, REST and the admin say the same, to the cent and to the word."""

import csv
import io
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.models import User
from marketplace.parties.models import VIEWER
from marketplace.units import clock
from marketplace.web import formats
from pricing.demand.models import Enquiry
from tests.contracts.conftest import Caller, calls_of
from tests.market import Market, member

FIGURES = ("price_per_h100_equivalent_hour", "it_kwh", "pue", "energy_kwh", "co2_kg", "flop_per_joule")
STATED = {"egress_usd_per_gb": {"max": 0.5}}


@pytest.fixture
def bank(market: Market) -> Caller:
    return calls_of(market.bank)


class Page(HTMLParser):
    """What a page says in attributes that programs read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.data: dict[str, str] = {}
        self.levers: list[tuple[str, str]] = []
        self.dates: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "data":
            self.data[found["data-name"]] = found["value"]
        if "data-wish" in found:
            self.levers.append((found["data-wish"], found["data-total"]))
        if "data-date" in found:
            self.dates.append(found["data-date"])


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def question(market: Market, **changed: Any) -> dict[str, Any]:
    asked = {"quantity": 64, "accelerator": "h100", "days": 30, "start": market.day(30), "flexibility": 7}
    return {**asked, "firmness": "firm", "where": "", **changed}


def need(market: Market, **changed: Any) -> dict[str, Any]:
    """The body for the same question."""
    start = {"from": market.day(23).isoformat(), "to": market.day(37).isoformat()}
    return market.need(start=start, **changed)


def test_the_page_and_rest_have_the_same_offer_calendar_and_relaxations(market: Market, bank: Caller) -> None:
    answer = browser_of(market.bank.buyer).get("/capacity/", question(market))
    page, rest = Page(answer.text), bank.post("/offers", need(market, relax=True)).json()
    offer = rest["offers"][0]
    assert page.data == {name: str(offer[name]) for name in FIGURES}
    assert formats.money(float(offer["total"]["amount"])) in answer.text
    assert page.dates == [day["start"] for day in rest["calendar"]]
    assert page.levers == [(each["wish"], each["total"]["amount"]) for each in rest["relaxations"]]
    assert page.levers
    assert [each.ranks for each in (row["offer"] for row in answer.context["offers"])] == [
        tuple(each["ranks"]) for each in rest["offers"]
    ]


def test_a_refusal_reads_the_same_on_the_page_over_rest_and_in_the_admin(market: Market, bank: Caller) -> None:
    answer = browser_of(market.bank.buyer).get("/capacity/", question(market, quantity=3000))
    refusal = bank.post("/offers", need(market, quantity=3000)).json()["refusal"]
    assert refusal["detail"] in answer.text
    assert [each.need.as_json() for each in answer.context["refusal"].alternatives] == refusal["nearest"]
    assert refusal["binding"] == {
        "constraint": "headroom",
        "pool": market.h100.public_id,
        "date": market.day(23).isoformat(),
        "headroom": 2048,
        "limit_of": "firm",
        "wishes": [],
        "wish": None,
    }
    staff = User.objects.create_superuser("root@headroom.test", "a demo of capacity", name="Root")
    sell: dict[str, Any] = {"organisation": market.bank.organisation.pk, "accelerator": "h100"}
    sell |= {"quantity": 3000, "days": 30}
    dates = {"start_from": market.day(23), "start_to": market.day(37), "firmness": "firm"}
    assert refusal["detail"] in browser_of(staff).get(reverse("admin:sell-capacity"), {**sell, **dates}).text


def test_every_alternative_and_lever_of_the_page_is_one_click_from_offers(market: Market) -> None:
    buyer = browser_of(market.bank.buyer)
    refused = buyer.get("/capacity/", question(market, quantity=3000)).context
    offered = buyer.get("/capacity/", question(market)).context
    for link in [each.href for each in (*refused["alternatives"], *offered["levers"])]:
        assert buyer.get(link).context["offers"], link
    for shown in refused["alternatives"]:
        assert buyer.get(shown.href).context["offers"][0]["offer"].terms.total == shown.total


def test_the_page_asks_everything_that_rest_asks(market: Market, bank: Caller) -> None:
    wishes = {
        "quantity_to": 128,
        "days_to": 40,
        "accelerators": ["h100", "gb200"],
        "accelerator": "",
        "jurisdictions": ["DE", "US"],
        "sites": [market.h100.site.public_id],
        "sellers": [market.seller.organisation.public_id],
        "delivery": "bare metal",
        "divisible": "on",
        "sort": "least_co2",
        "flexibility": 0,
        "start_to": market.day(37),
        "start": market.day(23),
    }
    assert browser_of(market.bank.buyer).get("/capacity/", question(market, **wishes)).context["offers"]
    assert Enquiry.objects.get().need == need(
        market,
        quantity={"min": 64, "max": 128},
        duration_days={"min": 30, "max": 40},
        accelerators=["h100", "gb200"],
        jurisdictions=["DE", "US"],
        sites=[market.h100.site.public_id],
        sellers=[market.seller.organisation.public_id],
        service={"delivery": "bare metal"},
        divisible=True,
        sort="least_co2",
    )
    assert bank.post("/offers", Enquiry.objects.get().need).json()["offers"]


def test_a_wish_that_is_wrong_is_answered_beside_its_field(market: Market) -> None:
    answer = browser_of(market.bank.buyer).get("/capacity/", question(market, quantity_to=8, start_to="2001-01-01"))
    form = answer.context["form"]
    assert "minimum must not be above" in str(form["quantity"].errors)
    assert form["start_to"].errors
    assert form.has_wishes
    assert not Enquiry.objects.exists()


def test_the_calendar_can_be_taken_along_as_it_is(market: Market, bank: Caller) -> None:
    answer = browser_of(market.bank.buyer).get("/capacity.csv", question(market))
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    calendar = bank.post("/offers", need(market)).json()["calendar"]
    assert [(row["start"], row["total"], row["unit_price"]) for row in rows] == [
        (day["start"], day["total"]["amount"], day["unit_price"]) for day in calendar
    ]


def test_the_csv_of_nonsense_says_what_is_wrong(market: Market) -> None:
    answer = browser_of(market.bank.buyer).get("/capacity.csv", question(market, quantity="many"))
    assert answer.status_code == 400
    assert "Ask for 1 GPU or more." in answer.content.decode()


def test_members_alone_take_the_csv_and_a_viewer_may(market: Market) -> None:
    assert Client().get("/capacity.csv", question(market)).status_code == 302
    viewer = member(market.bank.organisation, "viewer@first.example", VIEWER)
    assert browser_of(viewer).get("/capacity.csv", question(market)).status_code == 200
    assert browser_of(viewer).post("/capacity.csv", question(market)).status_code == 405


def test_a_wide_window_is_turned_by_months_and_no_start_is_lost(market: Market) -> None:
    buyer = browser_of(market.bank.buyer)
    asked = question(market, start=market.day(1), start_to=market.day(300), flexibility=0)
    seen: list[str] = []
    path = "/capacity/"
    page = buyer.get(path, asked)
    while True:
        seen += Page(page.text).dates
        if not page.context["later"]:
            break
        page = buyer.get(page.context["later"].partition("#")[0])
    assert sorted(set(seen)) == [(market.today + timedelta(days=at)).isoformat() for at in range(1, 301)]


def test_relaxations_over_rest_need_the_scope_to_read_and_change_nothing(market: Market, bank: Caller) -> None:
    assert Caller(None).post("/offers", need(market, relax=True)).status_code == 401
    assert not Enquiry.objects.exists()
    found = bank.post("/offers", need(market, relax="yes"))
    assert (found.status_code, found.json()["errors"][0]["pointer"]) == (422, "/relax")
    assert bank.post("/offers", need(market)).json()["relaxations"] is None
    assert bank.post("/offers", need(market, service=STATED)).json()["refusal"]["binding"]["wish"] == (
        "service.egress_usd_per_gb"
    )
    assert clock.now().date() == market.today
