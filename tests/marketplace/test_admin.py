"""The cockpit's ground floor: who may read and write what, and that every save has an author and a before."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.urls import reverse

from marketplace.models import ApiKey, Entry, Membership, Organisation, ProjectionDue, ServiceSpec, User
from marketplace.parties.queries import live_key
from marketplace.parties.staff_roles import ensure_staff_groups
from marketplace.units import clock
from tests.cockpit import Cockpit, signed_in
from tests.market import H100_LIMITS, PASSWORD

pytestmark = pytest.mark.django_db
FROZEN = ("event", "entry", "claim", "ledgerentry", "projection", "projectoutlook")
TABLES = [model._meta.label_lower for model in admin.site._registry]
SEEN = {"_confirmed": "1"}  # the button under the preview of what a save would do


def page(model: str, kind: str, *args: Any) -> str:
    return reverse(f"admin:{model.replace('.', '_')}_{kind}", args=args)


def inline(prefix: str, *rows: dict[str, Any], existing: int = 0) -> dict[str, Any]:
    """The fields of an inline table as a browser sends them."""
    form = {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": existing}
    return form | {f"{prefix}-{i}-{name}": value for i, row in enumerate(rows) for name, value in row.items()}


def test_every_table_opens_for_a_superuser_who_can_still_delete_nothing(cockpit: Cockpit) -> None:
    root = signed_in(cockpit.root)
    for model in admin.site._registry:
        name, row = model._meta.label_lower, model._default_manager.first()
        assert root.get(page(name, "changelist")).status_code == 200, name
        if row is not None:
            assert root.get(page(name, "change", row.pk)).status_code == 200, name
            assert root.get(page(name, "delete", row.pk)).status_code == (200 if name == "auth.group" else 403), name


def test_what_is_frozen_cannot_be_added_even_by_a_superuser(cockpit: Cockpit) -> None:
    for model in FROZEN:
        assert signed_in(cockpit.root).get(page(f"marketplace.{model}", "add")).status_code == 403, model


def test_idempotency_rows_are_shown_to_nobody() -> None:
    assert "marketplace.change" not in TABLES


@pytest.mark.parametrize(("who", "status"), [("sales", 200), ("planner", 200), ("guest", 403), ("buyer", 302)])
def test_sales_and_planners_see_all_and_staff_without_a_group_nothing(cockpit: Cockpit, who: str, status: int) -> None:
    client = signed_in(getattr(cockpit, who))
    for model in TABLES:
        if model != "auth.group":
            assert client.get(page(model, "changelist")).status_code == status, model


@pytest.mark.parametrize(
    ("model", "who"),
    [("organisation", "sales"), ("user", "sales"), ("apikey", "sales"), ("project", "planner"), ("site", "planner")]
    + [("pool", "planner"), ("servicespec", "planner"), ("projectiondue", "planner"), ("accelerator", "planner")],
)
def test_each_role_adds_what_is_its_own(cockpit: Cockpit, model: str, who: str) -> None:
    url, other = page(f"marketplace.{model}", "add"), {"sales": "planner", "planner": "sales"}[who]
    assert signed_in(getattr(cockpit, who)).get(url).status_code == 200
    assert signed_in(getattr(cockpit, other)).get(url).status_code == 403


def test_the_groups_are_made_once_and_brought_back(cockpit: Cockpit) -> None:
    before = {name: group.permissions.count() for name, group in ensure_staff_groups().items()}
    cockpit.sales.groups.get().permissions.clear()
    call_command("ensure_staff_groups")
    assert {name: group.permissions.count() for name, group in ensure_staff_groups().items()} == before


def test_a_saved_organisation_is_journalled_with_its_before(cockpit: Cockpit) -> None:
    form = {"name": cockpit.bank.name, "legal_name": "First Bank SE", "country": "DE", "tax_ids": "{}"}
    rows = [
        {"id": each.pk, "organisation": cockpit.bank.pk, "user": each.user_id, "role": each.role}
        for each in cockpit.bank.memberships.order_by("pk")
    ]
    url = page("marketplace.organisation", "change", cockpit.bank.pk)
    answer = signed_in(cockpit.sales).post(url, form | inline("memberships", *rows, existing=len(rows)))
    assert answer.status_code == 302
    entry = Entry.objects.get(verb="organisation.changed")
    assert (entry.subject, entry.actor) == (cockpit.bank.public_id, cockpit.sales.email)
    assert (entry.before, entry.after) == ({"legal_name": "First Bank AG"}, {"legal_name": "First Bank SE"})


def test_a_membership_given_and_taken_is_journalled(cockpit: Cockpit) -> None:
    form = {"name": "New", "legal_name": "New Ltd", "country": "SE", "tax_ids": "{}"}
    row = {"user": cockpit.buyer.pk, "role": "viewer"}
    sales = signed_in(cockpit.sales)
    sales.post(page("marketplace.organisation", "add"), form | inline("memberships", row))
    new = Organisation.objects.get(name="New")
    assert Entry.objects.get(verb="membership.created").after == row
    gone = row | {"id": new.memberships.get().pk, "organisation": new.pk, "DELETE": "on"}
    sales.post(page("marketplace.organisation", "change", new.pk), form | inline("memberships", gone, existing=1))
    assert not Membership.objects.filter(organisation=new).exists()
    assert Entry.objects.get(verb="membership.removed").subject == new.public_id


def test_sales_make_a_user_who_can_sign_in_and_whose_password_is_not_journalled(cockpit: Cockpit) -> None:
    secret = "a long and odd pass phrase"
    form = {"email": "Carla@Bank.test", "name": "Carla", "password1": secret, "password2": secret}
    signed_in(cockpit.sales).post(page("marketplace.user", "add"), form | {"usable_password": "true"})
    carla = User.objects.get(email="carla@bank.test")
    assert (carla.check_password(secret), carla.is_staff) == (True, False)
    assert secret not in str(list(Entry.objects.values_list("before", "after")))


def test_sales_cannot_become_more_than_sales(cockpit: Cockpit) -> None:
    sales = signed_in(cockpit.sales)
    for colleague in (cockpit.root, cockpit.sales):
        url = page("marketplace.user", "change", colleague.pk)
        assert sales.post(url, {"is_superuser": "on"}).status_code == 403
        assert sales.post(url.replace("change", "password"), {"password1": "x", "password2": "x"}).status_code == 403
    form = {"email": cockpit.buyer.email, "name": "Buyer", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    rows = [
        {"id": each.pk, "user": each.user_id, "organisation": each.organisation_id, "role": each.role}
        for each in cockpit.buyer.memberships.all()
    ]
    url = page("marketplace.user", "change", cockpit.buyer.pk)
    assert sales.post(url, form | inline("memberships", *rows, existing=len(rows))).status_code == 302
    cockpit.buyer.refresh_from_db()
    assert (cockpit.buyer.name, cockpit.buyer.is_staff, cockpit.buyer.is_superuser) == ("Buyer", False, False)
    assert User.objects.get(pk=cockpit.root.pk).check_password(PASSWORD)


def test_a_key_is_shown_once_and_revoked_for_good(cockpit: Cockpit) -> None:
    sales = signed_in(cockpit.sales)
    form = {"organisation": cockpit.bank.pk, "name": "treasury", "scopes": ["read", "quote"]}
    shown = sales.post(page("marketplace.apikey", "add"), form)
    secret = shown.context["secret"]
    key = ApiKey.objects.get(name="treasury")
    found = live_key(secret=secret)
    assert found is not None
    assert found[0] == key
    assert secret in shown.content.decode()
    assert secret not in str(shown.cookies)
    assert secret not in sales.get(page("marketplace.apikey", "change", key.pk)).content.decode()
    sales.post(reverse("admin:revoke-api-key", args=[key.pk]))
    assert live_key(secret=secret) is None
    assert Entry.objects.filter(verb="api_key.revoked", actor=cockpit.sales.email).exists()


def test_planners_revoke_no_key_and_a_link_revokes_none(cockpit: Cockpit) -> None:
    key = ApiKey.objects.filter(organisation=cockpit.bank).get()
    url = reverse("admin:revoke-api-key", args=[key.pk])
    assert signed_in(cockpit.planner).post(url).status_code == 403
    assert signed_in(cockpit.sales).get(url).status_code == 403
    key.refresh_from_db()
    assert key.revoked_at is None


def project_form(cockpit: Cockpit, *rows: dict[str, Any], **changed: Any) -> dict[str, Any]:
    project = cockpit.project
    names = ("name", "campus", "ordinal", "gpus", "mw", "h100_equivalents")
    form = {name: getattr(project, name) for name in names} | {"pool": project.pool_id, "reason": "the cable is late"}
    first = {"id": cockpit.milestone.pk, "project": project.pk, **(rows[0] if rows else {})}
    return form | changed | inline("milestones", first, *rows[1:], existing=1)


def test_a_slip_is_journalled_and_asks_for_a_projection(cockpit: Cockpit) -> None:
    late = (cockpit.milestone.planned + timedelta(days=40)).isoformat()
    url = page("marketplace.project", "change", cockpit.project.pk)
    planner = signed_in(cockpit.planner)
    form = project_form(cockpit, {"forecast": late})
    assert "What this would do" in planner.post(url, form).content.decode()
    assert not Entry.objects.filter(verb="milestone.reported").exists()
    assert planner.post(url, form | SEEN).status_code == 302
    entry = Entry.objects.get(verb="milestone.reported")
    planned = {"planned": cockpit.milestone.planned.isoformat(), "actual": None}
    assert entry.before == planned | {"forecast": None}
    assert entry.after == planned | {"forecast": late, "kind": "power"}
    assert (entry.reason, entry.actor, entry.subject) == (
        "the cable is late",
        cockpit.planner.email,
        cockpit.project.public_id,
    )
    assert "the cable is late" in ProjectionDue.objects.get().reason
    assert b"40 days late" in planner.get(url).content


def test_saving_a_project_unchanged_asks_for_nothing(cockpit: Cockpit) -> None:
    url = page("marketplace.project", "change", cockpit.project.pk)
    signed_in(cockpit.planner).post(url, project_form(cockpit, reason=""))
    assert not ProjectionDue.objects.exists()
    assert not Entry.objects.filter(actor=cockpit.planner.email).exists()


def test_the_plan_itself_never_moves(cockpit: Cockpit) -> None:
    url = page("marketplace.project", "change", cockpit.project.pk)
    signed_in(cockpit.planner).post(url, project_form(cockpit, {"planned": "2030-01-01", "kind": "chips"}))
    planned, kind = cockpit.milestone.planned, cockpit.milestone.kind
    cockpit.milestone.refresh_from_db()
    assert (cockpit.milestone.planned, cockpit.milestone.kind) == (planned, kind)


def test_a_new_milestone_and_a_new_size_ask_for_projections(cockpit: Cockpit) -> None:
    chips = {"kind": "chips", "planned": clock.today().isoformat(), "project": cockpit.project.pk}
    url = page("marketplace.project", "change", cockpit.project.pk)
    signed_in(cockpit.planner).post(url, project_form(cockpit, {}, chips, gpus=512) | SEEN)
    assert cockpit.project.milestones.count() == 2
    assert Entry.objects.get(verb="project.changed").after == {"gpus": 512}
    assert ProjectionDue.objects.count() == 2


def test_sales_report_no_milestones(cockpit: Cockpit) -> None:
    url = page("marketplace.project", "change", cockpit.project.pk)
    assert signed_in(cockpit.sales).post(url, project_form(cockpit, {"actual": "2027-01-01"})).status_code == 403
    cockpit.milestone.refresh_from_db()
    assert cockpit.milestone.actual is None


def test_a_spec_is_published_as_a_next_version_and_never_edited(cockpit: Cockpit) -> None:
    planner, url = signed_in(cockpit.planner), page("marketplace.servicespec", "add")
    first = cockpit.pool.specs.get()
    assert "bare metal" in planner.get(url, {"pool": cockpit.pool.pk}).content.decode()
    planner.post(url, {"pool": cockpit.pool.pk, "document": '{"delivery": "VM"}'})
    assert list(cockpit.pool.specs.values_list("version", flat=True)) == [2, 1]
    assert Entry.objects.get(verb="service_spec.published").actor == cockpit.planner.email
    assert planner.post(page("marketplace.servicespec", "change", first.pk), {"document": "{}"}).status_code == 403
    assert planner.post(url, {"pool": cockpit.pool.pk, "document": "[1]"}).status_code == 200
    assert ServiceSpec.objects.filter(pool=cockpit.pool).count() == 2


def test_who_sells_a_pool_cannot_be_changed(cockpit: Cockpit) -> None:
    form = {"seller": cockpit.bank.pk, "fabric": "none", "lot": 8, **inline("specs")}
    url = page("marketplace.pool", "change", cockpit.pool.pk)
    assert signed_in(cockpit.root).post(url, form).status_code == 302
    cockpit.pool.refresh_from_db()
    assert (cockpit.pool.seller, cockpit.pool.fabric) == (cockpit.seller, "InfiniBand NDR")


def test_the_capacity_page_shows_equal_days_as_one_row(cockpit: Cockpit) -> None:
    start = clock.today()
    asked = {"pool": cockpit.pool.pk, "start": start.isoformat(), "end": (start + timedelta(days=30)).isoformat()}
    for who in (cockpit.sales, cockpit.planner):
        shown = signed_in(who).get(reverse("admin:capacity"), asked)
        (row,) = shown.context["rows"]
        assert (row.first, row.last) == (start, start + timedelta(days=29))
        assert tuple(each.room for each in row.classes) == H100_LIMITS
    assert signed_in(cockpit.guest).get(reverse("admin:capacity")).status_code == 403
    wrong = signed_in(cockpit.sales).get(reverse("admin:capacity"), asked | {"end": start.isoformat()})
    assert "rows" not in wrong.context or wrong.context["rows"] == []


@pytest.mark.parametrize("model", ["organisation", "project", "apikey", "entry"])
def test_a_list_costs_the_same_for_few_rows_and_for_many(
    cockpit: Cockpit, model: str, django_assert_max_num_queries: Any
) -> None:
    root, costs = signed_in(cockpit.root), []
    for number in (1, 2):
        with django_assert_max_num_queries(12) as seen:
            root.get(page(f"marketplace.{model}", "changelist"))
        costs.append(len(seen))
        for extra in range(3):
            add_one_of_each(cockpit, 10 * number + extra)
    assert len(set(costs)) == 1


def add_one_of_each(cockpit: Cockpit, number: int) -> None:
    root = signed_in(cockpit.root)
    form = {"name": f"Firm {number}", "legal_name": "Firm", "country": "SE", "tax_ids": "{}", **inline("memberships")}
    root.post(page("marketplace.organisation", "add"), form)
    firm = Organisation.objects.get(name=f"Firm {number}")
    root.post(page("marketplace.apikey", "add"), {"organisation": firm.pk, "name": "k", "scopes": ["read"]})
    project = project_form(cockpit) | inline("milestones") | {"ordinal": number, "name": f"Hall {number}"}
    root.post(page("marketplace.project", "add"), project)
