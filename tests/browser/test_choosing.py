"""A buyer is told of a slip, chooses, thinks again, and finds what became of it; on a desk and on a phone."""

from pathlib import Path

import pytest

from marketplace.change import change
from marketplace.units import clock
from reservations.allocation.announcing import announce
from reservations.allocation.remedies import Remedy
from reservations.booking.models import Reservation
from reservations.tasks import settle_due_remedies
from tests.browser.conftest import Desk
from tests.browser.test_every_page import look, set_up
from tests.market import Market
from tests.slipping import contracts, likely, second_hall, substitute, wait


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_a_buyer_reads_a_notice_chooses_and_it_is_settled(
    market: Market, desk: Desk, screenshots: Path, width: int, theme: str
) -> None:
    set_up(desk, width, theme)
    found: dict[str, list[str]] = {}
    page = desk.page
    contracts(market)
    desk.sit_down(market.bank.buyer)
    desk.ask(market)
    desk.take_quote()
    assert page.get_by_role("heading", name="If we are late").count() == 1
    desk.accept()
    block = Reservation.objects.select_related("pool").get()
    hall = second_hall(market, spec={"delivery": "bare metal", "spares": "2 %", "nvlink_domain_gpus": 8})
    change.run(
        lambda: announce(
            reservation=block,
            plan=None,
            proposed=(wait(block, 11), substitute(block, hall)),
            why=likely(block),
            now=clock.now(),
        )
    )
    desk.go("/reservations/")
    page.get_by_text("Needs a choice").wait_for()
    found |= look(desk, "portfolio-needs-a-choice", screenshots)
    desk.go(f"/reservations/{block.public_id}/")
    assert page.get_by_label("Wait, with credit").is_checked()
    found |= look(desk, "remedy", screenshots)
    page.get_by_label("Take GPUs elsewhere").check()
    page.get_by_role("button", name="Confirm the choice").click()
    page.get_by_text("Chosen: take gpus elsewhere. You can change your mind until").wait_for()
    assert page.get_by_label("Take GPUs elsewhere").is_checked()
    with clock.frozen(Remedy.objects.get().deadline):
        assert settle_due_remedies() == 1
    desk.go(f"/reservations/{block.public_id}/")
    page.get_by_role("heading", name="64 H100 at Northfield East").wait_for()
    assert page.get_by_role("button", name="Confirm the choice").count() == 0
    found |= look(desk, "remedy-settled", screenshots)
    assert found == {}
