"""The demand forecast over REST: a pool's own seller sees it, everybody else sees no such pool."""

from datetime import date, timedelta

import pytest

from marketplace.units import clock
from pricing.demand.models import DemandForecast, PoolDemand
from pricing.demand.versions import store_forecast
from tests.contracts.conftest import Caller, calls_of
from tests.contracts.test_schema import follows
from tests.market import Market, key


@pytest.fixture
def stored(market: Market, bank: Caller) -> DemandForecast:
    quote = bank.quote(market)
    bank.post(f"/quotes/{quote['id']}/accept")
    return store_forecast(seller=market.seller.organisation, now=clock.now())


def test_a_seller_reads_the_forecast_of_its_own_pool_by_week(market: Market, stored: DemandForecast) -> None:
    body = calls_of(market.seller).get("/demand", pool=market.h100.public_id).json()
    follows("get", "/demand", 200, body)
    row = PoolDemand.objects.get(forecast=stored)
    first = body["data"][0]
    assert body["forecast"] == stored.public_id
    assert body["seen"]["taken"] == 64 * 30
    assert date.fromisoformat(first["week"]) == stored.first_day
    assert [each["expected"] for each in body["data"]] == row.expected[0][: len(body["data"])]
    assert sum(each["on_the_books"] for each in body["data"]) == 64 * 30
    assert all(each["low"] <= each["high"] for each in body["data"])


def test_days_and_class_choose_the_rows(market: Market, stored: DemandForecast) -> None:
    seller = calls_of(market.seller)
    monday = stored.first_day + timedelta(days=28)
    window = {"from": str(monday + timedelta(days=3)), "to": str(monday + timedelta(days=8))}
    rows = seller.get("/demand", pool=market.h100.public_id, firmness="standby", **window).json()["data"]
    assert [row["week"] for row in rows] == [str(monday), str(monday + timedelta(days=7))]
    assert rows[0]["expected"] == PoolDemand.objects.get(forecast=stored).expected[2][4]


def test_for_others_there_is_no_such_pool(market: Market, stored: DemandForecast, bank: Caller) -> None:
    unknown = calls_of(market.seller).get("/demand", pool=f"pol_{'0' * 22}")
    for caller in (bank, calls_of(market.other_seller)):
        answer = caller.get("/demand", pool=market.h100.public_id)
        assert (answer.status_code, answer.content) == (422, unknown.content)


def test_before_the_first_forecast_there_are_no_rows(market: Market) -> None:
    body = calls_of(market.seller).get("/demand", pool=market.h100.public_id).json()
    follows("get", "/demand", 200, body)
    assert (body["forecast"], body["seen"], body["data"]) == (None, None, [])


def test_who_may_not_read_reads_no_demand(market: Market, stored: DemandForecast) -> None:
    committer = Caller(key(market.seller.organisation, "commit"))
    assert committer.get("/demand", pool=market.h100.public_id).json()["scope"] == "read"
    assert Caller(None).get("/demand", pool=market.h100.public_id).status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [{"from": "2027-02-30"}, {"to": "2020-01-01"}, {"firmness": "solid"}, {"from": "1990-01-01"}, {"week": "3"}],
)
def test_parameters_that_make_no_sense_are_refused(market: Market, wrong: dict[str, str]) -> None:
    answer = calls_of(market.seller).get("/demand", **{"pool": market.h100.public_id, **wrong})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}" for name in wrong]
