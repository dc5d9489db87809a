"""A slip never hides: what is short is written down at once, with whom it concerns, and watched until it recovers."""

from functools import partial

import pytest

from marketplace.change import change
from marketplace.models import Event, Pool, Projection
from marketplace.units import clock
from reservations.allocation.models import RECOVERED, WATCHING, Concern, Shortfall
from reservations.allocation.watching import pools_to_watch, watch_pool
from tests.market import Market
from tests.slips import away, back, open_slipping_market, projected, reserved

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> Market:
    return open_slipping_market()


def watch(projection: Projection) -> list[Shortfall]:
    """What the task does after a projection."""
    found: list[Shortfall] = []
    for pool in pools_to_watch(projection=projection, now=clock.now()):
        looked: list[Shortfall] | None = change.run(
            partial(watch_pool, pool=pool, projection=projection, now=clock.now())
        )
        found += looked or []
    return found


def slipped(market: Market, pool: Pool, *, share: str = "0.01", first: int = 15, end: int = 20) -> list[Shortfall]:
    away(market, pool, first, end, share=share)
    return watch(projected())


def test_what_is_short_is_watched_at_once_with_whom_it_concerns(market: Market) -> None:
    block = reserved(market)
    projected()
    (shortfall,) = slipped(market, market.h100)
    assert (shortfall.pool, shortfall.firmness, shortfall.state) == (market.h100, "firm", WATCHING)
    assert (shortfall.first_day, shortfall.last_day) == (market.day(15), market.day(19))
    # 1 % of 4,096 derated is 32 or so, in lots of 8: of the 64 sold the rest is short, on five days.
    assert 24 <= shortfall.worst_gpus <= 40
    assert shortfall.gpu_days == 5 * shortfall.worst_gpus
    assert shortfall.confidence == 0.0
    concern = Concern.objects.get()
    assert (concern.reservation, concern.first_day, concern.days) == (block, market.day(15), 5)
    assert (concern.gpus, concern.before, concern.now) == (shortfall.worst_gpus, 1.0, 0.0)
    told = Event.objects.get(name="reservation.endangered")
    assert (told.organisation_id, told.subject) == (market.bank.organisation.pk, block.public_id)
    assert (told.data["days"], told.data["delivery_confidence"]) == (5, "0.0000")


def test_an_earlier_contract_of_the_class_is_not_concerned(market: Market) -> None:
    reserved(market, quantity=512)
    later = reserved(market, market.rival, quantity=512)
    projected()
    slipped(market, market.h100, share="0.2", first=5, end=60)
    # A fifth of 4,096 is about 780: enough for the first 512, not for both.
    assert [each.reservation for each in Concern.objects.all()] == [later]


def test_nothing_is_short_where_supply_still_suffices(market: Market) -> None:
    reserved(market)
    projected()
    assert slipped(market, market.h100, share="0.5") == []
    assert not Shortfall.objects.exists()


def test_the_same_is_looked_at_once_and_another_projection_adds_to_the_history(market: Market) -> None:
    reserved(market)
    projected()
    slipped(market, market.h100)
    projection = Projection.objects.first()
    assert projection is not None
    assert watch(projection) == []
    (again,) = watch(projected())
    assert len(again.history) == 2
    assert Shortfall.objects.count() == 1
    assert Event.objects.filter(name="shortfall.opened").count() == 1
    assert Event.objects.filter(name="reservation.endangered").count() == 1


def test_it_recovers_when_nothing_is_short_and_delivery_is_sure_again(market: Market) -> None:
    reserved(market)
    projected()
    window = away(market, market.h100, 15, 20, share="0.01")
    watch(projected())
    back(window)
    (found,) = watch(projected())
    assert (found.state, found.worst_gpus, found.confidence) == (RECOVERED, 0, 1.0)
    assert found.recovered_at is not None
    assert not Concern.objects.exists()
    assert Event.objects.filter(name="shortfall.recovered", organisation_id=market.seller.organisation.pk).count() == 1
    assert watch(projected()) == []


def test_firm_is_served_first_so_standard_is_short_before_it(market: Market) -> None:
    reserved(market, quantity=512)
    standard = reserved(market, market.rival, quantity=512, firmness="standard")
    projected()
    (found,) = slipped(market, market.h100, share="0.2", first=5, end=60)
    assert found.firmness == "standard"
    assert [each.reservation for each in Concern.objects.all()] == [standard]
