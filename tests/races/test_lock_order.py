"""Overlapping blocks and bundles in opposite orders wait for one another; they do not deadlock."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from psycopg import errors

from marketplace.capacity import ledger
from marketplace.capacity.queries import differences
from marketplace.catalogue.models import Pool
from tests.capacity import NOW, a_pool, block, total
from tests.races import buyers
from tests.races.gate import at_the_gate, gated, variant
from tests.races.racing import race

pytestmark = pytest.mark.django_db(transaction=True)


def test_overlapping_ranges_and_bundles_in_opposite_orders_do_not_deadlock() -> None:
    a, b = a_pool(firm=1000).pk, a_pool(firm=1000).pk
    bundles = in_opposite_orders(a, b)
    outcomes = race(buyers.hold_blocks, [(blocks, 8, 30) for blocks in bundles])
    assert [(each.value, each.error) for each in outcomes] == [(30, None)] * len(bundles)
    assert (total(a, "firm_held", 12), total(b, "firm_held", 12), differences()) == (0, 0, [])


def test_bundles_whose_parts_are_claims_of_their_own_do_not_deadlock() -> None:
    a, b = a_pool(firm=1000).pk, a_pool(firm=1000).pk
    bundles = in_opposite_orders(a, b)
    outcomes = race(buyers.bundle_holds, [(blocks, 8, 30) for blocks in bundles])
    assert [(each.value, each.error) for each in outcomes] == [(30, None)] * len(bundles)
    assert (total(a, "firm_held", 12), total(b, "firm_held", 12), differences()) == (0, 0, [])


def in_opposite_orders(a: int, b: int) -> list[list[tuple[int, int, int]]]:
    """(pool, start, days) of bundles that want the same days."""
    return [
        [(a, 0, 30), (b, 0, 30)],
        [(b, 10, 30), (a, 10, 30)],
        [(a, 20, 30), (b, 5, 30), (a, 0, 10)],
        [(b, 0, 60), (a, 0, 60)],
        [(a, 0, 30), (a, 10, 30)],
        [(a, 15, 30)],
    ]


def hold_one_by_one(*pools: Pool) -> Callable[[], None]:
    """Parts held in one transaction in the order in which they stand here: what `hold_all` does not do."""

    def claim() -> None:
        with transaction.atomic():
            for pool in pools:
                ledger.hold(
                    holder="qte_race", firmness="firm", lines=[block(pool, 8)], expires_at=buyers.NEVER, now=NOW
                )

    return claim


def hold_together(*pools: Pool) -> Callable[[], None]:
    def claim() -> None:
        wanted = [ledger.Wanted("qte_race", "firm", block(pool, 8)) for pool in pools]
        with transaction.atomic():
            ledger.hold_all(wanted=wanted, expires_at=buyers.NEVER, now=NOW)

    return claim


def test_twin_parts_held_in_the_order_in_which_they_were_asked_for_deadlock() -> None:
    a, b = a_pool(), a_pool()
    with variant("capacity_claim", gated):
        outcomes = at_the_gate(hold_one_by_one(a, b), hold_one_by_one(b, a))
    assert sorted(map(is_deadlock, outcomes)) == [False, True]


def test_parts_held_together_wait_whatever_their_order() -> None:
    a, b = a_pool(), a_pool()
    with variant("capacity_claim", gated):
        assert at_the_gate(hold_together(a, b), hold_together(b, a)) == [None, None]
    assert total(a.pk, "firm_held") == total(b.pk, "firm_held") == 16


def claim_in_this_order(*pools: Pool) -> Callable[[], None]:
    """The ledger's function without the ledger's sorting of lines."""

    def claim() -> None:
        lines = [block(pool, 8) for pool in pools]
        with transaction.atomic(), connection.cursor() as cursor:
            ends = [line.period.end for line in lines]
            cursor.execute(
                "SELECT line FROM capacity_claim('rsv_race', 'firm', 'committed', NULL, %s, %s::bigint[], %s::date[], "
                "%s::date[], %s::date[], %s::int[])",
                [NOW, [line.pool_id for line in lines], [line.period.start for line in lines], ends, ends, [8, 8]],
            )

    return claim


def is_deadlock(outcome: Any) -> bool:
    return isinstance(outcome, OperationalError) and isinstance(outcome.__cause__, errors.DeadlockDetected)


def test_twin_without_the_order_two_bundles_deadlock() -> None:
    a, b = a_pool(), a_pool()
    with variant("capacity_claim", gated):
        outcomes = at_the_gate(claim_in_this_order(a, b), claim_in_this_order(b, a))
    assert sorted(map(is_deadlock, outcomes)) == [False, True]


def test_in_one_order_the_second_bundle_waits_for_the_first() -> None:
    a, b = a_pool(), a_pool()
    with variant("capacity_claim", gated):
        assert at_the_gate(claim_in_this_order(a, b), claim_in_this_order(a, b)) == [None, None]
    assert total(a.pk, "firm_committed") == total(b.pk, "firm_committed") == 16
