"""A refusal is true: what it says bound did, what it says fits does, and one lot more does not."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.capacity import ledger
from marketplace.capacity.ledger import set_limits
from marketplace.catalogue.actions import set_service_spec
from marketplace.models import Projection
from marketplace.units import clock
from marketplace.units.period import Period
from pricing.quotes.need import Need, Range, parse_need
from pricing.quotes.queries import known_names
from pricing.quotes.refusals import Refusal
from pricing.quotes.relax import Answer, answer
from tests.market import DAYS, Market

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def opened(opened: Market) -> Market:
    """The small market, but with a hole in the h100 pool's firm supply and steps in both."""
    found = opened
    h100 = np.repeat(np.array([[2048], [3072], [4096]]), DAYS, axis=1)
    h100[:, :40] = [[320], [512], [800]]
    h100[0, 100:110] = 0
    set_limits(pool_id=found.h100.pk, first_day=found.today, limits=h100)
    gb200 = np.repeat(np.array([[720], [1080], [1440]]), DAYS, axis=1)
    gb200[:, :60] = [[72], [144], [216]]
    set_limits(pool_id=found.gb200.pk, first_day=found.today, limits=gb200)
    document = {"delivery": "bare metal", "nvlink_domain_gpus": 72, "egress_usd_per_gb": 0.02}
    set_service_spec(pool=found.gb200, document=document, now=clock.now())
    return found


def ask(market: Market, **changed: Any) -> Answer:
    need = parse_need(market.need(**changed), today=clock.today(), known=known_names())
    return again(market, need)


def again(market: Market, need: Need) -> Answer:
    """Posted as it stands: through its JSON."""
    posted = parse_need(need.as_json(), today=clock.today(), known=known_names())
    return answer(need=posted, organisation_id=market.bank.organisation.pk, now=clock.now())


def refused(market: Market, **changed: Any) -> Refusal:
    found = ask(market, **changed)
    assert found.offers == ()
    assert found.refusal is not None
    return found.refusal


def window(market: Market, first: int, last: int) -> dict[str, str]:
    return {"from": market.day(first).isoformat(), "to": market.day(last).isoformat()}


def kinds(refusal: Refusal) -> list[str]:
    return [each.kind for each in refusal.alternatives]


def test_headroom_names_the_pool_the_day_and_what_is_left_there(market: Market) -> None:
    found = refused(market, quantity=1000, start=window(market, 85, 88))
    assert found.binding.constraint == "headroom"
    assert found.binding.pool == market.h100
    assert (found.binding.day, found.binding.headroom) == (market.day(100), 0)
    assert "none do" in found.detail
    assert kinds(found) == ["later", "sooner", "shorter", "less_sure", "other_accelerator"]


def test_the_most_that_is_said_to_fit_does_and_one_lot_more_does_not(market: Market) -> None:
    found = refused(market, quantity=1000, start=window(market, 10, 20))
    assert (found.most, found.binding.headroom, found.binding.day) == (
        320,
        320,
        market.day(20 + 0) - timedelta(days=10),
    )
    assert "at most 320 do" in found.detail
    assert ask(market, quantity=320, start=window(market, 10, 20)).offers
    assert not ask(market, quantity=320 + market.h100.lot, start=window(market, 10, 20)).offers


def test_a_lot_that_does_not_divide_what_is_left_is_what_bound(market: Market) -> None:
    set_limits(pool_id=market.gb200.pk, first_day=market.today, limits=np.full((3, DAYS), 100, dtype=np.int64))
    found = refused(market, accelerators=["gb200"], quantity=80, start=window(market, 10, 20))
    assert (found.binding.constraint, found.binding.headroom, found.most) == ("lot", 100, 72)
    assert "sells in whole lots of 72" in found.detail
    assert ask(market, accelerators=["gb200"], quantity=72, start=window(market, 10, 20)).offers


def test_the_class_whose_limit_binds_is_named_even_if_it_is_an_outer_one(market: Market) -> None:
    taken = ledger.Line(market.h100.pk, Period.of(market.day(50), 40), 3008)
    ledger.commit(holder="rsv_other", firmness="standard", lines=[taken], now=clock.now())
    found = refused(market, quantity=128, start=window(market, 55, 58))
    assert (found.binding.limit_of, found.binding.headroom) == ("standard", 64)
    assert "held by the limit of standard" in found.detail
    assert ask(market, quantity=64, start=window(market, 55, 58)).offers


def test_beyond_the_prices_the_refusal_says_until_when(market: Market) -> None:
    found = refused(market, start=window(market, DAYS - 10, DAYS))
    assert (found.binding.constraint, found.binding.day) == ("horizon", market.day(DAYS))
    last = DAYS - 30
    assert ask(market, start=window(market, last, last)).offers
    assert not ask(market, start=window(market, last + 1, last + 1)).offers


def test_nothing_firm_is_sold_beyond_the_last_known_project(market: Market, nothing_kept: None) -> None:
    inputs = Projection.objects.get().inputs
    Projection.objects.update(inputs={**inputs, "last_known_day": 299})
    limits = np.repeat(np.array([[2048], [3072], [4096]]), DAYS, axis=1)
    limits[0, 300:] = 0
    set_limits(pool_id=market.h100.pk, first_day=market.today, limits=limits)
    found = refused(market, start=window(market, 280, 290))
    assert (found.binding.constraint, found.binding.day) == ("last_known_project", market.day(300))
    assert ask(market, start=window(market, 270, 270)).offers
    assert "less_sure" in kinds(found)


@pytest.mark.parametrize(
    ("wishes", "named"),
    [
        ({"accelerators": ["h100"], "jurisdictions": ["US"]}, {("accelerators",), ("jurisdictions",)}),
        ({"accelerators": ["h100"], "service": {"nvlink_domain_gpus": {"min": 72}}}, {("accelerators",)}),
        ({"accelerators": ["gb200"], "service": {"egress_usd_per_gb": {"max": 0}}}, {("service.egress_usd_per_gb",)}),
        ({"accelerators": [], "service": {"delivery": "VM"}}, {("service.delivery",)}),
    ],
)
def test_wishes_that_no_pool_meets_are_named(market: Market, wishes: dict[str, Any], named: set[Any]) -> None:
    found = refused(market, quantity=8, start=window(market, 120, 150), **wishes)
    assert found.binding.constraint == "wish"
    assert found.binding.wishes in named
    for name in found.binding.wishes:
        assert name.removeprefix("service.") in found.detail
    for need in found.nearest:
        assert again(market, need).offers


def test_a_seller_is_a_wish(market: Market) -> None:
    seller = market.other_seller.organisation
    assert ask(market, accelerators=[], sellers=[seller.public_id], start=window(market, 120, 130)).offers
    found = refused(market, accelerators=["h100"], sellers=[seller.public_id])
    assert set(found.binding.wishes) < {"accelerators", "sellers"}


def test_where_nothing_near_fits_the_largest_block_anywhere_is_named(market: Market) -> None:
    found = refused(market, quantity=64, duration_days=700, start=window(market, 10, 20))
    assert found.nearest
    assert all(again(market, need).offers for need in found.nearest)


def test_every_nearest_of_a_small_market_can_be_posted_as_it_stands(market: Market) -> None:
    """Enumerated: sizes below and above each step, lengths, windows before, across and after the hole, each class."""
    wishes: list[dict[str, Any]] = [
        {"accelerators": ["h100"]},
        {"accelerators": ["gb200"], "jurisdictions": ["DE"]},
        {
            "accelerators": ["h100"],
            "sellers": [market.other_seller.organisation.public_id],
            "service": {"nvlink_domain_gpus": {"min": 8}},
        },
    ]
    tried = 0
    for quantity, days, (first, last), firmness, wish in product(
        (500, 2056, 5000), (1, 45), ((5, 9), (80, 99), (390, 399)), ("firm", "standby"), wishes
    ):
        asked: dict[str, Any] = {"quantity": quantity, "duration_days": days, "firmness": firmness, **wish}
        found = ask(market, start=window(market, first, last), **asked)
        if found.refusal is not None:
            tried += len(found.refusal.nearest)
            assert found.refusal.nearest, asked
            assert [each.text for each in found.refusal.alternatives if not again(market, each.need).offers] == []
    assert tried > 100


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    quantity=st.integers(1, 3000),
    days=st.integers(1, 420),
    first=st.integers(1, 420),
    wide=st.integers(0, 60),
    firmness=st.sampled_from(["firm", "standard", "standby"]),
    lowest=st.sampled_from([0, 8, 100, 640]),
)
def test_whatever_is_asked_the_refusal_is_true(
    market: Market, quantity: int, days: int, first: int, wide: int, firmness: str, lowest: int
) -> None:
    set_limits(pool_id=market.h100.pk, first_day=market.day(20), limits=np.full((3, 30), lowest, dtype=np.int64))
    asked = {"duration_days": days, "firmness": firmness, "start": window(market, first, first + wide)}
    found = ask(market, quantity=quantity, **asked)
    if found.refusal is None:
        return
    assert all(again(market, need).offers for need in found.refusal.nearest)
    most = found.refusal.most
    if most:
        assert most < quantity
        assert ask(market, quantity=most, **asked).offers
    assert not ask(market, quantity=most + market.h100.lot, **asked).offers
    if found.refusal.binding.constraint == "headroom":
        headroom = found.refusal.binding.headroom
        assert headroom is not None
        assert most == headroom // market.h100.lot * market.h100.lot


def test_the_refusal_says_the_same_text_for_a_range(market: Market) -> None:
    found = refused(market, quantity={"min": 1000, "max": 2000}, start=window(market, 10, 12))
    assert replace(found.nearest[0], quantity=Range(320, 320)) == found.nearest[0]
