"""What capacity is worth: shadow prices per pool and day by price ascent, and the bound that they prove.

The question is: choose for every request at most one of its options, so that value net of the floor is highest and no
pool and day is asked for more than its supply. Prices l >= 0 on pools and days turn it into n questions without ties
between them (the Lagrangian dual; ENGINE section 4 of the design, Geoffrion 1974):

    bound(l) = 24 sum(l supply) + 24 sum_i weight_i gpus_i max(0, max_k (days_i (worth_i - floor_k) - sum of l over k))

Every l gives a valid upper bound on the linear relaxation, and so on what anybody could have reached with whole
requests. The prices move with excess demand, by ever shorter steps, and are averaged over the second half of the
iterations (Polyak and Juditsky 1992); so are the choices, which cut down to what fits prove how far the bound is off.
No random numbers: the same input gives the same bits.
"""

from dataclasses import dataclass

import numpy as np

from marketplace.units.compute import HOURS_PER_DAY
from pricing.clearing.options import Options, RequestsDoNotFit, options_of, ranges_highest, ranges_lowest
from pricing.clearing.requests import Floats, Ints, Requests

ITERATIONS = 60  # enough from warm prices; a bound within 0.3 % from cold ones takes some 2,000
STEP = 1.2  # the first step at an excess of a pool's whole supply, in mean worths net of the floor
LARGEST_EXCESS = 2.0  # in supplies of the pool: more than this moves a price no faster


@dataclass(frozen=True)
class Ascent:
    """Prices and what they prove.

    duals (pools, days): USD per GPU-hour above the floor, the average. last: where the ascent stood when it stopped,
    the warm start of the next one. bound: USD, at least the value net of the floor of any choice. reached: USD, what
    the averaged choices are worth once cut down to the supply (a fractional choice that fits); nan if not asked for.
    history (iterations,): the bound at each iteration's prices, USD.
    """

    duals: Floats
    last: Floats
    bound: float
    reached: float
    iterations: int
    history: Floats

    @property
    def gap(self) -> float:
        """How much of the bound is not proved to be within reach: 0 is optimal."""
        return 1.0 - self.reached / self.bound if self.bound > 0 else 0.0

    @property
    def gaps(self) -> Floats:
        """Per iteration, how far its bound lies above the best one, relative to that."""
        return self.history / self.bound - 1.0 if self.bound > 0 else np.zeros_like(self.history)


def duals(
    requests: Requests,
    supply: Floats,
    floor: Floats,
    *,
    start: Floats | None = None,
    iterations: int = ITERATIONS,
    step: float = STEP,
    prove: bool = False,
) -> Ascent:
    """Shadow prices of `supply` (pools, days; GPUs) under these requests, valued net of `floor` (pools,).

    `start` (pools, days) are prices to begin from: those of the last solve, moved to today's columns. `step` is the
    first one, in mean worths net of the floor at an excess of a pool's whole supply: shorter where blocks are long.
    `prove` also builds the choice that shows how far the bound is off. Raises RequestsDoNotFit where the arrays
    contradict each other.
    """
    options = options_of(requests, supply, floor)
    prices = np.zeros(supply.shape) if start is None else np.maximum(_same_shape(start, supply), 0.0)
    if not len(options) or iterations < 1:
        prices = prices if len(options) else np.zeros(supply.shape)
        found = Ascent(prices, prices, bound(options, supply, prices), 0.0, 0, np.empty(0))
    else:
        found = _ascend(options, supply, prices, iterations, step, prove)
    return _with_empty_days(found, options, supply)


def bound(options: Options, supply: Floats, prices: Floats) -> float:
    """What these prices prove, USD: no choice is worth more, net of the floor."""
    surplus, _ = _choose(options, prices)
    return _bound(options, supply, prices, surplus)


def _ascend(options: Options, supply: Floats, prices: Floats, iterations: int, step: float, prove: bool) -> Ascent:
    # By the pool's largest day and not by the day's own supply, which may be next to nothing.
    scale = np.maximum(supply.max(axis=1, keepdims=True), 1.0)
    step = step * options.mean_net
    history, total = np.empty(iterations), np.zeros_like(prices)
    chosen_often = np.zeros(options.count)
    half = iterations // 2
    for iteration in range(iterations):
        surplus, chosen = _choose(options, prices)
        history[iteration] = _bound(options, supply, prices, surplus)
        excess = (options.use(chosen) - supply) / scale
        prices = np.maximum(prices + step / np.sqrt(1.0 + iteration) * np.minimum(excess, LARGEST_EXCESS), 0.0)
        if iteration >= half:
            total += prices
            chosen_often[chosen] += 1.0
    average = total / (iterations - half)
    best = min(float(history.min()), bound(options, supply, average))
    reached = _reached(options, supply, chosen_often / (iterations - half)) if prove else np.nan
    return Ascent(average, prices, best, reached, iterations, history)


def _choose(options: Options, prices: Floats) -> tuple[Floats, Ints]:
    """The surplus of each request at its best option (n,), 0 where none pays; and the options chosen, one each.

    Of options that are equally good the first is chosen, so that a tie does not depend on the machine.
    """
    gain = options.value - options.charge(prices)
    best = np.maximum(np.maximum.reduceat(gain, options.first[:-1]), 0.0)
    hits = np.flatnonzero((gain >= best[options.owner]) & (gain > 0.0))
    owner = options.owner[hits]
    is_first = np.ones(len(hits), dtype=bool)
    is_first[1:] = owner[1:] != owner[:-1]
    return best, hits[is_first]


def _bound(options: Options, supply: Floats, prices: Floats, surplus: Floats) -> float:
    return HOURS_PER_DAY * float((prices * supply).sum() + (options.quantity * surplus).sum())


def _reached(options: Options, supply: Floats, share: Floats) -> float:
    """USD of the averaged choices, each cut to the tightest of its days: fits, so nothing better is below it."""
    every = np.arange(options.count)
    use = options.use(every, share)
    fits = np.minimum(np.divide(supply, use, out=np.ones_like(use), where=use > 0), 1.0)
    part = share * ranges_lowest(fits, options.pool, options.start, options.end)
    return HOURS_PER_DAY * float((options.quantity[options.owner] * options.value * part).sum())


def _with_empty_days(found: Ascent, options: Options, supply: Floats) -> Ascent:
    """Prices on days without supply: what the keenest request that needs such a day would add for it.

    Its option is impossible and so left out of the ascent; what it would pay beyond its other days, spread over its
    empty ones, is what a first GPU there would be worth. Never above the highest worth per GPU-hour.
    """
    if not len(options.blocked):
        return found
    empty = supply <= 0
    blocked = options.blocked
    spare = blocked.value - blocked.charge(np.where(empty, 0.0, found.duals))
    worth = np.clip(spare / blocked.days_within(empty), 0.0, blocked.highest_net)
    asked = ranges_highest(worth, supply.shape, blocked.pool, blocked.start, blocked.end)
    priced, last = np.where(empty, asked, found.duals), np.where(empty, asked, found.last)
    return Ascent(priced, last, found.bound, found.reached, found.iterations, found.history)


def _same_shape(start: Floats, supply: Floats) -> Floats:
    if start.shape != supply.shape:
        raise RequestsDoNotFit(f"The prices to start from have shape {start.shape}; the supply has {supply.shape}.")
    return start
