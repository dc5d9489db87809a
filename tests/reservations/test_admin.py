"""Sell capacity in the admin: who may, what staff see, and that a customer's agreement is always on record."""

import re
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from marketplace.capacity import ledger
from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.models import Claim, Entry
from marketplace.units import clock
from pricing.curve.models import PricePolicy
from pricing.demand.models import Enquiry
from pricing.quotes.actions import take_quote
from pricing.quotes.models import Quote
from pricing.quotes.need import Need, Range
from pricing.quotes.search import search
from reservations.admin.dashboard import board
from reservations.booking.actions import accept_quote
from reservations.booking.models import Reservation
from tests.cockpit import FIRM_GPUS, Cockpit, signed_in

pytestmark = pytest.mark.django_db
AGREED = "Anna Berg by phone, order 4711"


def wish(cockpit: Cockpit, **changed: Any) -> dict[str, Any]:
    start = clock.today() + timedelta(days=40)
    asked = {"organisation": cockpit.bank.pk, "accelerator": "h100", "quantity": 64, "days": 30, "firmness": "firm"}
    return asked | {"start_from": start.isoformat(), "start_to": start.isoformat()} | changed


def offer_on(page: Any) -> str:
    found = re.search(r'name="offer" value="([^"]+)"', page.content.decode())
    assert found, "no offer on the page"
    return found.group(1)


def hold(client: Client, cockpit: Cockpit, **changed: Any) -> Any:
    page = client.get(reverse("admin:sell-capacity"), wish(cockpit, **changed))
    form = {"organisation": cockpit.bank.pk, "offer": offer_on(page), "back": "quantity=64"}
    return client.post(reverse("admin:sell-hold"), form)


def bank_quote(cockpit: Cockpit) -> Quote:
    """A quote that the bank took by itself."""
    now = clock.now()
    start = now.date() + timedelta(days=40)
    need = Need(Range(64, 64), Range(30, 30), start, start, "firm", accelerators=("h100",))
    offer = search(need=need, organisation_id=cockpit.bank.pk, now=now).offers[0].id
    return change.run(lambda: take_quote(offer=offer, organisation=cockpit.bank, by=SYSTEM))


def test_sales_sell_a_block_in_three_pages_without_a_script(cockpit: Cockpit) -> None:
    sales = signed_in(cockpit.sales)
    quote_page = hold(sales, cockpit).url
    assert b"Accept for the customer" in sales.get(quote_page).content
    done = sales.post(quote_page + "accept/", {"reason": AGREED})
    reservation = Reservation.objects.get()
    assert done.url == reverse("admin:reservations_reservation_change", args=[reservation.pk])
    assert (reservation.organisation, reservation.quantity) == (cockpit.bank, 64)
    assert reservation.accepted_by == cockpit.sales.email
    assert Claim.objects.get(pk=reservation.claim_id).status == "committed"


def test_the_journal_says_who_at_the_customer_agreed(cockpit: Cockpit) -> None:
    sales = signed_in(cockpit.sales)
    sales.post(hold(sales, cockpit).url + "accept/", {"reason": AGREED})
    entry = Entry.objects.get(verb="quote.accepted_for_customer")
    assert (entry.reason, entry.actor) == (AGREED, cockpit.sales.email)
    assert (entry.user_id, entry.organisation_id) == (cockpit.sales.pk, cockpit.bank.pk)


@pytest.mark.parametrize("reason", ["", "yes", "         x         "])
def test_nothing_is_accepted_without_a_reason(cockpit: Cockpit, reason: str) -> None:
    sales = signed_in(cockpit.sales)
    answer = sales.post(hold(sales, cockpit).url + "accept/", {"reason": reason})
    assert answer.status_code == 200
    assert not Reservation.objects.exists()
    assert Quote.objects.get().status == "open"


def test_the_offer_shows_price_breakdown_and_confidence(cockpit: Cockpit) -> None:
    page = signed_in(cockpit.sales).get(reverse("admin:sell-capacity"), wish(cockpit, quantity=60)).content.decode()
    for shown in ("60 asked", "Energy", "Capital", "Scarcity", "per GPU-hour", "Confidence", "Hold for 20 minutes"):
        assert shown in page


def test_a_refusal_ends_in_buttons_that_fit(cockpit: Cockpit) -> None:
    sales = signed_in(cockpit.sales)
    page = sales.get(reverse("admin:sell-capacity"), wish(cockpit, quantity=FIRM_GPUS + 8)).content.decode()
    found = re.search(r'href="(\?organisation=[^"]+quantity=2048[^"]*)"', page)
    assert found
    again = sales.get(reverse("admin:sell-capacity") + found.group(1).replace("&amp;", "&"))
    assert offer_on(again)


def test_a_wish_that_makes_no_sense_is_shown_at_its_field(cockpit: Cockpit) -> None:
    yesterday = (clock.today() - timedelta(days=1)).isoformat()
    page = signed_in(cockpit.sales).get(reverse("admin:sell-capacity"), wish(cockpit, start_from=yesterday))
    assert "start_from" in page.context["form"].errors
    assert not Enquiry.objects.exists()


def test_what_staff_ask_for_counts_as_the_customers_enquiry(cockpit: Cockpit) -> None:
    signed_in(cockpit.sales).get(reverse("admin:sell-capacity"), wish(cockpit))
    assert Enquiry.objects.get().organisation == cockpit.bank


def test_an_offer_made_to_one_customer_is_no_offer_to_another(cockpit: Cockpit) -> None:
    sales = signed_in(cockpit.sales)
    offer = offer_on(sales.get(reverse("admin:sell-capacity"), wish(cockpit)))
    form = {"organisation": cockpit.seller.pk, "offer": offer, "back": ""}
    assert sales.post(reverse("admin:sell-hold"), form).url.startswith(reverse("admin:sell-capacity"))
    assert not Quote.objects.exists()


def test_a_release_gives_the_capacity_back_once(cockpit: Cockpit) -> None:
    sales = signed_in(cockpit.sales)
    quote_page = hold(sales, cockpit).url
    sales.post(quote_page + "release/")
    again = sales.post(quote_page + "release/", follow=True)
    assert Quote.objects.get().status == "released"
    assert "The quote was released. Nothing is held." in again.content.decode()


def test_an_expired_quote_is_never_accepted(cockpit: Cockpit) -> None:
    quote = bank_quote(cockpit)
    with clock.frozen(quote.expires_at):
        page = reverse("admin:sell-quote", args=[quote.public_id])
        answer = signed_in(cockpit.sales).post(page + "accept/", {"reason": AGREED}, follow=True)
    assert "time is over. Nothing was charged and nothing is held." in answer.content.decode()
    assert not Reservation.objects.exists()


@pytest.mark.parametrize("who", ["planner", "guest"])
def test_only_sales_sell(cockpit: Cockpit, who: str) -> None:
    quote, other = bank_quote(cockpit), signed_in(getattr(cockpit, who))
    page = reverse("admin:sell-quote", args=[quote.public_id])
    form = {"organisation": cockpit.bank.pk, "offer": "off_x", "back": ""}
    assert other.get(reverse("admin:sell-capacity")).status_code == 403
    assert other.post(reverse("admin:sell-hold"), form).status_code == 403
    assert other.post(page + "accept/", {"reason": AGREED}).status_code == 403
    assert other.post(page + "release/").status_code == 403
    assert (Quote.objects.get().status, Reservation.objects.count()) == ("open", 0)


def test_planners_see_a_quote_and_staff_without_a_group_do_not(cockpit: Cockpit) -> None:
    page = reverse("admin:sell-quote", args=[bank_quote(cockpit).public_id])
    seen = signed_in(cockpit.planner).get(page)
    assert (seen.status_code, b"Accept for the customer" in seen.content) == (200, False)
    assert signed_in(cockpit.guest).get(page).status_code == 403


@pytest.mark.parametrize("name", ["index", "sell-capacity", "capacity"])
def test_customers_and_strangers_are_sent_to_sign_in(cockpit: Cockpit, name: str) -> None:
    browsers: list[Any] = [Client(), signed_in(cockpit.buyer)]
    for client in browsers:
        answer = client.get(reverse(f"admin:{name}"))
        assert answer.status_code == 302
        assert answer.url.startswith(reverse("admin:login"))


def test_a_reservation_is_read_and_never_typed(cockpit: Cockpit) -> None:
    root = signed_in(cockpit.root)
    root.post(hold(root, cockpit).url + "accept/", {"reason": AGREED})
    page = reverse("admin:reservations_reservation_change", args=[Reservation.objects.get().pk])
    assert root.get(page).status_code == 200
    assert root.post(page, {"quantity": 1}).status_code == 403
    assert root.get(reverse("admin:reservations_reservation_add")).status_code == 403
    assert root.get(page.replace("change", "delete")).status_code == 403


def test_the_dashboard_counts_in_eleven_queries(cockpit: Cockpit, django_assert_max_num_queries: Any) -> None:
    bank_quote(cockpit)
    with django_assert_max_num_queries(11):
        shown = board(clock.now())
    assert (shown.holds, shown.reserved, shown.shorts) == (1, 0, ())
    assert cockpit.seller in [version.seller for version in shown.prices]


def test_the_dashboard_shows_a_shortfall(cockpit: Cockpit) -> None:
    quote = bank_quote(cockpit)
    now = clock.now()
    ledger.set_limits(pool_id=cockpit.pool.pk, first_day=now.date(), limits=np.zeros((3, 365), dtype=np.int64))
    (short,) = board(now).shorts
    assert (short.worst, short.gpu_days, short.first) == (64, 64 * 30, quote.start)
    assert b"Shortfalls" in signed_in(cockpit.sales).get(reverse("admin:index")).content


def test_staff_without_a_group_see_no_figures(cockpit: Cockpit) -> None:
    page = signed_in(cockpit.guest).get(reverse("admin:index"))
    assert "board" not in page.context
    assert b"Ask a superuser" in page.content


def test_a_list_of_reservations_costs_the_same_for_one_and_for_many(
    cockpit: Cockpit, django_assert_num_queries: Any
) -> None:
    sales = signed_in(cockpit.sales)
    queries = []
    for _ in range(3):
        sales.post(hold(sales, cockpit).url + "accept/", {"reason": AGREED})
        with django_assert_num_queries(12, exact=False) as seen:
            sales.get(reverse("admin:reservations_reservation_changelist"))
        queries.append(len(seen))
    assert len(set(queries)) == 1


def test_the_hold_lasts_as_long_as_the_policy_says(cockpit: Cockpit) -> None:
    assert PricePolicy.objects.get().hold_minutes == 20
    hold(signed_in(cockpit.sales), cockpit)
    quote = Quote.objects.get()
    assert quote.expires_at - quote.created_at == timedelta(minutes=20)


def test_a_reservation_is_found_by_its_whole_id_or_its_quote_s_and_by_nothing_else(cockpit: Cockpit) -> None:
    bank = cockpit.bank.pk
    quotes = [bank_quote(cockpit) for _ in range(2)]
    made = [
        change.run(partial(accept_quote, public_id=quote.public_id, by=SYSTEM, organisation_id=bank))
        for quote in quotes
    ]
    sales, page = signed_in(cockpit.sales), reverse("admin:reservations_reservation_changelist")

    def found(term: str) -> list[Reservation]:
        return list(sales.get(page, {"q": term}).context["cl"].result_list)

    assert found(made[0].public_id) == [made[0]]
    assert found(f" {quotes[1].public_id} ") == [made[1]]
    assert found(made[0].public_id[:-1]) == []
    assert len(found("")) == 2
