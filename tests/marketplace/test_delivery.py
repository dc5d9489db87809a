"""The delivery confidence from what is kept is the one worked out from all scenarios and days."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.supply.delivery import SPAN, deliveries, most_between
from marketplace.supply.projection import block_confidence, readiness, usable_supply
from marketplace.supply.slips import DEFAULT_POLICY
from marketplace.supply.world import World
from tests.marketplace.test_projection import campus, due, worlds

SEED, SCENARIOS, DAYS = 7, 60, 150


@settings(max_examples=40)
@given(
    world=worlds,
    pool=st.integers(0, 1),
    first=st.integers(0, DAYS - 1),
    length=st.integers(1, DAYS),
    levels=st.lists(st.floats(0, 1.1), min_size=1, max_size=12),
)
def test_is_the_projections_to_the_bit(world: World, pool: int, first: int, length: int, levels: list[float]) -> None:
    ready = readiness(world, DEFAULT_POLICY, seed=SEED, scenarios=SCENARIOS).days
    usable = usable_supply(world, ready, DEFAULT_POLICY, seed=SEED, pool=pool, first=0, end=DAYS)
    end = min(DAYS, first + length)
    required = np.resize((np.array(levels) * (usable.max() + 1)).astype(np.int64), end - first)
    found = deliveries(world, ready, DEFAULT_POLICY, seed=SEED, pool=pool, days=DAYS)[pool]
    expected = block_confidence(world, ready, DEFAULT_POLICY, seed=SEED, pool=pool, first=first, required=required)
    assert found.confidence(first, required) == expected
    assert expected == (usable[:, first:end] >= required).all(axis=1).mean()


def test_a_block_that_all_scenarios_deliver_and_one_that_none_does() -> None:
    world = campus(("hall", 0, 1000, due(20)))
    ready = readiness(world, DEFAULT_POLICY, seed=SEED, scenarios=SCENARIOS).days
    found = deliveries(world, ready, DEFAULT_POLICY, seed=SEED, pool=0, days=DAYS)[0]
    nothing, too_much = np.zeros(SPAN + 3, dtype=np.int64), np.full(SPAN + 3, 1001)
    assert (found.confidence(5, nothing), found.confidence(5, too_much)) == (1.0, 0.0)


@given(values=st.lists(st.integers(-9, 9), min_size=1, max_size=40), data=st.data())
def test_the_most_between_two_days(values: list[int], data: st.DataObject) -> None:
    low = data.draw(st.integers(0, len(values) - 1))
    high = data.draw(st.integers(low + 1, len(values)))
    found = most_between(np.array(values), np.array([low, 0]), np.array([high, len(values)]))
    assert found.tolist() == [max(values[low:high]), max(values)]
