"""Staff in the cockpit: finance records transfers, sales ask for exits and consent, each within its rights."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from marketplace.parties.models import User
from marketplace.parties.staff_roles import FINANCE, SALES, ensure_staff_groups
from marketplace.units import clock
from pricing.quotes import delays, handover
from pricing.quotes.contracts import ContractPolicy
from pricing.quotes.exits import SHIPPED
from pricing.quotes.models import Quote
from reservations.booking import states
from reservations.booking.amendments import Assignment, ReservationChange
from reservations.booking.assigning import offer_assignment
from reservations.booking.dues import balance
from reservations.booking.models import Reservation
from reservations.booking.money import Receipt
from tests.cockpit import signed_in, staff
from tests.market import Market
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept
from tests.reservations.test_payments import unpaid

pytestmark = pytest.mark.django_db


@pytest.fixture
def groups() -> dict[str, Any]:
    return ensure_staff_groups()


@pytest.fixture
def sales(groups: dict[str, Any]) -> Any:
    return signed_in(staff("sales", groups[SALES]))


@pytest.fixture
def finance(groups: dict[str, Any]) -> Any:
    return signed_in(staff("finance", groups[FINANCE]))


@pytest.fixture
def block(market: Market) -> Reservation:
    return accept(market.bank, take(market, market.bank))


def text(answer: Any) -> str:
    return str(answer.content.decode())


def test_finance_records_a_transfer_that_schedules_the_block(market: Market, finance: Any) -> None:
    block = unpaid(market)
    page = reverse("admin:reservations_receipt_add")
    assert block.public_id in text(finance.get(page, {"reference": block.public_id}))
    typed = {
        "reference": block.public_id,
        "bank_reference": "WIRE 7",
        "amount": str(balance(block)),
        "currency": "USD",
        "received_on": clock.today().isoformat(),
    }
    assert finance.post(page, typed).status_code == 302
    block.refresh_from_db()
    assert block.status == states.SCHEDULED
    assert finance.post(page, typed).status_code == 302
    wrong = finance.post(page, {**typed, "amount": "1.00"}, follow=True)
    assert "A transfer is recorded once. Nothing was recorded." in text(wrong)
    unknown = finance.post(page, {**typed, "reference": "rsv_none"})
    assert "There is no reservation with this id" in text(unknown)
    assert Receipt.objects.count() == 1
    receipt = Receipt.objects.get()
    assert finance.get(reverse("admin:reservations_receipt_change", args=[receipt.pk])).status_code == 200
    assert "WIRE 7" in text(finance.get(reverse("admin:reservations_receipt_changelist")))
    assert finance.get(reverse("admin:reservations_due_changelist")).status_code == 200


def test_sales_record_no_money_and_finance_changes_no_block(
    market: Market, block: Reservation, sales: Any, finance: Any
) -> None:
    assert sales.get(reverse("admin:reservations_receipt_add")).status_code == 403
    assert sales.post(reverse("admin:reservations_receipt_add"), {}).status_code == 403
    life = reverse("admin:reservation-life", args=[block.public_id])
    assert finance.get(life).status_code == 200
    assert finance.post(life + "change/", {"kind": "cancel", "cause": "convenience"}).status_code == 403
    assert finance.post(life + "hand-over/").status_code == 403
    assert not Receipt.objects.exists()
    assert not ReservationChange.objects.exists()


def test_staff_without_a_group_see_no_life(block: Reservation) -> None:
    guest = signed_in(staff("guest"))
    assert guest.get(reverse("admin:reservation-life", args=[block.public_id])).status_code == 403


def test_an_exit_for_cause_takes_two_of_the_staff(market: Market, block: Reservation, sales: Any, groups: Any) -> None:
    life = reverse("admin:reservation-life", args=[block.public_id])
    form = {"kind": "cancel", "cause": "insolvency", "reason": "They went insolvent.", "evidence": ""}
    assert "give a reference to the evidence" in text(sales.post(life + "change/", form))
    asked = sales.post(life + "change/", {**form, "evidence": "case 4 IN 12/27"})
    quote = Quote.objects.get(kind="cancel")
    assert asked.url == reverse("admin:sell-quote", args=[quote.public_id])
    assert "a change of" in text(sales.get(asked.url))
    same = sales.post(asked.url + "accept/", {"reason": "Told by the insolvency administrator"}, follow=True)
    assert "A second person confirms" in text(same)
    second = signed_in(staff("second", groups[SALES]))
    second.post(asked.url + "accept/", {"reason": "Told by the insolvency administrator"})
    block.refresh_from_db()
    assert block.status == states.CANCELLED
    page = text(second.get(life))
    assert "case 4 IN 12/27" in page
    assert "cancel: scheduled to cancelled" in page


def test_a_wish_that_makes_no_sense_is_said_in_the_form(market: Market, block: Reservation, sales: Any) -> None:
    page = reverse("admin:reservation-life", args=[block.public_id]) + "change/"
    assert "lots of 8" in text(sales.post(page, {"kind": "resize", "quantity": "12", "cause": "convenience"}))
    assert not ReservationChange.objects.exists()


def test_access_is_handed_over_a_day_before_and_not_sooner(market: Market, block: Reservation, sales: Any) -> None:
    life = reverse("admin:reservation-life", args=[block.public_id])
    early = sales.post(life + "hand-over/", follow=True)
    assert "not sooner" in text(early)
    with clock.frozen(states.midnight(block.start) - timedelta(hours=20)):
        sales.post(life + "hand-over/", {"reason": "keys sent to their engineer"})
    block.refresh_from_db()
    assert (block.status, block.transitions.get().by) == (states.DELIVERING, "sales@headroom.test")


def test_the_seller_consents_with_a_reason_or_refuses(
    market: Market, block: Reservation, sales: Any, finance: Any
) -> None:
    offer_assignment(
        reservation=block.public_id,
        receiver=market.rival.organisation.public_id,
        grounds="affiliate",
        note="one group",
        by=market.bank.buyer.as_actor(market.bank.organisation.pk),
        organisation_id=market.bank.organisation.pk,
        roles={states.BUYER},
    )
    made = Assignment.objects.get()
    page = reverse("admin:assignment-consent", args=[made.public_id])
    assert page in text(sales.get(reverse("admin:reservations_assignment_change", args=[made.pk])))
    assert finance.post(page, {"reason": "same group of companies"}).status_code == 403
    assert "10 characters" in text(sales.post(page, {"reason": "yes"}))
    made.refresh_from_db()
    assert made.status == "offered"
    sales.post(page, {"reason": "same group of companies"})
    made.refresh_from_db()
    assert (made.status, made.consented_by) == ("consented", "sales@headroom.test")
    again = sales.post(page, {"reason": "not the same group", "_refuse": "1"}, follow=True)
    assert "has consented already" in text(again)


def test_a_contract_policy_is_published_and_never_edited(market: Market) -> None:
    root = signed_in(User.objects.create_superuser("root@headroom.test", "x", name="Root"))
    page = reverse("admin:pricing_contractpolicy_add")
    assert root.get(page).status_code == 200
    starts = clock.now() + timedelta(hours=1)
    form = {
        "seller": "",
        "starts_at_0": starts.date().isoformat(),
        "starts_at_1": f"{starts:%H:%M:%S}",
        "reason": "deposits from now on",
        "payment_days": "5",
        "deposit_percent": "10",
        "acceptance_days": "1",
        "handover": "provider",
        "ready_notice_days": "7",
        "end_notice_days": "14",
        "acceptance_tests": json.dumps(handover.SHIPPED),
        "turnaround_days": "0",
        "lock_hours": "24",
        "change_minutes": "20",
        "first_call_days": "30",
        "first_call_hours": "0",
        "assignment_days": "5",
        "exits": json.dumps(SHIPPED),
        "delay": json.dumps(delays.SHIPPED),
    }
    wrong = root.post(page, {**form, "exits": '{"boredom": {}}'})
    assert "Give every cause once" in text(wrong)
    wrong = root.post(page, {**form, "delay": json.dumps({**delays.SHIPPED, "cap_percent": 101})})
    assert "cap_percent is a whole number from 0 to 100." in text(wrong)
    assert root.post(page, form).status_code == 302
    made = ContractPolicy.objects.get()
    assert (made.version, made.deposit_percent) == (1, 10)
    shown = reverse("admin:pricing_contractpolicy_change", args=[made.pk])
    assert root.post(shown, form).status_code == 403
    assert f"?copy={made.pk}" in text(root.get(shown))
    assert "50 % of a day’s price for each late day, from late day 3 on" in text(root.get(shown))
