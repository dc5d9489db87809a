"""Many buyers after the last block; each race beside a twin that takes the lock away and shows the damage."""

from collections import Counter

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.capacity import ledger
from marketplace.capacity.queries import differences
from marketplace.catalogue.models import Pool
from marketplace.change import change
from tests.capacity import a_pool, block, commit, sold, total
from tests.races import buyers
from tests.races.gate import at_the_gate, gated, gated_without_lock, variant, without_the_trigger
from tests.races.racing import race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("contenders", "quantity", "winners"), [(32, 80, 1), (32, 24, 3), (8, 8, 8)])
def test_exactly_as_many_buyers_win_as_there_are_blocks(contenders: int, quantity: int, winners: int) -> None:
    pool = a_pool(firm=80)
    outcomes = race(buyers.buy, [(pool.pk, quantity)] * contenders)
    assert Counter((each.value, each.error) for each in outcomes) == Counter(
        {(1, None): winners, (0, None): contenders - winners}
    )
    assert sold(pool.pk) == total(pool.pk, "firm_committed") == winners * quantity
    assert differences() == []


def test_buyers_who_go_on_until_they_are_refused_leave_less_than_a_block() -> None:
    pool = a_pool(firm=1000)
    outcomes = race(buyers.buy, [(pool.pk, 7 + number, 1000) for number in range(8)])
    assert {each.error for each in outcomes} == {None}
    assert sold(pool.pk) == sum((7 + number) * each.value for number, each in enumerate(outcomes))
    assert 1000 - 7 < sold(pool.pk) <= 1000


def test_four_writers_who_want_sixteen_blocks_get_the_eight_that_there_are() -> None:
    """Another system's layer, driven so, gave 16 of 16 on room for 8."""
    pool = a_pool(firm=64)
    outcomes = race(buyers.buy, [(pool.pk, 8, 4)] * 4)
    assert (sum(each.value for each in outcomes), {each.error for each in outcomes}) == (8, {None})
    assert sold(pool.pk) == total(pool.pk, "firm_committed") == 64
    assert differences() == []


def buy(pool: Pool, quantity: int) -> ledger.Claimed:
    return change.run(lambda: commit("rsv_race", block(pool, quantity)))


def first_rooms(outcomes: list[ledger.Claimed]) -> list[int]:
    return sorted(int(claimed.rooms[0].min()) for claimed in outcomes)


def test_the_second_buyer_is_priced_at_the_use_that_the_first_one_left() -> None:
    pool = a_pool(firm=80)
    with variant("capacity_claim", gated):
        outcomes = at_the_gate(lambda: buy(pool, 24), lambda: buy(pool, 24))
    assert first_rooms(outcomes) == [56, 80]


def test_twin_without_the_lock_two_buyers_are_priced_at_the_same_use() -> None:
    pool = a_pool(firm=80)
    with variant("capacity_claim", gated_without_lock):
        outcomes = at_the_gate(lambda: buy(pool, 24), lambda: buy(pool, 24))
    assert first_rooms(outcomes) == [80, 80]


def test_of_two_buyers_who_meet_at_the_last_block_one_is_refused() -> None:
    pool = a_pool(firm=80)
    with variant("capacity_claim", gated), without_the_trigger():
        first, second = at_the_gate(lambda: buy(pool, 80), lambda: buy(pool, 80))
    assert isinstance(first, ledger.Claimed)
    assert isinstance(second, ledger.InsufficientHeadroom)
    assert sold(pool.pk) == 80


def test_twin_without_lock_and_trigger_the_last_block_is_sold_twice() -> None:
    pool = a_pool(firm=80)
    with variant("capacity_claim", gated_without_lock), without_the_trigger():
        outcomes = at_the_gate(lambda: buy(pool, 80), lambda: buy(pool, 80))
    assert first_rooms(outcomes) == [80, 80]
    assert sold(pool.pk) == 160


def test_without_the_lock_the_trigger_alone_still_refuses_the_second_sale() -> None:
    pool = a_pool(firm=80)
    with variant("capacity_claim", gated_without_lock):
        outcomes = at_the_gate(lambda: buy(pool, 80), lambda: buy(pool, 80))
    assert {type(each) for each in outcomes} == {ledger.Claimed, IntegrityError}
    assert sold(pool.pk) == 80


def look_then_leap(pool: Pool, quantity: int) -> int:
    """The wrong path: reads the room, decides in Python, writes what it has worked out."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(limit_firm - firm_committed) FROM marketplace_capacityday WHERE pool_id = %s", [pool.pk]
        )
        (room,) = cursor.fetchone()
        cursor.execute("SELECT pg_advisory_xact_lock_shared(7462)")
        if room < quantity:
            return 0
        cursor.execute(
            "UPDATE marketplace_capacityday SET firm_committed = firm_committed + %s WHERE pool_id = %s",
            [quantity, pool.pk],
        )
    return quantity


def test_a_path_that_reads_and_then_writes_in_python_is_refused_by_the_trigger() -> None:
    pool = a_pool(firm=80)
    first, second = at_the_gate(lambda: look_then_leap(pool, 80), lambda: look_then_leap(pool, 80))
    refused = [each for each in (first, second) if isinstance(each, IntegrityError)]
    assert len(refused) == 1
    assert total(pool.pk, "firm_committed") == 80


def test_twin_without_the_trigger_that_path_sells_twice() -> None:
    pool = a_pool(firm=80)
    with without_the_trigger():
        assert at_the_gate(lambda: look_then_leap(pool, 80), lambda: look_then_leap(pool, 80)) == [80, 80]
    assert total(pool.pk, "firm_committed") == 160
