"""Every page in both themes, on a desk and on a phone: axe finds nothing, nothing scrolls sideways, and a picture.

The `page` fixture refuses requests to other hosts and errors in scripts, so these pages have neither.
"""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.outbox.addresses import Reach, parse
from marketplace.outbox.subscribing import create_endpoint, ping
from marketplace.parties.models import ADMIN
from marketplace.supply.providing import Said, report_own_milestone
from marketplace.units import clock
from tests.browser.conftest import Desk
from tests.market import Market, member, phase

WIDTHS = (1440, 390)
THEMES = ("light", "dark")
PUBLIC = {
    "market": "/",
    "market-standby": "/?firmness=standby&range=60",
    "sign-in": "/sign-in/",
    "problem": "/errors/price_changed/",
    "not-found": "/nothing/here/",
    "api": "/api/docs/",
    "calibration": "/calibration/",
}
MEMBERS = {
    "ask": "/capacity/",
    "bundle-empty": "/capacity/together/",
    "ramp": "/capacity/ramp/",
    "bundles": "/bundles/",
    "waitlist": "/waitlist/",
    "quotes": "/quotes/",
    "portfolio": "/reservations/",
    "organisation": "/organisation/",
    "energy": "/reservations/energy/",
}


def faults(desk: Desk) -> list[str]:
    """What axe finds, and whether the page is wider than its window."""
    found = Axe().run(desk.page)
    wide = desk.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    said = [found.generate_report()] if found.violations_count else []
    return said + ([f"{wide} pixels too wide"] if wide > 0 else [])


def look(desk: Desk, name: str, folder: Path) -> dict[str, list[str]]:
    size = desk.page.viewport_size
    theme = "dark" if desk.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
    desk.page.screenshot(path=folder / f"{name}-{size['width'] if size else 0}-{theme}.png", full_page=True)
    found = faults(desk)
    return {name: found} if found else {}


def set_up(desk: Desk, width: int, theme: str) -> None:
    desk.page.set_viewport_size({"width": width, "height": 900})
    desk.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", THEMES)
def test_public_pages(market: Market, desk: Desk, screenshots: Path, width: int, theme: str) -> None:
    set_up(desk, width, theme)
    found: dict[str, list[str]] = {}
    for name, path in PUBLIC.items():
        desk.go(path)
        found |= look(desk, name, screenshots)
    assert found == {}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", THEMES)
def test_the_way_from_a_question_to_a_reservation(
    market: Market, desk: Desk, screenshots: Path, width: int, theme: str
) -> None:
    set_up(desk, width, theme)
    desk.sit_down(market.bank.buyer)
    found: dict[str, list[str]] = {}
    for name, changed in (
        ("empty", {"quantity": "0"}),
        ("refusal", {"quantity": 3000}),
        ("wishes", {"delivery": "bare metal", "sort": "least_co2"}),
        ("offers", {"flexibility": 21}),
    ):
        desk.ask(market, **changed)
        found |= look(desk, name, screenshots)
    desk.page.get_by_role("button", name="Start a bundle with this").click()
    found |= look(desk, "together", screenshots)
    desk.page.get_by_role("button", name="Hold all parts").click()
    desk.page.get_by_role("timer").wait_for()
    found |= look(desk, "bundle", screenshots)
    desk.ask(market, flexibility=21)
    desk.take_quote()
    found |= look(desk, "quote", screenshots)
    desk.accept()
    found |= look(desk, "reservation", screenshots)
    for name, path in MEMBERS.items():
        desk.go(path)
        found |= look(desk, name, screenshots)
    assert found == {}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", THEMES)
def test_webhooks_and_a_sellers_build_out(
    market: Market, desk: Desk, screenshots: Path, width: int, theme: str
) -> None:
    set_up(desk, width, theme)
    target = parse("https://hooks.example/a/rather/long/address/of/a/receiver", reach=Reach())
    bank, now = market.bank.organisation, clock.now()
    made = create_endpoint(organisation_id=bank.pk, target=target, by=SYSTEM, now=now)
    ping(endpoint=made.endpoint, by=SYSTEM, now=now)
    hall = phase(market.h100)
    said = Said("power", forecast=market.day(150), note="The transformer is late")
    reported: dict[str, Any] = {"provider_id": market.seller.organisation.pk, "project": hall.public_id, "said": said}
    change.run(lambda: report_own_milestone(**reported, by=SYSTEM, now=now))
    found: dict[str, list[str]] = {}
    desk.sit_down(member(bank, "admin@first.example", ADMIN))
    for name, path in (("webhooks", ""), ("webhook", f"{made.endpoint.public_id}/")):
        desk.go(f"/organisation/webhooks/{path}")
        found |= look(desk, name, screenshots)
    desk.sit_down(market.seller.buyer)
    desk.go("/selling/build-out/")
    found |= look(desk, "build-out", screenshots)
    assert found == {}


@pytest.mark.parametrize("width", [320, 600, 820, 1024, 1280, 1920])
def test_nothing_scrolls_sideways_at_any_width(market: Market, desk: Desk, width: int) -> None:
    set_up(desk, width, "light")
    desk.sit_down(market.bank.buyer)
    wider = []
    for path in ("/", "/capacity/", "/organisation/", "/api/docs/", "/quotes/"):
        desk.go(path)
        wider.append(desk.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
    desk.ask(market)
    wider.append(desk.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
    assert max(wider) <= 0


@pytest.mark.parametrize("theme", THEMES)
def test_a_market_that_has_not_opened(transactional_db: None, desk: Desk, screenshots: Path, theme: str) -> None:
    set_up(desk, 1440, theme)
    desk.go("/")
    assert desk.page.get_by_text("The market opens when the first projection is priced").is_visible()
    assert look(desk, "unopened", screenshots) == {}
