"""A buyer puts a bundle together, plans a ramp and waits for what is not there, in the browser."""

from reservations.booking.models import Reservation
from reservations.booking.waitlist.models import WaitlistEntry
from reservations.tasks import serve_due_waitlist
from tests.browser.conftest import Desk
from tests.market import Market


def test_a_bundle_of_two_parts_is_bought_whole(market: Market, desk: Desk) -> None:
    desk.sit_down(market.bank.buyer)
    desk.ask(market)
    desk.page.get_by_role("button", name="Start a bundle with this").click()
    desk.page.get_by_role("link", name="Add another part").click()
    desk.page.get_by_label("How much").fill("72")
    desk.page.get_by_label("Accelerator", exact=True).select_option("gb200")
    desk.page.get_by_role("button", name="Add this as part 2").click()
    desk.page.get_by_role("heading", name="Bundle of 2 parts").wait_for()
    desk.page.get_by_role("button", name="Hold all parts").click()
    desk.page.get_by_role("timer").wait_for()
    desk.page.get_by_role("button", name="Accept $").click()
    desk.page.get_by_text("Reserved: all 2 parts.").wait_for()
    assert Reservation.objects.count() == 2


def test_a_ramp_is_planned_and_held(market: Market, desk: Desk) -> None:
    desk.sit_down(market.bank.buyer)
    desk.go("/capacity/")
    desk.page.get_by_role("link", name="plan a ramp").click()
    desk.page.get_by_label("Accelerator").select_option("h100")
    for number, (day, gpus) in enumerate(((10, 64), (40, 128)), 1):
        desk.page.get_by_label(f"Step {number} from").fill(market.day(day).isoformat())
        desk.page.get_by_label(f"Step {number} GPUs").fill(str(gpus))
    desk.page.get_by_label("Until, not included").fill(market.day(70).isoformat())
    desk.page.get_by_role("button", name="Show offers").click()
    desk.page.get_by_role("button", name="Hold all parts").click()
    desk.page.get_by_role("timer").wait_for()
    assert "Ramp of 2 parts" in desk.page.get_by_role("heading", level=1).inner_text()


def test_who_waits_is_offered_what_comes_free(market: Market, desk: Desk) -> None:
    desk.sit_down(market.bank.buyer)
    desk.ask(market)
    desk.page.get_by_label("Wait for it at up to").fill("50")
    desk.page.get_by_role("button", name="Join the waitlist").click()
    desk.page.get_by_text("You are on the waitlist.").wait_for()
    assert WaitlistEntry.objects.get().status == "waiting"
    serve_due_waitlist()
    desk.go("/waitlist/")
    desk.page.get_by_role("timer").wait_for()
    desk.page.get_by_role("link", name="See the quote for").click()
    desk.page.get_by_role("button", name="Accept $").wait_for()
