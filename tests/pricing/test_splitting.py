"""The cheapest split of a quantity over pools, against every split there is."""

from itertools import product
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pricing.quotes.splitting import cheapest_split


@st.composite
def pools(draw: Any) -> tuple[list[np.ndarray], list[int]]:
    """Up to four pools with up to five lots each, whose steps never get cheaper."""
    lots = draw(st.lists(st.sampled_from([4, 6, 8, 72]), min_size=1, max_size=4))
    steps = [sorted(draw(st.lists(st.integers(1, 50), max_size=5))) for _ in lots]
    return [np.concatenate(([0], np.cumsum(np.array(each, dtype=np.int64)))) for each in steps], lots


@given(pools(), st.integers(1, 200))
def test_no_split_is_cheaper(market: tuple[list[np.ndarray], list[int]], quantity: int) -> None:
    costs, lots = market
    every = [
        sum(int(cost[k]) for cost, k in zip(costs, taken, strict=True))
        for taken in product(*(range(len(cost)) for cost in costs))
        if sum(k * lot for k, lot in zip(taken, lots, strict=True)) >= quantity
    ]
    found = cheapest_split(costs, lots, quantity)
    if found is None:
        assert every == []
        return
    assert sum(int(k) * lot for k, lot in zip(found, lots, strict=True)) >= quantity
    assert sum(int(cost[k]) for cost, k in zip(costs, found, strict=True)) == min(every)


def test_a_step_that_rounding_made_cheaper_is_not_taken_before_the_one_below_it() -> None:
    costs = [np.array([0, 100, 199]), np.array([0, 100, 200])]
    assert cheapest_split(costs, [8, 8], 8) is not None
    taken = cheapest_split(costs, [8, 8], 16)
    assert taken is not None
    assert taken.sum() == 2
