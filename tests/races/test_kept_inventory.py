"""What is kept between two reads misses nothing that committed, in whatever order, and keeps nothing that did not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from marketplace.capacity import kept, ledger, log
from marketplace.capacity.kept import kept_inventory
from marketplace.capacity.queries import inventory
from marketplace.catalogue.models import Pool
from marketplace.change import change
from marketplace.units.firmness import STANDBY
from marketplace.units.period import Period
from tests.capacity import DAYS, FIRST, LATER, NOW, a_pool, block, commit, hold, limit
from tests.races import buyers
from tests.races.racing import race
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
HORIZON = Period.of(FIRST, DAYS)


@pytest.fixture(autouse=True)
def _kept_from_here_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_process", kept._Process())


class Session:
    """Another client of the database, whose transaction ends when the test says so."""

    def __init__(self) -> None:
        settings = connection.settings_dict
        self.connection = psycopg.connect(
            dbname=settings["NAME"], user=settings["USER"], host=settings["HOST"], port=settings["PORT"] or None
        )

    def take_an_id(self) -> None:
        """A transaction id of its own, before anything of the ledger."""
        self.connection.execute("SELECT pg_current_xact_id()")

    def claim(self, pool: Pool, quantity: int) -> None:
        self.connection.execute(
            "SELECT capacity_claim('rsv_other', 'firm', 'committed', NULL, %s, ARRAY[%s]::bigint[], ARRAY[%s]::date[],"
            " ARRAY[%s]::date[], ARRAY[%s]::date[], ARRAY[%s]::int[])",
            [NOW, pool.pk, HORIZON.start, HORIZON.end, HORIZON.end, quantity],
        )

    def commit(self) -> None:
        self.connection.commit()

    def roll_back(self) -> None:
        self.connection.rollback()


@contextmanager
def sessions(count: int) -> Iterator[list[Session]]:
    found = [Session() for _ in range(count)]
    try:
        yield found
    finally:
        for each in found:
            each.connection.close()


def used(pool: Pool, now: Any = NOW) -> int:
    """GPUs taken on the first day, as the kept inventory has it."""
    return int(kept_inventory(pool_ids=[pool.pk], period=HORIZON, now=now).nested[0, 2, 0])


def warmed_up(*pools: Pool) -> None:
    """Kept from here on: nothing from before the first look is open any more, in any database of the server."""
    change.run(lambda: commit("rsv_first", block(pools[0], 8, DAYS - 1, 1)))
    wait_until(lambda: used(pools[0]) == 0 and kept._process.days is not None)


def gaps() -> dict[int, int]:
    assert kept._process.log is not None
    return kept._process.log.gaps


def test_a_commitment_between_two_reads_is_in_the_second() -> None:
    pool = a_pool(80)
    warmed_up(pool)
    change.run(lambda: commit("rsv_bank", block(pool, 16)))
    assert used(pool) == 16
    claim = change.run(lambda: hold("qte_rival", block(pool, 8)))
    assert used(pool) == 24
    change.run(lambda: ledger.release_hold(claim_id=claim.claim_id, now=NOW))
    assert used(pool) == 16


def test_nothing_is_read_again_for_a_commitment(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = a_pool(80)
    warmed_up(pool)
    before = kept._process.days
    change.run(lambda: commit("rsv_bank", block(pool, 16)))
    used(pool)
    assert kept._process.days is before


def test_every_figure_equals_the_one_read_from_the_rows() -> None:
    pools = [a_pool(80), a_pool(400)]
    warmed_up(*pools)
    change.run(lambda: commit("rsv_bank", block(pools[0], 16, 3, 9)))
    change.run(lambda: commit("rsv_bank", block(pools[1], 16, 5, 9), firmness=STANDBY))
    change.run(lambda: hold("qte_rival", block(pools[1], 24, 0, 30, turnaround=2)))
    change.run(lambda: limit(pools[0], 8, 16, 160))
    for now in (NOW, LATER):
        for period in (
            HORIZON,
            Period.of(FIRST + timedelta(days=4), 6),
            Period.of(FIRST - timedelta(days=5), 2 * DAYS),
        ):
            ids = [pools[1].pk, 0, pools[0].pk]
            found = kept_inventory(pool_ids=ids, period=period, now=now)
            expected = inventory(pool_ids=ids, period=period, now=now)
            assert (found.pool_ids, found.period) == (expected.pool_ids, expected.period)
            assert (found.limits == expected.limits).all()
            assert (found.nested == expected.nested).all()


def test_a_hold_whose_time_is_over_is_left_out_and_no_longer_counted_once_it_is_released() -> None:
    pool = a_pool(80)
    warmed_up(pool)
    claim = change.run(lambda: hold("qte_rival", block(pool, 8)))
    assert (used(pool, LATER - timedelta(microseconds=1)), used(pool, LATER)) == (8, 0)
    change.run(lambda: ledger.release_hold(claim_id=claim.claim_id, now=LATER))
    assert (used(pool, NOW), used(pool, LATER)) == (0, 0)


def test_new_limits_and_new_pools_are_seen_at_once() -> None:
    pool = a_pool(80)
    warmed_up(pool)
    change.run(lambda: limit(pool, 40, 48, 56))
    other = a_pool(24)
    found = kept_inventory(pool_ids=[pool.pk, other.pk], period=HORIZON, now=NOW)
    assert found.limits[:, :, 0].tolist() == [[40, 48, 56], [24, 36, 48]]


def test_a_limit_written_by_hand_is_seen_too() -> None:
    pool = a_pool(80)
    warmed_up(pool)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE marketplace_capacityday SET limit_firm = 8 WHERE pool_id = %s", [pool.pk])
    assert kept_inventory(pool_ids=[pool.pk], period=HORIZON, now=NOW).limits[0, 0, 0] == 8


def test_what_a_transaction_has_not_committed_is_seen_by_itself_and_kept_for_nobody() -> None:
    pool = a_pool(80)
    warmed_up(pool)
    with transaction.atomic():
        commit("rsv_bank", block(pool, 16))
        assert used(pool) == 16
        transaction.set_rollback(True)
    assert used(pool) == 0


def test_an_entry_that_commits_after_a_later_one_is_not_missed() -> None:
    pools = [a_pool(80), a_pool(80)]
    warmed_up(*pools)
    with sessions(1) as (slow,):
        slow.claim(pools[0], 8)
        change.run(lambda: commit("rsv_bank", block(pools[1], 16)))
        assert (used(pools[0]), used(pools[1])) == (0, 16)
        slow.commit()
        assert (used(pools[0]), used(pools[1])) == (8, 16)


def test_twin_a_cursor_alone_misses_what_commits_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything above the highest id seen, as a cursor would have it: 8 GPUs are sold and nobody is told."""
    pools = [a_pool(80), a_pool(80)]
    warmed_up(*pools)
    monkeypatch.setattr(log, "_have_ended", lambda until, seen: True)
    with sessions(1) as (slow,):
        slow.claim(pools[0], 8)
        change.run(lambda: commit("rsv_bank", block(pools[1], 16)))
        used(pools[0])
        used(pools[0])
        slow.commit()
    assert used(pools[0]) == 0
    assert inventory(pool_ids=[pools[0].pk], period=HORIZON, now=NOW).nested[0, 2, 0] == 8


def late_with_the_higher_id() -> tuple[Pool, int]:
    """The later entry commits first and its transaction is the older one: the snapshot's xmax is the open one's id."""
    pools = [a_pool(80), a_pool(80)]
    warmed_up(*pools)
    with sessions(2) as (quick, slow):
        quick.take_an_id()
        slow.claim(pools[0], 8)
        quick.claim(pools[1], 16)
        quick.commit()
        assert [used(pools[0]) for _ in range(3)] == [0, 0, 0]
        slow.commit()
    return pools[0], used(pools[0])


def test_a_transaction_above_the_snapshots_xmax_is_waited_for() -> None:
    assert late_with_the_higher_id()[1] == 8


def test_twin_with_the_snapshots_xmax_it_is_given_up_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    look = log.look

    def with_xmax(*args: Any, **kwargs: Any) -> log.Look:
        seen = look(*args, **kwargs)
        return replace(seen, following=min(seen.following, seen.oldest_running))

    monkeypatch.setattr(kept, "look", with_xmax)
    pool, seen = late_with_the_higher_id()
    assert seen == 0
    assert inventory(pool_ids=[pool.pk], period=HORIZON, now=NOW).nested[0, 2, 0] == 8


def test_two_looks_in_one_transaction_know_that_the_second_is_told_an_old_id() -> None:
    pools = [a_pool(80), a_pool(80)]
    warmed_up(*pools)
    with sessions(1) as (slow,):
        with transaction.atomic():
            used(pools[0])
            slow.claim(pools[0], 8)
            with sessions(1) as (quick,):
                quick.claim(pools[1], 16)
                quick.commit()
            assert used(pools[1]) == 16
            assert list(gaps().values()) == [log.UNKNOWN]
            used(pools[1])
        assert [used(pools[0]) for _ in range(3)] == [0, 0, 0]
        slow.commit()
        assert used(pools[0]) == 8


def test_what_is_rolled_back_is_given_up_once_nothing_can_bring_it() -> None:
    pools = [a_pool(80), a_pool(80)]
    warmed_up(*pools)
    with sessions(1) as (slow,):
        slow.claim(pools[0], 8)
        change.run(lambda: commit("rsv_bank", block(pools[1], 16)))
        used(pools[0])
        assert len(gaps()) == 1
        slow.roll_back()
        wait_until(lambda: (used(pools[0]), used(pools[1])) == (0, 16) and gaps() == {})


def test_nothing_is_kept_while_entries_from_before_the_first_look_may_come() -> None:
    pools = [a_pool(80), a_pool(80)]
    with sessions(1) as (slow,):
        slow.claim(pools[0], 8)
        change.run(lambda: commit("rsv_bank", block(pools[1], 16)))
        assert (used(pools[0]), used(pools[1])) == (0, 16)
        assert kept._process.days is None
        slow.commit()
        assert used(pools[0]) == 8
    wait_until(lambda: used(pools[0]) == 8 and kept._process.days is not None)


def test_more_than_can_be_taken_in_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = a_pool(80)
    warmed_up(pool)
    monkeypatch.setattr(log, "MOST_NEW", 3)
    for number in range(8):
        change.run(lambda number=number: commit(f"rsv_{number}", block(pool, 8)))  # type: ignore[misc]
    assert used(pool) == 64
    assert used(pool) == 64


def test_ids_of_entries_are_handed_out_one_by_one() -> None:
    """A session that kept some in stock would hand them out late, after ids above them had been seen."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT cache_size, increment_by FROM pg_sequences WHERE schemaname || '.' || sequencename ="
            " pg_get_serial_sequence('marketplace_ledgerentry', 'id')"
        )
        assert cursor.fetchall() == [(1, 1)]


def test_several_processes_buying_leave_no_difference_between_what_is_kept_and_the_rows() -> None:
    pool = a_pool(4000, 4000, 4000)
    warmed_up(pool)
    outcomes = race(buyers.work, [("buy", pool.pk, 8, 60)] * 4 + [("watch", pool.pk, 200)])
    assert [each.error for each in outcomes] == [None] * 5
    assert outcomes[4].value == 0
    assert used(pool) == 8 * sum(each.value for each in outcomes[:4])
