"""Numbers, dates and ids read the same everywhere."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.template import Context, Template

from marketplace.units.money import Money
from marketplace.web import formats


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (Decimal("2634508.80"), "$2,634,508.80"),
        (Decimal("3.63"), "$3.63"),
        (Decimal("-0.04"), "−$0.04"),
        (Decimal("-0.001"), "$0.00"),
        (0, "$0.00"),
    ],
)
def test_money_is_written_to_the_cent_with_a_real_minus(amount: Decimal, expected: str) -> None:
    assert formats.money(amount) == expected


def test_money_of_other_currencies() -> None:
    assert formats.money(Decimal(1200), "JPY") == "¥1,200"
    assert formats.money(Decimal("1.5"), "CHF") == "CHF\u00a01.50"


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(2_634_508, "$2.63M"), (385_400, "$385k"), (999_600, "$1.00M"), (950, "$950"), (-2_000_000, "−$2.00M"), (0, "$0")],
)
def test_compact_money(amount: float, expected: str) -> None:
    assert formats.compact_money(amount) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0"), (950, "950"), (5_800, "5.8k"), (72_300, "72k"), (1_200_000, "1.2M"), (999_999, "1M"), (-4_460, "−4.5k")],
)
def test_compact_counts(number: float, expected: str) -> None:
    assert formats.compact_count(number) == expected


def test_changes_always_have_a_sign_and_nothing_has_none() -> None:
    assert formats.change(-0.13) == "−13.0\u202f%"
    assert formats.change(0.032) == "+3.2\u202f%"
    assert formats.change(-0.0001) == "0\u202f%"


def test_odds_are_never_rounded_up() -> None:
    assert formats.odds(0.8999) == "17 in 20"
    assert formats.odds(0.9) == "18 in 20"


def test_ranges_say_the_year_once_when_both_dates_have_it() -> None:
    assert formats.days_between(date(2027, 3, 27), date(2027, 4, 26)) == "27 Mar – 26 Apr 2027"
    assert formats.days_between(date(2026, 12, 27), date(2027, 1, 26)) == "27 Dec 2026 – 26 Jan 2027"


def test_ids_are_shortened_to_what_one_recognises() -> None:
    assert formats.short_id("rsv_7Kq4Zx81mNc05TvYh2LsQe") == "rsv_7Kq4…"
    assert formats.short_id("rsv_7K") == "rsv_7K"


def rendered(source: str, **context: object) -> str:
    return Template("{% load headroom %}" + source).render(Context(context))


def test_dates_and_times_stand_in_time_elements() -> None:
    assert rendered("{{ at|day }}", at=date(2027, 3, 24)) == '<time datetime="2027-03-24">24 Mar 2027</time>'
    at = datetime(2026, 11, 23, 14, 35, tzinfo=UTC)
    assert rendered("{{ at|moment }}", at=at) == '<time datetime="2026-11-23T14:35:00Z">23 Nov 2026, 14:35 UTC</time>'


def test_money_filters_take_money_with_its_currency() -> None:
    assert rendered("{{ total|money }}", total=Money(Decimal(1200), "JPY")) == "¥1,200"


def test_firmness_is_a_word_and_bars() -> None:
    assert rendered('{% firmness "standard" %}').count('class="on"') == 2


def test_names_in_templates_are_escaped() -> None:
    assert "<b>" not in rendered("{% pill name %}", name="<b>")
