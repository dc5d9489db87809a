"""Prices and quotes in the admin: read by staff, changed only as new versions."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.models import Entry
from marketplace.units import clock
from pricing.curve.models import PricePolicy
from pricing.curve.policies import PolicyInThePast, publish_policy
from pricing.quotes.actions import take_quote
from pricing.quotes.models import Quote
from pricing.quotes.need import Need, Range
from pricing.quotes.search import search
from tests.cockpit import Cockpit, signed_in

pytestmark = pytest.mark.django_db
PUBLISH = {"_publish": "1"}
READ_ONLY = ("priceversion", "tape", "termsdocument", "enquiry", "quote")


def page(model: str, kind: str, *args: Any) -> str:
    return reverse(f"admin:pricing_{model}_{kind}", args=args)


def quoted(cockpit: Cockpit) -> Quote:
    now = clock.now()
    start = now.date() + timedelta(days=40)
    need = Need(Range(64, 64), Range(30, 30), start, start, "firm", accelerators=("h100",))
    offer = search(need=need, organisation_id=cockpit.bank.pk, now=now).offers[0].id
    return change.run(lambda: take_quote(offer=offer, organisation=cockpit.bank, by=SYSTEM))


def policy_form(client: Any, copied: PricePolicy, **changed: Any) -> dict[str, Any]:
    """The add form as it opens when a version is copied, with some fields typed over."""
    form = client.get(page("pricepolicy", "add"), {"copy": copied.pk}).context["adminform"].form
    values = {name: field.prepare_value(form.get_initial_for_field(field, name)) for name, field in form.fields.items()}
    starts_at = values.pop("starts_at")
    sent = {name: "" if value is None else value for name, value in values.items() if value is not False}
    return sent | {"starts_at_0": f"{starts_at:%Y-%m-%d}", "starts_at_1": f"{starts_at:%H:%M:%S}"} | PUBLISH | changed


def test_what_was_published_or_promised_is_never_typed(cockpit: Cockpit) -> None:
    quote, root = quoted(cockpit), signed_in(cockpit.root)
    for model in READ_ONLY:
        assert root.get(page(model, "changelist")).status_code == 200, model
        assert root.get(page(model, "add")).status_code == 403, model
    assert root.post(page("quote", "change", quote.pk), {"total": "1"}).status_code == 403
    assert root.get(page("quote", "delete", quote.pk)).status_code == 403


def test_a_policy_changes_as_a_new_version_that_starts_from_a_copy(cockpit: Cockpit) -> None:
    root, old = signed_in(cockpit.root), PricePolicy.objects.get()
    assert root.post(page("pricepolicy", "add"), policy_form(root, old, hold_minutes=30)).status_code == 302
    new = PricePolicy.objects.get(version=2)
    assert (new.hold_minutes, new.cap_over_floor, new.published_by) == (30, old.cap_over_floor, cockpit.root.email)
    assert PricePolicy.objects.in_force(cockpit.seller, clock.now()) == old
    assert PricePolicy.objects.in_force(cockpit.seller, new.starts_at) == new
    assert Entry.objects.get(verb="price_policy.published").actor == cockpit.root.email


def test_a_published_policy_is_not_edited(cockpit: Cockpit) -> None:
    policy = PricePolicy.objects.get()
    answer = signed_in(cockpit.root).post(page("pricepolicy", "change", policy.pk), {"hold_minutes": 1})
    assert answer.status_code == 403
    policy.refresh_from_db()
    assert policy.hold_minutes == 20


def test_a_policy_never_starts_in_the_past(cockpit: Cockpit) -> None:
    root, old = signed_in(cockpit.root), PricePolicy.objects.get()
    assert root.post(page("pricepolicy", "add"), policy_form(root, old, starts_at_0="2020-01-01")).status_code == 200
    old.pk, old.starts_at = None, clock.now() - timedelta(minutes=1)
    with pytest.raises(PolicyInThePast):
        publish_policy(policy=old, by=SYSTEM, now=clock.now())
    assert PricePolicy.objects.count() == 1


@pytest.mark.parametrize("who", ["sales", "planner"])
def test_no_role_bends_the_prices(cockpit: Cockpit, who: str) -> None:
    assert signed_in(getattr(cockpit, who)).get(page("pricepolicy", "changelist")).status_code == 200
    assert signed_in(getattr(cockpit, who)).get(page("pricepolicy", "add")).status_code == 403


def test_sales_release_a_hold_from_the_list(cockpit: Cockpit) -> None:
    quote = quoted(cockpit)
    action = {"action": "release_hold", "_selected_action": [quote.pk]}
    signed_in(cockpit.sales).post(page("quote", "changelist"), action)
    quote.refresh_from_db()
    assert quote.status == "released"
    entry = Entry.objects.get(verb="quote.released")
    assert (entry.actor, entry.organisation_id) == (cockpit.sales.email, cockpit.bank.pk)


def test_planners_release_nothing(cockpit: Cockpit) -> None:
    quote = quoted(cockpit)
    action = {"action": "release_hold", "_selected_action": [quote.pk]}
    signed_in(cockpit.planner).post(page("quote", "changelist"), action)
    quote.refresh_from_db()
    assert quote.status == "open"


def test_an_expired_quote_reads_as_expired_before_any_sweep(cockpit: Cockpit) -> None:
    quote = quoted(cockpit)
    with clock.frozen(quote.expires_at):
        shown = signed_in(cockpit.sales).get(page("quote", "changelist")).content.decode()
    assert "expired" in shown


def test_the_list_of_quotes_costs_the_same_for_one_and_for_many(
    cockpit: Cockpit, django_assert_max_num_queries: Any
) -> None:
    sales, costs = signed_in(cockpit.sales), []
    for _ in range(3):
        quoted(cockpit)
        with django_assert_max_num_queries(12) as seen:
            sales.get(page("quote", "changelist"))
        costs.append(len(seen))
    assert len(set(costs)) == 1
