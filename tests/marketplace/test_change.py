"""One change: all or nothing, once per key, tried again only where expired holds were in the way."""

from datetime import timedelta
from typing import Any

import pytest

from marketplace.capacity import ledger
from marketplace.capacity.models import Claim
from marketplace.change import change
from marketplace.change.models import Change
from marketplace.units import clock
from tests.capacity import LATER, NOW, a_pool, block, commit, hold, sold, total

pytestmark = pytest.mark.django_db
BANK, RIVAL = 1, 2


class Action:
    """Counts its runs; commits a block of a pool each time."""

    def __init__(self, pool: Any, quantity: int = 8) -> None:
        self.pool, self.quantity, self.runs = pool, quantity, 0

    def __call__(self) -> int:
        self.runs += 1
        commit("rsv_bank", block(self.pool, self.quantity))
        return self.runs


def once(action: Any, *, key: str | None = "k-1", request: bytes = b"{}", organisation_id: int = BANK) -> change.Answer:
    return change.run_once(
        action, organisation_id=organisation_id, key=key, request=request, render=lambda runs: (201, {"runs": runs})
    )


def test_a_repeat_hears_the_first_answer_and_changes_nothing() -> None:
    action = Action(a_pool())
    assert once(action) == change.Answer(201, {"runs": 1}, replayed=False)
    assert once(action) == change.Answer(201, {"runs": 1}, replayed=True)
    assert (action.runs, sold(action.pool.pk)) == (1, 8)


def test_another_request_under_a_used_key_is_refused_and_does_nothing() -> None:
    action = Action(a_pool())
    once(action)
    with pytest.raises(change.IdempotencyMismatch):
        once(action, request=b'{"quantity": 16}')
    assert (action.runs, sold(action.pool.pk)) == (1, 8)
    assert Change.objects.get().answer == {"runs": 1}


def test_a_key_belongs_to_its_organisation() -> None:
    action = Action(a_pool())
    once(action, organisation_id=BANK)
    assert not once(action, organisation_id=RIVAL).replayed
    assert action.runs == 2


def test_without_a_key_every_request_is_a_change_of_its_own() -> None:
    action = Action(a_pool())
    answers = [once(action, key=None) for _ in range(2)]
    assert [answer.body for answer in answers] == [{"runs": 1}, {"runs": 2}]
    assert not Change.objects.exists()


def test_a_refusal_takes_the_key_back_so_that_it_may_be_used_again() -> None:
    pool = a_pool(firm=80)
    taken = commit("rsv_rival", block(pool, 80))
    with pytest.raises(ledger.InsufficientHeadroom):
        once(Action(pool))
    assert not Change.objects.exists()
    ledger.release_commitment(claim_id=taken.claim_id, now=NOW)
    assert once(Action(pool)).body == {"runs": 1}


def test_a_failure_after_the_claim_takes_the_claim_back() -> None:
    pool = a_pool()

    def fail() -> None:
        commit("rsv_bank", block(pool, 8))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        once(fail)
    assert (Claim.objects.count(), total(pool.pk, "firm_committed"), Change.objects.count()) == (0, 0, 0)


def test_an_expired_hold_in_the_way_is_released_and_the_change_is_tried_once_more() -> None:
    pool = a_pool(firm=80)
    hold("qte_gone", block(pool, 80))
    action = Action(pool)
    with clock.frozen(LATER):
        assert once(action).body == {"runs": 2}
    assert (total(pool.pk, "firm_held"), total(pool.pk, "firm_committed")) == (0, 8)


def test_a_hold_that_has_not_expired_is_not_released_and_nothing_is_tried_again() -> None:
    pool = a_pool(firm=80)
    hold("qte_rival", block(pool, 80))
    action = Action(pool)
    with clock.frozen(LATER - timedelta(seconds=1)), pytest.raises(ledger.InsufficientHeadroom):
        change.run(action)
    assert (action.runs, total(pool.pk, "firm_held")) == (1, 80)


def test_expired_holds_of_other_pools_are_left_to_the_sweep() -> None:
    pool, other = a_pool(firm=80), a_pool(firm=80)
    commit("rsv_rival", block(pool, 80))
    hold("qte_gone", block(other, 8))
    action = Action(pool)
    with clock.frozen(LATER), pytest.raises(ledger.InsufficientHeadroom):
        change.run(action)
    assert (action.runs, total(other.pk, "firm_held")) == (1, 8)


def test_what_does_not_fit_the_second_time_is_refused() -> None:
    pool = a_pool(firm=80)
    hold("qte_gone", block(pool, 8))
    action = Action(pool, quantity=88)
    with clock.frozen(LATER), pytest.raises(ledger.InsufficientHeadroom) as refused:
        change.run(action)
    assert (action.runs, refused.value.least, sold(pool.pk)) == (2, 80, 0)


def test_the_expired_hold_that_another_sweep_releases_first_is_still_worth_a_second_try() -> None:
    pool = a_pool(firm=80)
    gone = hold("qte_gone", block(pool, 80), until=NOW)
    action = Action(pool)

    def swept_right_after() -> int:
        try:
            return action()
        except ledger.InsufficientHeadroom:
            swept.append(gone.claim_id)
            raise

    swept: list[int] = []
    with clock.frozen(NOW - timedelta(seconds=1)):  # our own sweep finds nothing: somebody else was faster
        with pytest.raises(ledger.InsufficientHeadroom) as refused:
            change.run(swept_right_after)
        assert refused.value.met_expired
    assert (action.runs, swept) == (2, [gone.claim_id] * 2)
