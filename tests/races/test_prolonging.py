"""A hold that waits for an approval is not swept by a sweep that saw it expire just before it was prolonged."""

from datetime import timedelta
from functools import partial

import pytest

from marketplace.capacity import ledger
from marketplace.capacity.actions import release_expired_holds
from marketplace.capacity.models import Claim
from marketplace.capacity.queries import differences
from marketplace.change import change
from tests.capacity import LATER, NOW, a_pool, block, hold, total
from tests.races import buyers
from tests.races.gate import THROUGH_THE_GATE, at_the_gate, replaced, variant, wait_at_the_gate
from tests.races.racing import race

pytestmark = pytest.mark.django_db(transaction=True)
TOMORROW = NOW + timedelta(hours=24)


def test_each_hold_is_prolonged_or_swept_never_both() -> None:
    pool = a_pool(firm=400)
    claims = [hold("qte_bank", block(pool, 8, start=number % 5)).claim_id for number in range(40)]
    outcomes = race(buyers.work, [("prolong", claims[::-1], TOMORROW), ("sweep", LATER), ("sweep", LATER)])
    prolonged, first, second = (each.value for each in outcomes)
    assert len(prolonged) + first + second == 40
    assert set(Claim.objects.filter(status="held").values_list("pk", flat=True)) == set(prolonged)
    assert total(pool.pk, "firm_held", 4) == 8 * len(prolonged)
    assert differences() == []


def gated(text: str) -> str:
    """capacity_expire, stopped between the sweep's look and its release."""
    return replaced(text, "BEGIN\n", f"BEGIN\n    {THROUGH_THE_GATE}\n")


def trusting_the_look(text: str) -> str:
    """The wrong way: what the sweep saw before the lock is taken for true under it."""
    return replaced(gated(text), " AND expires_at <= p_now FOR UPDATE", " FOR UPDATE")


def prolonged_while_a_sweep_waits(changed: object) -> str:
    """The sweep has seen the hold expire and stands at the gate; the hold is prolonged; the gate opens."""
    pool = a_pool(firm=80)
    claim_id = hold("qte_bank", block(pool, 8)).claim_id

    def prolong() -> None:
        change.run(partial(ledger.prolong_hold, claim_id=claim_id, expires_at=TOMORROW, now=NOW))
        wait_at_the_gate()

    with variant("capacity_expire", changed):  # type: ignore[arg-type]
        at_the_gate(partial(release_expired_holds, now=LATER), prolong)
    assert differences() == []
    return str(Claim.objects.get(pk=claim_id).status)


def test_a_hold_that_was_prolonged_meanwhile_stays() -> None:
    assert prolonged_while_a_sweep_waits(gated) == "held"


def test_twin_that_trusts_its_look_releases_a_hold_that_was_promised() -> None:
    assert prolonged_while_a_sweep_waits(trusting_the_look) == "released"
