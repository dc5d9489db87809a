"""Selling several blocks in the admin, the wider wishes of the sell form, and the waitlist as staff see it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.http import urlencode

from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.models import CapacityDay, Entry
from marketplace.units import clock
from pricing.quotes.bundles import Bundle
from pricing.quotes.models import Quote
from pricing.quotes.queries import known_names
from reservations.booking.models import Reservation
from reservations.booking.waitlist.actions import join, parse_wish
from reservations.booking.waitlist.models import WaitlistEntry
from reservations.tasks import serve_due_waitlist
from tests.cockpit import Cockpit, signed_in
from tests.reservations.test_admin import AGREED, offer_on, wish

pytestmark = pytest.mark.django_db


@pytest.fixture
def sales(cockpit: Cockpit) -> Client:
    client: Client = signed_in(cockpit.sales)
    return client


def page_of_two(cockpit: Cockpit, client: Client, **changed: Any) -> Any:
    second: dict[str, Any] = {"accelerator": "gb200", "quantity": 72} | changed
    parts = [urlencode(wish(cockpit)), urlencode(wish(cockpit, **second))]
    return client.get(reverse("admin:sell-together"), {"organisation": str(cockpit.bank.pk), "part": parts})


def held_bundle(cockpit: Cockpit, client: Client) -> Bundle:
    page = page_of_two(cockpit, client)
    form = {"organisation": cockpit.bank.pk, "offer": offer_on(page), "back": page.context["back"], "page": "together"}
    answer = client.post(reverse("admin:sell-hold"), form)
    bundle = Bundle.objects.get()
    assert answer["Location"] == reverse("admin:sell-bundle", args=[bundle.public_id])
    return bundle


def held() -> int:
    return sum(day.firm_held for day in CapacityDay.objects.all())


def test_sales_hold_and_accept_a_bundle_for_a_customer(cockpit: Cockpit, sales: Client) -> None:
    bundle = held_bundle(cockpit, sales)
    assert held() == (64 + 72) * 30
    shown = sales.get(reverse("admin:sell-bundle", args=[bundle.public_id])).content.decode()
    assert "Accept for the customer" in shown
    accept = reverse("admin:sell-bundle-accept", args=[bundle.public_id])
    assert "Say who at the customer agreed" in sales.post(accept, {"reason": "yes"}).content.decode()
    assert not Reservation.objects.exists()
    sales.post(accept, {"reason": AGREED})
    assert Reservation.objects.count() == 2
    assert Entry.objects.get(verb="bundle.accepted_for_customer").reason == AGREED


def test_sales_release_a_bundle_whole_and_a_part_never(cockpit: Cockpit, sales: Client) -> None:
    bundle = held_bundle(cockpit, sales)
    part = bundle.quotes[0].public_id
    assert (
        "is accepted and released with all other parts"
        in sales.get(reverse("admin:sell-quote", args=[part])).content.decode()
    )
    sales.post(reverse("admin:sell-release", args=[part]))
    assert held() == (64 + 72) * 30
    sales.post(reverse("admin:sell-bundle-release", args=[bundle.public_id]))
    assert held() == 0


def test_a_refused_bundle_names_the_part_and_leads_to_what_fits(cockpit: Cockpit, sales: Client) -> None:
    page = page_of_two(cockpit, sales, quantity=9000)
    assert "Part 2 of 2 binds" in page.content.decode()
    for _, href in page.context["nearest"]:
        assert sales.get(href).context["offers"]


def test_a_ramp_is_offered_at_the_wishes_of_the_last_part(cockpit: Cockpit, sales: Client) -> None:
    first, second, end = (clock.today() + timedelta(days=days) for days in (40, 70, 100))
    asked: dict[str, Any] = {
        "organisation": cockpit.bank.pk,
        "part": urlencode(wish(cockpit)),
        "steps": f"{first} 64\n{second} 128",
        "end": end.isoformat(),
    }
    page = sales.get(reverse("admin:sell-together"), asked)
    assert [each.kind for each in page.context["offers"]] == ["ramp"]
    wrong = sales.get(reverse("admin:sell-together"), asked | {"steps": f"{first} many"})
    assert "ramp/steps/0/quantity" in wrong.content.decode()
    large = sales.get(reverse("admin:sell-together"), asked | {"steps": f"{first} 64\n{second} 4000"})
    assert "Step 2 binds" in large.content.decode()
    for _, href in large.context["nearest"]:
        assert sales.get(href).context["offers"]


def test_who_may_not_sell_sees_no_bundle_pages(cockpit: Cockpit, sales: Client) -> None:
    bundle = held_bundle(cockpit, sales)
    guest = signed_in(cockpit.guest)
    assert guest.get(reverse("admin:sell-together"), {"organisation": cockpit.bank.pk}).status_code == 403
    assert guest.get(reverse("admin:sell-bundle", args=[bundle.public_id])).status_code == 403
    for verb in ("accept", "release"):
        address = reverse(f"admin:sell-bundle-{verb}", args=[bundle.public_id])
        assert guest.post(address, {"reason": AGREED}).status_code == 403
    assert held() == (64 + 72) * 30


def test_the_sell_form_knows_every_wish_of_the_web(cockpit: Cockpit, sales: Client) -> None:
    sell = reverse("admin:sell-capacity")
    page = sales.get(sell, wish(cockpit, accelerator="", quantity=2192))
    assert page.context["found"].refusal is not None
    split = sales.get(sell, wish(cockpit, accelerator="", quantity=2192, divisible="on"))
    assert [each.kind for each in split.context["splits"]] == ["split"]
    ranged = sales.get(sell, wish(cockpit, quantity_to=9000))
    assert ranged.context["found"].offers[0].terms.quantity == 2048
    assert ranged.context["found"].offers[0].is_partial
    elsewhere = sales.get(sell, wish(cockpit, accelerator="", jurisdictions=["US"], quantity=72))
    assert {each.pool.site.jurisdiction for each in elsewhere.context["found"].offers} == {"US"}
    seller = sales.get(sell, wish(cockpit, sellers=[cockpit.seller.public_id], delivery="bare metal"))
    assert [each.pool for each in seller.context["found"].offers] == [cockpit.pool]
    none = sales.get(sell, wish(cockpit, min_nvlink_domain_gpus=72))
    assert none.context["found"].refusal.binding.constraint == "wish"


def test_what_relaxing_a_wish_would_save_is_shown_and_one_click_away(cockpit: Cockpit, sales: Client) -> None:
    page = sales.get(reverse("admin:sell-capacity"), wish(cockpit))
    levers = page.context["levers"]
    assert "firmness" in [each.wish for each, _ in levers]
    for lever, href in levers:
        again = sales.get(f"{reverse('admin:sell-capacity')}{href}")
        assert again.context["found"].offers[0].terms.total == lever.total


def test_the_nearest_of_a_refusal_keep_every_other_wish(cockpit: Cockpit, sales: Client) -> None:
    sell = reverse("admin:sell-capacity")
    page = sales.get(sell, wish(cockpit, quantity=3000, sellers=[cockpit.seller.public_id]))
    for other in page.context["nearest"]:
        found = sales.get(f"{sell}{other.href}").context["found"]
        assert found.offers or found.splits


def test_staff_see_the_queue_with_its_reasons(cockpit: Cockpit, sales: Client) -> None:
    start = (clock.today() + timedelta(days=40)).isoformat()
    body = {
        "quantity": 64,
        "duration_days": 30,
        "start": {"from": start, "to": start},
        "firmness": "firm",
        "max_unit_price": "0.01",
    }
    need, ceiling = parse_wish(body, now=clock.now(), known=known_names())
    change.run(lambda: join(need=need, max_unit_price=ceiling, by=SYSTEM, organisation_id=cockpit.bank.pk))
    serve_due_waitlist()
    entry = WaitlistEntry.objects.get()
    listing = sales.get(reverse("admin:reservations_waitlistentry_changelist")).content.decode()
    assert entry.public_id in listing
    assert "Too dear" in listing
    shown = sales.get(reverse("admin:reservations_waitlistentry_change", args=[entry.pk])).content.decode()
    assert "above its ceiling of 0.0100" in shown
    assert signed_in(cockpit.guest).get(reverse("admin:reservations_waitlistentry_changelist")).status_code == 403
    assert not Quote.objects.exists()
