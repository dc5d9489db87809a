"""Small cases for the solver, drawn or written by hand."""

from dataclasses import dataclass, field

import numpy as np

from reservations.allocation.case import Case, Weights

WEIGHTS = Weights(moved_usd=50.0, short_gpu_day_usd=(40.0, 20.0, 10.0))


@dataclass
class Option:
    """lines: (pool, start, end, gpus)."""

    lines: list[tuple[int, int, int, int]]
    harm: float = 0.0
    loss: int = 0
    moves: bool = False
    short: int = 0
    consent: bool = False


@dataclass
class Wanted:
    """A reservation: its options, the first as contracted; "not served" is added at the end."""

    options: list[Option]
    firmness: int = 0
    group: int = -1
    buyer: int | None = None
    price: float = 2.0
    not_served_usd: float = 1000.0
    rank: int | None = None
    every: list[Option] = field(init=False)

    def __post_init__(self) -> None:
        whole = sum(gpus * (end - start) for _, start, end, gpus in self.options[0].lines)
        self.every = [*self.options, Option([], self.not_served_usd, 10_000, short=whole)]


def case_of(limits: list[list[list[int]]] | np.ndarray, wanted: list[Wanted]) -> Case:
    options = [option for each in wanted for option in each.every]
    lines = [line for option in options for line in option.lines]
    first = np.cumsum([0] + [len(each.every) for each in wanted])

    def ints(values: list) -> np.ndarray:
        return np.array(values, dtype=np.int64)

    columns = [ints([line[at] for line in lines]) for at in range(4)]
    return Case(
        limits=np.array(limits, dtype=np.int64),
        key=ints([100 + at for at in range(len(wanted))]),
        firmness=ints([each.firmness for each in wanted]),
        rank=ints([at if each.rank is None else each.rank for at, each in enumerate(wanted)]),
        group=ints([each.group for each in wanted]),
        buyer=ints([at if each.buyer is None else each.buyer for at, each in enumerate(wanted)]),
        price=np.array([each.price for each in wanted], dtype=np.float64),
        now_option=ints(list(first[:-1])),
        first=ints(list(first)),
        harm_usd=np.array([option.harm for option in options], dtype=np.float64),
        moves=np.array([option.moves for option in options], dtype=bool),
        short_gpu_days=ints([option.short for option in options]),
        needs_consent=np.array([option.consent for option in options], dtype=bool),
        loss=ints([option.loss for option in options]),
        line_first=ints(list(np.cumsum([0] + [len(option.lines) for option in options]))),
        pool=columns[0],
        start=columns[1],
        end=columns[2],
        gpus=columns[3],
    )


def limits(firm: int, standard: int, all_three: int, *, pools: int = 1, days: int = 10) -> np.ndarray:
    flat = np.array([firm, standard, all_three], dtype=np.int64)
    return np.broadcast_to(flat[:, None, None], (3, pools, days)).copy()
