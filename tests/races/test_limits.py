"""Supply slips while buyers buy: the limits fall under running claims."""

import pytest

from marketplace.capacity import ledger
from marketplace.capacity.queries import differences
from marketplace.change import change
from tests.capacity import DAYS, a_pool, block, commit, limit, sold, total
from tests.races import buyers
from tests.races.gate import at_the_gate, gated, gated_without_lock, variant, wait_at_the_gate, without_the_trigger
from tests.races.racing import race

pytestmark = pytest.mark.django_db(transaction=True)


def test_limits_move_under_buyers_without_deadlock_and_nothing_is_sold_above_the_highest() -> None:
    pool = a_pool(400, 400, 400)
    levels = [80, 400, 160, 240, 80] * 8
    outcomes = race(
        buyers.work,
        [("move_limits", pool.pk, levels), ("move_limits", pool.pk, levels)] + [("buy", pool.pk, 8, 100)] * 6,
    )
    assert [each.error for each in outcomes] == [None] * 8
    bought = sum(each.value for each in outcomes[2:])
    assert 80 <= 8 * bought == sold(pool.pk) <= 400
    assert differences() == []
    assert total(pool.pk, "limit_firm", DAYS - 1) == 80
    with pytest.raises(ledger.InsufficientHeadroom):
        change.run(lambda: commit("rsv_late", block(pool, 8)))


def test_a_limit_that_falls_during_a_claim_waits_for_it_and_the_next_claim_sees_it() -> None:
    pool = a_pool(80, 80, 80)
    with variant("capacity_claim", gated), without_the_trigger():
        at_the_gate(
            lambda: change.run(lambda: commit("rsv_bank", block(pool, 40))),
            lambda: change.run(lambda: limit(pool, 40, 40, 40)),
        )
    assert (sold(pool.pk), total(pool.pk, "limit_firm")) == (40, 40)
    with pytest.raises(ledger.InsufficientHeadroom):
        change.run(lambda: commit("rsv_rival", block(pool, 8)))


def test_twin_without_the_lock_a_claim_is_taken_at_a_limit_that_has_fallen() -> None:
    """The claim decides at 80, the limit falls to 8 and everybody may know it, and then the claim takes 40."""
    pool = a_pool(80, 80, 80)
    seen: list[int] = []

    def fall() -> None:
        change.run(lambda: limit(pool, 8, 8, 8))
        seen.append(sold(pool.pk))
        wait_at_the_gate()

    with variant("capacity_claim", gated_without_lock), without_the_trigger():
        at_the_gate(lambda: change.run(lambda: commit("rsv_bank", block(pool, 40))), fall)
    assert seen == [0]
    assert (sold(pool.pk), total(pool.pk, "limit_firm")) == (40, 8)
