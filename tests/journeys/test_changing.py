"""A buyer changes, pays for and assigns a block in the browser: every page opens, every refusal reads as over REST."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.journal.actor import SYSTEM
from marketplace.units import clock
from pricing.quotes.contracts import ContractPolicy, publish_contract
from pricing.quotes.models import Quote
from reservations.booking import states
from reservations.booking.amendments import Assignment, ReservationChange
from reservations.booking.assigning import consent_to_assignment
from reservations.booking.models import Reservation
from tests.market import Market, member
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept

pytestmark = pytest.mark.django_db


@pytest.fixture
def block(market: Market) -> Reservation:
    return accept(market.bank, take(market, market.bank))


def browser(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_a_block_is_extended_in_three_clicks(market: Market, block: Reservation) -> None:
    buyer = browser(market.bank.buyer)
    page = text(buyer.get(reverse("reservation", args=[block.public_id])))
    form = reverse("change", args=[block.public_id, "extend"])
    assert form in page
    assert "New end" in text(buyer.get(form))
    end = block.end + timedelta(days=7)
    quoted = buyer.post(form, {"end": end.isoformat()})
    quote = Quote.objects.latest("pk")
    assert quoted.url == reverse("change-quote", args=[quote.public_id])  # type: ignore[attr-defined]
    shown = text(buyer.get(quoted.url))  # type: ignore[attr-defined]
    assert "What is added" in shown
    assert "cannot be undone" in shown
    assert buyer.get(reverse("quote", args=[quote.public_id])).status_code == 302
    assert "Extend" in text(buyer.get(reverse("quotes")))
    done = buyer.post(reverse("accept-quote", args=[quote.public_id]), follow=True)
    assert "Changed: 64 GPUs" in text(done)
    block.refresh_from_db()
    assert block.end == end
    assert "Open the reservation" in text(buyer.get(quoted.url))  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["extend", "resize", "move", "end_early", "cancel"])
def test_every_form_opens_and_says_what_is_not_possible(market: Market, block: Reservation, kind: str) -> None:
    page = browser(market.bank.buyer).get(reverse("change", args=[block.public_id, kind]))
    assert page.status_code == 200
    assert ("Not possible now" in text(page)) == (kind == "end_early")


def test_what_makes_no_sense_is_said_beside_its_field(market: Market, block: Reservation) -> None:
    buyer, form = browser(market.bank.buyer), reverse("change", args=[block.public_id, "resize"])
    for typed, said in (("12", "lots of 8"), ("many", "Enter a number"), ("", "a number above 0")):
        answer = buyer.post(form, {"quantity": typed})
        assert (answer.status_code, said in text(answer)) == (422, True)
    assert not ReservationChange.objects.exists()


def test_a_cancelled_block_says_so_everywhere(market: Market, block: Reservation) -> None:
    buyer = browser(market.bank.buyer)
    buyer.post(reverse("change", args=[block.public_id, "cancel"]))
    quote = Quote.objects.latest("pk")
    assert "The whole block is given back" in text(buyer.get(reverse("change-quote", args=[quote.public_id])))
    done = buyer.post(reverse("accept-quote", args=[quote.public_id]), follow=True)
    assert "back on sale" in text(done)
    assert "Cancelled" in text(buyer.get(reverse("portfolio")))
    assert "cancelled" in b"".join(buyer.get(reverse("portfolio-csv")).streaming_content).decode()  # type: ignore[attr-defined]
    again = buyer.get(reverse("change", args=[block.public_id, "cancel"]))
    assert "Not possible now" in text(again)


def test_a_viewer_looks_and_a_stranger_sees_nothing(market: Market, block: Reservation) -> None:
    viewer = browser(member(market.bank.organisation, "viewer@first.example", "viewer"))
    form = reverse("change", args=[block.public_id, "cancel"])
    assert viewer.get(form).status_code == 200
    assert viewer.post(form).status_code == 403
    rival = browser(market.rival.buyer)
    for page in (form, reverse("assign", args=[block.public_id]), reverse("reservation", args=[block.public_id])):
        assert rival.get(page).status_code == 404
    assert rival.post(form).status_code == 404
    assert not ReservationChange.objects.exists()


def test_what_is_due_is_the_first_thing_on_the_page(market: Market) -> None:
    now = clock.now()
    deposit = ContractPolicy(starts_at=now, deposit_percent=25, reason="tests")
    publish_contract(policy=deposit, by=SYSTEM, now=now)
    quote, buyer = take(market, market.bank), browser(market.bank.buyer)
    assert "25 % of the total" in text(buyer.get(reverse("quote", args=[quote.public_id])))
    page = buyer.post(reverse("accept-quote", args=[quote.public_id]), follow=True)
    assert "Held for you" in text(page)
    assert "Please pay $" in text(page)
    block = Reservation.objects.get()
    assert block.deadline is not None
    with clock.frozen(block.deadline):
        assert "The GPUs are back on sale" in text(buyer.get(reverse("reservation", args=[block.public_id])))


def test_delivery_is_accepted_by_a_click(market: Market, block: Reservation) -> None:
    buyer = browser(market.bank.buyer)
    with clock.frozen(states.midnight(block.start)):
        page = reverse("reservation", args=[block.public_id])
        assert "Accept delivery" in text(buyer.get(page))
        buyer.post(reverse("accept-delivery", args=[block.public_id]))
        shown = text(buyer.get(page))
    assert "Delivered" in shown
    assert "Accept delivery" not in shown


def test_a_block_changes_hands(market: Market, block: Reservation) -> None:
    bank, rival = browser(market.bank.buyer), browser(market.rival.buyer)
    form = reverse("assign", args=[block.public_id])
    assert "cannot be undone" in text(bank.get(form))
    wrong = bank.post(form, {"receiver": "org_nobody", "grounds": "other"})
    assert (wrong.status_code, "another organisation" in text(wrong)) == (422, True)
    bank.post(form, {"receiver": market.rival.organisation.public_id, "grounds": "affiliate", "note": "one group"})
    made = Assignment.objects.get()
    listing = reverse("assignments")
    assert "Withdraw" in text(bank.get(listing))
    assert "No assignments" in text(rival.get(listing))
    consent_to_assignment(assignment=made.public_id, agrees=True, reason="same group of companies", by=SYSTEM)
    assert "Take it over" in text(rival.get(listing))
    rival.post(reverse("decide-assignment", args=[made.public_id, "accept"]))
    taken = text(rival.get(reverse("reservation", args=[block.public_id])))
    assert "Assigned to you" in taken
    assert market.bank.buyer.email not in taken
    assert bank.get(reverse("reservation", args=[block.public_id])).status_code == 404
    again = bank.post(reverse("decide-assignment", args=[made.public_id, "withdraw"]), follow=True)
    assert "accepted already" in text(again)
