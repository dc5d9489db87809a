"""A buyer asks, an approver approves, and both find the order form; on a desk and on a phone."""

from pathlib import Path

import pytest

from marketplace.parties.models import ADMIN
from marketplace.parties.spending import CostCentre
from marketplace.units import clock
from reservations.booking.models import Reservation
from tests.browser.conftest import Desk
from tests.browser.test_every_page import look, set_up
from tests.market import Market, member


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_an_administrator_sets_rules_a_buyer_asks_and_an_approver_approves(
    market: Market, desk: Desk, screenshots: Path, width: int, theme: str
) -> None:
    set_up(desk, width, theme)
    found: dict[str, list[str]] = {}
    page = desk.page
    desk.sit_down(member(market.bank.organisation, "admin@first.example", ADMIN))
    desk.go("/organisation/spending/")
    page.get_by_label("Code", exact=True).fill("4711")
    page.get_by_label("Name", exact=True).fill("Risk analytics")
    page.get_by_label("Budget by").select_option("year")
    page.get_by_label("Charged where a purchase names none").check()
    page.get_by_role("button", name="Open the cost centre").click()
    for year in range(clock.today().year, clock.today().year + 2):
        page.get_by_label("First day of the year").fill(f"{year}-01-01")
        page.get_by_label("Amount, USD").fill("5000000")
        page.get_by_role("button", name="Set the budget").click()
    page.get_by_label("For totals above, USD").fill("1000")
    page.get_by_role("button", name="Set the chain").click()
    assert CostCentre.objects.get().budgets.count() == 2
    found |= look(desk, "spending", screenshots)
    desk.go("/organisation/signing/")
    page.get_by_label("Legal name").fill("Fjord Genomics AS")
    page.get_by_label("Country", exact=True).fill("NO")
    page.get_by_role("button", name="Register the end customer").click()
    found |= look(desk, "signing", screenshots)

    desk.sit_down(market.bank.buyer)
    desk.ask(market)
    desk.take_quote()
    found |= look(desk, "quote-with-rules", screenshots)
    page.get_by_label("Purchase order").fill("PO 4500012")
    page.get_by_role("button", name="Ask to approve $").click()
    page.get_by_text("Asked for approval: the 64 GPUs are kept until").wait_for()
    found |= look(desk, "pending-approval", screenshots)

    desk.sit_down(market.bank.approver)
    desk.go("/approvals/")
    assert "1 approval waits for you" in page.get_by_role("heading", level=1).inner_text()
    found |= look(desk, "approvals", screenshots)
    page.get_by_role("button", name="Approve $").click()
    page.get_by_text("Approved: the GPUs are reserved.").wait_for()
    found |= look(desk, "approved", screenshots)
    with page.expect_download() as download:
        page.get_by_role("link", name="Order form (PDF)").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")
    assert Reservation.objects.get().status == "scheduled"
    assert found == {}
