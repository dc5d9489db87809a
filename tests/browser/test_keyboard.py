"""Everything works without a mouse."""

from datetime import timedelta

from playwright.sync_api import Page

from tests.browser.conftest import Desk
from tests.market import Market


def focused(page: Page, attribute: str) -> str:
    found = page.evaluate(f"document.activeElement.getAttribute({attribute!r})")
    return str(found)


def test_the_first_tab_skips_to_the_content(market: Market, desk: Desk) -> None:
    desk.go("/")
    desk.page.keyboard.press("Tab")
    assert desk.page.evaluate("document.activeElement.className") == "skip"
    desk.page.keyboard.press("Enter")
    assert focused(desk.page, "id") == "main"


def test_arrow_keys_walk_the_calendar_and_enter_picks(market: Market, desk: Desk) -> None:
    desk.sit_down(market.bank.buyer)
    desk.ask(market)
    day = market.day(30)
    desk.page.locator('[data-calendar] [tabindex="0"]').focus()
    assert focused(desk.page, "data-date") == day.isoformat()
    for key, moved in (("ArrowRight", 1), ("ArrowUp", -6), ("ArrowLeft", -7), ("ArrowDown", 0)):
        desk.page.keyboard.press(key)
        assert focused(desk.page, "data-date") == (day + timedelta(days=moved)).isoformat()
    desk.page.keyboard.press("ArrowRight")
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_url(f"**on={market.day(31)}*")


def test_tab_leaves_the_calendar_at_once(market: Market, desk: Desk) -> None:
    desk.sit_down(market.bank.buyer)
    desk.ask(market)
    desk.page.locator('[data-calendar] [tabindex="0"]').focus()
    desk.page.keyboard.press("Tab")
    assert not desk.page.evaluate("document.activeElement.closest('[data-calendar]') !== null")


def test_arrow_keys_read_a_chart_aloud(market: Market, desk: Desk) -> None:
    desk.go("/")
    desk.page.locator("figure.chart[tabindex]").first.focus()
    desk.page.keyboard.press("ArrowRight")
    tip = desk.page.locator("figure.chart .tip").first
    assert "$" in tip.inner_text()
    desk.page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_arrow_keys_walk_the_heat_map_and_enter_asks_for_that_week(market: Market, desk: Desk) -> None:
    desk.sit_down(market.bank.buyer)
    desk.go("/")
    desk.page.locator('#scarcity svg.wide a[tabindex="0"]').focus()
    desk.page.keyboard.press("ArrowRight")
    desk.page.keyboard.press("Enter")
    desk.page.wait_for_url("**/capacity/?*")
    assert desk.page.locator(".offers li").count() >= 1


def test_the_chosen_theme_stays(market: Market, desk: Desk) -> None:
    desk.go("/")
    desk.page.get_by_role("button", name="Dark theme").click()
    desk.go("/sign-in/")
    assert desk.page.evaluate("document.documentElement.dataset.theme") == "dark"
