"""A hold that waits for an approval is not swept by a sweep that saw it expire just before it was prolonged."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from marketplace.capacity import ledger
from marketplace.capacity.models import Claim
from marketplace.capacity.queries import differences, expired_claims
from marketplace.change import change
from tests.capacity import LATER, NOW, a_pool, block, hold, total
from tests.races import buyers
from tests.races.gate import at_the_gate, wait_at_the_gate
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


def sweep_that_waits(release: Callable[..., bool]) -> None:
    """The sweep, stopped between its look and its release; each release in a transaction of its own."""
    for claim_id in expired_claims(now=LATER):
        wait_at_the_gate()
        change.run(partial(release, claim_id=claim_id, now=LATER))


def prolonged_while_a_sweep_waits(release: Callable[..., bool]) -> str:
    """The sweep has seen the hold expire and stands at the gate; the hold is prolonged; the gate opens."""
    pool = a_pool(firm=80)
    claim_id = hold("qte_bank", block(pool, 8)).claim_id

    def prolong() -> None:
        change.run(partial(ledger.prolong_hold, claim_id=claim_id, expires_at=TOMORROW, now=NOW))
        wait_at_the_gate()

    assert at_the_gate(partial(sweep_that_waits, release), prolong) == [None, None]
    assert differences() == []
    return str(Claim.objects.get(pk=claim_id).status)


def test_a_hold_that_was_prolonged_meanwhile_stays() -> None:
    assert prolonged_while_a_sweep_waits(ledger.release_expired_hold) == "held"


def test_twin_that_trusts_its_look_releases_a_hold_that_was_promised() -> None:
    assert prolonged_while_a_sweep_waits(ledger.release_hold) == "released"
