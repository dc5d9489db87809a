"""What an outage takes of a portfolio: never more than there is, and the parts make the whole."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reservations.continuity.coverage import Book, Coverage, by_owner, changes, coverage, late_by, lost_from

WEIGHTS = np.array([1.0, 2.5])


def book(rows: list[tuple[int, int, int, int, int]]) -> Book:
    """From (owner, kind, start, end, GPUs)."""
    columns = np.array(rows, dtype=np.int64).reshape(len(rows), 5).T
    owner, kind, start, end, gpus = columns
    return Book(owner, kind, start, end, gpus, WEIGHTS)


@st.composite
def portfolios(draw: Any) -> Book:
    """Reservations of one or two parts that follow one another, some of them running already."""
    rows = []
    for owner in range(draw(st.integers(1, 12))):
        kind, start, days = draw(st.integers(0, 1)), draw(st.integers(-20, 60)), draw(st.integers(1, 50))
        start = max(start, 1 - days)  # what is over is in no portfolio
        rows.append((owner, kind, start, start + days, draw(st.integers(1, 64))))
        if draw(st.booleans()):
            rows.append((owner, kind, start + days, start + days + draw(st.integers(1, 20)), draw(st.integers(1, 64))))
    return book(rows)


def hits(data: Any, portfolio: Book) -> Any:
    """Some reservations, each with all of its parts."""
    owners = int(portfolio.owner.max()) + 1
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=owners, max_size=owners)))
    return chosen[portfolio.owner]


def by_hand(portfolio: Book, hit: Any, lost: Any) -> tuple[Any, Any]:
    """Held and left counted day by day and row by row; `lost(row, day)` says what an outage takes."""
    held, left = (np.zeros((2, portfolio.days), dtype=np.int64) for _ in range(2))
    for row in range(len(portfolio.owner)):
        for day in range(max(portfolio.start[row], 0), portfolio.end[row]):
            held[portfolio.kind[row], day] += portfolio.gpus[row]
            if not (hit[row] and lost(row, day)):
                left[portfolio.kind[row], day] += portfolio.gpus[row]
    return held, left


def same(one: Coverage, other: Coverage) -> bool:
    return bool((one.held == other.held).all() and (one.left == other.left).all() and (one.lost == other.lost).all())


@given(portfolios(), st.integers(0, 130), st.data())
def test_losing_a_site_is_what_one_would_count_by_hand(portfolio: Book, day: int, data: Any) -> None:
    hit = hits(data, portfolio)
    found = coverage(portfolio, lost_from(portfolio, hit, day))
    held, left = by_hand(portfolio, hit, lambda row, at: at >= day)
    assert (found.held == held).all()
    assert (found.left == left).all()


@given(portfolios(), st.integers(0, 90), st.data())
def test_being_late_is_what_one_would_count_by_hand(portfolio: Book, late: int, data: Any) -> None:
    hit = hits(data, portfolio)
    begins = portfolio.begins
    found = coverage(portfolio, late_by(portfolio, hit, late))
    held, left = by_hand(portfolio, hit, lambda row, at: begins[row] > 0 and at < begins[row] + late)
    assert (found.held == held).all()
    assert (found.left == left).all()


@given(portfolios(), st.integers(0, 130), st.data())
def test_losing_a_site_never_raises_coverage(portfolio: Book, day: int, data: Any) -> None:
    one = hits(data, portfolio)
    more = one | hits(data, portfolio)
    less, least = (coverage(portfolio, lost_from(portfolio, hit, day)).left for hit in (one, more))
    assert (less <= coverage(portfolio, lost_from(portfolio, one & False, day)).held).all()
    assert (least <= less).all()
    assert (least >= 0).all()


@given(portfolios(), st.integers(0, 130), st.integers(0, 60), st.data())
def test_the_sooner_and_the_later_the_worse(portfolio: Book, day: int, more: int, data: Any) -> None:
    hit = hits(data, portfolio)
    soon, late = (coverage(portfolio, lost_from(portfolio, hit, at)).left for at in (day, day + more))
    assert (soon <= late).all()
    short, long = (coverage(portfolio, late_by(portfolio, hit, days)).left for days in (day, day + more))
    assert (long <= short).all()


@given(portfolios(), st.data())
def test_late_by_nothing_changes_nothing(portfolio: Book, data: Any) -> None:
    found = coverage(portfolio, late_by(portfolio, hits(data, portfolio), 0))
    assert (found.left == found.held).all()
    assert not found.lost.any()
    assert not found.beside.any()


@given(portfolios(), st.integers(0, 130), st.data())
def test_the_sum_of_the_parts_is_the_whole(portfolio: Book, day: int, data: Any) -> None:
    hit = hits(data, portfolio)
    for taken in (lost_from(portfolio, hit, day), late_by(portfolio, hit, day)):
        found = coverage(portfolio, taken)
        assert (found.held - found.left).sum() == found.lost.sum()
        owners = by_owner(portfolio, found.lost, int(portfolio.owner.max()) + 1)
        assert owners.sum() == found.lost.sum()
        assert (found.lost[~hit] == 0).all()
        held, left = found.in_h100(WEIGHTS)
        assert np.allclose(held - left, WEIGHTS @ (found.held - found.left))


@given(portfolios(), st.integers(0, 130), st.data())
def test_losing_two_sites_is_losing_the_one_and_then_the_other(portfolio: Book, day: int, data: Any) -> None:
    one = hits(data, portfolio)
    other = hits(data, portfolio) & ~one
    both = coverage(portfolio, lost_from(portfolio, one | other, day))
    parts = [coverage(portfolio, lost_from(portfolio, hit, day)) for hit in (one, other)]
    assert (both.held - both.left == sum(each.held - each.left for each in parts)).all()


@given(portfolios(), st.integers(0, 130), st.integers(0, 9), st.data())
def test_the_order_of_the_rows_does_not_matter(portfolio: Book, day: int, seed: int, data: Any) -> None:
    hit = hits(data, portfolio)
    order = np.random.default_rng(seed).permutation(len(portfolio.owner))
    columns = (portfolio.owner, portfolio.kind, portfolio.start, portfolio.end, portfolio.gpus)
    owner, kind, start, end, gpus = (column[order] for column in columns)
    shuffled = Book(owner, kind, start, end, gpus, WEIGHTS)
    first = coverage(portfolio, lost_from(portfolio, hit, day))
    again = coverage(shuffled, lost_from(shuffled, hit[order], day))
    assert (first.left == again.left).all()
    assert (first.lost[order] == again.lost).all()


def test_what_stands_beside_is_of_the_same_kind_and_of_the_days_that_are_lost() -> None:
    #  0      10      20          lost: 64 of kind 0 over [10, 20); beside it 8 over [0, 15) and 100 of another kind
    portfolio = book([(0, 0, 0, 20, 64), (1, 0, 0, 15, 8), (2, 1, 0, 20, 100)])
    found = coverage(portfolio, lost_from(portfolio, np.array([True, False, False]), 10))
    assert found.lost.tolist() == [640, 0, 0]
    assert found.beside.tolist() == [8 * 5 / 10, 0.0, 0.0]


def test_what_runs_is_not_late() -> None:
    portfolio = book([(0, 0, -5, 20, 64), (1, 0, 0, 20, 8), (2, 0, 1, 20, 16)])
    found = coverage(portfolio, late_by(portfolio, np.ones(3, dtype=bool), 7))
    assert found.lost.tolist() == [0, 0, 7 * 16]


def test_a_second_part_of_a_late_reservation_loses_what_of_it_lies_before_the_new_start() -> None:
    portfolio = book([(0, 0, 5, 10, 8), (0, 0, 10, 30, 24)])
    found = coverage(portfolio, late_by(portfolio, np.ones(2, dtype=bool), 8))
    assert found.lost.tolist() == [5 * 8, 3 * 24]


def test_days_on_which_nothing_changes_are_left_out() -> None:
    held, left = np.array([[8, 8, 16, 16]]), np.array([[8, 8, 16, 0]])
    assert changes(held, left).tolist() == [0, 2, 3]
    assert changes(np.zeros(0)).tolist() == []


def test_an_empty_portfolio_has_no_days() -> None:
    nothing = book([])
    found = coverage(nothing, lost_from(nothing, np.zeros(0, dtype=bool), 3))
    assert found.held.shape == (2, 0)
    assert found.lost.tolist() == []


def test_ten_thousand_reservations_add_up_to_the_whole() -> None:
    rng = np.random.default_rng(7)
    start = rng.integers(-300, 1500, 10_000)
    rows = np.stack([np.arange(10_000), rng.integers(0, 2, 10_000), start, start + 400, rng.integers(1, 99, 10_000)])
    portfolio = Book(rows[0], rows[1], rows[2], rows[3], rows[4], WEIGHTS)
    hit = rng.random(10_000) < 0.3
    found = coverage(portfolio, lost_from(portfolio, hit, 200))
    assert found.lost.sum() == (found.held - found.left).sum()
