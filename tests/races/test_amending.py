"""A change of a reservation commits what was held for it and gives back what it no longer needs: both, or neither."""

from collections.abc import Callable, Sequence

import pytest

from marketplace.capacity import ledger
from marketplace.capacity.models import Claim
from marketplace.capacity.queries import differences
from marketplace.catalogue.models import Pool
from marketplace.change import change
from tests.capacity import LATER, NOW, a_pool, block, commit, hold, sold, total
from tests.races import buyers
from tests.races.gate import THROUGH_THE_GATE, at_the_gate, replaced, variant, wait_at_the_gate
from tests.races.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
Bought = tuple[int, int]  # a claim that is committed, and a hold for what a change would add to it


def bought(pool: Pool, start: int, *, more: int) -> Bought:
    """16 GPUs of a reservation, and 8 for a change of it."""
    claim = commit("rsv_bank", block(pool, 16, start=start, days=10)).claim_id
    return claim, hold("qte_change", block(pool, 8, start=more, days=10)).claim_id


def made(of: Bought, pool: Pool, start: int) -> Callable[[], bool]:
    """Makes the change: the hold is committed, and half of the claim is given back. Whether it was made."""

    def change_it() -> bool:
        kept = [ledger.Kept(of[0], (block(pool, 8, start=start, days=10),))]
        try:
            change.run(lambda: ledger.amend(commit=of[1], kept=kept, now=NOW))
        except ledger.HoldGone:
            return False
        return True

    return change_it


def test_each_change_is_made_whole_or_its_hold_is_swept() -> None:
    """Two programs make the same changes in opposite orders while two sweeps think that their holds are over."""
    pool = a_pool(firm=2000)
    changes = [bought(pool, start % 5, more=30 + start % 5) for start in range(30)]
    wanted = [(*each, pool.pk, start % 5) for start, each in enumerate(changes)]
    outcomes = race(buyers.work, [("amend", wanted), ("amend", wanted[::-1]), ("sweep", LATER), ("sweep", LATER)])
    first, second, swept, swept_too = (each.value for each in outcomes)
    done = {*first, *second}
    assert len(first) + len(second) == len(done), "a change was made twice"
    assert len(done) + swept + swept_too == 30
    cut = set(Claim.objects.filter(holder="rsv_bank", lines__quantity=8).values_list("pk", flat=True))
    assert cut == {claim for claim, held in changes if held in done}
    assert set(Claim.objects.filter(holder="qte_change", status="committed").values_list("pk", flat=True)) == done
    assert total(pool.pk, "firm_committed", 4) == 16 * 30 - 8 * len(done)
    assert total(pool.pk, "firm_committed", 34) == 8 * len(done)
    assert differences() == []


# Between the look at the claims and what is done about it


def gated_after_the_look(text: str) -> str:
    days = "    PERFORM 1 FROM marketplace_capacityday d"
    return replaced(text, days, f"    {THROUGH_THE_GATE}\n{days}")


def without_the_claims_lock(text: str) -> str:
    return replaced(gated_after_the_look(text), "        ORDER BY id FOR UPDATE\n    ) locked;", "    ) locked;")


def swept_meanwhile(damaged: Callable[[str], str]) -> tuple[Sequence[bool], str, int]:
    """A change stands at the gate and a sweep comes: (made, released), the hold's status, and what is sold."""
    pool = a_pool(firm=80)
    of = bought(pool, 0, more=30)

    def sweep() -> bool:
        released = change.run(lambda: ledger.release_expired_hold(claim_id=of[1], now=LATER))
        wait_at_the_gate()
        return released

    with variant("capacity_amend", damaged):
        outcomes = at_the_gate(made(of, pool, 0), sweep)
    return outcomes, Claim.objects.get(pk=of[1]).status, sold(pool.pk)


def test_a_sweep_waits_for_a_change_that_has_looked_at_its_hold() -> None:
    assert swept_meanwhile(gated_after_the_look) == ([True, False], "committed", 8)
    assert differences() == []


def test_twin_without_the_lock_a_change_is_confirmed_and_nothing_of_what_it_adds_is_kept() -> None:
    assert swept_meanwhile(without_the_claims_lock) == ([True, True], "released", 8)


# Days in order


def gated_between(text: str) -> str:
    """Stopped after the hold is committed and before anything is given back."""
    return replaced(text, "    -- What each claim", f"    {THROUGH_THE_GATE}\n    -- What each claim")


def without_the_days_lock(text: str) -> str:
    lock = text[text.index("    PERFORM 1 FROM marketplace_capacityday d") : text.index("    IF p_commit IS NOT NULL")]
    return replaced(gated_between(text), lock, "")


def in_opposite_directions(damaged: Callable[[str], str]) -> list[object]:
    """One moves from the first days to later ones, the other the other way round."""
    pool = a_pool(firm=80)
    early, late = bought(pool, 0, more=30), bought(pool, 30, more=0)
    with variant("capacity_amend", damaged):
        return at_the_gate(made(early, pool, 0), made(late, pool, 30))


def test_two_changes_in_opposite_directions_wait_and_both_are_made() -> None:
    assert in_opposite_directions(gated_between) == [True, True]
    assert differences() == []


def test_twin_without_the_lock_on_all_days_one_of_them_ends_in_a_deadlock() -> None:
    outcomes = in_opposite_directions(without_the_days_lock)
    assert {type(each) for each in outcomes} == {bool, change.Busy}
    assert differences() == []
