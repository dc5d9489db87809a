"""Posted prices against the hindsight bound, beside simpler policies that were tuned for each load.

Welfare is what the served had budgeted, gross of the floor; the bound is the Lagrangian dual of "serve the most worth
within supply" over all that was asked for, which nobody could know. Ours is one setting for all loads and sets: the
product's own curve (pricing.curve.scarcity) at the duals of its own kernel (pricing.clearing) under forecast demand.
Between the two stand the constants of pricing.clearing.foresight; what else parts them is in decision 7.
The simple policies are tuned for each load on the tuning seeds. Means over the scoring seeds, `_sd` their spread.

The openb set needs its trace, which is not part of the project: HEADROOM_OPENB_CSV, or `shared/data` beside the
checkout.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench._policy_instances import HISTORY, POOLS, RAMP_DAY, Instance, openb, pooled, supply, synthetic
from bench._policy_market import Market, Prices
from bench._policy_ours import Constants, Plan, sell_posted
from bench._policy_prices import EXPONENTIAL, FIXED, LINEAR, Exponential, Fixed, Linear
from bench._policy_slip import make_room
from pricing.clearing.ascent import duals
from pricing.clearing.requests import Floats

LOADS = (0.7, 1.2, 2.0)
SCORE, TUNE, FORECAST = (0, 1, 2, 3, 4), (500, 501), (3000, 3001, 3002)
OFF = 0.3  # a forecast that is wrong expects this much less, or more
SLIP, KNOWN_ON, LATEST = {1: 60}, 60.0, dict.fromkeys(RAMP_DAY, 60)
WELFARE = {"synthetic": (93.0, 88.0, 87.0), "openb": (93.0, 90.0, 85.0)}
OVER = {"synthetic": (2.0, 6.0, 10.0), "openb": (2.0, 6.0, 8.0)}
OFF_GOAL, CANCELLED_GOAL = 2.5, 0.1
BOUND = ((0.6, 500), (0.3, 800), (0.1, 1200))  # step and iterations, each from the prices of the one before

Line = tuple[str, float, float | None]


@dataclass(frozen=True)
class Set:
    """A kind of instance: one future by seed and load, and the forecast made without it."""

    name: str
    live: Callable[[int, float], Instance]
    past: Callable[[int, float], Instance]

    def forecast(self, load: float) -> Instance:
        return pooled([self.past(seed, load) for seed in FORECAST])


def run() -> Iterator[Line]:
    """Seeds can be named in HEADROOM_POLICY_SEEDS, e.g. `10,11,12,13,14`."""
    seeds = [int(seed) for seed in os.environ.get("HEADROOM_POLICY_SEEDS", "").split(",") if seed] or list(SCORE)
    for of in sets():
        for number, load in enumerate(LOADS):
            yield from _score(of, load, seeds, WELFARE[of.name][number], OVER[of.name][number])
    for load in LOADS:
        yield from _slip(load, seeds)


def sets() -> Iterator[Set]:
    yield Set("synthetic", synthetic, synthetic)
    csv = _trace()
    if csv is not None:
        yield Set("openb", partial(openb, csv=csv), partial(openb, csv=csv, half=HISTORY))


def _trace() -> Path | None:
    named = os.environ.get("HEADROOM_OPENB_CSV")
    path = Path(named) if named else Path(__file__).parents[2] / "shared" / "data" / "gpu_demand_openb_2023.csv"
    if path.is_file():
        return path
    if named:
        raise FileNotFoundError(f"HEADROOM_OPENB_CSV names {path}, which is not a file")
    print(
        "policy: no openb trace beside the checkout nor in HEADROOM_OPENB_CSV: openb metrics left out", file=sys.stderr
    )
    return None


def _score(of: Set, load: float, seeds: list[int], goal: float, goal_over: float) -> Iterator[Line]:
    at = f"{of.name}_{load}"
    forecast, plan = of.forecast(load), Plan(supply())
    simple = Simple.tuned(of, load)
    ours, others, paid, gaps = [], [], [], []
    for seed in seeds:
        instance = of.live(seed, load)
        best, gap = hindsight(instance, plan.limit)
        market = sell_posted(instance, forecast, [1.0, 1 - OFF, 1 + OFF], plan, Constants())
        ours.append(100 * market.worth() / best)
        paid.append(100 * float(market.revenue()[0]) / best)
        others.append(100 * simple.worth(instance) / best)
        gaps.append(100 * gap)
    welfare, other = np.array(ours), np.array(others)
    lost = welfare[:, 0].mean() - welfare[:, 1:].mean(axis=0).min()
    yield f"welfare_{at}", welfare[:, 0].mean(), goal
    yield f"welfare_sd_{at}", welfare[:, 0].std(ddof=1), None
    yield f"forecast_off_{at}", lost, OFF_GOAL
    yield f"over_best_simple_{at}", welfare[:, 0].mean() - other.mean(axis=0).max(), goal_over
    yield f"revenue_{at}", float(np.mean(paid)), None
    for name, value in zip(simple.names, other.mean(axis=0), strict=True):
        yield f"{name}_{at}", value, None
    yield f"bound_gap_{at}", max(gaps), None


def hindsight(instance: Instance, available: Floats) -> tuple[float, float]:
    """The bound, USD gross of the floor, and how far it is at most above the linear program's."""
    nothing = np.zeros(POOLS)
    found = None
    for step, iterations in BOUND:
        start = found.duals if found else None
        found = duals(instance.requests, available, nothing, start=start, iterations=iterations, step=step, prove=True)
    assert found is not None
    return found.bound, found.gap


@dataclass(frozen=True)
class Simple:
    """The simple policies at the settings that did best on the tuning seeds of a load."""

    names: tuple[str, ...]
    prices: tuple[Prices, ...]

    @classmethod
    def tuned(cls, of: Set, load: float) -> "Simple":
        instances = [of.live(seed, load) for seed in TUNE]
        limit = supply().ravel()
        fixed = FIXED[0][_best(instances, Fixed(*FIXED), len(FIXED[0]))]
        of_linear = _best(instances, Linear(LINEAR[0], LINEAR[1], limit), len(LINEAR[0]))
        of_curved = _best(instances, Exponential(EXPONENTIAL[0], EXPONENTIAL[1], limit), len(EXPONENTIAL[0]))
        linear = Linear(LINEAR[0][of_linear], LINEAR[1][of_linear], limit)
        curved = Exponential(EXPONENTIAL[0][of_curved], EXPONENTIAL[1][of_curved], limit)
        return cls(
            ("first_come", "fixed", "linear", "exponential"), (Fixed(FIXED[0][:1]), Fixed(fixed), linear, curved)
        )

    def worth(self, instance: Instance) -> Floats:
        return np.concatenate([_sold(instance, prices, 1).worth() for prices in self.prices])


def _best(instances: list[Instance], prices: Prices, settings: int) -> list[int]:
    total = sum(_sold(instance, prices, settings).worth() for instance in instances)
    return [int(np.argmax(total))]


def _sold(instance: Instance, prices: Prices, settings: int) -> Market:
    market = Market.opened(instance, supply(), settings)
    market.sell(0, len(instance.requests), prices)
    return market


def _slip(load: float, seeds: list[int]) -> Iterator[Line]:
    """One ramp turns out 60 days late on day 60. Sold against the plan, and as firm: as if every ramp were late."""
    forecast = pooled([synthetic(seed, load) for seed in FORECAST])
    true = supply(SLIP)
    planned, firm = Plan(supply(), true, KNOWN_ON), Plan(supply(LATEST), supply(LATEST), KNOWN_ON)
    welfare, cancelled = [], []
    for seed in seeds:
        instance = synthetic(seed, load)
        best, _ = hindsight(instance, true)
        sold = [sell_posted(instance, forecast, [1.0], plan, Constants()) for plan in (planned, firm)]
        make_room(sold[1], true, int(KNOWN_ON), len(instance.requests))  # what was sold as firm meets the true supply
        welfare.append([100 * float(market.worth()[0]) / best for market in sold])
        cancelled.append([100 * float(market.cancelled[0] / market.sold()[0]) for market in sold])
    (plan_welfare, firm_welfare), (plan_lost, firm_lost) = np.mean(welfare, axis=0), np.mean(cancelled, axis=0)
    yield f"slip_welfare_{load}", plan_welfare, None
    yield f"slip_welfare_firm_{load}", firm_welfare, None
    yield f"slip_cancelled_firm_{load}", firm_lost, CANCELLED_GOAL
    yield f"slip_cancelled_plan_{load}", plan_lost, None
