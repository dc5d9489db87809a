"""A slip in the cockpit: seen before it is saved, then watched, planned and overridden; and what a buyer sees of it."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.models import Entry, MaintenanceWindow, Milestone, ProjectionDue, User
from marketplace.parties.staff_roles import SALES, SUPPLY_PLANNER, ensure_staff_groups
from reservations.allocation.choosing import choose_for
from reservations.allocation.models import AllocationPolicy, Plan, Shortfall
from reservations.allocation.remedies import Remedy
from reservations.tasks import watch_due_shortfalls
from tests.cockpit import signed_in, staff
from tests.market import PASSWORD, Market, Party
from tests.reservations.test_plans import twin
from tests.slips import away, open_slipping_market, projected, reserved

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> Market:
    return open_slipping_market()


def planner() -> Any:
    return signed_in(staff("planner", ensure_staff_groups()[SUPPLY_PLANNER]))


def window(market: Market, **changed: Any) -> dict[str, Any]:
    body = {"pool": market.h100.pk, "starts": market.day(5), "ends": market.day(60), "usable_share": "0.01"}
    return {**body, "reason": "a new cooling loop", "source": "", **changed}


def ask(party: Party, path: str) -> Any:
    answer = Client().get(f"/api/v1{path}", headers={"authorization": f"Bearer {party.key}"})
    return answer.status_code, json.loads(answer.content)


def test_a_maintenance_window_is_seen_before_it_is_saved(market: Market) -> None:
    block = reserved(market)
    projected()
    asked, client = ProjectionDue.objects.count(), planner()
    address = reverse("admin:marketplace_maintenancewindow_add")
    shown = client.post(address, window(market))
    text = shown.content.decode()
    assert "Nothing is saved yet" in text
    assert reverse("admin:reservations_reservation_change", args=[block.pk]) in text
    assert not MaintenanceWindow.objects.exists()
    assert ProjectionDue.objects.count() == asked
    assert not Entry.objects.filter(verb="maintenancewindow.entered").exists()
    (short,), (touched,) = shown.context["found"].shorts, shown.context["found"].touched
    assert (short.firmness, touched.reservation, touched.after) == ("firm", block, 0.0)
    assert touched.before == 1.0
    (moved,) = shown.context["found"].pools
    assert (moved.pool, moved.first) == (market.h100, market.day(5))
    assert moved.after < moved.before
    kept = dict(shown.context["kept"])
    saved = client.post(address, {**kept, "_confirmed": "1"}, follow=True)
    assert "was added successfully" in saved.content.decode()
    assert MaintenanceWindow.objects.get().pool == market.h100
    assert ProjectionDue.objects.count() == asked + 1


def test_what_is_wrong_is_said_before_anything_is_tried(market: Market) -> None:
    shown = planner().post(reverse("admin:marketplace_maintenancewindow_add"), window(market, ends=market.day(5)))
    assert "Nothing is saved yet" not in shown.content.decode()
    assert shown.context["adminform"].form.errors
    assert not MaintenanceWindow.objects.exists()


def test_a_milestone_that_slips_is_seen_first_and_a_new_name_is_just_saved(market: Market) -> None:
    reserved(market)
    projected()
    hall = market.h100.projects.get(ordinal=1, name="Hall 1")
    milestone, client = Milestone.objects.get(project=hall), planner()
    address = reverse("admin:marketplace_project_change", args=[hall.pk])
    form = {
        "reason": "", "pool": hall.pool_id, "campus": hall.campus, "ordinal": 1, "name": hall.name, "gpus": hall.gpus,
        "mw": hall.mw, "h100_equivalents": hall.h100_equivalents, "retires_on": "", "source": "",
        "milestones-TOTAL_FORMS": 1, "milestones-INITIAL_FORMS": 1, "milestones-0-id": milestone.pk,
        "milestones-0-project": hall.pk, "milestones-0-forecast": "", "milestones-0-actual": milestone.actual,
    }  # fmt: skip
    slip = {**form, "milestones-0-actual": "", "milestones-0-forecast": market.day(90)}
    shown = client.post(address, slip)
    assert [each.firmness for each in shown.context["found"].shorts] == ["firm"]
    milestone.refresh_from_db()
    assert milestone.forecast is None
    client.post(address, {**dict(shown.context["kept"]), "_confirmed": "1"})
    milestone.refresh_from_db()
    assert milestone.forecast == market.day(90)
    hall.refresh_from_db()
    described = {**slip, "source": "their site"}
    assert client.post(address, described).context["found"].is_supply  # staff see every change that asks for supply


def test_a_buyer_sees_it_before_any_watch_has_run_and_with_its_confidence_afterwards(market: Market) -> None:
    block = reserved(market)
    projected()
    away(market, market.h100, 15, 20, share="0.01")
    projected()
    page = reverse("reservation", args=[block.public_id])
    assert "Watching: it may still recover" in signed_in(market.bank.buyer).get(page).content.decode()
    _, told = ask(market.bank, f"/reservations/{block.public_id}/supply")
    assert (told["state"], told["first_day"], told["confidence"]) == ("watching", str(market.day(15)), None)
    watch_due_shortfalls()
    _, told = ask(market.bank, f"/reservations/{block.public_id}/supply")
    assert (told["state"], told["days"], told["confidence_before"], told["confidence"]) == (
        "planned", 5, "1.0000", "0.0000",
    )  # fmt: skip
    assert "Less will be there at Northfield" in signed_in(market.bank.buyer).get(page).content.decode()
    assert ask(market.rival, f"/reservations/{block.public_id}/supply")[0] == 404


def test_a_seller_reads_its_own_shortfalls_and_plans_and_nobody_elses(market: Market) -> None:
    reserved(market)
    projected()
    away(market, market.h100, 15, 20, share="0.01")
    projected()
    watch_due_shortfalls()
    _, short = ask(market.seller, "/shortfalls")
    _, plans = ask(market.seller, "/plans")
    (one,), (plan,) = short["data"], plans["data"]
    assert (one["pool"], one["state"], one["reservations"], one["plan"]) == (
        market.h100.public_id, "planned", 1, plan["id"],
    )  # fmt: skip
    assert plan["plan"]["harm_usd"] >= plan["bound_usd"]
    for other in (market.other_seller, market.bank, market.rival):
        assert ask(other, "/shortfalls")[1]["data"] == ask(other, "/plans")[1]["data"] == []
    assert ask(market.other_seller, f"/plans?after={plan['id']}")[0] == 422


def test_staff_read_the_plan_and_what_was_decided_otherwise(market: Market) -> None:
    twin(market, jurisdiction="DE")
    block = reserved(market)
    projected()
    away(market, market.h100, 5, 60, share="0.01")
    projected()
    watch_due_shortfalls()
    plan, sales = Plan.objects.get(), signed_in(staff("sales", ensure_staff_groups()[SALES]))
    address = reverse("admin:reservations_plan_change", args=[plan.pk])
    shown = sales.get(address).content.decode()
    for said in ("Proven bound", "First come first served", "The highest price first", "replay_plan", "Ticket"):
        assert said in shown
    assert reverse("admin:reservations_shortfall_change", args=[Shortfall.objects.get().pk]) in shown
    remedy = Remedy.objects.get()
    assert (remedy.plan, remedy.reservation) == (plan.public_id, block)
    assert reverse("admin:reservations_remedy_change", args=[remedy.pk]) in shown
    other = remedy.choices.get(kind="substitute")
    change.run(
        lambda: choose_for(remedy=remedy.public_id, choice=other.public_id, reason="they asked by phone", by=SYSTEM)
    )
    assert "they asked by phone" in sales.get(address).content.decode()
    assert str(market.h100) in sales.get(reverse("admin:reservations_shortfall_changelist")).content.decode()
    assert planner().get(reverse("admin:reservations_plan_changelist")).status_code == 200
    assert signed_in(staff("guest")).get(address).status_code == 403


def test_a_policy_is_seen_against_the_newest_plans_before_it_is_published(market: Market) -> None:
    reserved(market)
    projected()
    away(market, market.h100, 5, 60, share="0.01")
    projected()
    watch_due_shortfalls()
    root = signed_in(User.objects.create_superuser("root@headroom.test", PASSWORD, name="Root"))
    address = reverse("admin:reservations_allocationpolicy_add")
    form = {
        name: value for name, value in root.get(address).context["adminform"].form.initial.items() if value is not None
    }
    starts = {"starts_at_0": "2099-01-01", "starts_at_1": "00:00:00"}
    draft = {**form, **starts, "reason": "dearer", "short_usd_firm": "80"}
    shown = root.post(address, draft)
    (trial,) = shown.context["trials"]
    assert trial.after["harm_cents"] >= trial.plan.summary["harm_cents"]
    assert not AllocationPolicy.objects.exists()
    root.post(address, {**draft, "_publish": "1"})
    assert AllocationPolicy.objects.get().short_usd_firm == 80
    flapping = root.post(address, {**draft, "propose_firm": "0.95"})
    assert "else plans would flap" in str(flapping.context["adminform"].form.errors)
    assert AllocationPolicy.objects.count() == 1
