"""What a contract says about being late: credit by the day, its cap, excuses, and when one may leave. Pure.

The shipped figures are assumptions, labelled here and in docs/remedies.md; a seller publishes its own as a version of
its contract policy. What applies to a contract is what its quote named when it was made: versions from before there
were terms on delay have none, and owe no credit by formula.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from marketplace.units.money import USD, rounded

Ints = npt.NDArray[np.int64]
WEATHER, OUTAGE, SUPPLY_CHAIN, LABOUR, PERMIT = "weather", "outage", "supply_chain", "labour", "permit"
CAUSES = (WEATHER, OUTAGE, SUPPLY_CHAIN, LABOUR, PERMIT)  # the kinds of a disruption, one floor below
MOST_DAYS = 3660
MOST_HOURS = 24 * 90
MOST_RATE = 200
LONGEST_EVIDENCE = 300
EXACT = 60  # digits: no amount that is not half a coin looks like one

# Assumptions, not market data. A cap of a tenth of the price is customary for delay damages in construction (contracts
# on FIDIC's forms name a rate per day and a maximum); half of a day's price for a late day, the days of grace, the
# excuses and the long stop are ours. What a seller decides itself (its suppliers, its outages) excuses nothing.
SHIPPED: dict[str, Any] = {
    "rate_percent": 50,
    "grace_days": 2,
    "cap_percent": 10,
    "sole_remedy": True,
    "excuses": {WEATHER: 30, LABOUR: 14, PERMIT: 30},
    "notice_days": 10,
    "evidence": "A dated document of somebody else: a weather service, an authority, a utility or a union",
    "end_moves": True,
    "long_stop_days": 90,
    "choice_hours": 120,
}


@dataclass(frozen=True)
class DelayTerms:
    """Rates in whole percent; days are days of the term, hours those between announcement and deadline."""

    rate_percent: int  # of a day's price, for each late day that counts
    grace_days: int  # late days at the beginning that do not count
    cap_percent: int  # of the total, for all credits together
    sole_remedy: bool  # the credit is all that is owed for being late, beside the way out at the long stop
    excuses: Mapping[str, int]  # cause: the most days that it excuses from credit, never from the long stop
    notice_days: int  # from the day on which a cause began, to say so; later it excuses nothing
    evidence: str  # what has to prove a cause
    end_moves: bool  # the days lost at the start are added at the end
    long_stop_days: int  # from the first day of the contract, after which one may leave with a full refund
    choice_hours: int  # to choose, from the announcement of a remedy

    def most_excused(self, cause: str) -> int:
        return self.excuses.get(cause, 0)

    def as_json(self) -> dict[str, Any]:
        """As it is stored, and as REST shows it before acceptance and after."""
        return {**vars(self), "excuses": dict(self.excuses)}

    def in_words(self) -> list[tuple[str, str]]:
        """What a page, the order form and the cockpit say: a title and a sentence each."""
        return [
            ("Credit", self._credit()),
            ("Excuses", self._excuses()),
            ("The end", self._end()),
            ("Leaving", self._leaving()),
            ("Choosing", self._choosing()),
        ]

    def _credit(self) -> str:
        grace = f", from late day {self.grace_days + 1} on" if self.grace_days else ""
        only = "; it is all that is owed for being late" if self.sole_remedy else "; other rights stay as they are"
        return (
            f"{self.rate_percent} % of a day’s price for each late day{grace}, "
            f"at most {self.cap_percent} % of the total{only}"
        )

    def _excuses(self) -> str:
        named = [f"{in_words(cause)} (at most {_days(most)})" for cause, most in self.excuses.items() if most]
        if not named:
            return "nothing excuses a late day"
        return (
            f"{', '.join(named)}: days so caused earn no credit, if we said so within {_days(self.notice_days)}, "
            f"with evidence ({self.evidence[0].lower()}{self.evidence[1:]}), and a second person confirmed it"
        )

    def _end(self) -> str:
        if self.end_moves:
            return "moves with the start, so that no day of the term is lost, as far as the days after it are free"
        return "stays where it is, however late the start"

    def _leaving(self) -> str:
        return (
            f"with a full refund, {_days(self.long_stop_days)} after the agreed start if it was not delivered by then"
        )

    def _choosing(self) -> str:
        return f"{self.choice_hours} hours from our notice; if you say nothing, you wait, with the credit"


def in_words(cause: str) -> str:
    return cause.replace("_", " ")


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count:,} days"


def terms_of(stored: Mapping[str, Any] | None) -> DelayTerms | None:
    """The stored terms as an object; None where the version has none."""
    return None if stored is None else DelayTerms(**stored)


def daily_price(total: Decimal, days: int) -> Fraction:
    """A day of the block, exactly: nothing is rounded before the credit is."""
    return Fraction(total) / days


def credit(
    terms: DelayTerms,
    *,
    late_days: int,
    excused_days: int,
    daily_price: Decimal | Fraction,
    total: Decimal,
    currency: str = USD,
) -> Decimal:
    """What is owed for being late: the one formula, rounded once, half to even.

    min((late_days - excused_days - grace_days)+ x daily_price x rate / 100, total x cap / 100). Excused days count no
    more than there are late ones; grace is what is forgiven of those that are left. Raises ValueError below zero.
    """
    if min(late_days, excused_days) < 0 or daily_price < 0 or total < 0:
        raise ValueError("Late days, excused days, the daily price and the total are 0 or more.")
    counted = max(late_days - excused_days - terms.grace_days, 0)
    earned = Fraction(daily_price) * counted * terms.rate_percent / 100
    most = Fraction(total) * terms.cap_percent / 100
    owed = min(earned, most)
    with localcontext() as context:
        context.prec = EXACT
        return rounded(Decimal(owed.numerator) / Decimal(owed.denominator), currency).amount


def credits_in_cents(
    *,
    rate_percent: npt.ArrayLike,
    grace_days: npt.ArrayLike,
    cap_percent: npt.ArrayLike,
    late_days: npt.ArrayLike,
    excused_days: npt.ArrayLike,
    total_cents: npt.ArrayLike,
    term_days: npt.ArrayLike,
) -> Ints:
    """`credit` for many at once, in whole cents: integers (n,) that broadcast against each other.

    The daily price is total / term_days. In integers throughout, so that it is `credit` to the cent; totals up to
    10**12 cents and 3,660 late days stay below 2**63.
    """
    late, excused = np.asarray(late_days, np.int64), np.asarray(excused_days, np.int64)
    total = np.asarray(total_cents, np.int64)
    counted = np.maximum(late - excused - np.asarray(grace_days, np.int64), 0)
    earned = counted * total * np.asarray(rate_percent, np.int64)
    by_day = np.asarray(term_days, np.int64) * 100
    most = total * np.asarray(cap_percent, np.int64)
    # Rounding keeps the order, so the lesser of the two may be taken after it.
    return np.minimum(_half_even(earned, by_day), _half_even(most, np.int64(100)))


def _half_even(numerator: Ints, denominator: Any) -> Ints:
    whole, rest = np.divmod(numerator, denominator)
    up = (2 * rest > denominator) | ((2 * rest == denominator) & (whole % 2 == 1))
    return whole + up


NUMBERS = {
    "rate_percent": MOST_RATE,
    "grace_days": MOST_DAYS,
    "cap_percent": 100,
    "notice_days": MOST_DAYS,
    "long_stop_days": MOST_DAYS,
    "choice_hours": MOST_HOURS,
}
NAMES = tuple(SHIPPED)


def faults(stored: Any) -> Iterator[str]:
    """What is wrong with terms on delay, and what would be right. None is no terms, and fine."""
    if stored is None:
        return
    if not isinstance(stored, dict) or set(stored) != set(NAMES):
        yield f"Give every figure once: {', '.join(NAMES)}; or nothing for a contract without terms on delay."
        return
    for name, most in NUMBERS.items():
        least = 1 if name in ("choice_hours", "long_stop_days") else 0
        if not _whole(stored[name], least, most):
            yield f"{name} is a whole number from {least} to {most}."
    for name in ("sole_remedy", "end_moves"):
        if not isinstance(stored[name], bool):
            yield f"{name} is true or false."
    yield from _faults_of_excuses(stored["excuses"])
    if not isinstance(stored["evidence"], str) or not 0 < len(stored["evidence"].strip()) <= LONGEST_EVIDENCE:
        yield f"evidence says in words what has to prove a cause, in at most {LONGEST_EVIDENCE} characters."


def _faults_of_excuses(excuses: Any) -> Iterator[str]:
    if not isinstance(excuses, dict) or not set(excuses) <= set(CAUSES):
        yield f"excuses names causes among {', '.join(CAUSES)}, each with the most days that it excuses."
    elif not all(_whole(most, 0, MOST_DAYS) for most in excuses.values()):
        yield f"excuses gives each cause a whole number of days from 0 to {MOST_DAYS}."


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
