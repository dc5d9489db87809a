"""The three questions, answered from the bank's own portfolio and the market as it is."""

from typing import Any

import numpy as np
import pytest

from marketplace.change import change
from marketplace.models import Pool, ProjectOutlook
from marketplace.supply import queries
from marketplace.units import clock
from marketplace.units.period import Period
from pricing.demand.models import Enquiry
from pricing.quotes.bundling import take_bundle
from pricing.quotes.delays import credit, daily_price
from pricing.quotes.need import BadNeed
from reservations.continuity.asked import parse_question
from reservations.continuity.holdings import known_places
from reservations.continuity.queries import Answer, work_out
from tests.continuity.conftest import bought, starting
from tests.market import Market, Party, block_taken
from tests.slipping import contracts


def ask(market: Market, kind: str, party: Party | None = None, **body: Any) -> Answer:
    now = clock.now()
    asked = parse_question(kind, body, today=now.date(), known=known_places())
    return work_out(question=asked, organisation_id=(party or market.bank).organisation.pk, now=now)


def since(market: Market, day: int) -> dict[str, Any]:
    """The field `from`, a word that Python keeps for itself."""
    return {"from": market.day(day).isoformat()}


def figures(answer: Answer) -> dict[str, Any]:
    return {each["code"]: each["value"] for each in answer.document["headline"]}


def at(name: str) -> str:
    return Pool.objects.get(site__name=name).site.public_id


# A site is late or lost


def test_a_lost_site_stops_what_is_there_from_that_day_on(market: Market) -> None:
    here = bought(market)
    bought(market, "Champ Nord", quantity=16)
    found = ask(market, "outage", sites=[at("Northfield")], lost_from=market.day(20).isoformat())
    (row,) = found.document["reservations"]
    assert (row["reservation"], row["effect"]) == (here.public_id, "stops")
    assert (row["from"], row["until"]) == (market.day(20).isoformat(), market.day(40).isoformat())
    assert row["lost_gpu_days"] == 64 * 20
    assert row["others_gpus"] == 16
    whole = found.document["steps"][0]
    assert whole["dates"] == [market.day(day).isoformat() for day in (0, 10, 20)]
    assert (whole["before"], whole["after"]) == ([0, 80, 80], [0, 80, 16])
    assert figures(found)["worst_share_lost"] == 0.8


def test_a_late_site_begins_late_what_has_not_begun(market: Market) -> None:
    bought(market)
    found = ask(market, "outage", sites=[at("Northfield")], late_days=5)
    (row,) = found.document["reservations"]
    assert row["effect"] == "late"
    assert row["lost_gpu_days"] == 64 * 5
    assert "late by 5 days, 1 reservation starts late" in found.document["title"]


def test_what_a_late_block_is_credited_is_its_contracts_formula(market: Market) -> None:
    contracts(market)
    held = bought(market)
    terms = held.quote.contract_terms.delay_terms
    assert terms is not None
    (row,) = ask(market, "outage", sites=[at("Northfield")], late_days=12).document["reservations"]
    day = daily_price(held.total, held.period.days)
    owed = credit(terms, late_days=12, excused_days=0, daily_price=day, total=held.total)
    assert row["credit"] == {"amount": f"{owed:.2f}", "currency": "USD"}
    assert owed > 0
    assert row["end_moves"] is terms.end_moves
    (lost,) = ask(market, "outage", sites=[at("Northfield")], lost_from=market.day(12).isoformat()).document[
        "reservations"
    ]
    assert lost["credit"] is None


def test_a_site_that_is_late_by_nothing_or_holds_nothing_of_ours_stops_nothing(market: Market) -> None:
    bought(market)
    for sites, late in (([at("Northfield")], 0), ([at("Champ Nord")], 50)):
        found = ask(market, "outage", sites=sites, late_days=late)
        assert found.document["reservations"] == []
        assert figures(found)["lost_gpu_days"] == 0


def test_supply_that_is_there_is_late_by_nothing(market: Market) -> None:
    bought(market)
    found = ask(market, "outage", sites=[at("Northfield")], lateness="p90")
    assert found.document["projected_days_late"] == {"p50": 0, "p90": 0}
    assert figures(found)["days_late"] == 0


def ready(pool: Pool, *days: int) -> None:
    """The pool's hall is ready on those days, each in 16 of the 64 scenarios."""
    ready_days = np.repeat(days, 16).astype("<i2").tobytes()
    ProjectOutlook.objects.filter(project__pool=pool).update(ready_days=ready_days)
    queries._scenarios.cache_clear()  # a stored projection never changes, so it is kept


def test_the_projection_says_by_how_many_days_a_block_is_late(market: Market) -> None:
    bought(market)
    ready(market.h100, 0, 0, 15, 35)
    found = ask(market, "outage", sites=[at("Northfield")], lateness="p90")
    assert found.document["projected_days_late"] == {"p50": 0, "p90": 25}
    assert found.document["reservations"][0]["lost_gpu_days"] == 64 * 25
    ready(market.h100, 0, 15, 15, 15)
    found = ask(market, "outage", sites=[at("Northfield")], lateness="p50")
    assert found.document["projected_days_late"] == {"p50": 5, "p90": 5}
    assert found.document["reservations"][0]["lost_gpu_days"] == 64 * 5


def test_sites_that_slip_together_are_late_together(market: Market) -> None:
    """In each quarter of the scenarios one of the two is late: by the latest of them it is three quarters."""
    bought(market)
    bought(market, "Champ Nord")
    ready(market.h100, 0, 30, 0, 0)
    ready(Pool.objects.get(site__name="Champ Nord"), 0, 0, 30, 30)
    found = ask(market, "outage", sites=[at("Northfield"), at("Champ Nord")], lateness="p50")
    assert found.document["projected_days_late"]["p50"] == 20


def test_an_organisation_sees_its_own_portfolio_only(market: Market) -> None:
    bought(market)
    found = ask(market, "outage", market.rival, sites=[at("Northfield")], lost_from=market.day(0).isoformat())
    assert found.document["reservations"] == []
    assert found.document["steps"][0]["before"] == []
    grown = ask(market, "growth", market.rival, factor="2", **since(market, 20))
    assert grown.document["accelerators"] == []
    moved = ask(market, "closure", market.rival, country="DE", **since(market, 20))
    assert (moved.document["reservations"], moved.document["bundle"]) == ([], None)


# Usage grows


def test_twice_the_usage_is_what_is_held_once_more_at_todays_offers(market: Market) -> None:
    bought(market)
    found = ask(market, "growth", factor="2", **since(market, 20))
    (kind,) = found.document["accelerators"]
    (block,) = kind["blocks"]
    assert (block["quantity"], block["start"], block["end_exclusive"]) == (
        64,
        market.day(20).isoformat(),
        market.day(40).isoformat(),
    )
    assert block["now"]["quantity"] == 64
    assert 0 < float(block["now"]["delivery_confidence"]) <= 1
    assert block["refusal"] is None
    assert figures(found)["now_total"] == block["now"]["total"]["amount"]


def test_the_forward_curve_is_what_the_tape_says_and_its_moves_are_not_made_up(market: Market) -> None:
    bought(market)
    found = ask(market, "growth", factor="2", **since(market, 20))
    later = found.document["accelerators"][0]["blocks"][0]["later"]
    assert (later["priced_days"], later["days"]) == (20, 20)
    assert abs(float(later["total"]["amount"]) - float(later["unit_price"]) * 64 * 20 * 24) < 5
    assert later["weekly_moves"]["count"] == 0
    assert "how they move is not known" in later["detail"]


def test_no_overage_rate_is_said_to_be_none(market: Market) -> None:
    bought(market)
    found = ask(market, "growth", factor="1.5", **since(market, 20))
    assert found.document["overage"]["unit_price"] is None
    assert "No overage rate is agreed" in found.document["overage"]["detail"]


def test_what_does_not_fit_is_refused_with_the_nearest_that_does(market: Market) -> None:
    bought(market, quantity=1024)
    for site in ("Northfield", "Champ Nord"):
        pool = Pool.objects.get(site__name=site)
        block_taken(pool, Period(market.day(20), market.day(40)), 512)
    found = ask(market, "growth", factor="3", **since(market, 20))
    (block,) = found.document["accelerators"][0]["blocks"]
    assert block["now"] is None
    assert block["refusal"]["code"] == "insufficient_headroom"
    assert block["refusal"]["nearest"]
    assert figures(found)["blocks_refused"] == 1
    assert found.document["bundle"] is None


def test_asking_is_no_enquiry(market: Market) -> None:
    bought(market)
    before = Enquiry.objects.count()
    ask(market, "growth", factor="2", **since(market, 20))
    ask(market, "closure", country="DE", **since(market, 20))
    assert Enquiry.objects.count() == before


# A country or region closes


def test_where_a_country_closes_each_reservation_there_can_go_elsewhere(market: Market) -> None:
    here = bought(market)
    bought(market, "Champ Nord", quantity=16)
    found = ask(market, "closure", country="DE", **since(market, 20))
    (row,) = found.document["reservations"]
    assert row["reservation"] == here.public_id
    first = row["alternatives"][0]
    assert (first["site_name"], first["country"], first["quantity"]) == ("Champ Nord", "FR", 64)
    assert (first["start"], first["end_exclusive"]) == (market.day(20).isoformat(), market.day(40).isoformat())
    assert first["service"] == "equal_or_better"
    verdicts = {field["field"]: field["verdict"] for field in first["comparison"]}
    assert verdicts == {"delivery": "equal", "fabric": "equal", "network_gbps_per_gpu": "better"}
    assert all(each["country"] != "DE" for each in row["alternatives"])


def test_the_bundle_is_ready_to_quote(market: Market) -> None:
    bought(market)
    bought(market, quantity=32, start=starting(market, 12))
    found = ask(market, "closure", country="DE", **since(market, 20))
    bundle = found.document["bundle"]
    assert [part["quantity"] for part in bundle["parts"]] == [64, 32]
    assert all(part["jurisdictions"] == ["FR", "US"] for part in bundle["parts"])
    by = market.bank.buyer.as_actor(market.bank.organisation.pk)
    offer = bundle["together"]["offer"]
    taken = change.run(lambda: take_bundle(offer=offer, organisation=market.bank.organisation, by=by))
    assert str(taken.total) == bundle["together"]["total"]["amount"]


def test_where_the_service_is_worse_the_fields_are_named(market: Market) -> None:
    bought(market, "Champ Nord")
    found = ask(market, "closure", country="FR", allowed=["DE"], **since(market, 20))
    (row,) = found.document["reservations"]
    first = row["alternatives"][0]
    assert (first["country"], first["service"]) == ("DE", "different")
    assert [field["field"] for field in first["comparison"] if field["verdict"] == "worse"] == ["network_gbps_per_gpu"]


def test_where_nothing_as_good_is_left_it_is_said(market: Market) -> None:
    bought(market)
    found = ask(market, "closure", region="North", **since(market, 20))
    (row,) = found.document["reservations"]
    assert row["alternatives"] == []
    assert row["refusal"]["code"] == "nowhere_left"
    assert found.document["bundle"] is None


def test_what_ends_before_it_closes_stays(market: Market) -> None:
    bought(market)
    found = ask(market, "closure", country="DE", **since(market, 40))
    assert found.document["reservations"] == []
    assert "nothing of yours is there" in found.document["title"]


# Questions that make no sense


@pytest.mark.parametrize(
    ("kind", "body", "pointers"),
    [
        ("outage", {}, ["/sites", "/lost_from"]),
        ("outage", {"sites": ["sit_none"], "late_days": 3}, ["/sites/0"]),
        ("outage", {"sites": [], "late_days": -1, "lateness": "p90"}, ["/sites", "/lateness"]),
        ("growth", {"factor": 2, "from": "2001-01-01"}, ["/factor", "/from"]),
        ("growth", {"factor": "1", "speed": 3, "from": "x"}, ["/speed", "/factor", "/from"]),
        ("closure", {"country": "XX", "region": "North"}, ["/region", "/country", "/from"]),
        ("closure", {"country": "DE", "allowed": ["DE"]}, ["/allowed", "/from"]),
        ("weather", {}, ["/question"]),
    ],
)
def test_every_field_at_fault_is_named(market: Market, kind: str, body: Any, pointers: list[str]) -> None:
    with pytest.raises(BadNeed) as bad:
        parse_question(kind, body, today=market.today, known=known_places())
    assert [fault.pointer for fault in bad.value.faults] == pointers
