"""A buyer lets a wish stand on the web, and takes what is offered."""

from typing import Any

import pytest
from django.test import Client

from marketplace.parties.models import VIEWER
from marketplace.units.period import Period
from reservations.booking.waitlist.models import WaitlistEntry
from reservations.tasks import serve_due_waitlist
from tests.journeys.test_web_bundles import asked, browser
from tests.market import Market, block_taken, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def buyer(market: Market) -> Client:
    return browser(market.bank.buyer)


def join(client: Client, page: Any, ceiling: str = "50") -> Any:
    form = {"asked": page.request["QUERY_STRING"], "max_unit_price": ceiling}
    return client.post("/waitlist/join/", form, follow=True)


def test_a_refused_wish_stands_and_is_offered_when_there_is_room(market: Market, buyer: Client) -> None:
    block_taken(market.h100, Period.of(market.day(0), 100), 2048)
    refused = buyer.get("/capacity/", asked(market))
    assert "Join the waitlist" in refused.content.decode()
    page = join(buyer, refused)
    assert "You are on the waitlist." in page.content.decode()
    serve_due_waitlist()
    assert "Nothing that it accepts has room for all 64 GPUs." in buyer.get("/waitlist/").content.decode()
    entry = WaitlistEntry.objects.get()
    assert entry.need["accelerators"] == ["h100"]


def test_an_offer_is_shown_with_its_clock_and_leads_to_the_quote(market: Market, buyer: Client) -> None:
    join(buyer, buyer.get("/capacity/", asked(market)))
    serve_due_waitlist()
    page = buyer.get("/waitlist/")
    assert "An offer for you" in page.content.decode()
    (row,) = page.context["rows"]
    assert buyer.get(row["href"]).status_code == 200
    assert "data-hold" in page.content.decode()


def test_a_wish_is_withdrawn(market: Market, buyer: Client) -> None:
    join(buyer, buyer.get("/capacity/", asked(market)))
    entry = WaitlistEntry.objects.get()
    page = buyer.post(f"/waitlist/{entry.public_id}/withdraw/", follow=True)
    assert "Withdrawn." in page.content.decode()
    assert WaitlistEntry.objects.get().status == "withdrawn"


def test_a_wrong_ceiling_is_said_and_nothing_stands(market: Market, buyer: Client) -> None:
    page = join(buyer, buyer.get("/capacity/", asked(market)), ceiling="two")
    assert "Send the most that a GPU-hour may cost" in page.content.decode()
    assert not WaitlistEntry.objects.exists()


def test_a_viewer_and_a_stranger_change_nothing(market: Market, buyer: Client) -> None:
    viewer = browser(member(market.bank.organisation, "viewer@first.example", VIEWER))
    page = buyer.get("/capacity/", asked(market))
    assert join(viewer, page).status_code == 403
    assert not WaitlistEntry.objects.exists()
    join(buyer, page)
    entry = WaitlistEntry.objects.get()
    assert viewer.post(f"/waitlist/{entry.public_id}/withdraw/").status_code == 403
    assert viewer.get("/waitlist/").status_code == 200
    rival = browser(market.rival.buyer)
    assert rival.post(f"/waitlist/{entry.public_id}/withdraw/").status_code == 404
    assert entry.public_id not in rival.get("/waitlist/").content.decode()
    assert WaitlistEntry.objects.get().status == "waiting"
