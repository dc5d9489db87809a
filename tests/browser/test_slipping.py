"""A slip in a browser: staff enter it, see what it would do, save it, and read the plan; its buyer sees it at once."""

from pathlib import Path

import pytest
from django.urls import reverse

from marketplace.models import MaintenanceWindow, User
from reservations.allocation.models import Plan
from reservations.tasks import watch_due_shortfalls
from tests.browser.conftest import Desk
from tests.market import PASSWORD, Market
from tests.slips import let_it_slip, projected, reserved

pytestmark = pytest.mark.django_db(transaction=True)


def test_staff_see_a_slip_before_they_save_it_and_read_the_plan_afterwards(
    market: Market, desk: Desk, screenshots: Path
) -> None:
    let_it_slip(market)
    block = reserved(market)
    projected()
    desk.sit_down(User.objects.create_superuser("root@headroom.test", PASSWORD, name="Root"))
    page = desk.page
    pool = market.h100.pk
    desk.go(reverse("admin:marketplace_maintenancewindow_add"))
    page.evaluate(f"document.querySelector('#id_pool').add(new Option('the pool', '{pool}', true, true))")
    page.locator("#id_starts").fill(market.day(5).isoformat())
    page.locator("#id_ends").fill(market.day(60).isoformat())
    page.locator("#id_usable_share").fill("0.01")
    page.locator("#id_reason").fill("A new cooling loop")
    page.locator("button[name=_save], input[name=_save]").first.click()
    page.get_by_text("Nothing is saved yet").wait_for()
    page.screenshot(path=screenshots / "slip-preview.png", full_page=True)
    assert page.get_by_role("row", name="First Bank").count() == 1
    assert not MaintenanceWindow.objects.exists()
    page.get_by_role("button", name="Save it").click()
    page.wait_for_url("**/admin/marketplace/maintenancewindow/**")
    assert MaintenanceWindow.objects.get().reason == "A new cooling loop"
    projected()
    desk.go(reverse("admin:reservations_shortfall_changelist"))
    watch_due_shortfalls()
    desk.go(reverse("admin:reservations_plan_change", args=[Plan.objects.get().pk]))
    page.get_by_text("Proven bound: no plan does less").wait_for()
    page.screenshot(path=screenshots / "plan.png", full_page=True)
    desk.page.context.clear_cookies()
    desk.sit_down(market.bank.buyer)
    desk.go(reverse("reservation", args=[block.public_id]))
    assert page.get_by_text("Less will be there at Northfield").first.is_visible()
    page.screenshot(path=screenshots / "slipped-reservation.png", full_page=True)
