"""A buyer bargains in the browser: counters, sees what each trade is worth, takes one, accepts."""

import re
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from pricing.negotiation.models import Negotiation
from pricing.quotes.models import Quote
from reservations.booking.models import Reservation
from tests.bargaining import set_table
from tests.browser.conftest import Desk
from tests.market import Market


@pytest.mark.parametrize("width", [1440, 390])
def test_a_buyer_counters_takes_a_trade_and_accepts(market: Market, desk: Desk, width: int) -> None:
    table = set_table(market)
    desk.page.set_viewport_size({"width": width, "height": 900})
    desk.sit_down(market.bank.buyer)
    desk.go(f"/quotes/{table.quote.public_id}/")
    desk.page.get_by_label("Your price").fill("1.60")
    desk.page.get_by_label("In a sentence").fill("We can be flexible.")
    desk.page.get_by_role("button", name="Send counter-offer").click()
    thread = desk.page.get_by_role("region", name="Negotiation")
    expect(thread.get_by_text("We can be flexible.")).to_be_visible()
    assert desk.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert Axe().run(desk.page).violations_count == 0
    desk.page.get_by_role("button", name=re.compile("Take it: Start")).click()
    expect(desk.page.get_by_text("took a trade")).to_be_visible()
    quote = Quote.objects.get(replaces=table.quote)
    assert quote.total / quote.gpu_hours <= Decimal("1.60")
    desk.page.get_by_role("button", name=re.compile("^Accept")).click()
    assert desk.page.get_by_role("heading", level=1).inner_text().startswith("64 H100")
    assert Reservation.objects.get().total == quote.total
    assert Negotiation.objects.get().status == "accepted"
