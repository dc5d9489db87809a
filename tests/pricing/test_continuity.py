"""Prices from one solve to the next: no move without a reason that is stored."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from marketplace.capacity.ledger import set_limits
from marketplace.models import User
from marketplace.units import clock
from marketplace.units.period import Period
from pricing.curve import continuity, scarcity
from pricing.curve.actions import publish_tape, solve_prices
from pricing.curve.models import PoolCurve, PricePolicy, PriceVersion
from pricing.curve.queries import PoolPrices, pool_prices
from pricing.curve.solving import Duals
from tests.cockpit import signed_in
from tests.market import DAYS, H100_LIMITS, Market
from tests.pricing.test_quotes import take

amounts = st.integers(0, 30_000)


def curve(limit: int, use: int, dual: float) -> scarcity.Curve:
    one = np.ones(1)
    return scarcity.curve(
        limit=one * limit, use=one * use, dual=one * dual, base=1.5, adder=2.0, cap=8.0, lot=8,
        fill_steepness=8.0, dual_steepness=0.5,
    )  # fmt: skip


curves = st.builds(curve, amounts, amounts, st.floats(0, 5))


def after(old: scarcity.Curve, limit: int, x0: Any, dual: Any) -> scarcity.Curve:
    return replace(old, limit=np.array([float(limit)]), use=x0, dual=dual, capped_from=np.array([float(limit)]))


@given(curves, amounts, st.lists(amounts, min_size=1, max_size=5))
def test_solved_again_with_the_same_limit_every_price_stays_as_it_was(
    old: scarcity.Curve, sold: int, uses: list[int]
) -> None:
    x = np.array([float(sold)])
    x0, dual = continuity.carried(old, x, old.limit, x)
    new = replace(old, use=x0, dual=dual)
    for use in [sold, *uses]:
        assert scarcity.unit_price(new, np.array([float(use)])) == scarcity.unit_price(old, np.array([float(use)]))


def test_without_carrying_the_price_falls_because_of_sales_alone() -> None:
    """The twin: the use of now as x0, with the dual as it was."""
    old, x = curve(10_000, 0, 2.0), np.array([9_000.0])
    again = replace(old, use=x)
    assert scarcity.unit_price(again, x)[0] < 0.8 * scarcity.unit_price(old, x)[0]


@given(curves, amounts, amounts)
def test_where_the_limit_changes_the_dual_is_worth_the_same_at_the_use_of_now(
    old: scarcity.Curve, sold: int, limit: int
) -> None:
    x = np.array([float(sold)])
    x0, dual = continuity.carried(old, x, np.array([float(limit)]), x)
    assert scarcity.dual_at(after(old, limit, x0, dual), x)[0] == pytest.approx(scarcity.dual_at(old, x)[0])


@given(curves, amounts, st.floats(0, 10), st.floats(0, 0.2))
def test_without_a_new_forecast_a_solve_moves_a_price_by_no_more_than_the_tolerance(
    old: scarcity.Curve, sold: int, asked: float, tolerance: float
) -> None:
    x = np.array([float(sold)])
    kept = continuity.carried(old, x, old.limit, x)
    target = continuity.Target(np.array([asked]), is_new=False)
    x0, dual = continuity.moved(old, x, x, kept, target, tolerance)
    before = scarcity.unit_price(old, x)[0]
    now = scarcity.unit_price(replace(old, use=x0, dual=dual), x)[0]
    assert abs(now - before) <= tolerance * before + 1e-6


@given(curves, amounts, st.floats(0, 10))
def test_a_new_forecast_is_taken_as_it_is(old: scarcity.Curve, sold: int, asked: float) -> None:
    x = np.array([float(sold)])
    target = continuity.Target(np.array([asked]), is_new=True)
    x0, dual = continuity.moved(old, x, x, continuity.carried(old, x, old.limit, x), target, 0.02)
    assert (x0[0], dual[0]) == (sold, asked)


def solve(market: Market, *, duals: Duals | None = None, policy: PricePolicy | None = None) -> PriceVersion:
    seller = market.seller.organisation
    last = PriceVersion.objects.filter(seller=seller).latest("pk")
    policy = policy or last.policy
    return solve_prices(
        seller=seller, policy=policy, projection=last.projection, reason="a test", now=clock.now(), duals=duals
    )


def prices(version: PriceVersion, market: Market) -> PoolPrices:
    return pool_prices([version.pk])[market.h100.pk]


def unit_prices(version: PriceVersion, market: Market, left: int = 500) -> Any:
    found = prices(version, market)
    return found.unit_prices(Period.of(market.today, DAYS), np.full((3, DAYS), left))


def movements(version: PriceVersion, market: Market) -> list[dict[str, Any]]:
    row: PoolCurve = version.curves.get(pool=market.h100)
    return row.movements


def forecast(market: Market, name: str, dual: float) -> Duals:
    return Duals(name, {market.h100.pk: np.full((3, DAYS), dual)})


def test_a_weekly_solve_after_sales_changes_no_price(market: Market) -> None:
    first = solve(market, duals=forecast(market, "frc 1", 1.0))
    take(market, market.bank, quantity=1024)
    again = solve(market)
    assert (unit_prices(again, market) == unit_prices(first, market)).all()
    assert movements(again, market) == []
    assert again.forecast == "frc 1"


def test_a_new_forecast_moves_the_price_and_says_so(market: Market) -> None:
    first = solve(market)
    again = solve(market, duals=forecast(market, "frc 1", 1.0))
    found = movements(again, market)
    assert {(each["firmness"], each["cause"]) for each in found} == {
        (name, "demand") for name in ("firm", "standard", "standby")
    }
    before, now = (unit_prices(each, market, left=H100_LIMITS[0])[0, 0] for each in (first, again))
    assert found[0]["exact"]["mean"] == pytest.approx(now / before - 1, abs=1e-5)


def test_the_same_forecast_solved_otherwise_moves_no_more_than_the_tolerance(market: Market) -> None:
    first = solve(market, duals=forecast(market, "frc 1", 1.0))
    again = solve(market, duals=forecast(market, "frc 1", 3.0))
    change = unit_prices(again, market, left=2048)[0] / unit_prices(first, market, left=2048)[0] - 1
    assert 0.019 < change.max() <= 0.02 + 1e-9
    assert {each["cause"] for each in movements(again, market)} == {"time"}


def test_a_change_of_limits_is_stored_as_supply_with_its_size(market: Market) -> None:
    take(market, market.bank, quantity=1024, duration_days=300, start=ten(market))
    first = solve(market)
    cut = np.repeat(np.array([[1100], [3072], [4096]], dtype=np.int64), DAYS, axis=1)
    set_limits(pool_id=market.h100.pk, first_day=market.today, limits=cut)
    again = solve(market)
    (found,) = movements(again, market)
    assert (found["firmness"], found["cause"], found["reason"]) == ("firm", "supply", "limits changed")
    day = Period.of(market.day(20), 1)
    was = prices(first, market).unit_prices(day, np.full((3, 1), 1024))[0, 0]
    now = prices(again, market).unit_prices(day, np.full((3, 1), 76))[0, 0]
    assert found["exact"]["most"] == pytest.approx(now / was - 1, abs=1e-5)


def ten(market: Market) -> dict[str, str]:
    return {"from": str(market.day(10)), "to": str(market.day(10))}


def test_a_policy_and_a_cost_are_told_apart(market: Market) -> None:
    first = solve(market)
    site = market.h100.site
    site.energy_usd_per_kwh = Decimal("0.1000")
    site.save()
    dearer = PricePolicy.objects.create(
        version=2, starts_at=clock.now(), premium_firm=Decimal("0.18"), published_by="tests", reason="firm costs more"
    )
    again = solve(market, policy=dearer)
    firm = {each["cause"]: each for each in movements(again, market) if each["firmness"] == "firm"}
    assert set(firm) == {"cost", "policy"}
    assert firm["policy"]["reason"] == "price policy default v2: firm costs more"
    before, now = (unit_prices(each, market, left=2048)[0, 0] for each in (first, again))
    assert firm["cost"]["exact"]["mean"] + firm["policy"]["exact"]["mean"] == pytest.approx(now / before - 1, abs=1e-5)


def test_what_the_public_sees_of_a_move_is_blind_to_small_trades(market: Market) -> None:
    with clock.frozen(clock.now() + timedelta(minutes=6)):
        publish_tape(now=clock.now())
    take(market, market.bank, quantity=128)
    with transaction.atomic():
        with_trade = solve(market, duals=forecast(market, "frc 1", 0.4))
        shown = [each["public"] for each in movements(with_trade, market)]
        exact = [each["exact"] for each in movements(with_trade, market)]
        transaction.set_rollback(True)
    connection.cursor().execute("UPDATE marketplace_capacityday SET firm_held = 0")
    without = solve(market, duals=forecast(market, "frc 1", 0.4))
    assert [each["public"] for each in movements(without, market)] == shown
    assert [each["exact"] for each in movements(without, market)] != exact


@pytest.mark.parametrize("table", ["pricing_priceversion", "pricing_poolcurve", "pricing_pricepolicy"])
def test_nothing_of_a_published_price_is_ever_rewritten(market: Market, table: str) -> None:
    """Every column of every frozen table, one by one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
        columns = [name for (name,) in cursor.fetchall()]
        assert len(columns) > 5
        for name in columns:
            with pytest.raises(IntegrityError), transaction.atomic():
                cursor.execute(f"UPDATE {table} SET {name} = {name}")


def test_the_board_says_why_a_price_moved_since_yesterday(market: Market, client: Any) -> None:
    tomorrow = clock.now() + timedelta(days=1, minutes=6)
    with clock.frozen(tomorrow):
        solve(market, duals=forecast(market, "frc 1", 0.5))
        take(market, market.bank, accelerators=["gb200"], quantity=648, duration_days=30)
        publish_tape(now=clock.now())
        movers = client.get(reverse("market")).context["movers"]
    assert {move["pool"]: move["reason"] for move in movers} == {
        market.h100: "a new forecast of demand",
        market.gb200: "demand: sold and held in total",
    }


def test_the_admin_says_what_moved_in_a_version_and_why(market: Market) -> None:
    version = solve(market, duals=forecast(market, "frc 1", 0.5))
    root = signed_in(User.objects.create_superuser("root@headroom.test", "a demo of capacity", name="Root"))
    page = root.get(reverse("admin:pricing_priceversion_change", args=[version.pk])).content.decode()
    assert "demand: a new forecast of demand" in page
