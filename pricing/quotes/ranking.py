"""Which of the blocks that fit are offered, in which order and under which tags: pure, and exact about ties.

| order | least of | equals go by |
|---|---|---|
| cheapest | total; per GPU-hour where sizes or lengths may differ | earlier start, pool by name |
| soonest | start | lower total, pool by name |
| most_compute | price per H100-equivalent hour: most compute per dollar | lower total, earlier start, pool by name |
| least_co2 | kg CO2; per GPU-hour where sizes or lengths may differ | lower total, earlier start, pool by name |

The first three are ranks too. A block that wins several takes all the tags, and the slot of each further one goes to
the runner-up from another pool.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

CHEAPEST, SOONEST, MOST_COMPUTE, LEAST_CO2 = "cheapest", "soonest", "most_compute", "least_co2"
RANKS = (CHEAPEST, SOONEST, MOST_COMPUTE)
SORTS = (*RANKS, LEAST_CO2)


@dataclass(frozen=True)
class Block:
    """A block as rankings see it. `place` is its pool's by name, `which` tells lengths apart.

    offset: days from the first start allowed. worth: cents, per_h100: cents per H100-equivalent hour, carbon: kg;
    worth and carbon are per GPU-hour where sizes or lengths may differ.
    """

    place: int
    which: int
    offset: int
    worth: float
    per_h100: float
    carbon: float


@dataclass(frozen=True)
class Chosen:
    block: Block
    ranks: tuple[str, ...]
    next_best_in: tuple[str, ...]


_LEAST: dict[str, Callable[[Block], tuple[float, ...]]] = {
    CHEAPEST: lambda block: (block.worth, block.offset),
    SOONEST: lambda block: (block.offset, block.worth),
    MOST_COMPUTE: lambda block: (block.per_h100, block.worth, block.offset),
    LEAST_CO2: lambda block: (block.carbon, block.worth, block.offset),
}


def _order(sort: str) -> Callable[[Block], tuple[Any, ...]]:
    """Total: two blocks never compare equal, so nothing depends on the order in which they were found."""
    return lambda block: (*_LEAST[sort](block), block.place, block.which)


def choose(blocks: Sequence[Block], *, sort: str, most: int) -> list[Chosen]:
    """The best block of each of the first `most` pools, the winners of the ranks and the runners-up, in that order."""
    order = _order(sort)
    of_pools: dict[int, Block] = {}
    for block in sorted(blocks, key=order):
        of_pools.setdefault(block.place, block)
    winners = {rank: min(blocks, key=_order(rank)) for rank in RANKS}
    runners_up = _runners_up(blocks, winners)
    shown = {*list(of_pools.values())[:most], *winners.values(), *runners_up.values()}
    return [Chosen(block, _won(winners, block), _won(runners_up, block)) for block in sorted(shown, key=order)]


def _runners_up(blocks: Sequence[Block], winners: dict[str, Block]) -> dict[str, Block]:
    """Per rank whose winner has an earlier rank already: the best block of any other pool."""
    found = {}
    for at, rank in enumerate(RANKS):
        others = [block for block in blocks if block.place != winners[rank].place]
        if winners[rank] in [winners[earlier] for earlier in RANKS[:at]] and others:
            found[rank] = min(others, key=_order(rank))
    return found


def _won(best: dict[str, Block], block: Block) -> tuple[str, ...]:
    return tuple(rank for rank, winner in best.items() if winner == block)
