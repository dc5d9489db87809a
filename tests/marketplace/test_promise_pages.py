"""Promises and exposure on the pages: read by staff, published by a superuser, shown to the seller and nobody else."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.models import Entry, SellingStop, SupplyPolicy, User
from marketplace.parties.models import VIEWER
from marketplace.supply.policies import ensure_default_policy
from marketplace.tasks import watch_exposure
from marketplace.units import clock
from tests.cockpit import Cockpit, signed_in
from tests.market import Market, member
from tests.marketplace.test_stops import oversell, stop_at

pytestmark = pytest.mark.django_db


def page(model: str, kind: str, *args: Any) -> str:
    return reverse(f"admin:marketplace_{model}_{kind}", args=args)


@pytest.fixture
def stopped(market: Market) -> Market:
    """Selling has stopped at Northfield."""
    oversell(market)
    stop_at(gpu_days=1000)
    watch_exposure()
    return market


class TestStaff:
    def form(self, client: Client, **changed: Any) -> dict[str, Any]:
        """The add form as it opens, with some fields typed over."""
        form = client.get(page("supplypolicy", "add")).context["adminform"].form
        values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
        starts_at = values.pop("starts_at")
        sent = {name: "" if value is None else value for name, value in values.items()}
        return sent | {"starts_at_0": f"{starts_at:%Y-%m-%d}", "starts_at_1": f"{starts_at:%H:%M:%S}"} | changed

    def test_a_promise_changes_as_a_new_version_that_starts_from_what_is_in_force(self, cockpit: Cockpit) -> None:
        ensure_default_policy(now=clock.now())
        root = signed_in(cockpit.root)
        sent = self.form(root, promise_firm="0.97", most_late_share="0.02")
        assert root.post(page("supplypolicy", "add"), sent).status_code == 302
        new = SupplyPolicy.objects.get(version=2)
        assert (new.promises(), new.most_late_share) == (
            (Decimal("0.9700"), Decimal("0.7500"), Decimal("0.0000")),
            Decimal("0.0200"),
        )
        assert new.published_by == cockpit.root.email
        assert Entry.objects.get(verb="supply_policy.published").actor == cockpit.root.email

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"promise_standard": "0.99"}, "A surer class promises as much as the next or more"),
            ({"promise_firm": "1"}, "A surer class promises as much as the next or more"),
            ({"most_late_gpu_days": "0"}, "leave it empty for no limit"),
            ({"most_late_share": "2"}, "A share lies above 0 and is at most 1"),
            ({"starts_at_0": "2020-01-01"}, "A policy cannot start before it is published."),
        ],
    )
    def test_what_makes_no_sense_is_refused_in_words(self, cockpit: Cockpit, wrong: dict[str, str], said: str) -> None:
        root = signed_in(cockpit.root)
        answer = root.post(page("supplypolicy", "add"), self.form(root, **wrong))
        assert answer.status_code == 200
        assert said in answer.content.decode()
        assert not SupplyPolicy.objects.exists()

    def test_a_published_policy_is_not_edited(self, cockpit: Cockpit) -> None:
        policy = ensure_default_policy(now=clock.now())
        answer = signed_in(cockpit.root).post(page("supplypolicy", "change", policy.pk), {"promise_firm": "0.1"})
        assert answer.status_code == 403
        assert SupplyPolicy.objects.get().promise_firm == Decimal("0.95")

    @pytest.mark.parametrize("who", ["sales", "planner"])
    def test_no_role_bends_a_promise_or_lifts_a_stop(self, cockpit: Cockpit, who: str) -> None:
        client = signed_in(getattr(cockpit, who))
        assert client.get(page("supplypolicy", "changelist")).status_code == 200
        for model in ("supplypolicy", "siteexposure", "sellingstop"):
            assert client.get(page(model, "add")).status_code == 403, model
            assert client.post(page(model, "add"), {}).status_code == 403, model
        assert not SupplyPolicy.objects.exists()

    def test_exposure_and_stops_are_frozen_even_for_a_superuser(self, cockpit: Cockpit) -> None:
        root = signed_in(cockpit.root)
        for model in ("siteexposure", "sellingstop"):
            assert root.get(page(model, "add")).status_code == 403

    def test_staff_see_the_exposure_of_every_site_and_where_selling_stopped(self, stopped: Market) -> None:
        market, root = stopped, signed_in(User.objects.create_superuser("r@headroom.test", "x", name="R"))
        shown = root.get(page("siteexposure", "changelist")).content.decode()
        for word in ("Northfield", "Sable Flats", "stopped", "goes on"):
            assert word in shown
        reason = SellingStop.objects.get().reason
        assert reason in root.get(page("sellingstop", "changelist")).content.decode()
        assert reason in root.get(reverse("admin:index")).content.decode()
        start = market.today
        capacity = root.get(
            reverse("admin:capacity"),
            {"pool": market.h100.pk, "start": str(start), "end": str(start + timedelta(days=5))},
        ).content.decode()
        assert reason in capacity
        other = {"pool": market.gb200.pk, "start": str(start), "end": str(start + timedelta(days=5))}
        assert reason not in root.get(reverse("admin:capacity"), other).content.decode()


class TestMembers:
    def test_everybody_reads_the_promise_where_they_choose_a_class(self, market: Market) -> None:
        text = signed_in(market.bank.buyer).get("/capacity/").content.decode()
        assert "firm 95\u202f%, standard 75\u202f%, standby none" in text

    def test_a_seller_sees_its_exposure_and_its_stop_in_every_role(self, stopped: Market) -> None:
        market = stopped
        viewer = member(market.seller.organisation, "viewer@northwind.example", VIEWER)
        for user in (viewer, market.seller.buyer, market.seller.approver):
            text = signed_in(user).get("/organisation/").content.decode()
            assert "What may be late" in text
            assert SellingStop.objects.get().reason in text
            assert "Sable Flats" not in text

    def test_nobody_else_sees_it(self, stopped: Market) -> None:
        market = stopped
        reason = SellingStop.objects.get().reason
        for user in (market.bank.buyer, market.rival.buyer):
            text = signed_in(user).get("/organisation/").content.decode()
            assert "What may be late" not in text
            assert reason not in text
        other = signed_in(market.other_seller.buyer).get("/organisation/").content.decode()
        assert "Sable Flats" in other
        assert "Northfield" not in other
        assert reason not in other
