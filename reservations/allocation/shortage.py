"""What is short, and whether it still is: arithmetic over limits and use, and the rule that keeps plans still. Pure.

A class is served after the firmer ones, so on a day it is short by what its nested use is above its limit, and by no
more than its own use. Inside a class earlier contracts are served first.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Short:
    """Of one class: its first and last short day (offsets), GPUs short on the worst day, and GPU-days."""

    first: int
    last: int
    worst: int
    gpu_days: int


def short_by_class(limits: Ints, nested: Ints) -> Ints:
    """(…, 3, days) GPUs of each class that are short, from limits and nested use of that shape."""
    own = np.diff(nested, axis=-2, prepend=0)
    return np.minimum(np.maximum(nested - limits, 0), own)


def in_figures(short: Ints) -> Short | None:
    """Of one row (days,); None where nothing is short."""
    days = np.flatnonzero(short)
    if not len(days):
        return None
    return Short(int(days[0]), int(days[-1]), int(short.max()), int(short.sum()))


def short_of_block(required: Ints, limit: Ints, gpus: int) -> Ints:
    """(days,) GPUs of one block that are short: `required` is all that is served before it, and itself (`gpus`)."""
    return np.clip(required - limit, 0, gpus)


@dataclass(frozen=True)
class Watch:
    """How sure the rules of one class want to be: below `propose` a remedy is proposed, from `recovered` on the watch
    ends. The gap between the two is what keeps alternating projections from making plans alternate."""

    propose: float
    recovered: float

    def ends(self, *, is_short: bool, confidence: float) -> bool:
        return not is_short and confidence >= self.recovered

    def asks_for_plan(
        self, *, gpu_days: int, confidence: float, planned_gpu_days: int | None, days_since_plan: int, every_days: int
    ) -> bool:
        """`planned_gpu_days`: the most that a plan was made for since the watch began, None without a plan.

        A second plan waits for the policy's days, or for more to be short than any plan has looked at: a figure that
        can only rise, so that a projection that comes and goes asks once.
        """
        if not gpu_days or confidence >= self.propose:
            return False
        if planned_gpu_days is None or gpu_days > planned_gpu_days:
            return True
        return days_since_plan >= every_days and gpu_days != planned_gpu_days
