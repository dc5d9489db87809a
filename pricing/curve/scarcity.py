"""The price of scarcity: pure arithmetic over arrays. docs/pricing.md tells it in words, with an example.

Unit price of the x-th GPU of a pool and day, USD per GPU-hour, for a class with limit C:

    p(x) = base + dual * exp(k_dual * max(0, x - x0) / max(C - x0, lot)) + adder * exp(k_fill * (x / C - 1))

never above `cap`, and `cap` where x >= C. `base` is the floor (energy and capital) and the class's premium, `dual` the
shadow price of the capacity row at the last solve, x0 the use it found. x is use: the limit less the headroom.
The list price is kept as F, the cumulative price of the first x GPUs for one day of 24 hours, rounded to cents; a
block of q GPUs costs the sum over its days of F(x + q) - F(x), so that cutting it never makes it cheaper.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketplace.units.compute import HOURS_PER_DAY

Floats = NDArray[np.float64]
Cents = NDArray[np.int64]
CENTS = 100.0
BISECTIONS = 60  # halves an interval of 100,000 GPUs to below 1e-12 of one


@dataclass(frozen=True)
class Curve:
    """Parameters of one class of one pool over days. Arrays have shape (days,); prices are USD per GPU-hour.

    Or of many pools (stacks.py): arrays of (pools, days), and (pools, 1) for what is one number here.
    """

    limit: Floats
    use: Floats
    dual: Floats
    base: float | Floats
    adder: float | Floats
    cap: float | Floats
    lot: int | Floats
    fill_steepness: float | Floats
    dual_steepness: float | Floats
    capped_from: Floats  # the use at which the formula reaches the cap, GPUs; at most the limit


@dataclass(frozen=True)
class Fixed:
    """What the formula asks of a curve whatever x is: worked out once where many prices are asked. Arrays as the
    curve's."""

    solved: Floats  # the use at the solve, not below zero
    spread: Floats  # from there to the limit, one lot at least
    limit: Floats  # one GPU at least
    dual_scale: Floats
    fill_scale: Floats
    fill_at_zero: float | Floats


def fixed(of: Curve) -> Fixed:
    spread, limit = np.maximum(of.limit - of.use, of.lot), np.maximum(of.limit, 1.0)
    return Fixed(
        solved=np.maximum(of.use, 0.0),
        spread=spread,
        limit=limit,
        dual_scale=spread / of.dual_steepness,
        fill_scale=limit / of.fill_steepness,
        fill_at_zero=np.exp(-of.fill_steepness),
    )


def curve(
    *,
    limit: Floats,
    use: Floats,
    dual: Floats,
    base: float,
    adder: float,
    cap: float,
    lot: int,
    fill_steepness: float,
    dual_steepness: float,
) -> Curve:
    """A curve with the point at which it meets its cap found by bisection (the formula never falls in x)."""
    free = Curve(limit, use, dual, base, adder, cap, lot, fill_steepness, dual_steepness, limit)
    low, high = np.zeros_like(limit), np.maximum(limit, 0.0)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        below = _formula(free, middle) < cap
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return Curve(limit, use, dual, base, adder, cap, lot, fill_steepness, dual_steepness, high)


def window(of: Curve, first: int, last: int) -> Curve:
    """The same curve over days first..last (half-open offsets)."""
    cut = slice(first, last)
    return Curve(
        of.limit[cut],
        of.use[cut],
        of.dual[cut],
        of.base,
        of.adder,
        of.cap,
        of.lot,
        of.fill_steepness,
        of.dual_steepness,
        of.capped_from[cut],
    )


def unit_price(of: Curve, x: Floats) -> Floats:
    """p(x), shape (days,), USD per GPU-hour: what the next GPU costs when x are taken."""
    inside = np.clip(x, 0.0, of.capped_from)
    return np.where(x >= of.capped_from, of.cap, np.minimum(of.cap, _formula(of, inside)))


def dual_at(of: Curve, x: Floats) -> Floats:
    """What the dual's part of p(x) has grown to, USD per GPU-hour; beyond the limit it is what it is there."""
    return of.dual * np.exp(of.dual_steepness * _past_solve(fixed(of), np.minimum(x, of.limit)))


def cumulative_cents(of: Curve, x: Floats, known: Fixed | None = None) -> Cents:
    """F(x), shape (days,): what the first x GPUs of a day cost, in whole cents. The one place that rounds a price."""
    known = known or fixed(of)
    if ((x >= 0.0) & (x <= of.capped_from)).all():  # as nearly always: then there is nothing to cut off and add
        dollars_per_hour = _integral(of, known, x)
    else:
        inside = np.minimum(np.maximum(x, 0.0), of.capped_from)
        beyond = np.maximum(x - of.capped_from, 0.0)
        dollars_per_hour = _integral(of, known, inside) + of.cap * beyond
        # Below zero (limits rose after the solve) the price stays what it is at zero.
        dollars_per_hour = np.minimum(x, 0.0) * unit_price(of, np.zeros_like(x)) + dollars_per_hour
    return np.rint(dollars_per_hour * (HOURS_PER_DAY * CENTS)).astype(np.int64)


def day_cents(of: Curve, x: Floats, quantity: Floats | int) -> Cents:
    """What `quantity` more GPUs cost on each day when x are taken: F(x + q) - F(x), shape (days,)."""
    return cumulative_cents(of, x + quantity) - cumulative_cents(of, x)


def _formula(of: Curve, x: Floats) -> Floats:
    """p(x) without the cap, for 0 <= x <= C."""
    known = fixed(of)
    return (
        of.base + of.dual * np.exp(of.dual_steepness * _past_solve(known, x)) + of.adder * np.exp(_fill(of, known, x))
    )


def _integral(of: Curve, known: Fixed, x: Floats) -> Floats:
    """The integral of the formula from 0 to x >= 0, in closed form."""
    dual_part = np.minimum(x, known.solved) + known.dual_scale * np.expm1(of.dual_steepness * _past_solve(known, x))
    fill_part = known.fill_scale * (np.exp(_fill(of, known, x)) - known.fill_at_zero)
    return of.base * x + of.dual * dual_part + of.adder * fill_part


def _past_solve(known: Fixed, x: Floats) -> Floats:
    # Without the max() the price would fall when the limit is cut below the use at the solve.
    return np.maximum(0.0, x - known.solved) / known.spread


def _fill(of: Curve, known: Fixed, x: Floats) -> Floats:
    return of.fill_steepness * (x / known.limit - 1.0)
