"""The ways out of a contract: each has a cause, a notice, a fee by lead time and a refund rule. Pure.

The shipped figures are assumptions, labelled here and in docs/reservations.md; a seller publishes its own as a version
of its contract policy. What applies to a contract is what its quote named when it was made.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

CONVENIENCE, SWITCHING, BREACH = "convenience", "provider_switching", "breach"
INSOLVENCY, SANCTIONS, REGULATOR = "insolvency", "sanctions", "regulators_order"
CAUSES = (CONVENIENCE, SWITCHING, BREACH, INSOLVENCY, SANCTIONS, REGULATOR)
LONG_STOP = "long_stop"  # late beyond the date in the terms on delay: always free, so no seller sets its figures
OF_CUSTOMER = (CONVENIENCE, SWITCHING)  # a customer gives these alone; the others need staff, evidence and two people
IN_WORDS = {
    CONVENIENCE: "Because you want to",
    SWITCHING: "To switch to another provider",
    BREACH: "Breach of the contract",
    INSOLVENCY: "Insolvency",
    SANCTIONS: "Sanctions",
    REGULATOR: "Order of a regulator",
    LONG_STOP: "Late beyond the long-stop date",
}
WHOLE = 10_000  # rates are hundredths of a percent
MOST_STEPS = 12
MOST_NOTICE = 366

# Assumptions, not market data: fees fall with the time that is left to sell the days again. Switching takes two months'
# notice at most and costs no switching charge (the EU's Data Act, Regulation 2023/2854, articles 25 and 29); the fee is
# that of ending early, at its longest lead. For the others nobody pays for an event that is not theirs to choose.
SHIPPED: dict[str, dict[str, Any]] = {
    CONVENIENCE: {"notice_days": 0, "fee": [[0, 6000], [30, 4000], [90, 2000], [180, 1000]], "refund": 100},
    SWITCHING: {"notice_days": 60, "fee": [[0, 1000]], "refund": 100},
    BREACH: {"notice_days": 0, "fee": [], "refund": 100},
    INSOLVENCY: {"notice_days": 0, "fee": [], "refund": 100},
    SANCTIONS: {"notice_days": 0, "fee": [], "refund": 100},
    REGULATOR: {"notice_days": 0, "fee": [], "refund": 100},
}


@dataclass(frozen=True)
class Exit:
    """One way out. `fee` is [days ahead, hundredths of a percent of what is given back] from that lead time on;
    `refund` the percent of what was paid up front for those days that comes back."""

    cause: str
    notice_days: int
    fee: tuple[tuple[int, int], ...]
    refund: int

    def fee_rate(self, lead_days: int) -> int:
        """Hundredths of a percent at a lead time: the last step that has begun, 0 before the first."""
        begun = [rate for start, rate in self.fee if start <= lead_days]
        return begun[-1] if begun else 0

    @property
    def in_words(self) -> str:
        return IN_WORDS[self.cause]

    @property
    def fee_in_words(self) -> list[tuple[int, str]]:
        return [(start, f"{percent(rate)} %".replace(".00", "")) for start, rate in self.fee]

    def as_json(self) -> dict[str, Any]:
        """As REST and pages show it, before acceptance and after."""
        return {
            "cause": self.cause,
            "notice_days": self.notice_days,
            "fee": [{"from_days_ahead": start, "percent": percent(rate)} for start, rate in self.fee],
            "refund_percent": self.refund,
            "who": "you" if self.cause in OF_CUSTOMER else "our staff, with evidence and a second person",
        }


def percent(rate: int) -> str:
    return f"{rate // 100}.{rate % 100:02d}"


def exits_of(schedule: Mapping[str, Mapping[str, Any]]) -> dict[str, Exit]:
    """The stored schedule as objects, in the order of CAUSES."""
    return {
        cause: Exit(
            cause,
            schedule[cause]["notice_days"],
            tuple((start, rate) for start, rate in schedule[cause]["fee"]),
            schedule[cause]["refund"],
        )
        for cause in CAUSES
    }


def faults(schedule: Any) -> Iterator[str]:
    """What is wrong with a schedule, and what would be right."""
    if not isinstance(schedule, dict) or set(schedule) != set(CAUSES):
        yield f"Give every cause once: {', '.join(CAUSES)}."
        return
    for cause, terms in schedule.items():
        yield from (f"{cause}: {said}" for said in _faults_of(terms))


def _faults_of(terms: Any) -> Iterator[str]:
    if not isinstance(terms, dict) or set(terms) != {"notice_days", "fee", "refund"}:
        yield "give notice_days, fee and refund."
        return
    if not _whole(terms["notice_days"], MOST_NOTICE):
        yield f"notice_days is a whole number from 0 to {MOST_NOTICE}."
    if not _whole(terms["refund"], 100):
        yield "refund is a whole percentage from 0 to 100."
    steps = terms["fee"]
    if not isinstance(steps, list) or len(steps) > MOST_STEPS or not all(_is_step(step) for step in steps):
        yield "fee is a list of [days ahead, hundredths of a percent up to 10000]."
    elif not _falls(steps):
        yield "the fee never rises with the lead time, and the days ahead rise from step to step."


def _whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _is_step(step: Any) -> bool:
    return isinstance(step, list) and len(step) == 2 and _whole(step[0], 3660) and _whole(step[1], WHOLE)


def _falls(steps: Sequence[Sequence[int]]) -> bool:
    return all(first[0] < second[0] and first[1] >= second[1] for first, second in pairwise(steps))
