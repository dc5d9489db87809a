"""What a rival sees of a bank's trade: nothing."""

import re
from datetime import timedelta

from marketplace.units import clock
from pricing.curve.actions import publish_tape
from tests.browser.conftest import Desk
from tests.market import Market, later_today

BEFORE_OR_AFTER = re.compile(r"As of .* UTC")


def buy(market: Market, desk: Desk, **block: object) -> tuple[str, str]:
    """The bank buys; the paths of its quote and its reservation."""
    desk.sit_down(market.bank.buyer)
    desk.ask(market, **block)
    return desk.take_quote(), desk.accept()


def board(desk: Desk) -> str:
    """Everything that the board says, tables included, but for the time of its tape."""
    desk.go("/")
    text = desk.page.locator("main").evaluate("main => main.textContent")
    return BEFORE_OR_AFTER.sub("", str(text))


def test_a_rival_cannot_open_the_banks_quote_or_reservation(market: Market, desk: Desk) -> None:
    paths = buy(market, desk)
    desk.page.context.clear_cookies()
    desk.sit_down(market.rival.buyer)
    for path in paths:
        assert desk.go(path) == 404
        assert "There is nothing at this address" in desk.page.get_by_role("heading", level=1).inner_text()
        assert "Northfield" not in desk.page.locator("main").inner_text()


def test_a_rivals_lists_are_empty_after_the_banks_trade(market: Market, desk: Desk) -> None:
    buy(market, desk)
    desk.page.context.clear_cookies()
    desk.sit_down(market.rival.buyer)
    desk.go("/quotes/")
    assert desk.page.get_by_text("No quotes yet").is_visible()
    desk.go("/reservations/")
    assert desk.page.get_by_text("No reservations yet").is_visible()


def test_the_board_is_the_same_after_a_trade_smaller_than_the_tapes_step(market: Market, desk: Desk) -> None:
    before = board(desk)
    buy(market, desk, quantity=8)
    desk.page.context.clear_cookies()
    publish_tape(now=later_today(60))
    assert board(desk) == before


def test_the_board_names_no_buyer_and_no_trade(market: Market, desk: Desk) -> None:
    paths = buy(market, desk, quantity=1024)
    desk.page.context.clear_cookies()
    publish_tape(now=clock.now() + timedelta(hours=1))
    desk.go("/")
    source = desk.page.content()
    for secret in ("First Bank", "buyer@first.example", *(path.split("/")[2] for path in paths)):
        assert secret not in source
