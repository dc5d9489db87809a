"""Firmer classes are served first, and within a class the earlier claim; expired holds are served to nobody."""

from datetime import timedelta

import numpy as np
import pytest

from marketplace.capacity.precedence import served
from marketplace.units.firmness import FIRM, STANDARD, STANDBY
from tests.capacity import FIRST, LATER, NOW, a_pool, block, commit, hold

pytestmark = pytest.mark.django_db


def test_a_claim_is_served_after_firmer_ones_and_after_earlier_ones_of_its_class() -> None:
    pool = a_pool()
    first = commit("qte_1", block(pool, 8, 0, 10)).claim_id
    standby = commit("qte_2", block(pool, 24, 0, 20), firmness=STANDBY).claim_id
    later = commit("qte_3", block(pool, 16, 5, 10, turnaround=3), firmness=FIRM).claim_id
    standard = commit("qte_4", block(pool, 32, 8, 4), firmness=STANDARD).claim_id
    ids = [first, standby, later, standard]
    found = {each.claim_id: each for each in served(pool_id=pool.pk, claim_ids=ids, first_day=FIRST, now=NOW)}
    assert found[first].required.tolist() == [8] * 10
    assert found[later].required.tolist() == [24] * 5 + [16] * 5
    assert found[standard].required.tolist() == [8 + 16 + 32] * 2 + [16 + 32] * 2
    assert found[standby].required.tolist() == [32] * 5 + [48] * 3 + [80] * 2 + [72] * 2 + [40] * 6 + [24] * 2
    assert found[later].period.start == FIRST + timedelta(days=5)


def test_only_what_is_still_to_come_counts_and_what_is_asked_for_is_answered() -> None:
    pool = a_pool()
    over = commit("qte_1", block(pool, 8, 0, 5)).claim_id
    running = commit("qte_2", block(pool, 16, 0, 10)).claim_id
    found = served(pool_id=pool.pk, claim_ids=[over, running], first_day=FIRST + timedelta(days=7), now=NOW)
    assert [(each.claim_id, each.required.tolist()) for each in found] == [(running, [16] * 3)]
    assert served(pool_id=pool.pk, claim_ids=[], first_day=FIRST, now=NOW) == []
    assert served(pool_id=a_pool().pk, claim_ids=[running], first_day=FIRST, now=NOW) == []


def test_a_hold_counts_until_it_expires() -> None:
    pool = a_pool()
    hold("qte_1", block(pool, 8, 0, 5))
    mine = commit("qte_2", block(pool, 16, 0, 5)).claim_id
    for now, required in ((NOW, 24), (LATER, 16)):
        (found,) = served(pool_id=pool.pk, claim_ids=[mine], first_day=FIRST, now=now)
        assert found.required.tolist() == [required] * 5


def test_many_claims_agree_with_adding_them_up_one_by_one() -> None:
    pool = a_pool(firm=8000)
    rng = np.random.default_rng(3)
    rows = [(8 * int(rng.integers(1, 9)), int(rng.integers(0, 30)), int(rng.integers(1, 30))) for _ in range(40)]
    names = [(FIRM, STANDARD, STANDBY)[int(rng.integers(3))] for _ in rows]
    ids = [
        commit(f"qte_{i}", block(pool, *row), firmness=name).claim_id
        for i, (row, name) in enumerate(zip(rows, names, strict=True))
    ]
    use, expected = np.zeros(60, dtype=np.int64), {}
    for row in sorted(range(40), key=lambda at: ((FIRM, STANDARD, STANDBY).index(names[at]), ids[at])):
        quantity, start, days = rows[row]
        use[start : start + days] += quantity
        expected[ids[row]] = use[start : start + days].tolist()
    found = served(pool_id=pool.pk, claim_ids=ids[::2], first_day=FIRST, now=NOW)
    assert {each.claim_id: each.required.tolist() for each in found} == {at: expected[at] for at in ids[::2]}
