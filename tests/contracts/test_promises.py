"""Promises are everybody's to read; exposure is the seller's own, and like nothing at all to anybody else."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from marketplace.journal.actor import SYSTEM
from marketplace.models import SellingStop, SiteExposure, SupplyPolicy
from marketplace.supply.policies import publish_policy
from marketplace.tasks import watch_exposure
from marketplace.units import clock
from marketplace.units.firmness import STANDBY
from tests.contracts.conftest import Caller, calls_of
from tests.contracts.test_schema import follows
from tests.market import H100_LIMITS, Market, key
from tests.marketplace.test_stops import oversell, sell, stop_at


@pytest.fixture
def seller(market: Market) -> Caller:
    return calls_of(market.seller)


def test_the_promises_are_the_same_for_everybody(market: Market, bank: Caller, rival: Caller, seller: Caller) -> None:
    answers = [caller.get("/promises") for caller in (bank, rival, seller)]
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json() == {
        "object": "promises",
        "version": 0,
        "starts_at": None,
        "classes": [
            {"firmness": "firm", "delivery_confidence": "0.9500"},
            {"firmness": "standard", "delivery_confidence": "0.7500"},
            {"firmness": "standby", "delivery_confidence": None},
        ],
        "ahead": [],
    }
    follows("get", "/promises", 200, answers[0].json())


def test_a_version_is_announced_before_it_starts(market: Market, bank: Caller) -> None:
    now = clock.now()
    policy = SupplyPolicy(starts_at=now + timedelta(days=3), promise_firm=Decimal("0.99"), most_late_gpu_days=1)
    publish_policy(policy=policy, by=SYSTEM, now=now)
    before = bank.get("/promises").json()
    assert (before["version"], before["classes"][0]["delivery_confidence"]) == (0, "0.9500")
    (ahead,) = before["ahead"]
    assert (ahead["version"], ahead["classes"][0]["delivery_confidence"]) == (1, "0.9900")
    with clock.frozen(policy.starts_at):
        assert bank.get("/promises").json()["classes"] == ahead["classes"]
    follows("get", "/promises", 200, before)


def test_where_selling_stops_is_not_published_with_the_promise(market: Market, bank: Caller) -> None:
    stop_at(gpu_days=987_654)
    assert b"987" not in bank.get("/promises").content


def test_a_seller_sees_its_own_sites(market: Market, seller: Caller) -> None:
    oversell(market)
    stop_at(gpu_days=1000, share="0.5")
    watch_exposure()
    body = seller.get("/exposure").json()
    follows("get", "/exposure", 200, body)
    (found,) = body["data"]
    stored = SiteExposure.objects.get(seller=market.seller.organisation)
    assert (found["site"], found["projection"]) == (market.h100.site.public_id, stored.projection.public_id)
    assert found["worst_in_20_late_gpu_days"] == stored.worst_gpu_days > 1000
    assert found["expected_late_gpu_days"] == stored.expected_gpu_days > 0
    assert (found["most_late_gpu_days"], found["most_late_share"]) == (1000, "0.5000")
    assert found["worst_share"] == f"{stored.worst_gpu_days / stored.sold_gpu_days:.4f}"
    (pool,) = found["pools"]
    assert (pool["pool"], pool["sold_gpu_days"]) == (market.h100.public_id, stored.sold_gpu_days)
    assert found["stop"]["reason"] == SellingStop.objects.get().reason
    assert [event["name"] for event in seller.get("/events").json()["data"]] == ["selling.stopped"]


def test_nobody_sees_what_another_seller_may_owe(market: Market, bank: Caller, rival: Caller) -> None:
    oversell(market)
    stop_at(gpu_days=1000)
    watch_exposure()
    nothing = {"object": "list", "data": [], "has_more": False, "next": None}
    assert bank.get("/exposure").json() == rival.get("/exposure").json() == nothing
    (theirs,) = calls_of(market.other_seller).get("/exposure").json()["data"]
    assert (theirs["site"], theirs["stop"]) == (market.gb200.site.public_id, None)
    assert theirs["worst_in_20_late_gpu_days"] == 0
    assert [event["name"] for event in bank.get("/events").json()["data"]] == []


def test_a_buyer_at_a_stopped_site_hears_that_there_is_no_room_and_not_why(market: Market, bank: Caller) -> None:
    oversell(market)
    stop_at(gpu_days=1000)
    watch_exposure()
    refusal = bank.post("/offers", market.need()).json()["refusal"]
    assert refusal["code"] == "insufficient_headroom"
    assert "late" not in refusal["detail"]
    assert refusal["nearest"]
    assert all(need.get("accelerators") != ["h100"] for need in refusal["nearest"])


def test_a_quote_from_before_the_stop_can_still_be_accepted(market: Market, bank: Caller) -> None:
    quote = bank.quote(market)["id"]
    sell(market, H100_LIMITS[2] - 64, STANDBY)
    stop_at(gpu_days=1000)
    watch_exposure()
    assert bank.post(f"/quotes/{quote}/accept").status_code == 201


@pytest.mark.parametrize("path", ["/promises", "/exposure"])
def test_both_need_a_key_that_may_read_and_take_no_parameters(market: Market, bank: Caller, path: str) -> None:
    assert Caller(None).get(path).status_code == 401
    assert Caller(key(market.bank.organisation, "commit")).get(path).json()["scope"] == "read"
    assert bank.get(path, site="sit_x").json()["errors"][0]["pointer"] == "/site"
    assert bank.post(path).status_code == 405


def test_the_list_costs_the_same_queries_for_one_site_and_for_many(market: Market, seller: Caller) -> None:
    watch_exposure()
    seller.get("/exposure")  # the first call notes the use of the key
    with CaptureQueriesContext(connection) as one:
        seller.get("/exposure")
    SiteExposure.objects.update(seller=market.seller.organisation)
    with CaptureQueriesContext(connection) as two:
        assert len(seller.get("/exposure").json()["data"]) == 2
    assert len(one) == len(two) <= 8
