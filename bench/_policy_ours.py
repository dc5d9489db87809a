"""Our policy: the product's curve at the shadow prices of forecast demand, solved again as the forecast meets sales."""

from dataclasses import dataclass, replace

import numpy as np

from bench._policy_instances import CAP, DAYS, FLOOR, POOLS, SALES_OPEN, Instance
from bench._policy_market import Market, steps
from bench._policy_slip import make_room
from pricing.clearing import foresight
from pricing.clearing.ascent import Ascent, duals
from pricing.clearing.requests import Floats, Ints, Requests
from pricing.curve import scarcity

LOT = 8
CENTS = 100.0
FLOORS = np.full(POOLS, FLOOR)


@dataclass(frozen=True)
class Constants:
    """One setting for all loads and sets."""

    resolve_days: float = 14.0
    iterations: int = 20  # from the last prices; the first solve has none and takes more
    first_iterations: int = 150
    step: float = 0.6
    kept_far: float = foresight.KEPT_FAR  # part of the supply that a solve leaves out for days far ahead
    kept_near: float = foresight.KEPT_NEAR  # and for today: below zero, because some of what is forecast will not fit
    stress_far: float = (
        foresight.WEIGHT_FAR
    )  # what a dual far ahead is multiplied with: demand for it may still surprise
    near_days: float = foresight.NEAR_DAYS  # e-fold of the way from near to far
    adder: float = 2.0
    fill_steepness: float = 8.0
    dual_steepness: float = 0.5
    prior: float = 0.1  # seen volume corrects the forecast as if this part of it had been seen before


@dataclass(frozen=True)
class Plan:
    """What may be sold (pools, days); from the day on which it is known, the revised limit."""

    limit: Floats
    revised: Floats | None = None
    known_on: float = 0.0

    def at(self, day: float) -> Floats:
        return self.limit if self.revised is None or day < self.known_on else self.revised

    def solves(self, every: float) -> list[float]:
        days = set(np.arange(SALES_OPEN, DAYS, every).tolist())
        return sorted(days | ({self.known_on} if self.revised is not None else set()))


@dataclass(frozen=True)
class Posted:
    """The product's curve over all cells, per setting: arrays of its parameters have shape (settings, cells)."""

    curves: scarcity.Curve

    def cost(self, cells: Ints, x: Floats, gpus: float) -> Floats:
        of = self.curves
        cut = replace(
            of,
            limit=of.limit[:, cells],
            use=of.use[:, cells],
            dual=of.dual[:, cells],
            capped_from=of.capped_from[:, cells],
        )
        return scarcity.day_cents(cut, x, int(gpus)) / CENTS


def sell_posted(
    instance: Instance, forecast: Instance, volumes: list[float], plan: Plan, constants: Constants
) -> Market:
    """A whole instance at our prices, one setting per forecast volume: 1 as forecast, 1.3 for 30 % too much."""
    market = Market.opened(instance, plan.limit, len(volumes))
    last: list[Floats | None] = [None] * len(volumes)
    for day, begin, end in steps(instance, plan.solves(constants.resolve_days)):
        limit = plan.at(day)
        if plan.revised is not None and day == plan.known_on:
            make_room(market, limit, int(day), begin)
        coming = [corrected(instance, forecast, day, begin, volume, constants.prior) for volume in volumes]
        found = [
            _solve(forecast, day, volume, limit, use, warm, constants)
            for volume, use, warm in zip(coming, market.use, last, strict=True)
        ]
        last = [one.last for one in found]
        stress = 1 + (constants.stress_far - 1) * (1 - _nearness(day, constants))
        dual = np.stack([(one.duals * stress).ravel() for one in found])
        market.sell(begin, end, Posted(_curves(limit, market.use, dual, constants)))
    return market


def _solve(
    forecast: Instance,
    day: float,
    volume: float,
    limit: Floats,
    use: Floats,
    warm: Floats | None,
    constants: Constants,
) -> Ascent:
    """Shadow prices of what is left for the part of the forecast that is still to come."""
    near = _nearness(day, constants)
    kept = constants.kept_far + (constants.kept_near - constants.kept_far) * near
    room = np.maximum(limit * (1 - kept) - use.reshape(limit.shape), 0.0)
    coming = after(forecast, day)
    scaled = replace(coming, weight=coming.weight * volume)
    iterations = constants.first_iterations if warm is None else constants.iterations
    return duals(scaled, room, FLOORS, start=warm, iterations=iterations, step=constants.step)


def after(forecast: Instance, day: float) -> Requests:
    """The requests that arrive from that day on."""
    asked = forecast.requests
    at = int(np.searchsorted(forecast.arrival, day))
    option = int(asked.first[at])
    return Requests(
        gpus=asked.gpus[at:],
        days=asked.days[at:],
        worth=asked.worth[at:],
        weight=asked.weight[at:],
        first=asked.first[at:] - option,
        pool=asked.pool[option:],
        start=asked.start[option:],
    )


def corrected(instance: Instance, forecast: Instance, day: float, number: int, volume: float, prior: float) -> float:
    """The forecast's volume times what has been asked for so far over what was expected so far, in GPU-days."""
    expected = volume * forecast.requests.weight * forecast.requests.gpus * forecast.requests.days
    until = int(np.searchsorted(forecast.arrival, day))
    seen = float((instance.requests.gpus * instance.requests.days)[:number].sum())
    steady = prior * float(expected.sum())
    return volume * (steady + seen) / (steady + float(expected[:until].sum()))


def _nearness(day: float, constants: Constants) -> Floats:
    """1 on delivery days up to today, falling to 0 far ahead, (days,)."""
    return np.exp(-np.maximum(np.arange(DAYS) - day, 0.0) / constants.near_days)


def _curves(limit: Floats, use: Floats, dual: Floats, constants: Constants) -> scarcity.Curve:
    return scarcity.curve(
        limit=np.broadcast_to(limit.ravel(), use.shape),
        use=use.copy(),
        dual=dual,
        base=FLOOR,
        adder=constants.adder,
        cap=CAP,
        lot=LOT,
        fill_steepness=constants.fill_steepness,
        dual_steepness=constants.dual_steepness,
    )
