"""Which project's GPUs serve which block: never more than there is, gangs whole, earliest first, few changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reservations.delivery.serving import Blocks, Ints, Served, capacity_of, serve

LOT = 8
DAYS = 12
NOWHERE = 10**6


def capacity(*gpus: int, ready: tuple[int, ...] | None = None) -> Ints:
    """Projects with so many GPUs, ready on those days for every class."""
    days = np.array([ready or (0,) * len(gpus)] * 3)
    return capacity_of(np.array(gpus), days, np.full(len(gpus), NOWHERE), DAYS)


def blocks(
    *rows: tuple[int, int, int], before: list[list[int]] | None = None, projects: int = 2, rank: int = 0
) -> Blocks:
    first, end, gpus = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    had = np.array(before, dtype=np.int64) if before else np.zeros((len(rows), projects), dtype=np.int64)
    return Blocks(first, end, gpus, np.zeros(len(rows), dtype=np.int64), had)


def shares(served: Served) -> list[list[int]]:
    found: list[list[int]] = served.shares.tolist()
    return found


def test_a_block_stands_on_one_project_where_that_is_possible() -> None:
    served = serve(capacity(64, 128), blocks((0, 5, 96), (0, 5, 64)), lot=LOT)
    assert shares(served) == [[0, 96], [64, 0]]
    assert served.unserved.tolist() == [0, 0]


def test_the_smallest_room_that_suffices_is_taken_so_that_large_gangs_still_fit() -> None:
    assert shares(serve(capacity(128, 64), blocks((0, 5, 64), (0, 5, 128)), lot=LOT)) == [[0, 64], [128, 0]]


def test_what_fits_on_no_project_is_split_over_the_fewest_in_whole_lots() -> None:
    served = serve(capacity(44, 60, 20), blocks((0, 5, 96), projects=3), lot=LOT)
    assert (shares(served), served.unserved.tolist()) == ([[40, 56, 0]], [0])


def test_a_project_that_is_late_serves_nobody_before_its_day() -> None:
    late = capacity(64, ready=(6,))
    served = serve(late, blocks((0, 5, 64), (6, 9, 64), projects=1), lot=LOT)
    assert (shares(served), served.unserved.tolist()) == ([[0], [64]], [64, 0])


def test_turnaround_days_keep_two_blocks_on_the_same_gpus_apart() -> None:
    """The first is over on day 4 and occupies its GPUs up to day 6."""
    served = serve(capacity(64, 64), blocks((0, 6, 64), (4, 8, 64)), lot=LOT)
    assert shares(served) == [[64, 0], [0, 64]]
    assert shares(serve(capacity(64, 64), blocks((0, 6, 64), (6, 8, 64)), lot=LOT)) == [[64, 0], [64, 0]]


def test_what_stood_stays_though_something_else_would_fit_better() -> None:
    served = serve(capacity(128, 64), blocks((0, 5, 64), before=[[64, 0]]), lot=LOT)
    assert (shares(served), served.moved.tolist()) == ([[64, 0]], [0])


def test_a_block_that_must_move_does_not_push_a_later_one_where_it_need_not() -> None:
    """The first loses its project; the third is free, the second is another's."""
    had = [[64, 0, 0], [0, 64, 0]]
    served = serve(capacity(0, 64, 64), blocks((0, 5, 64), (0, 5, 64), before=had), lot=LOT)
    assert (shares(served), served.moved.tolist()) == ([[0, 0, 64], [0, 64, 0]], [64, 0])


def test_the_earlier_contract_goes_first_where_there_is_room_for_one() -> None:
    had = [[64, 0], [0, 64]]
    served = serve(capacity(0, 64), blocks((0, 5, 64), (0, 5, 64), before=had), lot=LOT)
    assert shares(served) == [[0, 64], [0, 0]]
    assert (served.unserved.tolist(), served.moved.tolist()) == ([0, 64], [64, 64])


def test_each_class_counts_on_what_it_may() -> None:
    ready = np.array([[9], [4], [0]])
    found = capacity_of(np.array([64]), ready, np.array([11]), DAYS)
    assert [[row[0, day] for day in (0, 4, 9, 11)] for row in found] == [[0, 0, 64, 0], [0, 64, 64, 0], [64, 64, 64, 0]]


def test_gpus_that_are_retired_are_nobodys_for_any_class_from_the_first_day_on_which_they_may_be_gone() -> None:
    found = capacity_of(np.array([64, 32, -80]), np.array([[0, 0, 7], [0, 0, 5], [0, 0, 3]]), np.full(3, NOWHERE), DAYS)
    assert found[0, :, 2].tolist() == [64, 32, 0]
    assert found[0, :, 3].tolist() == [0, 16, 0]
    assert found[2, :, 3].tolist() == [0, 16, 0]


ROWS = st.lists(
    st.tuples(st.integers(0, DAYS - 2), st.integers(1, 6), st.integers(1, 10), st.integers(0, 2)),
    min_size=1,
    max_size=14,
)
GPUS = st.lists(st.integers(0, 120), min_size=1, max_size=4)


def random_case(rows: list[tuple[int, int, int, int]], gpus: list[int], seed: int) -> tuple[Ints, Blocks]:
    rng = np.random.default_rng(seed)
    ready = np.sort(rng.integers(0, DAYS, (3, len(gpus))), axis=0)[::-1]
    first, days, lots, rank = (np.array(column) for column in zip(*rows, strict=True))
    had = np.zeros((len(rows), len(gpus)), dtype=np.int64)
    for row in range(len(rows)):
        if rng.random() < 0.6:
            had[row, rng.integers(len(gpus))] = lots[row] * LOT
    order = np.argsort(rank, kind="stable")
    found = Blocks(first, np.minimum(first + days, DAYS), lots * LOT, rank, had)
    sorted_blocks = Blocks(*(getattr(found, name)[order] for name in ("first", "end", "gpus", "rank", "before")))
    return capacity_of(np.array(gpus), ready, np.full(len(gpus), NOWHERE), DAYS), sorted_blocks


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, gpus=GPUS, seed=st.integers(0, 10**6))
def test_never_more_than_a_project_has_on_any_day_and_nothing_twice(
    rows: list[tuple[int, int, int, int]], gpus: list[int], seed: int
) -> None:
    there, asked = random_case(rows, gpus, seed)
    served = serve(there, asked, lot=LOT)
    used = np.zeros(there.shape[1:], dtype=np.int64)
    for row in range(len(rows)):
        days = slice(asked.first[row], asked.end[row])
        used[:, days] += served.shares[row][:, None]
        assert (used[:, days] <= there[asked.rank[row], :, days]).all(), "all that was served before it counts"
    assert (served.shares.sum(axis=1) + served.unserved == asked.gpus).all()
    assert (served.unserved >= 0).all()
    assert (served.shares >= 0).all()


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, gpus=GPUS, seed=st.integers(0, 10**6))
def test_asked_again_with_what_came_out_nothing_changes(
    rows: list[tuple[int, int, int, int]], gpus: list[int], seed: int
) -> None:
    there, asked = random_case(rows, gpus, seed)
    once = serve(there, asked, lot=LOT)
    again = serve(there, Blocks(asked.first, asked.end, asked.gpus, asked.rank, once.shares), lot=LOT)
    whole = once.unserved == 0
    assert (again.shares[whole] == once.shares[whole]).all()
    assert again.moved[whole].sum() == 0


@settings(max_examples=100, deadline=None)
@given(rows=ROWS, gpus=GPUS, seed=st.integers(0, 10**6))
def test_a_gang_that_fits_on_one_project_is_never_split(
    rows: list[tuple[int, int, int, int]], gpus: list[int], seed: int
) -> None:
    there, asked = random_case(rows, gpus, seed)
    served = serve(there, asked, lot=LOT)
    used = np.zeros(there.shape[1:], dtype=np.int64)
    for row in range(len(rows)):
        days = slice(asked.first[row], asked.end[row])
        room = (there[asked.rank[row], :, days] - used[:, days]).min(axis=1)
        if (room >= asked.gpus[row]).any():
            assert (served.shares[row] > 0).sum() == 1
        used[:, days] += served.shares[row][:, None]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_slip_moves_fewer_than_starting_anew_would(seed: int) -> None:
    """Sixty blocks over six halls; one hall comes later. Those elsewhere stay where they are."""
    rng = np.random.default_rng(seed)
    count, halls = 60, 6
    first = rng.integers(0, 8, count)
    gpus = rng.integers(1, 6, count) * LOT
    fresh = Blocks(first, first + 4, gpus, np.zeros(count, dtype=np.int64), np.zeros((count, halls), dtype=np.int64))
    there = capacity(*[256] * halls)
    before = serve(there, fresh, lot=LOT).shares
    slipped = capacity(*[256] * halls, ready=(7, 0, 0, 0, 0, 0))
    kept = serve(slipped, Blocks(first, first + 4, gpus, fresh.rank, before), lot=LOT)
    anew = serve(slipped, fresh, lot=LOT)
    hit = ((before[:, 0] > 0) & (first < 7)).sum()
    assert (kept.moved > 0).sum() == hit, "only those that the slip hits"
    assert (kept.moved > 0).sum() <= (np.maximum(before - anew.shares, 0).sum(axis=1) > 0).sum()
    assert kept.unserved.sum() == 0
