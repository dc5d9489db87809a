"""The cockpit's side of signing and screening: who may, two persons, and everything journalled."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from marketplace.journal.models import Entry
from marketplace.models import Clearance, ClearanceProposal, ListedName, MasterAgreement, ScreeningPolicy
from marketplace.parties.spending import ApprovalPolicy
from marketplace.parties.staff_roles import COMPLIANCE, ensure_staff_groups
from marketplace.units import clock
from pricing.quotes.models import Quote
from reservations.booking.models import Reservation
from tests.cockpit import Cockpit, signed_in, staff
from tests.reservations.test_admin import AGREED, bank_quote, hold

pytestmark = pytest.mark.django_db
WHY = "Checked against the register"


def compliance(name: str) -> Any:
    return signed_in(staff(name, ensure_staff_groups()[COMPLIANCE]))


def ask(client: Any, cockpit: Cockpit, **changed: Any) -> Any:
    until = (clock.today() + timedelta(days=90)).isoformat()
    form = {"organisation": cockpit.bank.pk, "end_use": "commercial", "cleared_until": until, "reason": WHY}
    return client.post(reverse("admin:marketplace_clearanceproposal_add"), form | changed)


def switch_on(client: Any, table: str = "* * * * * allow") -> None:
    starts = clock.now() + timedelta(seconds=1)
    form = {"starts_at_0": starts.date().isoformat(), "starts_at_1": starts.strftime("%H:%M:%S"), "reason": "tests"}
    answer = client.post(reverse("admin:marketplace_screeningpolicy_add"), form | {"is_on": "on", "table": table})
    assert answer.status_code == 302, answer.context["adminform"].form.errors


def test_one_asks_and_another_confirms(cockpit: Cockpit) -> None:
    anna, bela = compliance("anna"), compliance("bela")
    assert ask(anna, cockpit).status_code == 302
    proposal = ClearanceProposal.objects.get()
    confirm = reverse("admin:decide-clearance", args=[proposal.pk, "confirm"])
    page = anna.get(reverse("admin:marketplace_clearanceproposal_change", args=[proposal.pk])).content.decode()
    assert "a second person confirms or rejects it" in page
    refused = anna.post(confirm, follow=True)
    assert "Two persons clear a party" in refused.content.decode()
    assert not Clearance.objects.exists()
    bela.post(confirm)
    assert Clearance.objects.get().status == "cleared"
    assert Entry.objects.filter(verb__startswith="clearance.", subject=cockpit.bank.public_id).count() == 2


@pytest.mark.parametrize("name", ["sales", "planner", "guest"])
def test_others_of_the_staff_clear_block_and_publish_nothing(cockpit: Cockpit, name: str) -> None:
    ask(compliance("anna"), cockpit)
    client, proposal = signed_in(getattr(cockpit, name)), ClearanceProposal.objects.get()
    assert ask(client, cockpit).status_code == 403
    assert client.post(reverse("admin:decide-clearance", args=[proposal.pk, "confirm"])).status_code == 403
    for model in ("clearance", "listedname", "screeningpolicy"):
        assert client.get(reverse(f"admin:marketplace_{model}_add")).status_code == 403
    assert (ClearanceProposal.objects.count(), Clearance.objects.count()) == (1, 0)


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"reason": "ok"}, "Say why"), ({"cleared_until": "2001-01-01"}, "Choose a day after today")],
)
def test_a_request_says_what_would_be_right(cockpit: Cockpit, changed: dict[str, str], said: str) -> None:
    client = compliance("anna")
    answer = ask(client, cockpit, **changed)
    page = client.get(answer.url) if answer.status_code == 302 else answer
    assert said in page.content.decode()
    assert not ClearanceProposal.objects.exists()


def test_one_person_blocks_and_a_listed_name_is_taken_off_with_a_reason(cockpit: Cockpit) -> None:
    anna = compliance("anna")
    form = {"organisation": cockpit.bank.pk, "reason": "A news report, to be checked"}
    for _ in range(2):
        answer = anna.post(reverse("admin:marketplace_clearance_add"), form)
        assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert Clearance.objects.get().status == "blocked"
    anna.post(reverse("admin:marketplace_listedname_add"), {"name": "Kessel Works", "source": "our own"})
    listed = ListedName.objects.get()
    remove = reverse("admin:remove-listed-name", args=[listed.pk])
    anna.post(remove, {"reason": "no"})
    assert ListedName.objects.get().removed_at is None
    anna.post(remove, {"reason": "Another company of that name"})
    assert ListedName.objects.get().removed_at is not None


def test_rules_that_make_no_sense_are_named_beside_the_table(cockpit: Cockpit) -> None:
    starts = clock.now() + timedelta(minutes=1)
    form = {"starts_at_0": starts.date().isoformat(), "starts_at_1": starts.strftime("%H:%M:%S"), "reason": "tests"}
    answer = compliance("anna").post(
        reverse("admin:marketplace_screeningpolicy_add"), form | {"is_on": "on", "table": "* Germany * * * allow"}
    )
    assert "two capital letters such as DE" in answer.content.decode()
    assert not ScreeningPolicy.objects.exists()


def test_what_a_new_policy_makes_unclear_is_listed_and_cannot_be_accepted(cockpit: Cockpit) -> None:
    anna, sales = compliance("anna"), signed_in(cockpit.sales)
    page = hold(sales, cockpit).url
    sales.post(page + "accept/", {"reason": AGREED}, follow=True)
    bank_quote(cockpit)
    held, quote = Reservation.objects.get(), Quote.objects.get(status="open")
    unclear = reverse("admin:no-longer-clear")
    assert held.public_id not in sales.get(unclear).content.decode()
    switch_on(anna)
    with clock.frozen(clock.now() + timedelta(seconds=5)):
        listed = sales.get(unclear).content.decode()
        assert held.public_id in listed
        assert quote.public_id in listed
        address = reverse("admin:sell-accept", args=[quote.public_id])
        refused = sales.post(address, {"reason": AGREED}, follow=True).content.decode()
    assert "This purchase needs a screening by Headroom" in refused
    assert Reservation.objects.count() == 1


def test_sales_record_an_agreement_and_end_it_with_a_reason(cockpit: Cockpit) -> None:
    sales, today = signed_in(cockpit.sales), clock.today()
    form = {
        "organisation": cockpit.seller.pk,
        "document_version": "2026-11",
        "document_digest": "b" * 64,
        "signed_on": today.isoformat(),
        "signed_by": "Their CFO",
        "in_force_from": today.isoformat(),
    }
    add = reverse("admin:marketplace_masteragreement_add")
    assert sales.post(add, form | {"document_digest": "xyz"}).status_code == 200
    assert sales.post(add, form).status_code == 302
    made = MasterAgreement.objects.get(document_digest="b" * 64)
    change = reverse("admin:marketplace_masteragreement_change", args=[made.pk])
    until = (today + timedelta(days=30)).isoformat()
    assert sales.post(change, {"until": today.isoformat(), "reason": "x"}).status_code == 200
    rows = {f"authorities-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL")}
    assert sales.post(change, {"until": until, "reason": "Replaced", **rows}).status_code == 302
    made.refresh_from_db()
    assert made.until is not None
    assert made.until.isoformat() == until
    assert Entry.objects.get(verb="agreement.ended", subject=made.public_id).reason == "Replaced"
    assert signed_in(cockpit.planner).post(add, form).status_code == 403


def test_a_root_publishes_how_long_an_approval_waits(cockpit: Cockpit) -> None:
    starts = clock.now() + timedelta(minutes=1)
    form = {"starts_at_0": starts.date().isoformat(), "starts_at_1": starts.strftime("%H:%M:%S"), "hours": "48"}
    signed_in(cockpit.root).post(reverse("admin:marketplace_approvalpolicy_add"), form)
    made = ApprovalPolicy.objects.get()
    assert (made.version, made.hours) == (1, 48)


def test_the_order_form_is_downloaded_in_the_cockpit(cockpit: Cockpit) -> None:
    sales = signed_in(cockpit.sales)
    sales.post(hold(sales, cockpit).url + "accept/", {"reason": AGREED, "purchase_order": "PO 9"})
    held = Reservation.objects.get()
    address = reverse("admin:reservation-order-form", args=[held.pk])
    pdf = sales.get(address)
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert b"PO 9" in pdf.content
    assert signed_in(cockpit.guest).get(address).status_code == 403
