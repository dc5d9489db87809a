"""A browser before a live market: who sits at it, and where its pictures go."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from marketplace.local.home import Home
from marketplace.parties.models import User
from tests.market import PASSWORD, Market, open_market


@dataclass(frozen=True)
class Desk:
    """One person's browser at the product's own address."""

    page: Page
    url: str

    def go(self, path: str) -> int:
        """Opens a page; the status that it answered with."""
        answer = self.page.goto(self.url + path)
        assert answer is not None
        return answer.status

    def ask(self, market: Market, **changed: object) -> int:
        """Asks for the market's usual block, as the form would."""
        asked = {
            "quantity": 64,
            "accelerator": "h100",
            "days": 30,
            "start": market.day(30).isoformat(),
            "flexibility": 7,
            "firmness": "firm",
            "where": "",
        }
        return self.go(f"/capacity/?{urlencode(asked | changed)}")

    def wide(self) -> int:
        """By how many pixels the page is wider than its window; not above 0 where nothing scrolls sideways."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def total(self) -> float:
        """The amount that binds, as the page says it."""
        shown = self.page.locator(".pop strong.ink").inner_text()
        return float(shown.removeprefix("$").replace(",", ""))

    def sign_in(self, user: User) -> None:
        """By the form, as people do."""
        self.go("/sign-in/")
        self.page.get_by_label("E-mail").fill(user.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()

    def sit_down(self, user: User) -> None:
        """Signed in already: with a session's cookie."""
        client = Client()
        client.force_login(user)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        self.page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": self.url}])

    def take_quote(self) -> str:
        """Takes the chosen offer; the quote's path."""
        self.page.get_by_role("button", name="Get a firm quote").click()
        self.page.get_by_role("timer").wait_for()
        return self.page.url.removeprefix(self.url)

    def accept(self) -> str:
        """Accepts the quote on the page; the reservation's path."""
        self.page.get_by_role("button", name="Accept $").click()
        self.page.wait_for_url("**/reservations/rsv_*/")
        return self.page.url.removeprefix(self.url)


@pytest.fixture
def market(transactional_db: None) -> Market:
    return open_market()


@pytest.fixture
def desk(page: Page, live_server: LiveServer) -> Desk:
    page.set_default_timeout(30_000)  # a picture of a long page takes a while on two busy cores
    return Desk(page, live_server.url)


@pytest.fixture
def screenshots() -> Path:
    folder = Home("test").path / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
