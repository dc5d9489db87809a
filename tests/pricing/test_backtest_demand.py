"""A forecast of arrivals from the books of two hotels: what it reads, what it is scored by, and what it refuses."""

import csv
import gzip
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.demand.arrivals.backtest import LAST_YEAR, OURS, PICK_UP, Backtest, NothingToScore, backtest
from pricing.demand.arrivals.books import became, books_at
from pricing.demand.arrivals.forecast import forecast
from pricing.demand.arrivals.reading import EPOCH, NEVER, BadBookings, Bookings, day_number, read_bookings

OPENS = day_number(date(2024, 1, 1))
WEEKS = 80
LAST = OPENS + 7 * WEEKS - 1


def two_hotels(seed: int = 7, weekly: int = 30) -> Bookings:
    """Eighty weeks of two hotels that are full and slowly add rooms: a week's arrivals follow from the weeks before.

    Bookings come early in some weeks and late in others, as guests are; a fifth is cancelled on the way.
    """
    rng = np.random.default_rng(seed)
    rooms = weekly + np.arange(WEEKS) // 2
    hotel, week = np.repeat([0, 1], rooms.sum()), np.tile(np.repeat(np.arange(WEEKS), rooms), 2)
    n = len(week)
    arrival = OPENS + 7 * week + rng.integers(0, 7, n)
    early = rng.uniform(0.3, 2.5, (2, WEEKS))[hotel, week]
    booked = arrival - np.floor(rng.exponential(30 * early)).astype(np.int64)
    gone = rng.random(n) < 0.2
    cancelled = np.where(gone, booked + np.floor(rng.random(n) * (arrival - booked + 1)).astype(np.int64), NEVER)
    made = booked <= LAST
    fields = (hotel[made], booked[made], arrival[made], np.where(cancelled[made] <= LAST, cancelled[made], NEVER))
    return Bookings(("city", "resort"), *fields)


def day(number: int) -> date:
    return EPOCH + timedelta(days=number)


def write(path: Path, bookings: Bookings) -> Path:
    opening = gzip.open if path.suffix == ".gz" else open
    with opening(path, "wt", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["hotel", "booked", "arrival", "cancelled", "status", "status_date"])
        rows = zip(bookings.hotel, bookings.booked, bookings.arrival, bookings.cancelled, strict=True)
        for hotel, booked, arrival, cancelled in rows:
            gone = cancelled != NEVER
            status = ["1", "Canceled", day(int(cancelled))] if gone else ["", "", ""]
            lines.writerow([bookings.hotels[hotel], day(int(booked)), day(int(arrival)), *status])
    return path


def same(one: Backtest, other: Backtest) -> bool:
    return all(
        np.array_equal(getattr(one.made, name), getattr(other.made, name), equal_nan=True)
        for name in ("expected", "as_last_year", "pick_up", "scale")
    )


@given(as_of=st.integers(OPENS + 120, LAST - 8), seed=st.integers(0, 5))
@settings(max_examples=25)
def test_a_forecast_does_not_read_what_happened_after_its_date(as_of: int, seed: int) -> None:
    bookings = two_hotels()
    rng = np.random.default_rng(seed)
    later = bookings.booked > as_of
    moved = np.where(later, bookings.arrival + rng.integers(0, 40, len(bookings)), bookings.arrival)
    undone = np.where(bookings.cancelled > as_of, as_of + rng.integers(1, 60, len(bookings)), bookings.cancelled)
    others = replace(bookings, arrival=moved, cancelled=np.where(later, NEVER, undone))
    assert not np.array_equal(others.cancelled, bookings.cancelled)
    ours, theirs = (forecast(books_at(each, as_of, 20)) for each in (bookings, others))
    assert np.array_equal(ours.expected, theirs.expected)
    assert np.array_equal(ours.pick_up, theirs.pick_up)
    # The twin: what was known at the date does move it.
    changed = replace(bookings, cancelled=np.where(bookings.booked <= as_of, NEVER, bookings.cancelled))
    assert not np.array_equal(ours.expected, forecast(books_at(changed, as_of, 20)).expected)


def test_a_file_cut_at_the_date_by_somebody_else_gives_the_same_forecast(tmp_path: Path) -> None:
    bookings, as_of = two_hotels(), OPENS + 7 * 60
    cut = read_bookings(write(tmp_path / "cut.csv", bookings.known_at(as_of)))
    whole = forecast(books_at(bookings, as_of, 15))
    assert np.array_equal(forecast(books_at(cut, as_of, 15)).expected, whole.expected)


def test_the_books_are_those_of_each_evening() -> None:
    monday = day_number(date(2024, 3, 4))
    # Booked 8 days before the week, the evening before it, and on its Tuesday; the first is cancelled on the Monday, so
    # it was on the books at leads 2 and 1 and is not in what became of the week.
    bookings = Bookings(
        ("city",),
        np.zeros(3, dtype=np.int64),
        np.array([monday - 8, monday - 1, monday + 1]),
        np.array([monday, monday + 6, monday + 2]),
        np.array([monday, NEVER, NEVER]),
    )
    books = books_at(bookings, monday + 6, 3)
    assert books.net[0, 0].tolist() == [2, 2, 1, 0]
    early = books_at(bookings, monday - 1, 3)
    assert np.nan_to_num(early.net[0, 0], nan=-1).tolist() == [-1, 2, 1, 0]


def test_an_error_is_counted_in_the_hotels_own_changes_from_week_to_week() -> None:
    bookings, as_of = two_hotels(), OPENS + 7 * 70 - 1
    found = backtest(bookings, as_of=day(as_of), weeks=8)
    books = books_at(bookings, as_of, 8)
    final = became(bookings, books)
    scale = np.abs(np.diff(final[:, :70], axis=1)).mean(axis=1)
    expected = np.abs(found.made.pick_up - final[:, 70:]) / scale[:, None]
    assert found.errors[PICK_UP] == pytest.approx(expected)
    value, n = found.mase(PICK_UP, found.scored)
    assert n == 16
    assert value == pytest.approx(float(expected.mean()))


def test_it_beats_both_baselines_on_houses_that_fill_early_in_some_weeks_and_late_in_others() -> None:
    bookings = two_hotels()
    better = [backtest(bookings, as_of=day(OPENS + 7 * week), weeks=12).better_by() for week in (56, 60, 64)]
    assert min(better) > 0.1


def test_weeks_without_a_last_year_are_left_out_of_that_baseline_and_counted() -> None:
    found = backtest(two_hotels(), as_of=day(OPENS + 7 * 48 - 1), weeks=6)
    assert found.without_last_year == 2 * 4
    assert found.mase(LAST_YEAR, found.scored)[1] == 2 * 2
    assert found.mase(OURS, found.scored)[1] == 2 * 6


def test_weeks_that_the_file_does_not_know_to_the_end_are_not_scored() -> None:
    found = backtest(two_hotels(), as_of=day(LAST - 7 * 3 - 2), weeks=10)
    assert found.mase(OURS, found.scored)[1] == 2 * 3


@pytest.mark.parametrize("days", [0, 7 * 11, 7 * WEEKS - 5, 7 * WEEKS + 100])
def test_a_date_with_too_little_before_or_nothing_after_it_is_refused_with_those_that_would_do(days: int) -> None:
    with pytest.raises(NothingToScore, match="Choose a date from 2024-03-2"):
        backtest(two_hotels(), as_of=day(OPENS + days), weeks=10)


def test_the_command_reads_plain_and_zipped_files_alike_and_prints_a_line_a_figure(tmp_path: Path) -> None:
    bookings = two_hotels()
    said = [
        run(write(tmp_path / name, bookings), "2025-03-02", "--weeks", "10") for name in ("plain.csv", "packed.csv.gz")
    ]
    assert said[0] == said[1]
    lines = dict(line.split(" ", 1) for line in said[0].splitlines())
    found = backtest(bookings, as_of=date(2025, 3, 2), weeks=10)
    assert lines["mase"] == f"{found.mase(OURS, found.scored)[0]:.4f} 20"
    assert {"mase_1_4", "mase_5_8", "mase_9_10", "mase_pick_up_5_8", "mase_as_last_year", "mase_city"} <= set(lines)
    assert lines["without_last_year"] == "0"
    assert float(lines["better_than_best_baseline_percent"]) == pytest.approx(100 * found.better_by(), abs=0.05)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("city,2024-02-30,2024-03-05,0,,", "line 3, column booked: '2024-02-30'; it should be a date"),
        ("city,2024-02-20,5 March,0,,", "line 3, column arrival: '5 March'"),
        ("city,2024-03-20,2024-03-05,0,,", "line 3, column booked: '2024-03-20'; it should be a day on or before"),
        ("city,2024-02-20,2024-03-05,yes,,", "line 3, column cancelled: 'yes'; it should be 1, 0, or nothing"),
        ("city,2024-02-20,2024-03-05,1,Canceled,", "line 3, column status_date"),
        ("city,2024-02-20", "line 3: 2 fields where the header has 6"),
    ],
)
def test_a_bad_line_is_named_with_what_would_be_right(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "bookings.csv"
    path.write_text(f"hotel,booked,arrival,cancelled,status,status_date\ncity,2024-01-02,2024-01-05,0,,\n{line}\n")
    with pytest.raises(BadBookings, match=said):
        read_bookings(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hotel,booked\ncity,2024-01-02\n", "no column arrival, cancelled, status_date"),
        (b"", "Columns found: none"),
        (b"hotel,booked,arrival,cancelled,status_date\n", "no booking below the header"),
        (b"\x1f\x8b\x08broken", "cannot be read|not a whole CSV"),
        (b"\xff\xfe\x00", "not a whole CSV file in UTF-8"),
    ],
)
def test_a_file_that_is_no_file_of_bookings_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bookings.csv"
    path.write_bytes(content)
    with pytest.raises(BadBookings, match=said):
        read_bookings(path)


def test_the_command_ends_with_the_reason_and_no_figures(tmp_path: Path) -> None:
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("backtest_demand", bookings=tmp_path / "none.csv", as_of=date(2025, 3, 2), stdout=out, stderr=err)
    assert (ended.value.code, out.getvalue()) == (1, "")
    assert "cannot be read" in err.getvalue()
    with pytest.raises(CommandError, match="not a date"):
        run(tmp_path / "none.csv", "2025-02-30")
    with pytest.raises(CommandError, match="from 1 to 52"):
        run(tmp_path / "none.csv", "2025-02-20", "--weeks", "0")


def run(path: Path, as_of: str, *more: str) -> str:
    out = StringIO()
    call_command("backtest_demand", "--bookings", str(path), "--as-of", as_of, *more, stdout=out)
    return out.getvalue()
