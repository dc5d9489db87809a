"""A provider hands over in the browser, and a buyer tests, accepts some nodes and takes the evidence away."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.units import clock
from pricing.quotes.contracts import ContractPolicy, publish_contract
from reservations.booking.models import Reservation
from reservations.delivery.allotting import allot
from tests.browser.conftest import Desk
from tests.delivery.conftest import NODES
from tests.market import Market
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept


@pytest.mark.parametrize("width", [1440, 390])
def test_a_provider_hands_over_and_a_buyer_accepts_in_part(market: Market, desk: Desk, width: int) -> None:
    now = clock.now()
    publish_contract(policy=ContractPolicy(starts_at=now, reason="by the provider"), by=SYSTEM, now=now)
    block = accept(market.bank, take(market, market.bank))
    change.run(lambda: allot(pool=market.h100, now=clock.now()))
    # The first day has come: the block is a day late.
    Reservation.objects.filter(pk=block.pk).update(start=clock.today(), next_at=None)
    desk.page.set_viewport_size({"width": width, "height": 900})
    desk.sit_down(market.seller.buyer)
    desk.go("/selling/deliveries/")
    assert Axe().run(desk.page).violations_count == 0
    desk.page.get_by_role("link", name="64 H100").click()
    give = desk.page.get_by_role("region", name="Hand over", exact=True)
    give.get_by_label("Contact").fill("ops@northwind.example")
    give.get_by_label("Reference to the access details").fill("password: hunter2")
    give.get_by_role("button", name="Hand over").click()
    expect(desk.page.get_by_text("looks like a password or a key")).to_be_visible()
    give.get_by_label("Contact").fill("ops@northwind.example")
    give.get_by_label("Reference to the access details").fill("Vault: northwind/rsv-7")
    give.get_by_role("button", name="Hand over").click()
    assert desk.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert Axe().run(desk.page).violations_count == 0
    results = [f"{node},burn_in_hours,{3 if node == 'node-2' else 24}\n{node},memory_errors,0" for node in NODES]
    desk.sit_down(market.bank.buyer)
    desk.go(f"/reservations/{block.public_id}/")
    card = desk.page.get_by_role("region", name="Delivery", exact=True)
    expect(card.get_by_text("Vault: northwind/rsv-7")).to_be_visible()
    expect(card.get_by_text("64 GPUs of Hall 1")).to_be_visible()
    card.get_by_text("Report results").click()
    card.get_by_label("One line each").fill("\n".join([*results, "fabric,collective_gb_s,360"]))
    card.get_by_role("button", name="Keep these results").click()
    expect(card.get_by_text("node-2: burn_in_hours")).to_be_visible()
    assert desk.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert Axe().run(desk.page).violations_count == 0
    card.get_by_text("Accept in part").click()
    card.get_by_role("button", name="Accept these nodes").click()
    expect(card.get_by_text("56 GPUs on")).to_be_visible()
    with desk.page.expect_download() as taken:
        card.get_by_text("Evidence:").click()
        card.get_by_role("link", name="Evidence (CSV)").click()
    assert taken.value.suggested_filename == f"delivery-{block.public_id}.csv"
