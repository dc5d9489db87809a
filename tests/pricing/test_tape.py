"""The public tape: stepped, never above the truth, and blind to a trade smaller than its step."""

from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pricing.curve.tape import republish, stepped_down, tick_of

STEP = 256
figures = st.integers(-5_000, 50_000)


def published(true: int, before: int | None = None) -> int:
    return int(republish(np.array([true]), STEP, None if before is None else np.array([before]))[0])


@given(figures)
def test_it_never_says_more_than_there_is(true: int) -> None:
    assert published(true) <= max(true, 0)
    assert published(true) % STEP == 0


@given(figures, st.integers(1, STEP - 1))
def test_a_hold_smaller_than_the_step_changes_nothing(true: int, hold: int) -> None:
    before = published(true)
    assert published(true - hold, before) == before


@given(figures, st.integers(1, STEP - 1))
def test_giving_such_a_hold_back_changes_nothing_either(true: int, hold: int) -> None:
    before = published(true)
    assert published(true + hold, before) == before


def test_plain_rounding_would_give_the_same_hold_away() -> None:
    """The twin: what the deadband is for."""
    assert stepped_down(np.array([1_024]), STEP)[0] != stepped_down(np.array([1_024 - 8]), STEP)[0]
    assert published(1_024 - 8, published(1_024)) == published(1_024)


@given(figures, figures)
def test_after_any_move_it_is_still_not_above_the_truth(true: int, later: int) -> None:
    assert published(later, published(true)) <= max(later, 0)


@given(st.integers(0, 50_000), figures)
def test_a_large_move_shows(true: int, later: int) -> None:
    before = published(true)
    if later < before or later >= before + 3 * STEP:
        assert published(later, before) == published(later)


def test_ticks_are_whole_multiples_from_midnight() -> None:
    assert tick_of(datetime(2026, 11, 23, 14, 19, 59, tzinfo=UTC), 5) == datetime(2026, 11, 23, 14, 15, tzinfo=UTC)
    assert tick_of(datetime(2026, 11, 23, 0, 0, tzinfo=UTC), 5) == datetime(2026, 11, 23, tzinfo=UTC)
