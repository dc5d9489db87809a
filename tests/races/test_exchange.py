"""Two holds that change places: each exchange locks the days of both blocks first, in order, so that neither waits for
the other in a circle; and a hold that is given up is never to be had before the new one stands."""

from collections.abc import Callable

import pytest
from django.db import transaction

from marketplace.capacity import ledger
from marketplace.capacity.queries import differences
from marketplace.change import change
from tests.capacity import LATER, NOW, a_pool, block, hold, sold
from tests.races.gate import THROUGH_THE_GATE, at_the_gate, replaced, variant

pytestmark = pytest.mark.django_db(transaction=True)


def gated_before_the_lock(text: str) -> str:
    """capacity_claim, stopped before it locks the days that it wants."""
    return replaced(text, "        line := i;", f"        line := i;\n        {THROUGH_THE_GATE}")


def exchange(claim_id: int, holder: str, line: ledger.Line) -> Callable[[], ledger.Claimed]:
    return lambda: change.run(
        lambda: ledger.exchange_hold(
            claim_id=claim_id, holder=holder, firmness="firm", lines=[line], expires_at=LATER, now=NOW
        )
    )


def changing_places() -> list[Callable[[], ledger.Claimed]]:
    """A pool with room for both on either days; one hold in its first days, one later, each on its way to the other."""
    pool = a_pool(firm=80)
    early, late = block(pool, 40, start=0, days=10), block(pool, 40, start=30, days=10)
    first, second = hold("qte_bank", early).claim_id, hold("qte_rival", late).claim_id
    return [exchange(first, "qte_bank2", late), exchange(second, "qte_rival2", early)]


def test_two_exchanges_in_opposite_directions_wait_and_both_stand() -> None:
    with variant("capacity_claim", gated_before_the_lock):
        outcomes = at_the_gate(*changing_places())
    assert [type(each) for each in outcomes] == [ledger.Claimed, ledger.Claimed]
    assert differences() == []


def test_twin_without_the_lock_on_both_one_of_them_ends_in_a_deadlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_lock_both", lambda claim_id, lines: None)
    with variant("capacity_claim", gated_before_the_lock):
        outcomes = at_the_gate(*changing_places())
    assert {type(each) for each in outcomes} == {ledger.Claimed, change.Busy}
    assert differences() == []


def test_what_is_given_up_is_not_to_be_had_where_the_new_block_does_not_fit() -> None:
    pool = a_pool(firm=80)
    claim = hold("qte_bank", block(pool, 40, start=0, days=10)).claim_id
    hold("qte_rival", block(pool, 80, start=30, days=10))
    elsewhere = [block(pool, 40, start=30, days=10)]
    with pytest.raises(ledger.InsufficientHeadroom), transaction.atomic():
        ledger.exchange_hold(
            claim_id=claim, holder="qte_bank2", firmness="firm", lines=elsewhere, expires_at=LATER, now=NOW
        )
    assert sold(pool.pk) == 80
    with pytest.raises(ledger.InsufficientHeadroom), transaction.atomic():
        hold("qte_other", block(pool, 48, start=0, days=10))
    assert differences() == []


def test_the_own_hold_makes_room_for_what_overlaps_it() -> None:
    pool = a_pool(firm=80)
    claim = hold("qte_bank", block(pool, 80, start=0, days=10)).claim_id
    moved = exchange(claim, "qte_bank2", block(pool, 80, start=5, days=10))()
    assert moved.rooms[0].tolist() == [80] * 10
    assert sold(pool.pk) == 80
