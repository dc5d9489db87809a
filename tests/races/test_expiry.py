"""A hold ends once: swept by one sweep, or committed by its buyer, never two of these."""

from datetime import timedelta

import pytest

from marketplace.capacity import ledger
from marketplace.capacity.models import Claim, LedgerEntry
from marketplace.capacity.queries import differences
from marketplace.change import change
from tests.capacity import LATER, NOW, a_pool, block, hold, sold, total
from tests.races import buyers
from tests.races.gate import THROUGH_THE_GATE, at_the_gate, replaced, variant
from tests.races.racing import race

pytestmark = pytest.mark.django_db(transaction=True)


def test_each_hold_is_committed_or_swept_never_both() -> None:
    pool = a_pool(firm=400)
    claims = [hold("qte_bank", block(pool, 8, start=number % 5)).claim_id for number in range(40)]
    outcomes = race(
        buyers.work,
        [("commit_holds", claims[::-1]), ("sweep", LATER), ("sweep", LATER + timedelta(days=1))],
    )
    committed, first, second = (each.value for each in outcomes)
    assert len(committed) + first + second == LedgerEntry.objects.filter(held=-8).count() == 40
    assert set(Claim.objects.filter(status="committed").values_list("pk", flat=True)) == set(committed)
    assert not Claim.objects.filter(status="held").exists()
    assert total(pool.pk, "firm_held", 4) == 0
    assert total(pool.pk, "firm_committed", 4) == sold(pool.pk) == 8 * len(committed)
    assert differences() == []


def test_two_sweeps_at_once_release_every_hold_once() -> None:
    pool = a_pool(firm=400)
    for number in range(30):
        hold("qte_bank", block(pool, 8, start=number % 7))
    outcomes = race(buyers.sweep, [(LATER,)] * 4)
    assert sum(each.value for each in outcomes) == 30
    assert LedgerEntry.objects.filter(held=-8).count() == 30
    assert total(pool.pk, "firm_held", 10) == 0
    assert differences() == []


def test_a_refused_buyer_and_a_sweep_may_release_the_same_holds() -> None:
    pool = a_pool(firm=80)
    for _ in range(10):
        hold("qte_gone", block(pool, 8), until=NOW)
    outcomes = race(buyers.work, [("buy", pool.pk, 40), ("sweep", LATER), ("buy", pool.pk, 40), ("sweep", LATER)])
    assert [each.error for each in outcomes] == [None] * 4
    assert (outcomes[0].value, outcomes[2].value, sold(pool.pk)) == (1, 1, 80)
    assert differences() == []


def gated_move(text: str) -> str:
    """capacity_move, stopped after it knows that the claim is still in the status that it expects."""
    return replaced(text, "    FOR l IN SELECT", f"    {THROUGH_THE_GATE}\n    FOR l IN SELECT")


def gated_look_then_leap(text: str) -> str:
    """The same with the claim's status read first and written later, instead of both in one statement."""
    update = text[text.index("    UPDATE marketplace_claim") : text.index("    FOR l IN")]
    looked = f"""
    SELECT firmness INTO claim_firmness FROM marketplace_claim WHERE id = p_claim AND status = p_from;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    {THROUGH_THE_GATE}
    UPDATE marketplace_claim SET status = p_to, changed_at = p_now WHERE id = p_claim;
    """
    return replaced(text, update, looked)


def release(claim_id: int) -> bool:
    return change.run(lambda: ledger.release_hold(claim_id=claim_id, now=NOW))


def test_of_two_who_release_the_same_hold_one_gives_it_back() -> None:
    pool = a_pool(firm=80)
    claim, _ = hold("qte_bank", block(pool, 24)).claim_id, hold("qte_rival", block(pool, 40))
    with variant("capacity_move", gated_move):
        assert at_the_gate(lambda: release(claim), lambda: release(claim)) == [True, False]
    assert total(pool.pk, "firm_held") == sold(pool.pk) == 40


def test_twin_without_the_conditional_update_a_hold_is_given_back_twice() -> None:
    pool = a_pool(firm=80)
    claim, _ = hold("qte_bank", block(pool, 24)).claim_id, hold("qte_rival", block(pool, 40))
    with variant("capacity_move", gated_look_then_leap):
        assert at_the_gate(lambda: release(claim), lambda: release(claim)) == [True, True]
    # 40 are held, the ledger says 16: so 64 more could be held beside them, in a pool of 80.
    assert (sold(pool.pk), total(pool.pk, "firm_held")) == (40, 16)
    hold("qte_third", block(pool, 64))
    assert sold(pool.pk) == 104
