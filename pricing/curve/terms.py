"""Terms: published discounts on a block's list price. Pure arithmetic over arrays of blocks.

Four schedules of steps, each a rate from a threshold on, in hundredths of a percent of the list price:

    tenor       by the block's length in days
    lead time   by the days from the quote to each day of delivery, on that day's part of the list price
    prepayment  by the share that the buyer pays up front, in percent
    volume      by the block's GPU-hours

Rates apply to the list price and add up; their sum is rounded down to whole cents once, and each line is what its kind
adds to the rounded sum. The list price of a whole is the sum of its parts (scarcity.py), a longer or larger block never
has a lower rate, and the floor of a sum is never below the sum of floors: so a block in one order never costs more than
the same block cut by days or by GPUs, to the cent. A cent more of list price adds at most a cent of discount, so less
headroom never makes a total cheaper than it makes the list price.
Where the policy keeps to its floor, what a total would fall below the block's floor cost (rounded up, so that it is
never above that of the parts) is given back as a line of its own. docs/pricing.md tells it in words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Steps = Sequence[Sequence[int]]  # [from, rate] pairs, rates in hundredths of a percent
WHOLE = 10_000  # of a rate: hundredths of a percent
KINDS = ("tenor", "lead_time", "prepayment", "volume")
UNIT = {"tenor": "days", "lead_time": "days ahead", "prepayment": "percent paid up front", "volume": "GPU-hours"}
MOST_STEPS = 12
FLOOR_PARTS = 1_000_000  # floors are exact to a millionth of a dollar
PARTS_A_CENT = FLOOR_PARTS // 100


@dataclass(frozen=True)
class Schedule:
    """Thresholds and the rates from each of them on, both ascending, shape (steps,)."""

    starts: Ints
    rates: Ints

    @classmethod
    def of(cls, steps: Steps) -> "Schedule":
        found = np.asarray(steps, dtype=np.int64).reshape(-1, 2)
        return cls(found[:, 0], np.concatenate(([0], found[:, 1])))

    def rate(self, at: Ints | int) -> Ints:
        """Hundredths of a percent at each value, the same shape; 0 below the first threshold."""
        found: Ints = self.rates[np.searchsorted(self.starts, at, side="right")]
        return found


@dataclass(frozen=True)
class Terms:
    """The four schedules of one policy, and whether it keeps every total at its floor or above."""

    tenor: Schedule
    lead_time: Schedule
    prepayment: Schedule
    volume: Schedule
    keeps_floor: bool


@dataclass(frozen=True)
class Blocks:
    """What terms look at: arrays of shape (blocks,), or plain numbers where all blocks have the same.

    listed: list price, cents. weighted: its days' cents times their lead-time rates, summed. floor: floor cost, cents.
    """

    listed: Ints
    weighted: Ints
    days: Ints | int
    gpu_hours: Ints | int
    prepaid: Ints | int
    floor: Ints | int


@dataclass(frozen=True)
class Applied:
    """Cents off for each kind of term, and what was given back to stay at the floor; all shape (blocks,)."""

    listed: Ints
    off: dict[str, Ints]
    given_back: Ints

    @property
    def total(self) -> Ints:
        return self.listed - sum(self.off.values()) + self.given_back


@lru_cache(maxsize=64)
def terms_of(steps: tuple[tuple[tuple[int, int], ...], ...], keeps_floor: bool) -> Terms:
    """Terms of schedules in the order of KINDS. Policies that say the same share them: blocks are priced together."""
    return Terms(**dict(zip(KINDS, map(Schedule.of, steps), strict=True)), keeps_floor=keeps_floor)


def lead_weighted(of: Terms, day_cents: Ints, first_lead: int) -> Ints:
    """Each day's cents times its lead-time rate, shape (days,); `first_lead` is the lead time of the first day."""
    return day_cents * of.lead_time.rate(np.arange(first_lead, first_lead + len(day_cents)))


def floor_cents(floor_parts: Ints | int, gpu_hours: Ints | int) -> Ints | int:
    """A block's floor cost, rounded up to whole cents; `floor_parts` are millionths of a dollar per GPU-hour."""
    return -(-(floor_parts * gpu_hours) // PARTS_A_CENT)


def rated(of: Terms, blocks: Blocks) -> Ints:
    """List price times rate of each kind of term, in parts of WHOLE of a cent, shape (kinds, blocks)."""
    at = {
        "tenor": of.tenor.rate(blocks.days) * blocks.listed,
        "lead_time": blocks.weighted,
        "prepayment": of.prepayment.rate(blocks.prepaid) * blocks.listed,
        "volume": of.volume.rate(blocks.gpu_hours) * blocks.listed,
    }
    return np.stack([at[kind] for kind in KINDS])


def apply(of: Terms, blocks: Blocks) -> Applied:
    """The discounts of every block. Integers throughout: nothing is rounded but the running sum of discounts, down."""
    sums = np.cumsum(rated(of, blocks), axis=0) // WHOLE
    off = dict(zip(KINDS, np.diff(sums, axis=0, prepend=0), strict=True))
    below = blocks.floor - (blocks.listed - sums[-1]) if of.keeps_floor else np.zeros_like(blocks.listed)
    return Applied(blocks.listed, off, np.maximum(below, 0))


def totals_at(
    of: Terms,
    *,
    listed: Ints,
    day_cents: Ints,
    days: int,
    gpus: Ints,
    first_lead: int,
    prepaid: int,
    floor_parts: Ints,
) -> Ints:
    """Totals after terms of pools with the same terms at every start, cents, shape (pools, starts) as their list price
    `listed`: one pass over the days.

    day_cents (pools, days); gpus and floor_parts (pools,). `first_lead` is the lead time of the first day.
    """
    hours = (gpus * days * 24)[:, None]
    weighted = np.zeros((len(day_cents), day_cents.shape[1] + 1), dtype=np.int64)
    rates = of.lead_time.rate(np.arange(first_lead, first_lead + day_cents.shape[1]))
    np.cumsum(day_cents * rates, axis=1, out=weighted[:, 1:])
    starts = listed.shape[1]
    at_lead = weighted[:, days : days + starts] - weighted[:, :starts]
    return _totals(of, Blocks(listed, at_lead, days, hours, prepaid, floor_cents(floor_parts[:, None], hours)))


def _totals(of: Terms, blocks: Blocks) -> Ints:
    """`apply(…).total` without its lines, for a whole market at once: what all kinds take off is one sum."""
    rate = of.tenor.rate(blocks.days) + of.prepayment.rate(blocks.prepaid) + of.volume.rate(blocks.gpu_hours)
    totals = blocks.listed - (rate * blocks.listed + blocks.weighted) // WHOLE
    return np.maximum(totals, blocks.floor) if of.keeps_floor else totals


def faults(schedules: Mapping[str, Steps], most: int) -> Iterator[tuple[str, str]]:
    """What is wrong with schedules: (kind, what would be right). `most` bounds the sum of their highest rates."""
    for kind in KINDS:
        steps = schedules[kind]
        if problem := _fault(kind, steps, most):
            yield kind, problem
    highest = sum(max((step[1] for step in steps), default=0) for steps in schedules.values() if _are_pairs(steps))
    if highest > most:
        yield "", f"All four together give up to {highest / 100:g} %; the policy allows {most / 100:g} %."


def _fault(kind: str, steps: Steps, most: int) -> str:
    if not _are_pairs(steps) or len(steps) > MOST_STEPS:
        return f"Give at most {MOST_STEPS} steps, each a number of {UNIT[kind]} and a rate."
    starts, rates = [step[0] for step in steps], [step[1] for step in steps]
    if not _ascends(starts, strictly=True) or any(start < 0 for start in starts):
        return f"The {UNIT[kind]} must rise from step to step and not be negative."
    if not _ascends(rates) or any(not 0 <= rate <= most for rate in rates):
        return f"Rates must not fall from step to step, and lie between 0 and {most / 100:g} %."
    if kind == "prepayment" and any(start not in range(1, 101) for start in starts):
        return "Between 1 and 100 percent can be paid up front."
    return ""


def _are_pairs(steps: Steps) -> bool:
    return all(len(step) == 2 for step in steps)


def _ascends(values: Sequence[int], *, strictly: bool = False) -> bool:
    return all(a < b or (a == b and not strictly) for a, b in pairwise(values))
