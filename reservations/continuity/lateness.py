"""By how many days a block would begin late, over the joint scenarios of the projection. Pure.

In one scenario a block that needs r GPUs from day s on (those served before it, and its own) begins on the first day
from s on, on which the pool has r. What is said of several blocks is said of the latest of them in each scenario: sites
slip together, so the quantile of the latest is not the latest of the quantiles.
"""

from collections.abc import Sequence
from math import ceil

import numpy as np

from marketplace.supply.delivery import Delivery
from marketplace.supply.world import Ints


def days_late(delivery: Delivery, *, start: int, required: int) -> Ints:
    """(scenarios,) days after `start` until the pool has the GPUs required; where it never has, to the horizon."""
    until = np.concatenate([delivery.since[1:], np.full((1, delivery.since.shape[1]), delivery.days)])
    counts = (delivery.gpus >= required) & (until > start) & (delivery.since < delivery.days)
    begins = np.where(counts, np.maximum(delivery.since, start), delivery.days)
    found: Ints = begins.min(axis=0).astype(np.int64) - start
    return found


def latest(late: Sequence[Ints], *, share: float) -> int:
    """The days by which, with that probability, the latest of the blocks has begun."""
    if not late:
        return 0
    by_scenario = np.sort(np.max(np.stack(late), axis=0))
    return int(by_scenario[ceil(share * len(by_scenario)) - 1])
