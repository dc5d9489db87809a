"""A provider reports its own supply, by every door, and sees what its word is worth."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from marketplace.journal.actor import SYSTEM
from marketplace.models import (
    DisclosurePolicy,
    Disruption,
    Entry,
    Event,
    MaintenanceWindow,
    Milestone,
    MilestoneReport,
    Project,
    ProjectionDue,
    ProjectOutlook,
)
from marketplace.parties.models import ADMIN, User
from marketplace.supply.actions import project_supply
from marketplace.supply.disrupting import enter_disruption
from marketplace.supply.queries import build_out
from marketplace.supply.slips import DEFAULT_POLICY
from marketplace.supply.trusting import record_and_trust, trusted
from marketplace.units import clock
from pricing.quotes.actions import take_quote
from reservations.booking.actions import accept_quote
from tests.market import Market, Party, key, member, open_market, phase

pytestmark = pytest.mark.django_db


@pytest.fixture
def market(db: None) -> Market:
    return open_market()


@pytest.fixture
def hall(market: Market) -> Project:
    """A phase of the seller's that waits for power, 120 days away."""
    made = phase(market.h100)
    ProjectionDue.objects.all().delete()
    return made


def ask(party: Party, method: str, path: str, body: Any = None, *scopes: str, **more: Any) -> Any:
    secret = key(party.organisation, *(scopes or ("supply",)))
    send = getattr(Client(), method.lower())
    kwargs: dict[str, Any] = {"headers": {"Authorization": f"Bearer {secret}"}}
    if method != "GET":
        kwargs["content_type"] = more.get("content_type", "application/json")
        body = body if isinstance(body, bytes) else json.dumps(body or {})
    return send(f"/api/v1/{path}", body, **kwargs)


def day(market: Market, offset: int) -> str:
    return market.day(offset).isoformat()


def test_a_report_moves_the_date_keeps_the_plan_and_asks_for_a_projection(market: Market, hall: Project) -> None:
    body = {"kind": "power", "forecast": day(market, 200), "note": "The transformer is late"}
    answer = ask(market.seller, "POST", f"projects/{hall.public_id}/milestones", body)
    assert answer.status_code == 201, answer.content
    milestone = hall.milestones.get()
    assert (milestone.planned, milestone.forecast) == (market.day(120), market.day(200))
    report = MilestoneReport.objects.get()
    assert (report.source, report.note, report.organisation_id) == (
        "provider", "The transformer is late", market.seller.organisation.pk,
    )  # fmt: skip
    assert "The transformer is late" in ProjectionDue.objects.get().reason
    assert Event.objects.filter(name="milestone.reported", organisation_id=market.seller.organisation.pk).count() == 1
    history = ask(market.seller, "GET", f"projects/{hall.public_id}/milestones").json()["data"]
    assert [(each["forecast"], each["source"]) for each in history] == [(day(market, 200), "provider")]


def test_the_same_report_again_changes_nothing(market: Market, hall: Project) -> None:
    body = {"kind": "power", "forecast": day(market, 200)}
    for _ in range(2):
        assert ask(market.seller, "POST", f"projects/{hall.public_id}/milestones", body).status_code == 201
    assert (MilestoneReport.objects.count(), ProjectionDue.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("body", "pointer", "said"),
    [
        ({"kind": "roof", "forecast": 200}, "/kind", "valid choice"),
        ({"kind": "chips", "forecast": 200}, "/planned", "The project has no chips yet"),
        ({"kind": "power", "planned": 100, "forecast": 200}, "/planned", "so that slips can be seen"),
        ({"kind": "power", "actual": 3}, "/actual", "yet to come"),
        ({"kind": "power", "forecast": -3}, "/forecast", "is over"),
        ({"kind": "power"}, "/forecast", "Give a forecast"),
        ({"kind": "power", "forecast": 200, "late": True}, "/late", "no such field"),
    ],
)
def test_a_report_that_cannot_be_is_refused_by_field_and_nothing_is_written(
    market: Market, hall: Project, body: dict[str, Any], pointer: str, said: str
) -> None:
    sent = {name: day(market, value) if type(value) is int else value for name, value in body.items()}
    answer = ask(market.seller, "POST", f"projects/{hall.public_id}/milestones", sent)
    assert answer.status_code == 422
    (found,) = answer.json()["errors"]
    assert (found["pointer"], said in found["message"]) == (pointer, True), found
    assert (MilestoneReport.objects.count(), ProjectionDue.objects.count()) == (0, 0)


def test_anothers_project_is_like_none(market: Market, hall: Project) -> None:
    body = {"kind": "power", "forecast": day(market, 200)}
    theirs, none = (
        ask(market.other_seller, "POST", f"projects/{name}/milestones", body)
        for name in (hall.public_id, "prj_0000000000000000000000")
    )
    assert (theirs.status_code, theirs.content) == (404, none.content)
    assert MilestoneReport.objects.count() == 0


def test_a_key_without_the_scope_reports_nothing(market: Market, hall: Project) -> None:
    body = {"kind": "power", "forecast": day(market, 200)}
    answer = ask(market.seller, "POST", f"projects/{hall.public_id}/milestones", body, "read", "commit", "admin")
    assert (answer.status_code, answer.json()["scope"]) == (403, "supply")
    assert MilestoneReport.objects.count() == 0


def test_a_new_phase_is_announced_with_what_it_waits_for(market: Market) -> None:
    milestones = [{"kind": "power", "planned": day(market, 300)}, {"kind": "chips", "planned": day(market, 330)}]
    body = {"pool": market.h100.public_id, "name": "Hall 9", "gpus": 800, "mw": "2.00", "milestones": milestones}
    answer = ask(market.seller, "POST", "projects", body)
    assert answer.status_code == 201, answer.content
    made = Project.objects.get(public_id=answer.json()["id"])
    assert (made.gpus, sorted(made.milestones.values_list("kind", flat=True))) == (800, ["chips", "power"])
    for wrong, pointer in (({"gpus": 801}, "/gpus"), ({"mw": "1.00"}, "/mw"), ({"milestones": []}, "/milestones")):
        refused = ask(market.seller, "POST", "projects", body | wrong)
        assert refused.status_code == 422
        assert [each["pointer"] for each in refused.json()["errors"]] == [pointer]
    assert ask(market.other_seller, "POST", "projects", body).status_code == 404
    assert Project.objects.filter(name="Hall 9").count() == 1


def test_a_power_cut_is_reported_in_megawatts_and_cuts_the_projection(market: Market) -> None:
    site = market.h100.site
    body = {
        "kind": "outage", "site": site.public_id, "starts": day(market, 5), "ends": day(market, 9),
        "reason": "Grid limit in the heat", "mw_available": "1.80",
    }  # fmt: skip
    answer = ask(market.seller, "POST", "disruptions", body)
    assert answer.status_code == 201, answer.content
    Milestone.objects.create(
        project=Project.objects.get(pool=market.h100), kind="power", planned=market.day(-9), actual=market.day(-9)
    )
    outlook = project_supply(reason="test", now=clock.now(), scenarios=200, days=20).pools.get(pool=market.h100)
    # 1.8 MW / 1.2 of cooling = 1,500 kW: 1,000 GPUs of 1.5 kW, out of more than 3,800.
    assert outlook.p50[5:9] == [1000] * 4
    assert min(outlook.p50[4], outlook.p50[9]) > 3000
    withdrawn = ask(
        market.seller, "POST", f"disruptions/{answer.json()['id']}/withdraw", {"reason": "The grid is back"}
    )
    assert withdrawn.json()["withdrawn_reason"] == "The grid is back"
    assert build_out(clock.today()).world.cuts.keys == ()


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"mw_available": "100.00"}, "/mw_available"),
        ({"mw_available": "-1.00"}, "/mw_available"),
        ({"ends": 5}, "/ends"),
        ({"site": "sit_0000000000000000000000"}, "/site"),
    ],
)
def test_a_power_cut_that_cannot_be_is_refused(market: Market, wrong: dict[str, Any], pointer: str) -> None:
    body = {
        "kind": "outage", "site": market.h100.site.public_id, "starts": day(market, 5), "ends": day(market, 9),
        "reason": "Grid limit", "mw_available": "1.80",
    } | {name: day(market, value) if isinstance(value, int) else value for name, value in wrong.items()}  # fmt: skip
    answer = ask(market.seller, "POST", "disruptions", body)
    assert answer.status_code == 422
    assert pointer in [each["pointer"] for each in answer.json()["errors"]]
    assert Disruption.objects.count() == 0


def test_nobody_cuts_anothers_site_or_pool(market: Market) -> None:
    common = {"starts": day(market, 5), "ends": day(market, 9), "reason": "Mine"}
    body = {"kind": "outage", "site": market.h100.site.public_id, "mw_available": "1.00", **common}
    assert ask(market.other_seller, "POST", "disruptions", body).status_code == 422
    window = {"pool": market.h100.public_id, "usable_share": "0.5", **common}
    assert ask(market.other_seller, "POST", "maintenance", window).status_code == 422
    mine = ask(market.seller, "POST", "maintenance", window)
    assert mine.status_code == 201, mine.content
    stolen = ask(market.other_seller, "POST", f"maintenance/{mine.json()['id']}/withdraw", {"reason": "mine"})
    assert stolen.status_code == 404
    assert MaintenanceWindow.objects.get().withdrawn_at is None
    assert Disruption.objects.count() == 0


def test_staffs_own_statements_are_not_the_providers_to_withdraw(market: Market) -> None:
    made = enter_disruption(
        disruption=Disruption(
            kind="outage",
            pool=market.h100,
            starts=market.day(5),
            ends=market.day(9),
            reason="x",
            usable_share=Decimal("0.5"),
        ),
        by=SYSTEM,
        now=clock.now(),
    )
    answer = ask(market.seller, "POST", f"disruptions/{made.public_id}/withdraw", {"reason": "no"})
    assert answer.status_code == 404


def test_what_a_report_would_do_is_seen_before_it_is_sent_and_nothing_stays(market: Market) -> None:
    """Of its own pools alone, and how many reservations it touches, but not whose."""
    reservation = buy(market)
    Milestone.objects.create(
        project=Project.objects.get(pool=market.h100), kind="power", planned=market.day(-9), actual=market.day(-9)
    )
    common = {"kind": "outage", "starts": day(market, 5), "ends": day(market, 60), "reason": "Grid limit"}
    body = {"site": market.h100.site.public_id, "mw_available": "0.05", **common}
    answer = ask(market.seller, "POST", "disruptions/preview", body)
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert [each["pool"] for each in found["pools"]] == [market.h100.public_id]
    assert found["reservations_touched"] == 1
    assert found["shortfalls"][0]["worst_gpus"] > 0
    for secret in (reservation.public_id, market.bank.organisation.name, market.bank.organisation.public_id):
        assert secret not in answer.content.decode()
    assert (Disruption.objects.count(), ProjectionDue.objects.count()) == (0, 0)
    assert Event.objects.filter(name="disruption.reported").count() == 0
    assert ask(market.other_seller, "POST", "disruptions/preview", body).status_code == 422


def csv_of(market: Market, hall: Project, *lines: str) -> bytes:
    return "\n".join(("project,kind,planned,forecast,actual,note", *lines)).encode()


def test_a_file_is_looked_at_then_taken_in_whole(market: Market, hall: Project) -> None:
    raw = csv_of(
        market,
        hall,
        f"{hall.public_id},power,,{day(market, 210)},,late",
        f"{hall.public_id},chips,{day(market, 230)},,,",
    )
    dry = ask(market.seller, "POST", "supply-files?dry_run=true", raw, content_type="text/csv")
    assert dry.status_code == 200, dry.content
    assert [(each["line"], each["kind"], each["days"]) for each in dry.json()["changes"]] == [
        (2, "power", 90), (3, "chips", None),
    ]  # fmt: skip
    assert (MilestoneReport.objects.count(), hall.milestones.count(), ProjectionDue.objects.count()) == (0, 1, 0)
    done = ask(market.seller, "POST", "supply-files", raw, content_type="text/csv")
    assert done.json()["taken_in"] is True
    assert hall.milestones.get(kind="power").forecast == market.day(210)
    assert hall.milestones.get(kind="chips").planned == market.day(230)
    again = ask(market.seller, "POST", "supply-files", raw, content_type="text/csv")
    assert again.json()["changes"] == []


def test_one_wrong_line_and_nothing_of_a_file_is_taken_in(market: Market, hall: Project) -> None:
    foreign = Project.objects.get(pool=market.gb200)
    raw = csv_of(
        market,
        hall,
        f"{hall.public_id},power,,{day(market, 210)},,",
        f"{hall.public_id},chips,,{day(market, 210)},,",
        f"{foreign.public_id},power,,{day(market, 210)},,",
        "prj_none,power,,soon,,",
    )
    answer = ask(market.seller, "POST", "supply-files", raw, content_type="text/csv")
    assert answer.status_code == 422
    told = {each["pointer"]: each["message"] for each in answer.json()["errors"]}
    assert set(told) == {"/3/planned", "/4/project", "/5/forecast", "/5/project"}
    assert told["/5/forecast"] == "line 5, forecast: “soon” is no date. Write it as 2027-02-01."
    assert told["/4/project"].replace(foreign.public_id, "*") == told["/5/project"].replace("prj_none", "*").replace(
        "line 5", "line 4"
    )
    assert (MilestoneReport.objects.count(), ProjectionDue.objects.count()) == (0, 0)
    assert hall.milestones.get().forecast is None


def seller_page(market: Market) -> Client:
    client = Client()
    client.force_login(market.seller.buyer)
    return client


def test_the_seller_reports_and_sends_a_file_on_its_page(market: Market, hall: Project) -> None:
    client = seller_page(market)
    assert hall.public_id in client.get("/selling/build-out/").content.decode()
    form = {"project": hall.public_id, "kind": "power", "forecast": day(market, 180), "note": "Permit"}
    assert "projected anew" in client.post("/selling/build-out/report/", form, follow=True).content.decode()
    assert MilestoneReport.objects.get().reported_by == market.seller.buyer.email
    raw = csv_of(market, hall, f"{hall.public_id},power,,{day(market, 210)},,late")
    seen = client.post("/selling/build-out/file/", {"file": SimpleUploadedFile("a.csv", raw)}).content.decode()
    assert "The file would move 1 milestone" in seen
    assert hall.milestones.get().forecast == market.day(180)
    client.post("/selling/build-out/file/", {"take_in": "1", "text": raw.decode()})
    assert hall.milestones.get().forecast == market.day(210)
    wrong = client.post("/selling/build-out/file/", {"file": SimpleUploadedFile("a.csv", b"project,kind\n,power\n")})
    assert wrong.status_code == 422
    assert "line 2, project: It is empty" in wrong.content.decode()


def test_a_member_who_sells_nothing_and_a_rival_see_nothing_of_it(market: Market, hall: Project) -> None:
    client = Client()
    client.force_login(market.rival.buyer)
    page = client.get("/selling/build-out/").content.decode()
    assert "You sell nothing here yet" in page
    form = {"project": hall.public_id, "kind": "power", "forecast": day(market, 180)}
    client.post("/selling/build-out/report/", form)
    assert MilestoneReport.objects.count() == 0


def slipped_past(market: Market, hall: Project, *, days: int) -> None:
    """The hall was first projected 100 days ago for a day that has come, and came so many days late."""
    milestone = hall.milestones.get()
    milestone.kind = "crew"
    milestone.planned, milestone.actual = market.day(-60), market.day(-60 + days)
    milestone.save()
    projection = project_supply(reason="then", now=clock.now(), scenarios=50, days=30)
    projection.first_day = market.day(-100)
    projection.save()


def test_a_record_of_slips_moves_the_providers_own_projects_and_no_others(market: Market, hall: Project) -> None:
    other = phase(market.gb200)
    today = clock.today()
    slipped_past(market, hall, days=55)
    record, trust = record_and_trust(market.seller.organisation.pk, today)
    assert (record.due, record.late, record.worst_days) == (1, 1, 55)
    assert trust.bias > 0
    assert record_and_trust(market.other_seller.organisation.pk, today)[1].dates == 0
    found = build_out(today)
    pools = trusted(found, DEFAULT_POLICY, today).world.pools
    by_seller = {pool.seller_id: float(pools.bias[place]) for place, pool in enumerate(found.pools)}
    assert by_seller[market.seller.organisation.pk] > 0
    assert by_seller[market.other_seller.organisation.pk] == 0.0
    assert other.milestones.count() == 1


def test_a_provider_sees_its_record_and_so_do_staff(market: Market, hall: Project) -> None:
    slipped_past(market, hall, days=55)
    answer = ask(market.seller, "GET", "provider-record").json()
    assert (answer["due"], answer["late"], answer["dates"]) == (1, 1, 1)
    assert ask(market.other_seller, "GET", "provider-record").json()["due"] == 0
    assert "1 of 1 milestones" in seller_page(market).get("/selling/build-out/").content.decode()
    client = Client()
    client.force_login(User.objects.create_superuser("root@headroom.test", "x", name="Root"))
    assert "Northwind Compute" in client.get("/admin/marketplace/project/providers/").content.decode()


def seen_by(market: Market, party: Party, hall: Project) -> dict[str, Any]:
    found: dict[str, Any] = ask(party, "GET", f"projects/{hall.public_id}", None, "read").json()
    return found


def on_board(market: Market, hall: Project) -> None:
    """The board's projection knows the hall: it waits for power."""
    outlook = ProjectOutlook.objects.get(project__pool=market.h100)
    outlook.pk, outlook.project = None, hall
    outlook.save()


def test_who_sees_milestones_and_causes_is_the_providers_to_say(market: Market, hall: Project) -> None:
    on_board(market, hall)
    body = {"kind": "power", "forecast": day(market, 200), "note": "A secret of ours"}
    ask(market.seller, "POST", f"projects/{hall.public_id}/milestones", body)
    shipped = seen_by(market, market.bank, hall)
    assert (shipped["milestones"], shipped["waits_for"]) == (None, "power")
    own = seen_by(market, market.seller, hall)
    assert own["milestones"][0]["forecast"] == day(market, 200)

    def publish(**rule: Any) -> None:
        answer = ask(market.seller, "POST", "disclosure", {"after_days": 0, **rule})
        assert answer.status_code == 201, answer.content

    publish(milestones_to="everybody", causes_to="nobody")
    seen = seen_by(market, market.bank, hall)
    assert (seen["milestones"][0]["forecast"], seen["waits_for"]) == (day(market, 200), None)
    assert "A secret of ours" not in json.dumps(seen)
    publish(milestones_to="everybody", causes_to="everybody", after_days=7)
    assert seen_by(market, market.bank, hall)["milestones"][0]["forecast"] is None
    with clock.frozen(clock.now() + timedelta(days=8)):
        assert seen_by(market, market.bank, hall)["milestones"][0]["forecast"] == day(market, 200)
    publish(milestones_to="holders", causes_to="holders")
    assert seen_by(market, market.bank, hall)["milestones"] is None
    buy(market)
    assert seen_by(market, market.bank, hall)["milestones"] is not None
    assert seen_by(market, market.bank, hall)["waits_for"] == "power"
    assert seen_by(market, market.rival, hall)["milestones"] is None
    assert seen_by(market, market.rival, hall)["waits_for"] is None
    assert seen_by(market, market.rival, hall)["ready"] is not None, "dates are shown in any case"
    assert list(DisclosurePolicy.objects.order_by("version").values_list("version", flat=True)) == [1, 2, 3]


def buy(market: Market) -> Any:
    offer = ask(market.bank, "POST", "offers", market.need(), "read").json()["offers"][0]["id"]
    by = market.bank.buyer.as_actor(market.bank.organisation.pk)
    quote = take_quote(offer=offer, organisation=market.bank.organisation, by=by)
    return accept_quote(public_id=quote.public_id, by=by, organisation_id=quote.organisation_id)


def test_a_disclosure_is_a_version_by_an_administrator_and_never_edited(market: Market) -> None:
    client = Client()
    client.force_login(member(market.seller.organisation, "admin@northwind.example", ADMIN))
    form = {"milestones_to": "everybody", "causes_to": "nobody", "after_days": 3}
    client.post("/selling/build-out/disclosure/", form)
    made = DisclosurePolicy.objects.get()
    assert (made.version, made.after_days, made.published_by) == (1, 3, "admin@northwind.example")
    assert Entry.objects.filter(verb="disclosure.published").count() == 1
    with pytest.raises(Exception, match="append-only"):
        DisclosurePolicy.objects.update(after_days=0)


def test_a_report_is_never_rewritten(market: Market, hall: Project) -> None:
    ask(market.seller, "POST", f"projects/{hall.public_id}/milestones", {"kind": "power", "forecast": day(market, 200)})
    with pytest.raises(Exception, match="append-only"):
        MilestoneReport.objects.update(note="never said")
