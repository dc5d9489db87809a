"""Selling stops while buyers buy, while another sweep judges, and while a projection is published."""

from datetime import timedelta

import pytest

from marketplace.capacity import ledger
from marketplace.capacity.queries import differences, inventory
from marketplace.catalogue.models import Pool
from marketplace.change import change
from marketplace.models import Event, SellingStop
from marketplace.tasks import watch_exposure
from marketplace.units import clock
from marketplace.units.period import Period
from tests.capacity import DAYS, FIRST, NOW, a_pool, block, commit, limit, sold, total
from tests.market import Market, open_market
from tests.marketplace.test_stops import oversell, room, stop_at
from tests.races import buyers
from tests.races.gate import at_the_gate, gated, variant, wait_at_the_gate
from tests.races.racing import race

pytestmark = pytest.mark.django_db(transaction=True)


def shortfall(pool: Pool) -> int:
    return int(inventory(pool_ids=[pool.pk], period=Period.of(FIRST, DAYS), now=NOW).shortfall().max())


def test_a_stop_under_buyers_leaves_no_room_and_makes_no_shortfall() -> None:
    pool = a_pool(4000)
    outcomes = race(buyers.work, [("stop_selling", pool.pk, 20)] * 2 + [("buy", pool.pk, 8, 200)] * 6)
    assert [each.error for each in outcomes] == [None] * 8
    change.run(lambda: ledger.stop_selling(pool_id=pool.pk, first_day=FIRST))
    assert (shortfall(pool), differences()) == (0, [])
    assert total(pool.pk, "limit_firm") == sold(pool.pk) == 8 * sum(each.value for each in outcomes[2:])
    with pytest.raises(ledger.InsufficientHeadroom):
        change.run(lambda: commit("rsv_late", block(pool, 8)))


def test_a_stop_waits_for_a_claim_that_was_faster_and_counts_it() -> None:
    pool = a_pool(80)
    with variant("capacity_claim", gated):
        at_the_gate(
            lambda: change.run(lambda: commit("rsv_bank", block(pool, 40))),
            lambda: change.run(lambda: ledger.stop_selling(pool_id=pool.pk, first_day=FIRST)),
        )
    assert (sold(pool.pk), total(pool.pk, "limit_firm"), shortfall(pool)) == (40, 40, 0)


def test_twin_that_reads_what_is_claimed_before_it_locks_makes_a_shortfall() -> None:
    pool = a_pool(80)

    def stop() -> None:
        claimed = sold(pool.pk)
        wait_at_the_gate()
        buyers.buy(pool.pk, 40)  # somebody is faster between the look and the leap
        change.run(lambda: limit(pool, claimed, claimed, claimed))

    at_the_gate(stop, wait_at_the_gate)
    assert (sold(pool.pk), total(pool.pk, "limit_firm"), shortfall(pool)) == (40, 0, 40)


def test_of_sweeps_at_once_one_stops_and_one_resumes() -> None:
    market = open_market()
    oversell(market)
    stop_at(gpu_days=1000)
    outcomes = race(buyers.work, [("watch_sites",)] * 4)
    assert sorted((each.value, each.error) for each in outcomes) == [(0, None)] * 3 + [(1, None)]
    assert SellingStop.objects.count() == Event.objects.filter(name="selling.stopped").count() == 1
    assert room(market.h100, 0) == [0, 0, 0]
    stop_at()
    outcomes = race(buyers.work, [("watch_sites",)] * 4)
    assert sorted((each.value, each.error) for each in outcomes) == [(0, None)] * 3 + [(1, None)]
    assert SellingStop.objects.get().settled_at is not None
    assert room(market.h100, 0) == [2048, 3072, 4096]


def test_limits_that_are_published_while_a_stop_ends_are_not_cut_for_good() -> None:
    market: Market = open_market()
    oversell(market)
    for _ in range(3):
        stop_at(gpu_days=1000)
        with clock.frozen(clock.now() + timedelta(seconds=1)):
            watch_exposure()
        assert room(market.h100, 0) == [0, 0, 0]
        stop_at()
        outcomes = race(
            buyers.work, [("watch_sites",), ("publish", market.h100.pk, 10), ("publish", market.h100.pk, 10)]
        )
        assert [each.error for each in outcomes] == [None] * 3
        assert room(market.h100, 0) == [2048, 3072, 4096]
