"""Disruptions and maintenance in the database and in the cockpit: entered, projected, withdrawn, never deleted."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from marketplace.journal.actor import SYSTEM
from marketplace.models import Disruption, Entry, MaintenanceWindow, Projection, ProjectionDue
from marketplace.supply.actions import project_due, project_supply
from marketplace.supply.disrupting import AlreadyWithdrawn, NotSound, enter_disruption, plan_maintenance, withdraw
from marketplace.supply.queries import build_out
from marketplace.units import clock
from tests.cockpit import Cockpit, signed_in

pytestmark = pytest.mark.django_db
SCENARIOS, DAYS = 200, 300


def storm(cockpit: Cockpit, **changed: Any) -> Disruption:
    """A month of storms at the site, which costs its power 40 days."""
    values = {
        "kind": "weather",
        "starts": clock.today(),
        "ends": clock.today() + timedelta(days=30),
        "site": cockpit.pool.site,
        "milestone_kinds": ["power"],
        "delay_days": 40,
        "reason": "storms keep the cranes down",
    }
    return Disruption(**values | changed)


def enter(disruption: Disruption) -> Disruption:
    return enter_disruption(disruption=disruption, by=SYSTEM, now=clock.now())


def projected() -> Projection:
    return project_supply(reason="test", now=clock.now(), scenarios=SCENARIOS, days=DAYS)


def test_a_disruption_is_journalled_and_moves_the_next_projection(cockpit: Cockpit) -> None:
    before = projected()
    entered = enter(storm(cockpit, work_days=3650))
    entry = Entry.objects.get(verb="disruption.entered")
    assert entry.after is not None
    assert (entry.subject, entry.after["delay_days"]) == (entered.public_id, 40)
    assert ProjectionDue.objects.get(done_at=None).reason == "storms keep the cranes down"
    after = project_supply(reason="test", now=clock.now(), scenarios=SCENARIOS, days=DAYS)
    late, early = (each.projects.get(project=cockpit.project) for each in (after, before))
    assert (late.p10 - early.p10).days == (late.p50 - early.p50).days == (late.p90 - early.p90).days == 40
    assert after.inputs["stated"][entered.public_id]["reason"] == "storms keep the cranes down"


def test_a_pool_under_maintenance_has_less_while_it_lasts(cockpit: Cockpit) -> None:
    cockpit.milestone.actual = clock.today()
    cockpit.milestone.save()
    whole = projected().pools.get(pool=cockpit.pool).p50
    starts = clock.today() + timedelta(days=10)
    work = MaintenanceWindow(pool=cockpit.pool, starts=starts, ends=starts + timedelta(days=5))
    work.usable_share, work.reason = Decimal("0.5"), "a new cooling loop"
    plan_maintenance(window=work, by=SYSTEM, now=clock.now())
    part = projected().pools.get(pool=cockpit.pool).p50
    assert [part[day] == whole[day] for day in (9, 15)] == [True, True]
    assert all(whole[day] / 2 - 1 <= part[day] <= whole[day] / 2 + 1 for day in range(10, 15))


def test_an_outage_of_a_site_derates_all_its_pools_and_no_other_sites(cockpit: Cockpit) -> None:
    effect: dict[str, Any] = {"milestone_kinds": [], "delay_days": 0, "usable_share": Decimal("0.25")}
    enter(storm(cockpit, kind="outage", **effect))
    world, pools = build_out(clock.today()).world, build_out(clock.today()).pools
    assert [pools[place] for place in world.windows.pool] == [cockpit.pool]
    assert world.windows.usable.tolist() == [0.25]


def test_a_kind_of_milestone_is_held_up_wherever_it_stands(cockpit: Cockpit) -> None:
    enter(storm(cockpit, kind="supply_chain", site=None))
    (rows,) = build_out(clock.today()).world.delays.milestones
    assert len(rows) == 1
    cockpit.milestone.actual = clock.today()
    cockpit.milestone.save()
    assert build_out(clock.today()).world.delays.keys == ()


def test_a_disruption_that_is_withdrawn_stays_on_record_and_out_of_projections(cockpit: Cockpit) -> None:
    entered = enter(storm(cockpit))
    project_due(now=clock.now())
    with pytest.raises(NotSound, match="Say why"):
        withdraw(stated=entered, by=SYSTEM, now=clock.now(), reason="  ")
    withdraw(stated=entered, by=SYSTEM, now=clock.now(), reason="the storm turned away")
    assert build_out(clock.today()).world.delays.keys == ()
    entered.refresh_from_db()
    assert (entered.withdrawn_by, entered.withdrawn_reason) == ("system", "the storm turned away")
    assert Entry.objects.get(verb="disruption.withdrawn").reason == "the storm turned away"
    assert ProjectionDue.objects.filter(done_at=None).count() == 1
    with pytest.raises(AlreadyWithdrawn):
        withdraw(stated=entered, by=SYSTEM, now=clock.now(), reason="again")


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"ends": "starts"}, "ends", "the day after the last one"),
        ({"reason": " "}, "reason", "Say what happens"),
        ({"site": None, "milestone_kinds": [], "delay_days": 0}, "site", "Choose a site, a pool or a project"),
        ({"pool": "pool"}, "pool", "It is about one site already"),
        ({"milestone_kinds": []}, "milestone_kinds", "Name the kinds of milestone that come 40 days later"),
        ({"delay_days": 0}, "delay_days", "by how many days power comes later"),
        ({"milestone_kinds": [], "delay_days": 0}, "delay_days", "has no effect yet"),
        ({"milestone_kinds": ["powder"]}, "milestone_kinds", "There is no powder; there are power, shell"),
        ({"milestone_kinds": ["chips"]}, "milestone_kinds", "Nothing there waits for chips"),
        ({"delay_days": 4000}, "delay_days", "At most 3650 days"),
        ({"usable_share": Decimal(1)}, "usable_share", "from 0 to below 1"),
        ({"site": None, "usable_share": Decimal("0.5")}, "usable_share", "Only a site or a pool"),
        ({"starts": "long ago", "ends": "over"}, "ends", "over long before today"),
    ],
)
def test_what_contradicts_itself_or_changes_nothing_is_refused_with_the_field_and_the_remedy(
    cockpit: Cockpit, changed: dict[str, Any], field: str, said: str
) -> None:
    named = {"starts": clock.today(), "pool": cockpit.pool, "long ago": date(2020, 1, 1), "over": date(2020, 2, 1)}
    values = {name: named.get(value, value) if isinstance(value, str) else value for name, value in changed.items()}
    with pytest.raises(NotSound) as refused:
        enter(storm(cockpit, **values))
    assert said in refused.value.faults[field]
    assert not Disruption.objects.exists()
    assert not ProjectionDue.objects.exists()


def test_the_database_refuses_what_the_action_would(cockpit: Cockpit) -> None:
    wrong: list[dict[str, Any]] = [{"ends": clock.today()}, {"pool": cockpit.pool}, {"delay_days": 0}]
    wrong += [{"usable_share": Decimal(1)}, {"site": None, "usable_share": Decimal(0)}, {"withdrawn_by": "me"}]
    for changed in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            storm(cockpit, entered_by="me", entered_at=clock.now(), **changed).save()


def test_maintenance_that_is_over_or_takes_nothing_is_refused(cockpit: Cockpit) -> None:
    today = clock.today()
    for days, share, field in ((0, "0.5", "ends"), (10, "1", "usable_share"), (-20, "0.5", "ends")):
        window = MaintenanceWindow(pool=cockpit.pool, starts=today, ends=today + timedelta(days=days))
        if days < 0:
            window.starts = today - timedelta(days=30)
        window.usable_share, window.reason = Decimal(share), "work"
        with pytest.raises(NotSound) as refused:
            plan_maintenance(window=window, by=SYSTEM, now=clock.now())
        assert field in refused.value.faults
    assert not MaintenanceWindow.objects.exists()


def form(cockpit: Cockpit, **changed: Any) -> dict[str, Any]:
    today = clock.today()
    values: dict[str, Any] = {
        "kind": "permit",
        "starts": today.isoformat(),
        "ends": (today + timedelta(days=9)).isoformat(),
    }
    values |= {"project": cockpit.project.pk, "milestone_kinds": ["power"], "delay_days": 25, "work_days": 90}
    return values | {"reason": "the grid permit is contested", "source": "county register", **changed}


def test_planners_enter_and_withdraw_disruptions_and_sales_only_read_them(cockpit: Cockpit) -> None:
    add = reverse("admin:marketplace_disruption_add")
    assert signed_in(cockpit.sales).post(add, form(cockpit)).status_code == 403
    assert not Disruption.objects.exists()
    planner = signed_in(cockpit.planner)
    assert "What this would do" in planner.post(add, form(cockpit)).content.decode()
    assert not Disruption.objects.exists()
    assert planner.post(add, form(cockpit, _confirmed="1")).status_code == 302
    entered = Disruption.objects.get()
    assert (entered.entered_by, entered.effect) == (cockpit.planner.email, "power 25 days later")
    shown = reverse("admin:marketplace_disruption_change", args=[entered.pk])
    assert b"the grid permit is contested" in signed_in(cockpit.sales).get(shown).content
    gone = reverse("admin:withdraw-disruption", args=[entered.pk])
    assert gone in planner.get(shown).content.decode()
    assert gone not in signed_in(cockpit.sales).get(shown).content.decode()
    assert signed_in(cockpit.sales).post(gone, {"reason": "no"}).status_code == 403
    assert planner.get(gone).status_code == 403
    planner.post(gone, {"reason": ""})
    entered.refresh_from_db()
    assert entered.withdrawn_at is None
    planner.post(gone, {"reason": "granted after all"})
    entered.refresh_from_db()
    assert entered.withdrawn_reason == "granted after all"
    assert planner.post(reverse("admin:marketplace_disruption_delete", args=[entered.pk])).status_code == 403


def test_a_form_with_faults_says_so_at_the_field_and_enters_nothing(cockpit: Cockpit) -> None:
    add = reverse("admin:marketplace_disruption_add")
    shown = signed_in(cockpit.planner).post(add, form(cockpit, milestone_kinds=["chips"]))
    assert shown.status_code == 200
    assert "Nothing there waits for chips" in shown.context["adminform"].form.errors["milestone_kinds"][0]
    assert not Disruption.objects.exists()


def test_planners_plan_maintenance(cockpit: Cockpit) -> None:
    today = clock.today()
    values = {"pool": cockpit.pool.pk, "starts": today.isoformat(), "ends": (today + timedelta(days=2)).isoformat()}
    values |= {"usable_share": "0.8", "reason": "switches are replaced"}
    planner = signed_in(cockpit.planner)
    assert planner.post(reverse("admin:marketplace_maintenancewindow_add"), values | {"usable_share": "1"}).context
    assert not MaintenanceWindow.objects.exists()
    seen = values | {"_confirmed": "1"}
    assert planner.post(reverse("admin:marketplace_maintenancewindow_add"), seen).status_code == 302
    planned = MaintenanceWindow.objects.get()
    assert planned.usable_share == Decimal("0.8")
    planner.post(reverse("admin:withdraw-maintenancewindow", args=[planned.pk]), {"reason": "postponed"})
    assert Entry.objects.get(verb="maintenancewindow.withdrawn").actor == cockpit.planner.email


def test_a_retirement_date_takes_a_projects_gpus_out_again(cockpit: Cockpit) -> None:
    cockpit.milestone.actual = clock.today() - timedelta(days=400)
    cockpit.milestone.save()
    cockpit.project.retires_on = clock.today() + timedelta(days=50)
    cockpit.project.save()
    outlook = projected().pools.get(pool=cockpit.pool)
    assert outlook.p90[49] > 0 == outlook.p10[50]
