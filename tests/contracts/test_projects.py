"""Projects and projections over REST: everybody sees what the board shows, a seller its own phases whole."""

from datetime import timedelta
from typing import Any

import pytest

from marketplace.journal.actor import SYSTEM
from marketplace.supply.actions import project_supply
from marketplace.supply.models import Milestone, MilestoneNote, Project, Projection
from marketplace.supply.reporting import report_milestone
from marketplace.units import clock
from marketplace.web import formats
from pricing.curve.actions import publish_tape, solve_prices
from pricing.curve.models import PricePolicy, TapePool
from tests.cockpit import signed_in
from tests.contracts.conftest import Caller, calls_of
from tests.contracts.test_schema import follows
from tests.market import Market

SECRET = "the substation crew left"
OWN = ("name", "bottlenecks", "milestones")


@pytest.fixture
def seller(market: Market) -> Caller:
    return calls_of(market.seller)


@pytest.fixture
def other_seller(market: Market) -> Caller:
    return calls_of(market.other_seller)


def building(market: Market) -> Project:
    """The h100 seller's phase waits for power, and its seller's notes say why."""
    project: Project = market.h100.projects.get()
    power = Milestone.objects.create(project=project, kind="power", planned=market.day(90))
    MilestoneNote.objects.create(milestone=power, date=market.day(-3), text=SECRET)
    on_board(market)
    return project


def on_board(market: Market, *, in_minutes: int = 5) -> Projection:
    """A new projection in force, with prices and, at a later tick, a tape of it."""
    now = clock.now()
    projection = project_supply(reason=SECRET, now=now, scenarios=100, days=200)
    Projection.objects.filter(pk=projection.pk).update(published_at=now)
    for party in (market.seller, market.other_seller):
        policy = PricePolicy.objects.in_force(party.organisation, now)
        solve_prices(seller=party.organisation, policy=policy, projection=projection, reason="new", now=now)
    publish_tape(now=now + timedelta(minutes=in_minutes))
    return projection


def late(project: Project, days: int) -> None:
    power = project.milestones.get(kind="power")
    forecast = power.planned + timedelta(days=days)
    report_milestone(milestone=power, forecast=forecast, actual=None, by=SYSTEM, now=clock.now(), reason=SECRET)


def test_everybody_sees_the_phases_that_are_being_built_as_on_the_board(market: Market, bank: Caller) -> None:
    project = building(market)
    (shown,) = bank.get("/projects").json()["data"]
    outlook = project.outlooks.get(projection=Projection.objects.first())
    assert shown["id"] == project.public_id
    assert (shown["pool"], shown["gpus"], shown["waits_for"]) == (market.h100.public_id, project.gpus, "power")
    assert shown["planned"] == market.day(90).isoformat()
    dates = {"p10": outlook.p10, "p50": outlook.p50, "p90": outlook.p90}
    assert shown["ready"] == {name: day.isoformat() for name, day in dates.items()} | {"expected": None}
    assert (shown["exact"], *(shown[name] for name in OWN)) == (False, None, None, None)
    assert bank.get(f"/projects/{project.public_id}").json() == shown


def test_a_seller_sees_its_own_phases_whole(market: Market, seller: Caller) -> None:
    project = building(market)
    shown = seller.get(f"/projects/{project.public_id}").json()
    assert (shown["exact"], shown["name"], shown["bottlenecks"]) == (True, "Hall 1", {"power": 1.0})
    (milestone,) = shown["milestones"]
    assert milestone["notes"] == [{"date": market.day(-3).isoformat(), "text": SECRET}]
    assert shown["ready"]["p50"] <= shown["ready"]["expected"] <= shown["ready"]["p90"]
    follows("get", "/projects/{public_id}", 200, shown)


def test_nobody_else_hears_what_a_seller_knows_of_its_phases(
    market: Market, bank: Caller, rival: Caller, other_seller: Caller
) -> None:
    project = building(market)
    late(project, 60)
    newest = on_board(market, in_minutes=10).public_id
    for caller in (bank, rival, other_seller):
        for path in ("/projects", f"/projects/{project.public_id}", "/projections", f"/projections/{newest}"):
            answer = caller.get(path)
            assert answer.status_code == 200
            assert SECRET not in answer.content.decode()
            shown = answer.content.decode()
            assert "Hall 1" not in shown or (caller is other_seller and path == "/projects")


def test_a_phase_is_on_the_board_until_its_last_milestone_is_there(market: Market, bank: Caller) -> None:
    project = building(market)
    buyer = signed_in(market.bank.buyer)
    chips = Milestone.objects.create(project=project, kind="chips", planned=market.day(100))
    project.milestones.filter(kind="power").update(actual=market.day(-1))
    assert f"phase {project.ordinal}, H100" in buyer.get("/").content.decode()
    assert [each["id"] for each in bank.get("/projects").json()["data"]] == [project.public_id]
    Milestone.objects.filter(pk=chips.pk).update(actual=market.day(-1))
    assert f"phase {project.ordinal}, H100" not in buyer.get("/").content.decode()
    assert bank.get("/projects").json()["data"] == []


def test_a_finished_phase_of_another_seller_is_like_none_at_all(market: Market, bank: Caller, seller: Caller) -> None:
    project = building(market)
    project.milestones.update(actual=market.day(-1))
    for caller, status in ((bank, 404), (seller, 200)):
        assert caller.get(f"/projects/{project.public_id}").status_code == status
    theirs, nobody = bank.get(f"/projects/{project.public_id}"), bank.get(f"/projects/prj_{'0' * 22}")
    assert (theirs.content, theirs.headers["Content-Type"]) == (nobody.content, nobody.headers["Content-Type"])
    assert bank.get("/projects", after=project.public_id).status_code == 422


def test_a_new_projection_is_told_to_its_seller_at_once_and_to_all_with_the_board(
    market: Market, bank: Caller, seller: Caller
) -> None:
    project = building(market)
    before = bank.get(f"/projects/{project.public_id}").json()["ready"]
    late(project, 60)
    projection = project_supply(reason="late", now=clock.now(), scenarios=100, days=200)
    path = f"/projections/{projection.public_id}"
    assert (bank.get(path).status_code, seller.get(path).status_code) == (404, 404)
    Projection.objects.filter(pk=projection.pk).update(published_at=clock.now())
    assert bank.get(f"/projects/{project.public_id}").json()["ready"] == before
    assert seller.get(f"/projects/{project.public_id}").json()["ready"]["p50"] > before["p50"]
    assert bank.get(path).json()["moved"]["projects"] == []
    assert len(seller.get(path).json()["moved"]["projects"]) == 1


def test_a_version_says_what_moved_since_the_one_before(market: Market, bank: Caller, seller: Caller) -> None:
    project = building(market)
    first = Projection.objects.first()
    late(project, 60)
    second = on_board(market, in_minutes=10)
    own, others = (caller.get(f"/projections/{second.public_id}").json() for caller in (seller, bank))
    for answer in (own, others):
        follows("get", "/projections/{public_id}", 200, answer)
        assert first is not None
        assert answer["moved"]["since"] == first.public_id
        (move,) = answer["moved"]["projects"]
        assert (move["project"], move["p50_days"]) == (project.public_id, own["moved"]["projects"][0]["p50_days"])
        assert move["p50_days"] > 30
    (move,) = own["moved"]["projects"]
    assert move["causes"][0]["said"] == [f"power: expected {market.day(150)}, 60 days later"]
    assert sum(cause["p50_days"] for cause in move["causes"]) == move["p50_days"]
    assert [pool["pool"] for pool in own["moved"]["pools"]] == [market.h100.public_id]
    (move,) = others["moved"]["projects"]
    assert (move["causes"], move["expected_days"], others["moved"]["pools"]) == (None, None, [])


def test_the_board_has_the_same_dates_and_the_same_move(market: Market, bank: Caller) -> None:
    project = building(market)
    late(project, 60)
    newest = on_board(market, in_minutes=10)
    (move,) = bank.get(f"/projections/{newest.public_id}").json()["moved"]["projects"]
    board = signed_in(market.bank.buyer).get("/").content.decode()
    assert formats.signed(f"{move['p50_days']:+d} d") in board
    assert f'datetime="{move["after"]["p50"]}"' in board


def test_versions_are_listed_newest_first_and_the_first_has_nothing_before_it(market: Market, bank: Caller) -> None:
    building(market)
    page = bank.get("/projections").json()
    follows("get", "/projections", 200, page)
    newest, oldest = page["data"]
    assert newest["created_at"] >= oldest["created_at"]
    assert bank.get(f"/projections/{oldest['id']}").json()["moved"] is None


def test_projects_are_found_by_pool_and_site(market: Market, bank: Caller, seller: Caller) -> None:
    project = building(market)

    def found(caller: Caller, **query: str) -> list[Any]:
        return [each["id"] for each in caller.get("/projects", **query).json()["data"]]

    assert found(bank, pool=market.h100.public_id) == [project.public_id]
    assert found(bank, site=market.h100.site.public_id) == [project.public_id]
    assert found(bank, pool=market.gb200.public_id) == []
    assert found(bank, pool="pol_none") == []
    assert bank.get("/projects", pols="x").status_code == 422


def test_before_the_first_tape_only_sellers_see_anything(market: Market, bank: Caller, seller: Caller) -> None:
    project = building(market)
    TapePool.objects.all().delete()
    assert bank.get("/projects").json()["data"] == []
    assert [each["id"] for each in seller.get("/projects").json()["data"]] == [project.public_id]


def test_a_list_of_projects_costs_the_same_for_few_and_for_many(
    market: Market, seller: Caller, django_assert_max_num_queries: Any
) -> None:
    building(market)
    seller.get("/projects")  # a key notes its first use of the day
    costs = []
    for number in (1, 2):
        with django_assert_max_num_queries(14) as queries:
            seller.get("/projects")
        costs.append(len(queries))
        for extra in range(4):
            ordinal = 10 * number + extra
            phase = Project.objects.create(
                pool=market.h100, campus="c", ordinal=ordinal, name=f"Hall {ordinal}", gpus=8, mw=1, h100_equivalents=8
            )
            Milestone.objects.create(project=phase, kind="chips", planned=market.day(ordinal))
    assert len(set(costs)) == 1
