"""Lists: pages by cursor, filters named after fields, and the market by day."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from marketplace.units import clock
from pricing.curve.actions import publish_tape
from pricing.curve.building import versions_without_signals, work_out_signals
from pricing.quotes.models import Quote
from tests.contracts.conftest import Caller, calls_of
from tests.market import Market, later_today, phase


def test_pages_follow_each_other_without_gap_or_repeat(market: Market, bank: Caller) -> None:
    made = [bank.quote(market)["id"] for _ in range(5)]
    seen: list[str] = []
    page = bank.get("/quotes", limit="2").json()
    seen += [quote["id"] for quote in page["data"]]
    while page["has_more"]:
        page = bank.get("/quotes", limit="2", after=seen[-1]).json()
        seen += [quote["id"] for quote in page["data"]]
    assert seen == made[::-1]
    assert (page["object"], page["next"]) == ("list", None)


def test_next_is_the_address_of_the_next_page(market: Market, bank: Caller) -> None:
    first = bank.get("/pools", limit="1").json()
    assert first["has_more"] is True
    query = dict(part.split("=") for part in first["next"].partition("?")[2].split("&"))
    assert query == {"limit": "1", "after": first["data"][0]["id"]}
    assert bank.get("/pools", **query).json()["data"][0]["id"] == market.gb200.public_id


@pytest.mark.parametrize("wrong", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"after": "qte_none"}])
def test_a_page_that_makes_no_sense_is_refused(market: Market, bank: Caller, wrong: dict[str, str]) -> None:
    answer = bank.get("/quotes", **wrong)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}" for name in wrong]


def test_a_parameter_sent_twice_is_refused(market: Market, bank: Caller) -> None:
    answer = bank.get("/quotes?limit=1&limit=2")
    assert answer.json()["errors"] == [{"pointer": "/limit", "code": "repeated", "message": "Send it once."}]


def test_a_cursor_stays_good_when_its_object_leaves_the_list(market: Market, bank: Caller) -> None:
    older, newer = bank.quote(market)["id"], bank.quote(market)["id"]
    bank.post(f"/quotes/{newer}/release")
    assert [quote["id"] for quote in bank.get("/quotes", status="open", after=newer).json()["data"]] == [older]


def test_quotes_are_found_by_what_the_client_keeps_in_them(market: Market, bank: Caller) -> None:
    one = bank.quote(market, client_reference="PO 1", metadata={"team": "risk", "desk": "a"})["id"]
    two = bank.quote(market, client_reference="PO 2", metadata={"team": "risk", "desk": "b"})["id"]

    def found(**query: str) -> list[str]:
        return [quote["id"] for quote in bank.get("/quotes", **query).json()["data"]]

    assert found(client_reference="PO 1") == [one]
    assert found(**{"metadata[team]": "risk"}) == [two, one]
    assert found(**{"metadata[team]": "risk", "metadata[desk]": "b"}) == [two]
    assert found(**{"metadata[team]": "ri"}) == []
    assert found(pool=market.h100.public_id) == [two, one]
    assert found(pool=market.gb200.public_id) == []


def test_a_status_is_the_clocks(market: Market, bank: Caller) -> None:
    quote = bank.quote(market)["id"]
    with clock.frozen(Quote.objects.get().expires_at):
        assert bank.get("/quotes", status="open").json()["data"] == []
        assert [each["id"] for each in bank.get("/quotes", status="expired").json()["data"]] == [quote]


def test_reservations_are_found_by_quote_and_reference(market: Market, bank: Caller) -> None:
    quote = bank.quote(market, client_reference="PO 1", metadata={"team": "risk"})["id"]
    reservation = bank.post(f"/quotes/{quote}/accept").json()
    for query in ({"quote": quote}, {"client_reference": "PO 1"}, {"pool": market.h100.public_id}):
        assert bank.get("/reservations", **query).json()["data"] == [reservation]
    assert bank.get("/reservations", client_reference="PO 2").json()["data"] == []
    assert reservation["metadata"] == {"team": "risk"}


def test_every_change_is_an_event(market: Market, bank: Caller) -> None:
    quote, other = bank.quote(market)["id"], bank.quote(market)["id"]
    bank.post(f"/quotes/{quote}/accept")
    bank.post(f"/quotes/{other}/release")
    events = bank.get("/events").json()["data"]
    assert [(event["name"], event["subject"]) for event in events] == [
        ("quote.released", other),
        ("quote.accepted", quote),
        ("quote.created", other),
        ("quote.created", quote),
    ]
    assert {event["id"][:4] for event in events} == {"evt_"}
    assert len(bank.get("/events", subject=quote).json()["data"]) == 2
    assert len(bank.get("/events", name="quote.created").json()["data"]) == 2


def test_a_pool_says_what_it_is(market: Market, bank: Caller) -> None:
    (pool,) = bank.get("/pools", accelerator="h100").json()["data"]
    assert (pool["id"], pool["accelerator"], pool["lot"]) == (market.h100.public_id, "h100", 8)
    assert pool["service_spec"]["document"]["delivery"] == "bare metal"
    (site,) = [site for site in bank.get("/sites").json()["data"] if site["id"] == pool["site"]]
    assert (site["jurisdiction"], site["assumptions"]) == ("DE", ["energy_usd_per_kwh"])
    assert bank.get("/pools", site=site["id"]).json()["data"] == [pool]
    assert [each["id"] for each in bank.get("/accelerators").json()["data"]] == ["h100", "gb200"]


def days(market: Market, first: int, last: int) -> dict[str, str]:
    return {"pool": market.h100.public_id, "from": market.day(first).isoformat(), "to": market.day(last).isoformat()}


def test_supply_has_a_row_for_each_day(market: Market, bank: Caller) -> None:
    found = bank.get("/supply", **days(market, 3, 5)).json()
    assert found["data"] == [
        {"date": market.day(day).isoformat(), "p90": 2048, "p50": 3072, "p10": 4096, "mean": 3072} for day in (3, 4)
    ]
    assert (found["exact"], found["has_more"]) == (False, False)
    assert found["as_of"].endswith("Z")


def test_thirty_days_from_today_unless_said_otherwise(market: Market, bank: Caller) -> None:
    for path in ("/supply", "/headroom", "/prices"):
        rows = bank.get(path, pool=market.h100.public_id).json()["data"]
        assert [rows[0]["date"], rows[-1]["date"], len(rows)] == [str(market.today), str(market.day(29)), 30]


def test_beyond_the_horizon_nothing_is_known_and_nothing_is_sold(market: Market, bank: Caller) -> None:
    last = days(market, 399, 401)
    assert [row["p90"] for row in bank.get("/supply", **last).json()["data"]] == [2048, None]
    assert [row["standby"] > 0 for row in bank.get("/headroom", **last).json()["data"]] == [True, False]
    assert [row["unit_price"] is None for row in bank.get("/prices", **last).json()["data"]] == [False, True]


def test_prices_name_their_class_and_version(market: Market, bank: Caller) -> None:
    by_class = {
        firmness: bank.get("/prices", firmness=firmness, **days(market, 3, 4)).json()
        for firmness in ("firm", "standard", "standby")
    }
    prices = [float(found["data"][0]["unit_price"]) for found in by_class.values()]
    assert prices == sorted(prices, reverse=True)
    assert {found["price_version"][:4] for found in by_class.values()} == {"prv_"}
    assert bank.get("/prices", **days(market, 3, 4)).json() == by_class["firm"]


def test_the_tape_is_blind_to_a_small_trade_and_the_seller_is_not(market: Market, bank: Caller, rival: Caller) -> None:
    seller, other_seller = calls_of(market.seller), calls_of(market.other_seller)
    before = rival.get("/headroom", **days(market, 0, 60)).json()["data"]
    bank.quote(market)
    publish_tape(now=later_today(5))
    assert rival.get("/headroom", **days(market, 0, 60)).json()["data"] == before
    assert other_seller.get("/headroom", **days(market, 0, 60)).json()["data"] == before

    exact = seller.get("/headroom", **days(market, 0, 60)).json()
    assert (exact["exact"], min(row["firm"] for row in exact["data"])) == (True, 2048 - 64)
    assert list(exact["data"][0]) == list(before[0])


def test_the_seller_sees_exact_supply_and_prices(market: Market, bank: Caller) -> None:
    seller = calls_of(market.seller)
    assert seller.get("/supply", **days(market, 3, 4)).json()["data"][0]["p50"] == 3072
    before = seller.get("/prices", **days(market, 0, 60)).json()["data"]
    bank.quote(market)
    after = seller.get("/prices", **days(market, 0, 60)).json()["data"]
    assert sum(float(row["unit_price"]) for row in after) > sum(float(row["unit_price"]) for row in before)
    assert seller.get("/prices", **days(market, 399, 402)).json()["data"][1]["unit_price"] is None


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"pool": "pol_none"}, "/pool"),
        ({"from": "2027-2-1"}, "/from"),
        ({"from": "20270201"}, "/from"),
        ({"from": "9999-12-31"}, "/from"),
        ({"from": "2027-03-02", "to": "2027-03-02"}, "/to"),
        ({"from": "2027-03-02", "to": "2035-03-02"}, "/to"),
        ({"firmness": "sure"}, "/firmness"),
    ],
)
def test_days_that_make_no_sense_are_refused(
    market: Market, bank: Caller, changed: dict[str, str], pointer: str
) -> None:
    answer = bank.get("/prices", **{"pool": market.h100.public_id, **changed})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_the_longest_list_is_seven_years(market: Market, bank: Caller) -> None:
    rows = bank.get("/supply", **days(market, 0, 2557)).json()["data"]
    assert len(rows) == 2557
    assert date.fromisoformat(rows[-1]["date"]) == market.day(2556)


def test_a_list_costs_the_same_queries_however_long_it_is(market: Market, bank: Caller) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert bank.get(path).status_code == 200
        return len(captured)

    quote = bank.quote(market)["id"]
    bank.post(f"/quotes/{quote}/accept")
    few = {path: queries(path) for path in ("/quotes", "/reservations", "/events", "/pools")}
    for _ in range(3):
        bank.post(f"/quotes/{bank.quote(market)['id']}/accept")
    assert {path: queries(path) for path in few} == few
    assert max(few.values()) <= 8


def test_build_signals_are_the_sellers_own(market: Market, bank: Caller) -> None:
    milestone = phase(market.h100).milestones.get()
    for version_id in versions_without_signals():
        work_out_signals(version_id=version_id)
    (signal,) = calls_of(market.seller).get("/build-signals").json()["data"]
    assert (signal["project"], signal["object"]) == (milestone.project.public_id, "build_signal")
    assert [(each["milestone"], each["days"]) for each in signal["sooner"]] == [("power", 30)]
    assert float(signal["one_mw"]["amount"]) > 0
    for other in (bank, calls_of(market.other_seller)):
        assert other.get("/build-signals").json() == {"object": "list", "data": [], "has_more": False, "next": None}
