"""Energy and CO2 of a portfolio: of each reservation within the time asked for, and of all of them."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from marketplace.units import clock
from marketplace.units.period import Period
from pricing.quotes.actions import take_quote
from reservations.booking.actions import accept_quote
from reservations.booking.energy import PeriodRefused, asked_period, energy
from reservations.booking.models import Reservation
from tests.contracts.conftest import calls_of
from tests.market import Market, open_market

pytestmark = pytest.mark.django_db


@pytest.fixture
def market(db: None) -> Market:
    return open_market()


def buy(market: Market, first: int) -> Reservation:
    """64 h100 for 30 days from that day on."""
    start = market.day(first).isoformat()
    offer = calls_of(market.bank).offer(market, start={"from": start, "to": start})["id"]
    by = market.bank.buyer.as_actor(market.bank.organisation.pk)
    quote = take_quote(offer=offer, organisation=market.bank.organisation, by=by)
    return accept_quote(public_id=quote.public_id, by=by, organisation_id=quote.organisation_id)


def drawn(market: Market, start: int, end: int) -> Any:
    period = Period(market.day(start), market.day(end))
    return energy(organisation_id=market.bank.organisation.pk, period=period, now=clock.now())


def test_a_block_draws_its_gpu_hours_times_kw_times_pue(market: Market) -> None:
    buy(market, 10)
    found = drawn(market, 0, 100)
    # 64 x 30 x 24 h = 46,080 h; x 1.5 kW x 1.2 = 82,944 kWh; x 100 g = 8,294 kg.
    assert (found.gpu_hours, found.kwh, found.carbon_kg) == (46_080, 82_944, 8_294)
    assert found.grams_per_kwh == 100


def test_only_the_days_within_the_time_count_and_parts_add_up(market: Market) -> None:
    buy(market, 10)
    parts = [drawn(market, start, end).gpu_hours for start, end in ((0, 15), (15, 40), (40, 100))]
    assert parts == [64 * 5 * 24, 64 * 25 * 24, 0]
    assert drawn(market, 40, 100).rows == []


def test_the_sum_is_that_of_the_rows(market: Market) -> None:
    for first in (10, 17, 50):
        buy(market, first)
    found = drawn(market, 0, 61)
    assert found.kwh == sum(row.footprint.facility_kwh for row in found.rows)
    assert len(found.rows) == 3


def test_web_rest_and_file_say_the_same(market: Market) -> None:
    made = buy(market, 10)
    start, end = market.day(12).isoformat(), market.day(20).isoformat()
    rest = calls_of(market.bank).get("/energy", **{"from": start, "to": end}).json()
    kwh = rest["rows"][0]["energy_kwh"]
    assert (rest["energy_kwh"], rest["rows"][0]["reservation"]) == (kwh, made.public_id)
    client = Client()
    client.force_login(market.bank.buyer)
    page = client.get("/reservations/energy/", {"from": start, "to": end}).content.decode()
    assert f"{kwh:,}" in page
    raw = b"".join(client.get("/energy.csv", {"from": start, "to": end})).decode()
    (row,) = csv.DictReader(io.StringIO(raw))
    assert (row["energy_kwh"], row["co2_kg"], row["from"]) == (str(kwh), str(rest["co2_kg"]), start)


def test_nobody_elses_is_in_it(market: Market) -> None:
    buy(market, 10)
    assert calls_of(market.rival).get("/energy").json()["rows"] == []


@pytest.mark.parametrize(
    "query", [{"from": "2027-02-01", "to": "2027-02-01"}, {"from": "2027-02-01", "to": "2090-01-01"}]
)
def test_a_time_that_makes_no_sense_is_refused(market: Market, query: dict[str, str]) -> None:
    answer = calls_of(market.bank).get("/energy", **query)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/to")


def test_without_a_time_it_is_this_calendar_year(market: Market) -> None:
    first = asked_period(None, None, market.today)
    assert (first.start.month, first.start.day, first.end) == (1, 1, first.start.replace(year=first.start.year + 1))
    with pytest.raises(PeriodRefused):
        asked_period(market.today, market.today - timedelta(days=1), market.today)
