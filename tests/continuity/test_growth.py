"""What growing use adds, to the GPU, and blocks that cover it."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pricing.quotes.ramps import Layer
from reservations.continuity.growth import Level, added, blocks, levels

needs = st.lists(st.integers(0, 40), max_size=40).map(lambda days: np.array(days, dtype=np.int64))
factors = st.decimals("1.01", "20", places=2)


def covered(found: Sequence[Level | Layer], days: int) -> np.ndarray:
    total = np.zeros(days, dtype=np.int64)
    for block in found:
        gpus = block.quantity if isinstance(block, Layer) else block.gpus
        total[block.start : block.end] += gpus
    return total


def test_twice_the_use_adds_what_is_held_from_the_day_on() -> None:
    assert added(np.array([8, 8, 16, 0]), Decimal(2), 1).tolist() == [0, 8, 16, 0]


def test_part_of_a_gpu_is_a_whole_one() -> None:
    assert added(np.array([3, 10, 100]), Decimal("1.01"), 0).tolist() == [1, 1, 1]
    assert added(np.array([100, 200]), Decimal("1.10"), 0).tolist() == [10, 20]


@given(needs, factors, st.integers(-3, 45))
def test_what_is_added_is_enough_and_no_gpu_more(held: np.ndarray, factor: Decimal, first: int) -> None:
    found = added(held, factor, first)
    for day, (had, more) in enumerate(zip(held.tolist(), found.tolist(), strict=True)):
        wanted = had * factor
        assert had + more >= wanted or day < first
        assert more == 0 or had + more - 1 < wanted


@given(needs, st.integers(1, 8))
def test_blocks_cover_the_need_on_every_day_and_are_few(need: np.ndarray, most: int) -> None:
    found = blocks(need, most)
    assert (covered(found, len(need)) >= need).all()
    assert len(found) <= most
    assert all(block.quantity > 0 and block.start < block.end for block in found)


@given(needs)
def test_with_blocks_enough_nothing_is_bought_beyond_the_need(need: np.ndarray) -> None:
    assert (covered(levels(need, 100), len(need)) == need).all()
    assert (covered(blocks(need, 100), len(need)) == need).all()


@given(needs, st.integers(1, 8))
def test_no_day_has_more_than_the_most_that_is_needed(need: np.ndarray, most: int) -> None:
    assert covered(levels(need, most), len(need)).max(initial=0) == need.max(initial=0)


def test_what_stays_is_one_block_under_the_step() -> None:
    found = [(block.start, block.end, block.quantity) for block in blocks(np.array([8, 8, 24, 24, 8]), 4)]
    assert found == [(0, 5, 8), (2, 4, 16)]
