"""What could become of a contract, one option at a time, and from such options a case for the solver."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reservations.allocation.case import Case

Ints = NDArray[np.int64]
Line = tuple[int, int, int, int]  # pool, first day, day after the last, GPUs


@dataclass
class Option:
    lines: list[Line] = field(default_factory=list)
    harm: float = 0.0
    loss: int = 0
    short: int = 0
    moves: bool = False
    consent: bool = False


@dataclass(frozen=True)
class Terms:
    """Of one contract. rate: part of the daily price credited per day late; cap: part of the total."""

    rate: float
    grace: int
    cap: float
    end_moves: bool
    total: float
    daily: float

    def credit(self, late: int) -> float:
        return round(min(max(late - self.grace, 0) * self.daily * self.rate, self.cap * self.total), 2)


def not_served(line: Line, terms: Terms, days: int) -> Option:
    """What was paid up front (30 % of the total) goes back, and all days are short; the worst there is."""
    gpus = line[3]
    return Option([], round(0.3 * terms.total, 2), gpus * days * 2, short=gpus * (line[2] - line[1]))


def waits(line: Line, steps: Sequence[int], terms: Terms, days: int) -> list[Option]:
    """The same block so many days later; where the end does not move, the days lost are short."""
    pool, start, end, gpus = line
    found = []
    for late in sorted(set(steps)):
        last = end + late if terms.end_moves else end
        if start + late < last <= days:
            short = 0 if terms.end_moves else gpus * late
            found.append(Option([(pool, start + late, last, gpus)], terms.credit(late), gpus * late, short))
    return found


def case_from(
    every: list[list[Option]],
    *,
    limits: Ints,
    key: Ints,
    firmness: Ints,
    rank: Ints,
    group: Ints,
    buyer: Ints,
    price: NDArray[np.float64],
) -> Case:
    """`every`: per contract its options, the first as contracted."""
    options = [option for mine in every for option in mine]
    first = np.cumsum([0] + [len(mine) for mine in every])
    columns = np.array([line for option in options for line in option.lines], dtype=np.int64).reshape(-1, 4).T
    return Case(
        limits=limits,
        key=key,
        firmness=firmness,
        rank=rank,
        group=group,
        buyer=buyer,
        price=price,
        now_option=first[:-1].copy(),
        first=first,
        harm_usd=np.array([option.harm for option in options]),
        moves=np.array([option.moves for option in options]),
        short_gpu_days=np.array([option.short for option in options]),
        needs_consent=np.array([option.consent for option in options]),
        loss=np.array([option.loss for option in options]),
        line_first=np.cumsum([0] + [len(option.lines) for option in options]),
        pool=columns[0],
        start=columns[1],
        end=columns[2],
        gpus=columns[3],
    )
