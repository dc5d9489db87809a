"""The continuity planner in a browser: asked, kept, compared and taken, and axe finds nothing on any of its pages."""

from pathlib import Path

import pytest

from tests.browser.conftest import Desk
from tests.browser.test_every_page import look_around, set_up
from tests.continuity.conftest import bought, elsewhere, starting
from tests.market import Market


@pytest.fixture
def holding(market: Market) -> Market:
    """The bank has blocks in Germany and in France."""
    elsewhere(market)
    bought(market)
    bought(market, quantity=32, start=starting(market, 40))
    bought(market, "Champ Nord", quantity=16)
    return market


def test_the_way_from_a_question_to_a_bundle_and_a_comparison(holding: Market, desk: Desk, screenshots: Path) -> None:
    desk.sit_down(holding.bank.buyer)
    page, day = desk.page, holding.day(20).isoformat()
    desk.go("/continuity/")
    found = look_around(desk, "planner-empty", screenshots)
    page.get_by_role("link", name="Ask What stops").click()
    found |= look_around(desk, "planner-outage-form", screenshots)
    page.get_by_label("Northfield, DE").check()
    page.get_by_label("Lost from", exact=True).fill(day)
    page.get_by_role("button", name="Work it out").click()
    page.get_by_role("heading", name="With Northfield lost").wait_for()
    found |= look_around(desk, "planner-outage", screenshots)
    keep(desk, "Northfield lost")
    found |= look_around(desk, "scenario", screenshots)
    desk.go(f"/continuity/growth/?factor=2&start={day}&firmness=firm")
    page.get_by_text("no overage rate is agreed yet").wait_for()
    found |= look_around(desk, "planner-growth", screenshots)
    keep(desk, "Twice the usage")
    desk.go("/continuity/")
    found |= look_around(desk, "planner", screenshots)
    page.get_by_label("Compare Northfield lost").check()
    page.get_by_label("Compare Twice the usage").check()
    page.get_by_role("button", name="Compare the chosen").click()
    page.get_by_role("heading", name="2 scenarios side by side").wait_for()
    found |= look_around(desk, "planner-compared", screenshots)
    desk.go(f"/continuity/closure/?place=country:DE&start={day}&flexibility=30")
    found |= look_around(desk, "planner-closure", screenshots)
    page.get_by_role("button", name="Hold all parts").click()
    page.get_by_role("timer").wait_for()
    assert found == {}


def keep(desk: Desk, name: str) -> None:
    desk.page.get_by_label("Name", exact=True).fill(name)
    desk.page.get_by_role("button", name="Keep the scenario").click()
    desk.page.get_by_role("heading", name=name, exact=True).wait_for()


def test_nothing_of_it_scrolls_sideways_at_any_width(holding: Market, desk: Desk) -> None:
    desk.sit_down(holding.bank.buyer)
    day, wider = holding.day(20).isoformat(), []
    for width in (320, 600, 1024, 1920):
        set_up(desk, width, "light")
        for path in (
            "/continuity/",
            f"/continuity/growth/?factor=2&start={day}",
            f"/continuity/closure/?place=country:DE&start={day}",
        ):
            desk.go(path)
            wider.append(desk.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
    assert max(wider) <= 0
