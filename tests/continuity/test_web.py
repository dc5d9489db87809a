"""The continuity planner on the web: asked, kept, shared, compared, worked out again, exported and deleted."""

import csv
import io
from typing import Any

import pytest
from django.test import Client

from marketplace.parties.models import VIEWER
from pricing.quotes.bundles import Bundle
from pricing.quotes.models import Quote
from reservations.continuity.models import Scenario
from tests.continuity.conftest import bought, starting
from tests.journeys.test_web_bundles import browser
from tests.market import Market, member


@pytest.fixture
def buyer(market: Market) -> Client:
    return browser(market.bank.buyer)


def growth(market: Market) -> dict[str, str]:
    return {"factor": "2", "start": market.day(20).isoformat(), "firmness": "firm"}


def closure(market: Market) -> dict[str, str]:
    return {"place": "country:DE", "start": market.day(20).isoformat(), "flexibility": "30"}


def outage(market: Market, **changed: str) -> dict[str, str]:
    site = market.h100.site.public_id
    return {"sites": site, "how": "lost", "lost_from": market.day(20).isoformat(), **changed}


def text(answer: Any) -> str:
    return str(answer.content.decode())


def keep(client: Client, page: Any, question: str, **changed: str) -> Any:
    form = {"question": question, "asked": page.request["QUERY_STRING"], "name": "Doubling", **changed}
    return client.post("/continuity/scenarios/", form, follow=True)


def test_who_holds_nothing_is_told_so(market: Market, buyer: Client) -> None:
    assert "You hold nothing yet" in text(buyer.get("/continuity/outage/"))
    assert "No scenarios yet" in text(buyer.get("/continuity/"))


def test_a_lost_site_is_shown_with_its_picture_and_its_numbers(market: Market, buyer: Client) -> None:
    held = bought(market)
    page = text(buyer.get("/continuity/outage/", outage(market)))
    assert "With Northfield lost from" in page
    assert f"/reservations/{held.public_id}/" in page
    assert "Held and still there by day" in page
    assert "1,280" in page  # 64 GPUs for 20 days


def test_a_question_that_makes_no_sense_says_what_would_be_right(market: Market, buyer: Client) -> None:
    bought(market)
    page = text(buyer.get("/continuity/growth/", {"factor": "0.5", "start": "2001-01-01"}))
    assert "above 1 and up to 20" in page
    assert "Choose a day from" in page
    assert "Choose one site or more." in text(buyer.get("/continuity/outage/", {"how": "late", "late_days": "3"}))
    assert "Say by how many days." in text(buyer.get("/continuity/outage/", outage(market, how="late")))


def test_what_growth_adds_is_taken_by_one_click(market: Market, buyer: Client) -> None:
    bought(market)
    page = buyer.get("/continuity/growth/", growth(market))
    assert "no overage rate is agreed yet" in text(page)
    offer = page.context["answer"]["accelerators"][0]["blocks"][0]["now"]["offer"]
    assert offer in text(page)
    buyer.post("/capacity/quote/", {"offer": offer, "page": "capacity", "back": ""})
    assert Quote.objects.filter(reservation=None).get().quantity == 64


def test_what_closes_goes_elsewhere_as_one_bundle_by_one_click(market: Market, buyer: Client) -> None:
    bought(market)
    bought(market, quantity=32, start=starting(market, 12))
    page = buyer.get("/continuity/closure/", closure(market))
    assert "All of it as one bundle" in text(page)
    assert "equal or better" in text(page)
    offer = page.context["answer"]["bundle"]["together"]["offer"]
    buyer.post("/capacity/quote/", {"offer": offer, "page": "together", "back": page.context["bundle_back"]})
    assert [quote.quantity for quote in Bundle.objects.get().quotes] == [64, 32]
    assert "A bundle: all parts or none" in text(buyer.get(page.context["bundle_href"]))


def test_a_scenario_lives_and_ends(market: Market, buyer: Client) -> None:
    bought(market)
    page = keep(buyer, buyer.get("/continuity/growth/", growth(market)), "growth", visibility="organisation")
    kept = Scenario.objects.get()
    assert "Kept as “Doubling”." in text(page)
    at = f"/continuity/scenarios/{kept.public_id}/"
    assert "Renamed." in text(buyer.post(f"{at}rename/", {"name": "Twice"}, follow=True))
    assert "Worked out again" in text(buyer.post(f"{at}work-out/", follow=True))
    assert "Twice" in text(browser(market.bank.approver).get("/continuity/"))
    buyer.post(f"{at}share/", {"visibility": "private"})
    assert "Twice" not in text(browser(market.bank.approver).get("/continuity/"))
    assert browser(market.bank.approver).get(at).status_code == 404
    assert "Archived." in text(buyer.post(f"{at}archive/", follow=True))
    assert "Archived (1)" in text(buyer.get("/continuity/"))
    assert "Twice" in text(buyer.get("/continuity/", {"archived": "yes"}))
    page = buyer.get(at)
    assert "This cannot be undone." in text(page)
    assert "Deleted for ever." in text(buyer.post(f"{at}delete/", follow=True))
    assert not Scenario.objects.exists()


def test_a_viewer_looks_and_changes_nothing(market: Market, buyer: Client) -> None:
    bought(market)
    keep(buyer, buyer.get("/continuity/growth/", growth(market)), "growth", visibility="organisation")
    kept = Scenario.objects.get()
    viewer = browser(member(market.bank.organisation, "viewer@first.example", VIEWER))
    asked = viewer.get("/continuity/growth/", growth(market))
    assert asked.status_code == 200
    assert "Get a firm quote" not in text(asked)
    assert keep(viewer, asked, "growth").status_code == 403
    at = f"/continuity/scenarios/{kept.public_id}/"
    assert "Delete for ever" not in text(viewer.get(at))
    for verb in ("rename", "share", "archive", "restore", "work-out", "delete"):
        assert viewer.post(f"{at}{verb}/", {"name": "x", "visibility": "private"}).status_code == 403
    assert Scenario.objects.get().name == "Doubling"


def test_two_scenarios_side_by_side(market: Market, buyer: Client) -> None:
    bought(market)
    keep(buyer, buyer.get("/continuity/growth/", growth(market)), "growth")
    keep(buyer, buyer.get("/continuity/outage/", outage(market)), "outage", name="Lost")
    named = list(Scenario.objects.values_list("public_id", flat=True))
    page = text(buyer.get("/continuity/compare/", {"scenario": named}))
    assert "2 scenarios side by side" in page
    assert "GPU-days lost" in page
    assert "GPU-days added" in page
    one = buyer.get("/continuity/compare/", {"scenario": named[:1]}, follow=True)
    assert "Choose 2 to 4 scenarios to compare." in text(one)
    assert browser(market.rival.buyer).get("/continuity/compare/", {"scenario": named}).status_code == 404


def test_an_answer_and_a_scenario_as_files(market: Market, buyer: Client) -> None:
    held = bought(market)
    live = buyer.get("/continuity/outage.csv", outage(market))
    rows = list(csv.DictReader(io.StringIO(b"".join(live.streaming_content).decode())))  # type: ignore[attr-defined]
    (found,) = [row for row in rows if row["kind"] == "reservation"]
    assert (found["reservation"], found["lost_gpu_days"], found["effect"]) == (held.public_id, "1280", "stops")
    days = [(row["before"], row["after"]) for row in rows if row["kind"] == "days" and row["name"] == "h100"]
    assert days == [("0", "0"), ("64", "64"), ("64", "0")]
    keep(buyer, buyer.get("/continuity/closure/", closure(market)), "closure")
    kept = buyer.get(f"/continuity/scenarios/{Scenario.objects.get().public_id}/export.csv")
    kinds = {row["kind"] for row in csv.DictReader(io.StringIO(b"".join(kept.streaming_content).decode()))}  # type: ignore[attr-defined]
    assert {"title", "figure", "days", "reservation", "alternative", "note"} <= kinds
    assert buyer.get("/continuity/outage.csv", {"how": "late"}).status_code == 302


def test_staff_read_scenarios_in_the_admin(market: Market, buyer: Client, admin_client: Client) -> None:
    bought(market)
    keep(buyer, buyer.get("/continuity/growth/", growth(market)), "growth")
    kept = Scenario.objects.get()
    assert "Doubling" in text(admin_client.get("/admin/reservations/scenario/"))
    page = text(admin_client.get(f"/admin/reservations/scenario/{kept.pk}/change/"))
    assert "GPU-days added: 1,280" in page
    assert admin_client.get("/admin/reservations/scenario/add/").status_code == 403
