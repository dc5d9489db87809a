"""What is owed for being late is one formula: by the day, after grace, up to a cap, less what is excused."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.journal.actor import SYSTEM
from marketplace.supply.models import DISRUPTION_KINDS
from marketplace.units import clock
from pricing.quotes import delays
from pricing.quotes.contracts import ContractPolicy, ContractRefused, contract_of, publish_contract
from pricing.quotes.delays import SHIPPED, DelayTerms, credit, credits_in_cents, daily_price, faults
from tests.market import open_market
from tests.pricing.test_quotes import take

SHIPPED_TERMS = DelayTerms(**SHIPPED)


def owed(late: int, excused: int = 0, total: str = "3000.00", **changed: Any) -> Decimal:
    """For a block of 30 days."""
    terms = replace(SHIPPED_TERMS, **changed)
    price = daily_price(Decimal(total), 30)
    return credit(terms, late_days=late, excused_days=excused, daily_price=price, total=Decimal(total))


def test_by_hand() -> None:
    assert [owed(late) for late in (0, 2, 3, 7, 8, 9, 300)] == [0, 0, 50, 250, 300, 300, 300]
    assert [owed(5, excused) for excused in (0, 1, 3, 9)] == [150, 100, 0, 0]
    assert owed(9, cap_percent=100, rate_percent=200, grace_days=0) == 1800
    assert owed(3, total="1000.10") == Decimal("16.67")  # 1000.10 / 30 / 2 = 16.6683…


def test_half_a_cent_goes_to_the_even_one_however_the_days_divide() -> None:
    # Three days of 0.03 / 3 each, at half: a cent and a half, exactly, though a third has no end in decimals.
    terms = replace(SHIPPED_TERMS, grace_days=0, cap_percent=100)
    for total, days, late, is_owed in (("0.03", 3, 3, "0.02"), ("0.05", 3, 3, "0.02"), ("0.07", 7, 7, "0.04")):
        price = daily_price(Decimal(total), days)
        assert credit(terms, late_days=late, excused_days=0, daily_price=price, total=Decimal(total)) == Decimal(
            is_owed
        )


def test_a_negative_figure_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        owed(-1)


CASES = st.fixed_dictionaries(
    {
        "rate_percent": st.integers(0, 200),
        "grace_days": st.integers(0, 40),
        "cap_percent": st.integers(0, 100),
        "late_days": st.integers(0, 3660),
        "excused_days": st.integers(0, 3660),
        "total_cents": st.integers(0, 10**12),
        "term_days": st.integers(1, 2557),
    }
)


def terms_with(case: dict[str, int]) -> DelayTerms:
    return replace(
        SHIPPED_TERMS,
        rate_percent=case["rate_percent"],
        grace_days=case["grace_days"],
        cap_percent=case["cap_percent"],
    )


@given(st.lists(CASES, min_size=1, max_size=20))
def test_many_at_once_are_the_formula_to_the_cent(cases: list[dict[str, int]]) -> None:
    found = credits_in_cents(**{name: np.array([case[name] for case in cases]) for name in cases[0]})
    for case, cents in zip(cases, found, strict=True):
        terms = terms_with(case)
        total = Decimal(case["total_cents"]).scaleb(-2)
        assert Decimal(int(cents)).scaleb(-2) == credit(
            terms,
            late_days=case["late_days"],
            excused_days=case["excused_days"],
            daily_price=daily_price(total, case["term_days"]),
            total=total,
        )


@given(CASES)
def test_a_credit_grows_with_lateness_shrinks_with_excuses_and_never_passes_its_cap(case: dict[str, int]) -> None:
    terms = terms_with(case)
    total = Decimal(case["total_cents"]).scaleb(-2)
    price, late, excused = Fraction(total) / case["term_days"], case["late_days"], case["excused_days"]

    def of(late: int, excused: int) -> Decimal:
        return credit(terms, late_days=late, excused_days=excused, daily_price=price, total=total)

    assert 0 <= of(late, excused) <= of(late + 1, excused)
    assert of(late, excused + 1) <= of(late, excused)
    assert of(late, excused) <= total * case["cap_percent"] / 100 + Decimal("0.005")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rate_percent": 201}, "rate_percent is a whole number from 0 to 200."),
        ({"grace_days": -1}, "grace_days is a whole number"),
        ({"cap_percent": True}, "cap_percent is a whole number from 0 to 100."),
        ({"choice_hours": 0}, "choice_hours is a whole number from 1"),
        ({"sole_remedy": "yes"}, "sole_remedy is true or false."),
        ({"excuses": {"boredom": 3}}, "excuses names causes among weather"),
        ({"excuses": {"weather": "long"}}, "a whole number of days"),
        ({"evidence": " "}, "evidence says in words"),
        ({"nothing": 1}, "Give every figure once"),
    ],
)
def test_terms_are_checked_one_by_one(changed: dict[str, Any], said: str) -> None:
    assert [said in each for each in faults({**SHIPPED, **changed})] == [True]
    assert list(faults(SHIPPED)) == list(faults(None)) == []


def test_causes_are_the_kinds_of_a_disruption() -> None:
    assert list(delays.CAUSES) == [kind for kind, _ in DISRUPTION_KINDS]


def test_terms_in_words_say_every_figure() -> None:
    said = " ".join(sentence for _, sentence in SHIPPED_TERMS.in_words())
    for words in ("50 % of a day’s price", "late day 3 on", "10 % of the total", "weather (at most 30 days)"):
        assert words in said
    for words in ("all that is owed", "within 10 days", "moves with the start", "90 days after", "120 hours"):
        assert words in said


@pytest.mark.django_db
def test_a_quote_keeps_the_terms_that_it_was_made_under() -> None:
    market, now = open_market(), clock.now()
    before = take(market, market.bank)
    assert before.contract_terms.delay_terms is None, "no version is published: nothing was promised"
    first = publish_contract(policy=ContractPolicy(starts_at=now, reason="delays"), by=SYSTEM, now=now)
    quote = take(market, market.bank)
    later = ContractPolicy(starts_at=clock.now(), reason="less", delay={**SHIPPED, "rate_percent": 5})
    publish_contract(policy=later, by=SYSTEM, now=later.starts_at)
    assert (quote.contract, quote.contract_terms.delay_terms) == (first, SHIPPED_TERMS)
    assert contract_of(None).delay_terms is None
    with pytest.raises(ContractRefused) as refused:
        publish_contract(policy=ContractPolicy(starts_at=now, reason="no", delay={}), by=SYSTEM, now=now)
    assert set(refused.value.faults) == {"delay"}
