"""Selling stops where too much of what is sold may be late, and goes on once that has passed."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, transaction

from marketplace.capacity import ledger
from marketplace.capacity.actions import publish_limits, release_expired_holds
from marketplace.capacity.queries import differences, inventory
from marketplace.capacity.stops import judge_exposure, measure_exposures, pools_to_write
from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.models import Entry, Event, Pool, Projection, SellingStop, SiteExposure, SupplyPolicy
from marketplace.supply.policies import publish_policy
from marketplace.supply.queries import exposures_of, late_by_scenario
from marketplace.tasks import watch_exposure
from marketplace.units import clock
from marketplace.units.firmness import FIRM, STANDBY
from marketplace.units.period import Period
from tests.market import DAYS, H100_LIMITS, Market, pool, project_flat

pytestmark = pytest.mark.django_db
START, LENGTH = 30, 50


def sell(
    market: Market, gpus: int, firmness: str = FIRM, *, pool: Pool | None = None, until: timedelta | None = None
) -> ledger.Claimed:
    """Commits a block of LENGTH days, or holds it for a while."""
    now, sold = clock.now(), pool or market.h100
    line = ledger.Line(sold.pk, Period.of(market.day(START), LENGTH), gpus)
    if until:
        return ledger.hold(holder="qte_x", firmness=firmness, lines=[line], expires_at=now + until, now=now)
    return ledger.commit(holder="rsv_x", firmness=firmness, lines=[line], now=now)


def oversell(market: Market) -> ledger.Claimed:
    """All that the h100 pool may ever have, of which the derate takes some in every scenario."""
    sell(market, H100_LIMITS[0])
    return sell(market, H100_LIMITS[2] - H100_LIMITS[0], STANDBY)


def stop_at(gpu_days: int | None = None, share: str | None = None) -> SupplyPolicy:
    now = clock.now()
    policy = SupplyPolicy(
        starts_at=now, most_late_gpu_days=gpu_days, most_late_share=None if share is None else Decimal(share)
    )
    return publish_policy(policy=policy, by=SYSTEM, now=now)


def room(pool: Pool, day: int = START) -> list[int]:
    """What each class can still sell on a day of the horizon."""
    now = clock.now()
    period = Period.of(now.date() + timedelta(days=day), 1)
    return [int(each) for each in inventory(pool_ids=[pool.pk], period=period, now=now).room()[0, :, 0]]


def shortfall(pool: Pool) -> int:
    now = clock.now()
    return int(inventory(pool_ids=[pool.pk], period=Period.of(now.date(), DAYS), now=now).shortfall().max())


class TestExposure:
    def test_is_what_the_scenarios_of_the_projection_in_force_say(self, market: Market) -> None:
        oversell(market)
        assert watch_exposure() == 0
        found = SiteExposure.objects.get(seller=market.seller.organisation)
        use = np.zeros(DAYS, dtype=np.int64)
        use[START : START + LENGTH] = H100_LIMITS[2]
        late = late_by_scenario(projection=Projection.objects.get(), use={market.h100.pk: use}, first_day=market.today)[
            market.h100.pk
        ]
        assert found.sold_gpu_days == H100_LIMITS[2] * LENGTH
        assert 0 < found.expected_gpu_days == pytest.approx(late.mean(), abs=0.1)
        assert found.worst_gpu_days == np.sort(late)[60]  # of 64 scenarios, 3 are worse
        assert found.pools == {
            market.h100.public_id: {
                "sold": found.sold_gpu_days,
                "expected": found.expected_gpu_days,
                "worst": found.worst_gpu_days,
            }
        }

    def test_of_what_surely_stands_is_none(self, market: Market) -> None:
        sell(market, H100_LIMITS[0])
        watch_exposure()
        found = SiteExposure.objects.get(seller=market.seller.organisation)
        assert (found.worst_gpu_days, found.expected_gpu_days, found.worst_share) == (0, 0, 0)
        assert found.sold_gpu_days == H100_LIMITS[0] * LENGTH

    def test_counts_a_hold_while_it_lasts(self, market: Market) -> None:
        sell(market, 1024, until=timedelta(minutes=20))
        watch_exposure()
        mine = SiteExposure.objects.filter(seller=market.seller.organisation)
        assert mine.get().sold_gpu_days == 1024 * LENGTH
        with clock.frozen(clock.now() + timedelta(minutes=21)):
            watch_exposure()
        assert mine.get().sold_gpu_days == 0

    def test_is_worked_out_again_only_where_something_changed(self, market: Market) -> None:
        watch_exposure()
        assert [each.figures for each in measure_exposures(now=clock.now())] == [None, None]
        sell(market, 64)
        measured = {each.seller_id: each.figures for each in measure_exposures(now=clock.now())}
        assert measured[market.seller.organisation.pk] is not None
        assert measured[market.other_seller.organisation.pk] is None

    def test_what_a_slower_sweep_brings_is_not_taken(self, market: Market) -> None:
        before = [
            each for each in measure_exposures(now=clock.now()) if each.seller_id == market.seller.organisation.pk
        ]
        sell(market, 64)
        watch_exposure()
        judge_exposure(measured=before[0], now=clock.now())
        assert SiteExposure.objects.get(seller=market.seller.organisation).sold_gpu_days == 64 * LENGTH

    def test_of_two_sellers_on_one_site_is_each_ones_own(self, market: Market) -> None:
        shared = pool(market.other_seller.organisation, "b200", "Elsewhere", "DE", lot=8)
        shared.site = market.h100.site
        shared.save()
        oversell(market)
        watch_exposure()
        (theirs,) = [each for each in exposures_of(market.other_seller.organisation) if each.site == shared.site]
        assert (theirs.sold_gpu_days, list(theirs.pools)) == (0, [shared.public_id])
        assert [list(each.pools) for each in exposures_of(market.seller.organisation)] == [[market.h100.public_id]]
        assert exposures_of(market.bank.organisation) == []


class TestStop:
    def test_begins_at_the_limit_and_leaves_no_room_and_no_shortfall(self, market: Market) -> None:
        oversell(market)
        policy = stop_at(gpu_days=1000)
        assert watch_exposure() == 1
        stop = SellingStop.objects.get()
        assert (stop.site, stop.seller, stop.policy) == (market.h100.site, market.seller.organisation, policy)
        assert "selling stops at 1,000" in stop.reason
        assert room(market.h100) == room(market.h100, 0) == room(market.h100, DAYS - 1) == [0, 0, 0]
        assert shortfall(market.h100) == 0
        assert differences() == []
        with pytest.raises(ledger.InsufficientHeadroom), transaction.atomic():
            sell(market, 8)

    def test_spares_every_other_site(self, market: Market) -> None:
        before = room(market.gb200)
        oversell(market)
        stop_at(gpu_days=1000)
        watch_exposure()
        assert room(market.gb200) == before
        sell(market, 72, pool=market.gb200)

    def test_is_told_to_the_seller_and_journalled(self, market: Market) -> None:
        oversell(market)
        stop_at(gpu_days=1000)
        watch_exposure()
        event = Event.objects.get(name="selling.stopped")
        assert (event.organisation_id, event.subject) == (market.seller.organisation.pk, market.h100.site.public_id)
        assert "selling stops at 1,000" in Entry.objects.get(verb="selling.stopped").reason
        (mine,) = exposures_of(market.seller.organisation)
        assert mine.stop == SellingStop.objects.get()

    def test_below_the_limit_nothing_stops(self, market: Market) -> None:
        oversell(market)
        watch_exposure()
        worst = SiteExposure.objects.get(seller=market.seller.organisation).worst_gpu_days
        stop_at(gpu_days=worst + 1)
        assert watch_exposure() == 0
        stop_at(gpu_days=worst)
        assert watch_exposure() == 1

    def test_is_judged_by_the_share_of_what_is_sold_too(self, market: Market) -> None:
        stop_at(share="0.02")
        assert watch_exposure() == 0  # nothing sold is no share of anything
        oversell(market)
        assert watch_exposure() == 1
        assert "selling stops at 2.00%" in SellingStop.objects.get().reason

    def test_a_second_sweep_changes_nothing(self, market: Market) -> None:
        oversell(market)
        stop_at(gpu_days=1000)
        watch_exposure()
        assert watch_exposure() == 0
        assert SellingStop.objects.count() == Event.objects.filter(name="selling.stopped").count() == 1

    def test_ends_once_the_exposure_falls_and_the_limits_are_those_of_the_projection(self, market: Market) -> None:
        before = room(market.h100, 0)
        standby = oversell(market)
        stop_at(gpu_days=1000)
        watch_exposure()
        ledger.release_commitment(claim_id=standby.claim_id, now=clock.now())
        assert room(market.h100)[2] > 0  # given back, and not yet swept: see below
        assert watch_exposure() == 1
        stop = SellingStop.objects.get()
        assert stop.lifted_at is not None
        assert stop.settled_at is not None
        assert room(market.h100, 0) == before
        assert room(market.h100) == [0, 1024, 2048]
        assert Event.objects.filter(name="selling.resumed").count() == 1
        assert pools_to_write() == []

    def test_what_is_given_back_while_it_lasts_is_no_room_to_sell_again(self, market: Market) -> None:
        sell(market, 64, STANDBY, until=timedelta(minutes=20))
        oversell_but(market, 64)
        stop_at(gpu_days=1000)
        watch_exposure()
        with clock.frozen(clock.now() + timedelta(minutes=21)):
            release_expired_holds(now=clock.now())
            watch_exposure()
            assert room(market.h100) == [0, 0, 0]

    def test_outlives_a_new_projection(self, market: Market) -> None:
        oversell(market)
        stop_at(gpu_days=1000)
        watch_exposure()
        change.run(lambda: publish_limits(projection=Projection.objects.get(), pool=market.h100))
        assert room(market.h100) == room(market.h100, 0) == [0, 0, 0]
        assert shortfall(market.h100) == 0

    def test_leaves_the_days_that_are_over_as_they_were(self, market: Market) -> None:
        oversell(market)
        stop_at(gpu_days=1000)
        with clock.frozen(clock.now() + timedelta(days=2)):
            Projection.objects.update(first_day=clock.today())
            watch_exposure()
            assert room(market.h100, 0) == [0, 0, 0]
        assert room(market.h100, 1) == [2048, 3072, 4096]

    def test_of_a_killed_sweep_is_carried_out_by_the_next(self, market: Market) -> None:
        oversell(market)
        stop_at(gpu_days=1000)
        for measured in list(measure_exposures(now=clock.now())):
            change.run(lambda measured=measured: judge_exposure(measured=measured, now=clock.now()))  # type: ignore[misc]
        assert room(market.h100, 0) != [0, 0, 0]
        assert watch_exposure() == 0
        assert room(market.h100, 0) == [0, 0, 0]

    def test_a_limit_that_is_gone_from_the_policy_lifts_it(self, market: Market) -> None:
        oversell(market)
        stop_at(gpu_days=1000)
        watch_exposure()
        stop_at()
        watch_exposure()
        assert SellingStop.objects.get().settled_at is not None
        assert room(market.h100, 0) == [2048, 3072, 4096]

    def test_there_is_one_at_a_time(self, market: Market) -> None:
        oversell(market)
        stop_at(gpu_days=1000)
        watch_exposure()
        stop = SellingStop.objects.get()
        stop.pk = None
        with pytest.raises(IntegrityError, match="one_stop_at_a_time"), transaction.atomic():
            stop.save(force_insert=True)


def oversell_but(market: Market, gpus: int) -> None:
    sell(market, H100_LIMITS[0])
    sell(market, H100_LIMITS[2] - H100_LIMITS[0] - gpus, STANDBY)


def test_without_a_projection_there_is_nothing_to_measure() -> None:
    assert watch_exposure() == 0


def test_a_projection_whose_horizon_is_over_measures_nothing(market: Market) -> None:
    with clock.frozen(clock.now() + timedelta(days=DAYS)):
        assert list(measure_exposures(now=clock.now())) == []


def test_a_pool_that_the_projection_does_not_know_has_no_figures_yet(market: Market) -> None:
    new: Any = pool(market.seller.organisation, "b200", "Newfield", "DE", lot=8)
    watch_exposure()
    found = SiteExposure.objects.get(site=new.site)
    assert (found.sold_gpu_days, found.worst_gpu_days) == (0, 0)


def test_a_flat_market_can_be_projected_twice(market: Market) -> None:
    """The newest projection's limits come back after a stop, not those under which it began."""
    oversell(market)
    stop_at(gpu_days=1000)
    watch_exposure()
    market.h100.projects.all().delete()
    market.gb200.projects.all().delete()
    project_flat({market.h100: (1024, 2048, 4096), market.gb200: (720, 1080, 1440)}, clock.now())
    stop_at()
    watch_exposure()
    assert room(market.h100, 0) == [1024, 2048, 4096]
