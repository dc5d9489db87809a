"""A bank's buyer buys in the browser."""

import re

from django.test import Client
from playwright.sync_api import expect

from marketplace.capacity.models import Claim
from pricing.quotes.models import Quote
from reservations.booking.models import Reservation
from tests.browser.conftest import Desk
from tests.market import Market


def test_a_buyer_buys_a_block_and_the_next_one_costs_more(market: Market, desk: Desk) -> None:
    desk.sign_in(market.bank.buyer)
    desk.page.get_by_role("link", name="Get capacity").first.click()
    desk.page.get_by_label("How much").fill("512")
    desk.page.get_by_label("Accelerator").select_option("h100")
    desk.page.get_by_label("When").fill(market.day(30).isoformat())
    desk.page.get_by_role("button", name="Show offers").click()
    first = desk.total()
    desk.take_quote()
    path = desk.accept()
    assert "512 H100 at Northfield" in desk.page.get_by_role("heading", level=1).inner_text()
    desk.go("/reservations/")
    row = desk.page.get_by_role("row", name="512 H100 at Northfield")
    assert f"${first:,.2f}" in row.inner_text()
    assert row.get_by_role("link").get_attribute("href") == path
    desk.ask(market, quantity=512)
    assert desk.total() > first
    assert Reservation.objects.get().organisation == market.bank.organisation


def test_a_refusal_ends_in_a_click_that_fits(market: Market, desk: Desk) -> None:
    desk.sit_down(market.bank.buyer)
    desk.ask(market, quantity=3000)
    assert "We cannot promise 3,000 H100" in desk.page.get_by_role("heading", level=2).first.inner_text()
    assert desk.page.locator(".notice figure.chart svg").first.is_visible()
    desk.page.get_by_role("link", name="Use 2,048 GPUs").click()
    assert "2,048 H100" in desk.page.locator(".offers li").first.inner_text()
    desk.take_quote()
    assert Quote.objects.get().quantity == 2048


def test_a_date_picked_in_the_calendar_is_the_one_that_is_quoted(market: Market, desk: Desk) -> None:
    desk.sit_down(market.bank.buyer)
    desk.ask(market)
    day = market.day(33)
    desk.page.locator(f'[data-date="{day}"]').click()
    assert desk.page.locator('[data-calendar] [aria-current="date"]').get_attribute("data-date") == day.isoformat()
    assert desk.page.locator("[data-calendar] a").count() == 15
    desk.take_quote()
    assert Quote.objects.get().start == day


def test_a_price_that_rose_meanwhile_is_said_and_nothing_is_held(market: Market, desk: Desk) -> None:
    desk.sit_down(market.bank.buyer)
    desk.ask(market, flexibility=0)
    rival = Client()
    rival.force_login(market.rival.buyer)
    need: dict[str, str | int] = {
        "quantity": 1600,
        "accelerator": "h100",
        "days": 30,
        "flexibility": 0,
        "firmness": "firm",
    }
    offer = rival.get("/capacity/", {**need, "start": market.day(30).isoformat()}).context["offer"]
    rival.post("/capacity/quote/", {"offer": offer.id})
    desk.page.get_by_role("button", name="Get a firm quote").click()
    desk.page.get_by_text("more than it was offered for. Nothing was done.").wait_for()
    assert not Quote.objects.filter(organisation=market.bank.organisation).exists()


def test_a_quote_that_is_let_go_frees_its_gpus(market: Market, desk: Desk) -> None:
    desk.sit_down(market.bank.buyer)
    desk.ask(market)
    path = desk.take_quote()
    desk.page.get_by_role("button", name="Let it go").click()
    desk.page.get_by_text("are back on sale. Nothing was charged.").wait_for()
    desk.go(path)
    assert desk.page.get_by_role("link", name="Price the same block now").is_visible()
    assert not desk.page.get_by_role("button", name="Accept").is_visible()
    assert Claim.objects.get().status == "released"


def test_the_hold_counts_down(market: Market, desk: Desk) -> None:
    desk.sit_down(market.bank.buyer)
    desk.ask(market)
    desk.take_quote()
    expect(desk.page.locator("[data-clock]")).to_have_text(re.compile("^19:"))
