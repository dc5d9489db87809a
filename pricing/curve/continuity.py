"""From one solve to the next: a price moves because an input did, and otherwise not. Pure arithmetic over days.

A curve remembers the use x0 at its solve and grows its dual from there. Solved again with the same dual at a larger
use, it would start over, and the price would fall although nothing happened but sales. So x0 and dual are carried: as
they are where the limit is the same, else as the value that the dual has grown to, from the use of now. A dual of the
same forecast that comes out otherwise (a solver's noise, time passing) is followed by at most the policy's tolerance a
solve; one of a new forecast is taken as it is, and its effect on the price stored as demand. See docs/decisions/0010.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.curve import scarcity

Floats = NDArray[np.float64]
SUPPLY, COST, POLICY, DEMAND, TIME = "supply", "cost", "policy", "demand", "time"
CAUSES = (SUPPLY, COST, POLICY, DEMAND, TIME)
YEAR = 365
LEAST = 1e-4  # of a price: smaller moves are not worth a word


@dataclass(frozen=True)
class Target:
    """The dual that a solve asks for on each day, USD per GPU-hour, and whether it comes from a new forecast."""

    dual: Floats
    is_new: bool


@dataclass(frozen=True)
class Effect:
    """What one cause did to a price, as parts of the price before: mean of the first year, and on the worst day."""

    cause: str
    mean: float
    most: float
    day: int


def carried(old: scarcity.Curve, x: Floats, limit: Floats, use: Floats) -> tuple[Floats, Floats]:
    """(x0, dual) of the next curve on days that both versions price, so that its dual is worth the same at this use.

    `x` is the use of now under the old curve's limit, `use` under the new `limit`.
    """
    same = old.limit == limit
    return np.where(same, old.use, use), np.where(same, old.dual, scarcity.dual_at(old, x))


def moved(
    old: scarcity.Curve, x: Floats, use: Floats, kept: tuple[Floats, Floats], target: Target, tolerance: float
) -> tuple[Floats, Floats]:
    """(x0, dual) after a solve that asks for `target`; `kept` is what `carried` answers."""
    if target.is_new:
        return use, target.dual
    here, most = scarcity.dual_at(old, x), tolerance * scarcity.unit_price(old, x)
    step = np.clip(target.dual - here, -most, most)
    still = np.abs(step) < 1e-9
    return np.where(still, kept[0], use), np.where(still, kept[1], here + step)


def effects(prices: Sequence[Floats], sold: NDArray[np.bool_]) -> list[Effect]:
    """Splits a move into its causes, in the order of CAUSES.

    `prices` are unit prices before, after supply, after cost, after policy, after demand and after time, each (days,);
    `sold` are the days on which the class was and is on sale.
    """
    before = np.where(sold, prices[0], np.nan)
    if not sold.any():
        return []
    found = []
    for cause, was, now in zip(CAUSES, prices, prices[1:], strict=False):
        move = (now - was) / before
        day = int(np.nanargmax(np.abs(move)))
        if abs(move[day]) >= LEAST:
            year = sold[:YEAR]
            mean = float(np.nansum((now - was)[:YEAR][year]) / np.nansum(before[:YEAR][year])) if year.any() else 0.0
            found.append(Effect(cause, round(mean, 6), round(float(move[day]), 6), day))
    return found
