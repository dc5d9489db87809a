"""Where a block fits, compared with trying every day by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pricing.quotes.blocks import largest, price_grid, round_up

days = st.lists(st.integers(-50, 200), min_size=1, max_size=40)


@given(days, st.integers(1, 12), st.integers(1, 100))
def test_fits_and_totals_equal_those_found_day_by_day(room: list[int], length: int, quantity: int) -> None:
    cents = np.arange(len(room), dtype=np.int64) * 7 + 1
    least = largest(np.array([room]), length, len(room) - length + 1)
    found = price_grid(least, cents[None], np.array([quantity]), length).starts(0)
    by_hand = {
        start: int(cents[start : start + length].sum())
        for start in range(len(room) - length + 1)
        if min(room[start : start + length]) >= quantity
    }
    assert dict(zip(found.offsets.tolist(), found.cents.tolist(), strict=True)) == by_hand


@given(days, st.integers(1, 12), st.sampled_from([1, 8, 72]))
def test_the_largest_block_is_the_scarcest_day_in_whole_lots(room: list[int], length: int, lot: int) -> None:
    starts = len(room) - length + 1
    found = largest(np.array(room), length, starts, lot).tolist()
    assert found == [max(min(room[s : s + length]), 0) // lot * lot for s in range(max(starts, 0))]


def test_quantities_are_rounded_up_to_whole_lots() -> None:
    assert [round_up(quantity, 72) for quantity in (1, 72, 73, 1000)] == [72, 72, 144, 1008]
