"""The public tape: what everybody sees, rounded down to a step, refreshed on a fixed tick, blind to small trades.

Plain rounding would give a small trade away whenever it crosses a step. So a published figure stays until the true
one has moved by more than a step: it is set one step below the true figure rounded down, and is kept while the true
figure lies between it and three steps above. It never says more than there is, and a hold smaller than the step,
made after the figure was set, changes nothing. See docs/decisions/.
"""

from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

Gpus = NDArray[np.int64]


def stepped_down(values: Gpus, step: int) -> Gpus:
    """Rounded down to whole steps: for what no trade moves (supply, limits)."""
    return np.asarray(values) // step * step


def republish(true: Gpus, step: int, published: Gpus | None = None) -> Gpus:
    """The figures to publish for `true`, given those published before (same shape), never above max(true, 0)."""
    fresh = np.maximum((true // step - 1) * step, 0)
    if published is None:
        return fresh
    still_good = (published <= np.maximum(true, 0)) & (true < published + 3 * step)
    return np.where(still_good, published, fresh)


def tick_of(now: datetime, minutes: int) -> datetime:
    """The tick that `now` falls in: whole multiples of `minutes` from midnight UTC."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (now - midnight) // timedelta(minutes=minutes) * timedelta(minutes=minutes)
