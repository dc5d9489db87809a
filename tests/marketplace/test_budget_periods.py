"""How a purchase is spread over budget periods: by its days, to the coin."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.parties.budget_periods import (
    LENGTH,
    MONTH,
    QUARTER,
    YEAR,
    NotAPeriod,
    in_words,
    period_from,
    period_of,
    spread,
)
from marketplace.units.money import MINOR_DIGITS, Money
from marketplace.units.period import Period

DAYS = st.dates(date(2026, 1, 1), date(2033, 12, 31))
KINDS = st.sampled_from(sorted(LENGTH))


def test_a_block_over_two_quarters_is_charged_by_its_days() -> None:
    block = Period(date(2027, 3, 22), date(2027, 4, 21))  # 10 days in the first quarter, 20 in the second
    shares = spread(Money(Decimal("300.00")), block, QUARTER)
    assert [(share.period.start, share.amount) for share in shares] == [
        (date(2027, 1, 1), Decimal("100.00")),
        (date(2027, 4, 1), Decimal("200.00")),
    ]


@pytest.mark.parametrize(
    ("kind", "start", "end", "said"),
    [
        (MONTH, date(2027, 12, 1), date(2028, 1, 1), "Dec 2027"),
        (QUARTER, date(2027, 10, 1), date(2028, 1, 1), "Q4 2027"),
        (YEAR, date(2027, 1, 1), date(2028, 1, 1), "2027"),
    ],
)
def test_a_period_is_a_calendar_month_quarter_or_year(kind: str, start: date, end: date, said: str) -> None:
    assert period_of(date(2027, 12, 24), kind) == period_from(start, kind) == Period(start, end)
    assert in_words(Period(start, end), kind) == said


def test_a_budget_starts_with_its_period() -> None:
    with pytest.raises(NotAPeriod, match="2027-01-01 or 2027-04-01"):
        period_from(date(2027, 2, 1), QUARTER)


@given(DAYS, st.integers(1, 1825), KINDS, st.decimals(0, 10**9, places=2), st.sampled_from(sorted(MINOR_DIGITS)))
def test_the_shares_add_up_and_lie_side_by_side(
    start: date, days: int, kind: str, amount: Decimal, currency: str
) -> None:
    total = Money(amount.quantize(Decimal(1).scaleb(-MINOR_DIGITS[currency])), currency)
    block = Period.of(start, days)
    shares = spread(total, block, kind)
    assert sum(share.amount for share in shares) == total.amount
    assert all(share.amount >= 0 for share in shares)
    assert shares[0].period.start <= block.start < shares[0].period.end
    assert shares[-1].period.start < block.end <= shares[-1].period.end
    assert all(one.period.end == after.period.start for one, after in pairwise(shares))


@given(DAYS, st.integers(1, 400), KINDS)
def test_a_share_follows_its_days(start: date, days: int, kind: str) -> None:
    block = Period.of(start, days)
    total = Money(Decimal(days) * 100)  # a hundred a day: no cut is rounded
    for share in spread(total, block, kind):
        inside = (min(share.period.end, block.end) - max(share.period.start, block.start)) / timedelta(days=1)
        assert share.amount == Decimal(int(inside)) * 100
