"""A buyer puts a bundle together on the web, plans a ramp, takes a split, and accepts all or none."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from marketplace.capacity.models import CapacityDay
from marketplace.parties.models import VIEWER
from pricing.quotes.bundles import Bundle
from pricing.quotes.models import Quote
from reservations.booking.models import Reservation
from tests.market import Market, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def buyer(market: Market) -> Client:
    return browser(market.bank.buyer)


def browser(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def asked(market: Market, **changed: Any) -> dict[str, Any]:
    usual = {
        "quantity": 64,
        "accelerator": "h100",
        "days": 30,
        "start": market.day(30).isoformat(),
        "flexibility": 7,
        "firmness": "firm",
        "where": "",
    }
    return usual | changed


def two_parts(market: Market, buyer: Client, **changed: Any) -> Any:
    """The page after a second part was added, as a browser would send the forms."""
    first = buyer.get("/capacity/together/", asked(market) | {"add": "1"}, follow=True)
    assert first.status_code == 200
    (part,) = first.context["parts"]
    second = asked(market, accelerator="gb200", quantity=72, **changed) | {"add": "1", "part": part.query}
    return buyer.get("/capacity/together/", second, follow=True)


def held() -> int:
    return sum(day.firm_held for day in CapacityDay.objects.all())


def take(buyer: Client, page: Any, on: str, **more: str) -> Any:
    offer = page.context["offers"][0]["offer"]
    form = {"offer": offer.id, "page": on, "back": page.context["back"], **more}
    return buyer.post("/capacity/quote/", form, follow=True)


def test_parts_are_added_one_by_one_and_taken_as_one(market: Market, buyer: Client) -> None:
    page = two_parts(market, buyer)
    assert "Bundle of 2 parts at 2 sites" in page.content.decode()
    taken = take(buyer, page, "together")
    bundle = Bundle.objects.get()
    assert taken.redirect_chain == [(f"/bundles/{bundle.public_id}/", 302)]
    assert "All parts or none" in taken.content.decode()
    assert held() == (64 + 72) * 30
    accepted = buyer.post(f"/bundles/{bundle.public_id}/accept/", follow=True)
    assert "Reserved: all 2 parts." in accepted.content.decode()
    assert Reservation.objects.count() == 2
    assert f"/bundles/{bundle.public_id}/" in buyer.get("/reservations/").content.decode()


def test_a_bundle_is_let_go_whole(market: Market, buyer: Client) -> None:
    take(buyer, two_parts(market, buyer), "together")
    bundle = Bundle.objects.get()
    assert "part of" in buyer.get("/quotes/").content.decode()
    assert "See the whole bundle" in buyer.get(f"/quotes/{bundle.quotes[0].public_id}/").content.decode()
    buyer.post(f"/bundles/{bundle.public_id}/release/")
    assert held() == 0
    assert "Bundle of 2 parts" in buyer.get("/bundles/").content.decode()


def test_a_refused_bundle_ends_in_a_click_that_fits(market: Market, buyer: Client) -> None:
    page = two_parts(market, buyer, days=30)
    assert page.context["offers"]
    parts = [part.query for part in page.context["parts"]]
    large = urlencode(asked(market, quantity=3000))
    refused = buyer.get("/capacity/together/", {"part": [parts[0], large]})
    assert "Part 2 of 2 binds" in refused.content.decode()
    for other in refused.context["others"]:
        assert buyer.get(other["href"]).context["offers"], other["text"]


def test_a_ramp_is_planned_by_steps(market: Market, buyer: Client) -> None:
    steps: dict[str, Any] = {
        "from_1": market.day(10).isoformat(),
        "gpus_1": 64,
        "from_2": market.day(40).isoformat(),
        "gpus_2": 128,
        "end": market.day(70).isoformat(),
        "accelerator": "h100",
        "firmness": "firm",
    }
    page = buyer.get("/capacity/ramp/", steps)
    assert "Ramp of 2 parts" in page.content.decode()
    take(buyer, page, "ramp")
    assert Bundle.objects.get().kind == "ramp"
    wrong = buyer.get("/capacity/ramp/", steps | {"from_2": market.day(5).isoformat()})
    assert "Step 2, from: A step starts after the one before it" in wrong.content.decode()
    large = buyer.get("/capacity/ramp/", steps | {"gpus_2": 4000})
    assert "Step 2 binds" in large.content.decode()
    for other in large.context["others"]:
        assert buyer.get(other["href"]).context["offers"], other["text"]


def test_what_fits_in_no_pool_is_offered_as_a_split(market: Market, buyer: Client) -> None:
    gang = buyer.get("/capacity/", asked(market, accelerator="", quantity=2192))
    split = next(each for each in gang.context["alternatives"] if each.title == "Split")
    page = buyer.get(split.href)
    assert "Split over several pools" in page.content.decode()
    offer = page.context["splits"][0]["offer"]
    buyer.post("/capacity/quote/", {"offer": offer.id, "page": "capacity", "back": page.context["back"]})
    assert Bundle.objects.get().kind == "split"


def test_wrong_answers_lead_back_to_the_questions(market: Market, buyer: Client) -> None:
    page = buyer.get("/capacity/together/", asked(market, quantity=0) | {"add": "1"}, follow=True)
    assert "Ask for 1 GPU or more." in page.content.decode()


def test_a_viewer_looks_and_takes_nothing(market: Market, buyer: Client) -> None:
    page = two_parts(market, buyer)
    viewer = browser(member(market.bank.organisation, "viewer@first.example", VIEWER))
    assert take(viewer, page, "together").status_code == 403
    assert (held(), Quote.objects.count()) == (0, 0)
    take(buyer, page, "together")
    bundle = Bundle.objects.get()
    assert viewer.get(f"/bundles/{bundle.public_id}/").status_code == 200
    for verb in ("accept", "release"):
        assert viewer.post(f"/bundles/{bundle.public_id}/{verb}/").status_code == 403
    assert bundle.state(bundle.created_at) == "open"


def test_a_stranger_finds_nothing(market: Market, buyer: Client) -> None:
    take(buyer, two_parts(market, buyer), "together")
    bundle, before = Bundle.objects.get(), held()
    rival = browser(market.rival.buyer)
    assert rival.get(f"/bundles/{bundle.public_id}/").status_code == 404
    for verb in ("accept", "release"):
        assert rival.post(f"/bundles/{bundle.public_id}/{verb}/").status_code == 404
    assert bundle.public_id not in rival.get("/bundles/").content.decode()
    assert held() == before
