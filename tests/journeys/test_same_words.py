"""One refusal through three doors: the page, REST and the admin say the same words."""

from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.models import User
from marketplace.parties.agreements import MasterAgreement
from marketplace.parties.staff_roles import SALES, ensure_staff_groups
from marketplace.units import clock
from pricing.quotes.actions import release_quote
from pricing.quotes.models import Quote
from reservations.models import Reservation
from tests.cockpit import staff
from tests.contracts.conftest import calls_of
from tests.market import Market
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept


def expire(market: Market, quote: Quote) -> None:
    """By the clock, which the test sets to that moment."""


def release(market: Market, quote: Quote) -> None:
    whose = quote.organisation_id
    change.run(lambda: release_quote(public_id=quote.public_id, by=SYSTEM, organisation_id=whose))


def reserve(market: Market, quote: Quote) -> None:
    accept(market.bank, quote)


def end_agreement(market: Market, quote: Quote) -> None:
    today = clock.today()
    MasterAgreement.objects.update(in_force_from=today - timedelta(days=9), until=today)


def page_of(user: User, address: str, **said: str) -> str:
    client = Client()
    client.force_login(user)
    return unescape(client.post(address, said, follow=True).content.decode())


@pytest.mark.parametrize("happens", [expire, release, reserve, end_agreement])
def test_what_refuses_an_acceptance_reads_the_same_in_every_door(
    market: Market, happens: Callable[[Market, Quote], None]
) -> None:
    quote = take(market, market.bank)
    happens(market, quote)
    with clock.frozen(quote.expires_at if happens is expire else clock.now()):
        before = Reservation.objects.count()
        seller = staff("desk", ensure_staff_groups()[SALES])
        words = calls_of(market.bank).post(f"/quotes/{quote.public_id}/accept").json()["detail"]
        assert words in page_of(market.bank.buyer, reverse("accept-quote", args=[quote.public_id]))
        admin = reverse("admin:sell-quote", args=[quote.public_id]) + "accept/"
        assert words in page_of(seller, admin, reason="Call with Ms Ito, 24 Nov")
        assert Reservation.objects.count() == before
