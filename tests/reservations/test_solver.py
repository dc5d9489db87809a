"""The plan of least harm: what it may never do, and what it must find."""

import numpy as np
import pytest

from reservations.allocation.case import CaseDoesNotFit
from reservations.allocation.solver import solve
from tests.reservations.allocation_cases import WEIGHTS, Option, Wanted, case_of, limits


def block(gpus: int, start: int = 0, end: int = 5, pool: int = 0) -> list[tuple[int, int, int, int]]:
    return [(pool, start, end, gpus)]


def a_wait(gpus: int, days: int, harm: float) -> Option:
    return Option(block(gpus, days, 5 + days), harm, loss=gpus * days)


def test_where_nothing_is_short_nothing_happens() -> None:
    case = case_of(limits(16, 16, 16), [Wanted([Option(block(8))]), Wanted([Option(block(8))], firmness=2)])
    found = solve(case, weights=WEIGHTS, seed=1)
    assert (found.chosen == case.now_option).all()
    assert (found.harm, found.bound, found.gap) == (0, 0, 0.0)


def test_the_earliest_contract_is_served_first_within_the_class() -> None:
    early, late = Wanted([Option(block(8)), a_wait(8, 5, 90.0)], rank=7), Wanted([Option(block(8)), a_wait(8, 5, 80.0)])
    case = case_of(limits(8, 8, 8), [late, early])
    found = solve(case, weights=WEIGHTS, seed=1)
    assert found.chosen.tolist() == [0, 4], "the later one waits, though the earlier one's wait would cost more"
    assert found.harm == 90_00


def test_a_firm_contract_comes_before_an_earlier_standard_one() -> None:
    standard, firm = Wanted([Option(block(8))], firmness=1), Wanted([Option(block(8))], firmness=0)
    found = solve(case_of(limits(8, 8, 8), [standard, firm]), weights=WEIGHTS, seed=1)
    assert found.chosen.tolist() == [1, 2]


def test_a_move_agreed_before_makes_room_where_that_costs_less() -> None:
    moves = Option(block(8, pool=1), moves=True)
    case = case_of(limits(8, 8, 8, pools=2), [Wanted([Option(block(8)), moves]), Wanted([Option(block(8))])])
    found = solve(case, weights=WEIGHTS, seed=1)
    assert found.chosen.tolist() == [1, 3]
    assert found.harm == 50_00
    assert found.baseline.reckoning.harm == 1000_00 + 40 * 40_00


def test_a_proposal_keeps_the_fallback_of_whoever_may_decline_it() -> None:
    asked = Wanted([Option(block(8)), Option(block(8, pool=1), moves=True, consent=True)])
    case = case_of(limits(8, 8, 8, pools=2), [asked, Wanted([Option(block(8))])])
    found = solve(case, weights=WEIGHTS, seed=1)
    assert found.chosen.tolist() == [0, 4], "what the first may keep is not given to the second before it consents"


def test_a_proposal_better_than_the_fallback_is_made() -> None:
    instead = Option(block(8, pool=1), moves=True, consent=True)
    late = Wanted([Option(block(8)), a_wait(8, 5, 900.0), instead])
    case = case_of(limits(8, 8, 8, pools=2), [Wanted([Option(block(8))]), late])
    found = solve(case, weights=WEIGHTS, seed=1)
    assert found.chosen.tolist() == [0, 4]
    assert found.fallback.tolist() == [0, 3]
    assert found.proposed.tolist() == [False, True]
    assert (found.harm, found.declined_harm) == (50_00, 900_00)


def test_a_bundle_moves_whole_or_stays_whole() -> None:
    def member(pool: int, away: int) -> Wanted:
        return Wanted([Option(block(8, pool=pool)), Option(block(8, pool=away), moves=True)], group=0, buyer=0)

    supply = limits(8, 8, 8, pools=4)
    supply[:, 0] = 0
    found = solve(case_of(supply, [member(0, 2), member(1, 3)]), weights=WEIGHTS, seed=1)
    assert found.chosen.tolist() == [1, 4]
    assert found.harm == 50_00, "one buyer moved, counted once"
    supply[:, 3] = 0
    found = solve(case_of(supply, [member(0, 2), member(1, 3)]), weights=WEIGHTS, seed=1)
    assert found.chosen.tolist() == [2, 5]
    assert found.rules.bundles_bound == 1


def test_the_same_question_has_the_same_answer() -> None:
    case = case_of(limits(8, 8, 16), [Wanted([Option(block(8))], firmness=2) for _ in range(4)])
    one, other = (solve(case, weights=WEIGHTS, seed=5) for _ in range(2))
    assert np.array_equal(one.chosen, other.chosen)
    assert one.rules == other.rules


def test_a_case_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(CaseDoesNotFit, match="Lines lie within the 10 days"):
        case_of(limits(8, 8, 8), [Wanted([Option(block(8, 0, 11))])])
