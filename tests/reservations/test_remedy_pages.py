"""Slips on pages: staff override, state, confirm and resolve within their rights; a buyer disputes and leaves."""

from datetime import timedelta

import pytest
from django.urls import reverse

from marketplace.parties.models import VIEWER
from marketplace.parties.staff_roles import SALES, SUPPLY_PLANNER, ensure_staff_groups
from marketplace.units import clock
from reservations.allocation.causes import CauseDispute, DelayCause
from reservations.allocation.remedies import SUBSTITUTE, RemedyOverride
from reservations.booking import states
from reservations.booking.models import Reservation
from tests.cockpit import signed_in, staff
from tests.market import Market, member, open_market
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept
from tests.reservations.test_delay_credits import LATE, cause, disputed, late_block, on_late_day
from tests.slipping import choice, contracts, second_hall, substitute, told, wait

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> Market:
    return open_market()


@pytest.fixture
def block(market: Market) -> Reservation:
    contracts(market)
    return accept(market.bank, take(market, market.bank))


def test_sales_give_more_time_or_choose_with_a_reason_and_it_is_listed(market: Market, block: Reservation) -> None:
    remedy = told(block, wait(block, 11), substitute(block, second_hall(market)))
    sales = signed_in(staff("sales", ensure_staff_groups()[SALES]))
    page = reverse("admin:remedy-override", args=[remedy.public_id])
    later = remedy.deadline + timedelta(days=2)
    both = {"deadline": f"{later:%Y-%m-%d %H:%M}", "choice": remedy.default.public_id, "reason": "their board meets"}
    assert "one of the two" in sales.post(page, both).content.decode()
    assert not RemedyOverride.objects.exists()
    said = "their board meets later"
    assert sales.post(page, {"deadline": f"{later:%Y-%m-%d %H:%M}", "reason": said}).status_code == 302
    wanted = choice(remedy, SUBSTITUTE)
    assert (
        sales.post(page, {"choice": wanted.public_id, "reason": "asked for by phone by their CFO"}).status_code == 302
    )
    remedy.refresh_from_db()
    assert remedy.chosen == wanted
    listed = sales.get(reverse("admin:reservations_remedyoverride_changelist")).content.decode()
    assert said in listed
    guest = signed_in(staff("guest"))
    assert guest.post(page, {"choice": wanted.public_id, "reason": "asked for by phone"}).status_code == 403


def test_one_planner_states_a_cause_and_another_confirms_it(market: Market, block: Reservation) -> None:
    groups = ensure_staff_groups()
    first, second = (signed_in(staff(name, groups[SUPPLY_PLANNER])) for name in ("first", "second"))
    now = clock.now()
    form = {
        "kind": "weather",
        "site": market.h100.site.pk,
        "days": "5",
        "began": now.date().isoformat(),
        "notice_at_0": now.date().isoformat(),
        "notice_at_1": f"{now:%H:%M:%S}",
        "statement": "Ice on the lines",
        "evidence": "Met office 12",
    }
    add = reverse("admin:reservations_delaycause_add")
    wrong = first.post(add, {**form, "days": "0"}, follow=True)
    assert "from 1 to 3,660" in wrong.content.decode()
    assert not DelayCause.objects.exists()
    assert first.post(add, form).status_code == 302
    made = DelayCause.objects.get()
    assert (made.stated_by, made.is_confirmed) == ("first@headroom.test", False)
    confirm = reverse("admin:cause-confirm", args=[made.pk])
    assert "A second person confirms" in first.post(confirm, follow=True).content.decode()
    made.refresh_from_db()
    assert not made.is_confirmed
    second.post(confirm)
    made.refresh_from_db()
    assert made.confirmed_by == "second@headroom.test"


def test_a_buyer_disputes_a_cause_and_sales_resolve_it(market: Market) -> None:
    block = late_block(market)
    made = cause(market, 5)
    buyer = signed_in(market.bank.buyer)
    shown = buyer.get(reverse("reservation", args=[block.public_id])).content.decode()
    assert "Ice on the lines" in shown
    answer = buyer.post(
        reverse("dispute-cause", args=[block.public_id]), {"cause": made.public_id, "text": "It was mild"}
    )
    dispute = CauseDispute.objects.get()
    thread = reverse("dispute", args=[dispute.public_id])
    assert answer["Location"] == thread
    assert "It was mild" in buyer.get(thread).content.decode()
    sales = signed_in(staff("sales", ensure_staff_groups()[SALES]))
    page = reverse("admin:dispute-thread", args=[dispute.public_id])
    assert sales.post(page, {"text": "You are right", "outcome": "reduced", "days": "2"}).status_code == 302
    dispute.refresh_from_db()
    assert (dispute.outcome, dispute.days) == ("reduced", 2)
    assert "You are right" in buyer.get(thread).content.decode()
    assert signed_in(market.rival.buyer).get(thread).status_code == 404


def test_a_viewer_reads_and_changes_nothing(market: Market, block: Reservation) -> None:
    remedy = told(block, wait(block, 11))
    made = cause(market, 5)
    dispute = disputed(market, block, made)
    viewer = signed_in(member(market.bank.organisation, "viewer@first.example", VIEWER))
    shown = viewer.get(reverse("reservation", args=[block.public_id])).content.decode()
    assert "A buyer of your organisation can choose" in shown
    for name, named, sent in [
        ("choose-remedy", remedy.public_id, {"choice": remedy.default.public_id}),
        ("dispute", dispute.public_id, {"text": "me too"}),
        ("leave-reservation", block.public_id, {}),
    ]:
        assert viewer.post(reverse(name, args=[named]), sent).status_code == 403
    remedy.refresh_from_db()
    assert (remedy.chosen, dispute.posts.count()) == (None, 1)


def test_the_button_to_leave_is_there_from_the_long_stop_date_on(market: Market) -> None:
    block = late_block(market, long_stop_days=10)
    buyer, page = signed_in(market.bank.buyer), reverse("reservation", args=[block.public_id])
    with on_late_day(block, 9):
        assert "Leave, with a full refund" not in buyer.get(page).content.decode()
        said = buyer.post(reverse("leave-reservation", args=[block.public_id]), follow=True).content.decode()
        assert "You may leave with a full refund from" in said
    with on_late_day(block, LATE - 5):
        assert "Leave, with a full refund" in buyer.get(page).content.decode()
        buyer.post(reverse("leave-reservation", args=[block.public_id]))
    block.refresh_from_db()
    assert block.status == states.CANCELLED
