"""Every page in both themes, on a desk and on a phone: axe finds nothing, nothing scrolls sideways, and a picture.

The `page` fixture refuses requests to other hosts and errors in scripts, so these pages have neither.
"""

from pathlib import Path
from typing import Any

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

LOOKS = [(390, "dark"), (390, "light"), (1440, "dark"), (1440, "light")]
PUBLIC = {
    "market": "/",
    "market-standby": "/?firmness=standby&range=60",
    "sign-in": "/sign-in/",
    "problem": "/errors/price_changed/",
    "not-found": "/nothing/here/",
    "calibration": "/calibration/",
}
API = "/api/docs/"
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
    wide = desk.wide()
    said = [found.generate_report()] if found.violations_count else []
    return said + ([f"{wide} pixels too wide"] if wide > 0 else [])


def look(desk: Desk, name: str, folder: Path) -> dict[str, list[str]]:
    """What is wrong with the page as it stands."""
    size = desk.page.viewport_size
    theme = "dark" if desk.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
    desk.page.screenshot(path=folder / f"{name}-{size['width'] if size else 0}-{theme}.png", full_page=True)
    found = faults(desk)
    return {f"{name}, {size}, {theme}": found} if found else {}


def look_around(desk: Desk, name: str, folder: Path) -> dict[str, list[str]]:
    """What is wrong with it at each width and in each theme; it is left on a desk, in the light."""
    found: dict[str, list[str]] = {}
    for width, theme in LOOKS:
        set_up(desk, width, theme)
        found |= look(desk, name, folder)
    return found


def set_up(desk: Desk, width: int, theme: str) -> None:
    desk.page.set_viewport_size({"width": width, "height": 900})
    desk.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")


def test_public_pages(market: Market, desk: Desk, screenshots: Path) -> None:
    found: dict[str, list[str]] = {}
    for name, path in PUBLIC.items():
        desk.go(path)
        found |= look_around(desk, name, screenshots)
    assert found == {}


def test_the_page_of_the_api(market: Market, desk: Desk, screenshots: Path) -> None:
    """As it opens: it goes on writing itself for longer than anybody looks, and is not turned around."""
    found: dict[str, list[str]] = {}
    for width, theme in LOOKS:
        set_up(desk, width, theme)
        desk.go(API)
        found |= look(desk, "api", screenshots)
    assert found == {}


def test_the_way_from_a_question_to_a_reservation(market: Market, desk: Desk, screenshots: Path) -> None:
    desk.sit_down(market.bank.buyer)
    found: dict[str, list[str]] = {}
    for name, changed in (
        ("empty", {"quantity": "0"}),
        ("refusal", {"quantity": 3000}),
        ("wishes", {"delivery": "bare metal", "sort": "least_co2"}),
        ("offers", {"flexibility": 21}),
    ):
        desk.ask(market, **changed)
        found |= look_around(desk, name, screenshots)
    desk.page.get_by_role("button", name="Start a bundle with this").click()
    found |= look_around(desk, "together", screenshots)
    desk.page.get_by_role("button", name="Hold all parts").click()
    desk.page.get_by_role("timer").wait_for()
    found |= look_around(desk, "bundle", screenshots)
    desk.ask(market, flexibility=21)
    desk.take_quote()
    found |= look_around(desk, "quote", screenshots)
    desk.accept()
    found |= look_around(desk, "reservation", screenshots)
    for name, path in MEMBERS.items():
        desk.go(path)
        found |= look_around(desk, name, screenshots)
    assert found == {}


def test_webhooks_and_a_sellers_build_out(market: Market, desk: Desk, screenshots: Path) -> None:
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
        found |= look_around(desk, name, screenshots)
    desk.sit_down(market.seller.buyer)
    desk.go("/selling/build-out/")
    found |= look_around(desk, "build-out", screenshots)
    assert found == {}


def test_nothing_scrolls_sideways_at_any_width(market: Market, desk: Desk) -> None:
    desk.sit_down(market.bank.buyer)
    wider = {}
    for path in ("/", "/capacity/", "/organisation/", "/quotes/", "an answer", API):
        _ = desk.ask(market) if path == "an answer" else desk.go(path)
        for width in (320, 600, 820, 1024, 1280, 1920):
            set_up(desk, width, "light")
            if path == API:
                desk.go(path)
            if (wide := desk.wide()) > 0:
                wider[f"{path} at {width}"] = wide
    assert wider == {}


def test_a_market_that_has_not_opened(transactional_db: None, desk: Desk, screenshots: Path) -> None:
    desk.go("/")
    assert desk.page.get_by_text("The market opens when the first projection is priced").is_visible()
    assert look_around(desk, "unopened", screenshots) == {}
