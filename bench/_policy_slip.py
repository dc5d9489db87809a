"""What happens to what is sold when supply falls: the earliest contracts stay, the others move or are cancelled."""

import numpy as np

from bench._policy_instances import DAYS
from bench._policy_market import TOLERANCE, Market, cells_of
from pricing.clearing.requests import Floats


def make_room(market: Market, limit: Floats, day: int, known: int) -> None:
    """From `day` on the supply is `limit`. Of the requests before number `known`, the latest to have been served give
    way first, until the rest fits: each moves to another of its own options that fits and has not begun, or is
    cancelled (taken becomes -1)."""
    market.supply = limit.ravel()
    for setting in range(len(market.use)):
        for number in np.flatnonzero(market.taken[setting, :known] >= 0)[::-1]:
            _give_way(market, setting, int(number), day)


def _give_way(market: Market, setting: int, number: int, day: int) -> None:
    use = market.use[setting]
    cells = cells_of(market.instance, number, int(market.taken[setting, number]))
    ahead = cells[cells % DAYS >= day]
    if not (use[ahead] > market.supply[ahead] + TOLERANCE).any():
        return
    asked = market.instance.requests
    gpus = float(asked.gpus[number])
    use[cells] -= gpus
    market.taken[setting, number] = -1
    for option in range(int(asked.first[number]), int(asked.first[number + 1])):
        other = cells_of(market.instance, number, option)
        if asked.start[option] >= day and (use[other] + gpus <= market.supply[other] + TOLERANCE).all():
            use[other] += gpus
            market.taken[setting, number] = option
            return
    market.cancelled[setting] += gpus * asked.days[number]
