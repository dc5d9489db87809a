"""What relaxing a wish saves is what posting its need costs, compared like with like."""

from decimal import Decimal
from typing import Any

import pytest

from marketplace.catalogue.actions import set_service_spec
from marketplace.catalogue.models import Accelerator
from marketplace.units import clock
from marketplace.units.firmness import FIRMNESS
from pricing.quotes.need import parse_need
from pricing.quotes.queries import known_names
from pricing.quotes.relax import Answer, Relaxation, answer, relaxations
from tests.market import Market, Party
from tests.pricing.test_quotes import quote_of

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def opened(opened: Market) -> Market:
    """The small market with both accelerators in every class, the h100 pool half sold in the days asked for."""
    found = opened
    fill(found, found.rival, quantity=1024, duration_days=60, start=window(found, 10, 10))
    return found


def window(market: Market, first: int, last: int) -> dict[str, str]:
    return {"from": market.day(first).isoformat(), "to": market.day(last).isoformat()}


def fill(market: Market, party: Party, **changed: Any) -> None:
    need = parse_need(market.need(**changed), today=clock.today(), known=known_names())
    quote_of(party, answer(need=need, organisation_id=party.organisation.pk, now=clock.now()).offers[0])


def ask(market: Market, **changed: Any) -> Answer:
    need = parse_need(market.need(**changed), today=clock.today(), known=known_names())
    return answer(need=need, organisation_id=market.bank.organisation.pk, now=clock.now())


def relaxed(market: Market, **changed: Any) -> dict[str, Relaxation]:
    found = ask(market, relax=True, **changed).relaxations
    assert found is not None
    return {each.wish: each for each in reversed(found)}  # of two steps of one wish the one that saves more


def test_relaxations_are_worked_out_only_when_asked_for(market: Market) -> None:
    assert ask(market).relaxations is None
    assert ask(market, relax=True).relaxations


def test_every_relaxation_can_be_posted_and_costs_what_it_says(market: Market) -> None:
    wishes = {
        "jurisdictions": ["DE"],
        "sites": [market.h100.site.public_id],
        "sellers": [market.seller.organisation.public_id],
        "service": {"delivery": "bare metal"},
    }
    found = ask(market, relax=True, start=window(market, 12, 12), **wishes)
    assert found.relaxations
    for each in found.relaxations:
        posted = parse_need(each.need.as_json(), today=clock.today(), known=known_names())
        best = answer(need=posted, organisation_id=market.bank.organisation.pk, now=clock.now()).offers[0]
        assert (best.terms.total, best.terms.period.start) == (each.total, each.block.start), each.title
        assert (best.unit_price, best.h100_unit_price) == (each.unit_price, each.block.h100_unit_price)


def test_the_largest_saving_comes_first_and_every_one_saves(market: Market) -> None:
    found = ask(market, relax=True, start=window(market, 12, 12)).relaxations
    assert found
    assert [each.change for each in found] == sorted(each.change for each in found)
    assert all(each.change < 0 for each in found)


def test_a_later_start_saves_the_difference_of_the_totals(market: Market) -> None:
    found = relaxed(market, start=window(market, 60, 60), duration_days=10)
    here = ask(market, start=window(market, 60, 60), duration_days=10).offers[0].terms.total
    there = ask(market, start=window(market, 70, 70), duration_days=10).offers[0].terms.total
    assert found["start"].compared_by == "total"
    assert found["start"].saved.amount >= here.amount - there.amount > 0
    assert found["start"].change == found["start"].total.amount / here.amount - 1


def test_a_weaker_class_saves_what_it_costs_less(market: Market) -> None:
    at = window(market, 80, 80)
    found = ask(market, relax=True, start=at).relaxations or ()
    saved = {each.need.firmness: each.saved.amount for each in found if each.wish == "firmness"}
    totals = {name: ask(market, start=at, firmness=name).offers[0].terms.total.amount for name in FIRMNESS}
    assert saved == {name: totals["firm"] - totals[name] for name in ("standard", "standby")}


def test_accelerators_are_compared_per_h100_equivalent_hour(market: Market) -> None:
    Accelerator.objects.filter(key="gb200").update(h100_weight=Decimal("2.5000"))
    found = relaxed(market, quantity=72)["accelerators"]
    assert found.compared_by == "h100_equivalent_hour"
    assert found.block.pool == market.gb200
    assert found.need.sort == "most_compute"
    here = ask(market, quantity=72).offers[0]
    assert found.block.h100_unit_price < here.h100_unit_price
    assert found.change == pytest.approx(found.block.h100_unit_price / here.h100_unit_price - 1, abs=Decimal("0.001"))


def test_fewer_gpus_are_compared_per_gpu_hour(market: Market) -> None:
    found = relaxed(market, quantity=512, start=window(market, 12, 12))["quantity"]
    assert (found.compared_by, found.need.quantity.least) == ("gpu_hour", 256)
    assert found.unit_price < ask(market, quantity=512, start=window(market, 12, 12)).offers[0].unit_price


def test_a_field_of_the_service_that_costs_is_a_lever(market: Market) -> None:
    set_service_spec(pool=market.gb200, document={"delivery": "VM"}, now=clock.now())
    fill(market, market.rival, quantity=896, duration_days=60, start=window(market, 10, 10))
    wishes = {"accelerators": [], "service": {"delivery": "bare metal"}, "quantity": 72}
    found = relaxed(market, start=window(market, 12, 12), **wishes)
    assert found["service.delivery"].block.pool == market.gb200
    assert found["service.delivery"].need.service == ()


def test_an_answer_with_splits_says_that_they_are_taken_all_or_none(market: Market) -> None:
    assert ask(market).notes == ask(market, divisible=True).notes == ()
    (note,) = ask(market, divisible=True, accelerators=[], quantity=1240).notes
    assert "all of its parts or none" in note


def test_a_refused_need_has_no_relaxations(market: Market) -> None:
    found = ask(market, quantity=100_000, relax=True)
    assert (found.offers, found.relaxations) == ((), ())


def test_the_same_figures_through_the_room_itself(market: Market) -> None:
    need = parse_need(market.need(relax=True), today=clock.today(), known=known_names())
    now = clock.now()
    found = answer(need=need, organisation_id=market.bank.organisation.pk, now=now)
    assert found.relaxations == relaxations(need=need, now=now)
