"""Which reservations a projection touches: seen by staff alone."""

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from marketplace.capacity.actions import publish_limits
from marketplace.journal.actor import SYSTEM
from marketplace.models import MaintenanceWindow, Pool, Projection, User
from marketplace.parties.staff_roles import SALES, ensure_staff_groups
from marketplace.supply.actions import project_supply
from marketplace.supply.disrupting import plan_maintenance
from marketplace.supply.versions import before, compare
from marketplace.units import clock
from reservations.booking.models import Reservation
from reservations.booking.touched import Found, touched
from tests.cockpit import signed_in, staff
from tests.market import PASSWORD, Market
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def opened(opened: Market) -> Market:
    found = opened
    # Both halls stand: what is installed is certain, but for the derate. A small one far off lets firm be sold so long.
    for pool in (found.h100, found.gb200):
        pool.projects.get().milestones.create(kind="power", planned=found.day(-9), actual=found.day(-9))
    far = found.h100.projects.create(campus="far", ordinal=1, name="Hall 9", gpus=8, mw=1, h100_equivalents=8)
    far.milestones.create(kind="chips", planned=found.day(390))
    return found


def reserved(market: Market, **changed: Any) -> Reservation:
    """64 of the 4,096 GPUs for 30 days from day 10, unless asked otherwise."""
    return accept(market.bank, take(market, market.bank, **changed))


def projected() -> Projection:
    projection = project_supply(reason="test", now=clock.now(), scenarios=200, days=400)
    Projection.objects.filter(pk=projection.pk).update(published_at=clock.now())
    return projection


def half_away(pool: Pool, market: Market, first: int, last: int, *, share: str = "0.5") -> None:
    window = MaintenanceWindow(pool=pool, starts=market.day(first), ends=market.day(last))
    window.usable_share, window.reason = Decimal(share), "a new cooling loop"
    plan_maintenance(window=window, by=SYSTEM, now=clock.now())


def since(projection: Projection) -> Found:
    earlier = before(projection)
    assert earlier is not None
    return touched(comparison=compare(projection, earlier), now=clock.now())


def test_a_block_in_the_days_that_lose_gpus_is_less_likely_and_short(market: Market) -> None:
    block = reserved(market)
    projected()
    half_away(market.h100, market, 15, 20, share="0.01")
    later = projected()
    publish_limits(projection=later, pool=market.h100)
    (found,) = since(later).touched
    assert (found.reservation, found.short_days, found.first_short) == (block, 5, market.day(15))
    assert (found.before, found.after) == (1.0, 0.0)
    # 1 % of 4,096, derated, is less than 64 in any scenario: 32 or so are there, in lots of 8.
    assert 24 <= found.short_gpus <= 40


def test_a_block_that_is_still_covered_is_not_touched(market: Market) -> None:
    reserved(market)
    projected()
    half_away(market.h100, market, 15, 20)
    later = projected()
    publish_limits(projection=later, pool=market.h100)
    assert compare(later, before(later) or later).pools
    assert since(later) == Found((), 0)


def test_neither_other_days_nor_other_pools_touch_a_block(market: Market) -> None:
    reserved(market)
    projected()
    half_away(market.h100, market, 60, 70, share="0.01")
    half_away(market.gb200, market, 15, 20, share="0.01")
    assert since(projected()).touched == ()


def test_a_later_claim_of_the_class_is_touched_before_an_earlier_one(market: Market) -> None:
    reserved(market, quantity=512)
    second = reserved(market, quantity=512)
    projected()
    half_away(market.h100, market, 5, 60, share="0.2")
    later = projected()
    # A fifth of 4,096 is about 780: enough for the first 512, not for both.
    assert [each.reservation for each in since(later).touched if each.fall > 0.5] == [second]


def test_staff_see_them_from_the_projections_page_and_nobody_else_does(market: Market) -> None:
    block = reserved(market)
    first = projected()
    half_away(market.h100, market, 15, 20, share="0.01")
    later = projected()
    publish_limits(projection=later, pool=market.h100)
    page = reverse("admin:projection-touched", args=[later.public_id])
    sales = signed_in(staff("sales", ensure_staff_groups()[SALES]))
    assert page in sales.get(reverse("admin:marketplace_projection_change", args=[later.pk])).content.decode()
    shown = sales.get(page).content.decode()
    assert reverse("admin:reservations_reservation_change", args=[block.pk]) in shown
    assert "First Bank" in shown
    assert sales.get(page, {"against": later.public_id}).status_code == 404
    assert sales.get(page, {"against": first.public_id}).status_code == 200
    assert sales.get(page, {"against": "pjn_none"}).status_code == 404
    assert signed_in(staff("guest")).get(page).status_code == 403
    assert signed_in(market.bank.buyer).get(page).status_code == 302


def test_the_first_projection_has_nothing_to_be_compared_with(market: Market) -> None:
    root = signed_in(User.objects.create_superuser("root@headroom.test", PASSWORD, name="Root"))
    shown = root.get(reverse("admin:projection-touched", args=[Projection.objects.get().public_id]))
    assert "There is no earlier projection" in shown.content.decode()
    assert root.get(reverse("admin:projection-touched", args=[f"pjn_{'0' * 22}"])).status_code == 404
