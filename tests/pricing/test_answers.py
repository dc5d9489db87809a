"""A search as JSON text, compared with the shapes that describe it."""

import json
from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pricing.api.answers import calendar_json
from pricing.api.shapes import CalendarShape
from pricing.quotes.calendar import Calendar

days = st.lists(
    st.tuples(st.integers(0, 4000), st.integers(0, 10**13), st.integers(24, 10**9)),
    max_size=20,
    unique_by=lambda d: d[0],
)


@given(days=days)
def test_a_calendar_reads_as_its_shape_says(days: list[tuple[int, int, int]]) -> None:
    columns = np.array(sorted(days), dtype=np.int64).reshape(-1, 3).T
    calendar = Calendar(date(2027, 1, 1), *columns)
    assert json.loads(calendar_json(calendar)) == json.loads(json.dumps(CalendarShape(calendar, many=True).data))


@given(cents=st.integers(0, 10**12), half=st.integers(1, 50))
def test_half_a_ten_thousandth_goes_to_the_even_one(cents: int, half: int) -> None:
    hours = np.array([200 * half], dtype=np.int64)
    calendar = Calendar(date(2027, 1, 1), np.array([0]), np.array([cents]), hours)
    assert json.loads(calendar_json(calendar)) == json.loads(json.dumps(CalendarShape(calendar, many=True).data))


def test_a_calendar_counts_its_days_and_gives_one_or_several() -> None:
    calendar = Calendar(date(2027, 1, 1), np.array([0, 2, 5]), np.array([2400, 4800, 9600]), np.array([24, 24, 24]))
    assert len(calendar) == 3
    assert [day.start.day for day in calendar] == [1, 3, 6]
    assert (str(calendar[1].total), str(calendar[1].unit_price)) == ("48.00 USD", "2.0000")
    assert [day.start.day for day in calendar[1:]] == [3, 6]
