"""By how many days a block begins late, scenario by scenario."""

import numpy as np

from marketplace.supply.delivery import Delivery
from reservations.continuity.lateness import days_late, latest

DAYS = 100


def delivery(*scenarios: list[tuple[int, int]]) -> Delivery:
    """From (day, GPUs) steps of each scenario."""
    most = max(map(len, scenarios))
    padded = [[*steps, *[(DAYS, 0)] * (most - len(steps))] for steps in scenarios]
    steps = np.array(padded, dtype=np.int32).transpose(1, 0, 2)
    least = np.zeros((4, len(scenarios)), dtype=np.int32)
    return Delivery(DAYS, steps[..., 0], steps[..., 1], least, least.min(axis=1))


def test_a_block_begins_on_the_first_day_that_has_enough() -> None:
    found = delivery([(0, 64)], [(0, 0), (30, 64)], [(0, 8), (12, 32), (25, 64)], [(0, 0)])
    assert days_late(found, start=10, required=64).tolist() == [0, 20, 15, 90]
    assert days_late(found, start=10, required=32).tolist() == [0, 20, 2, 90]


def test_what_was_there_and_is_gone_again_does_not_count() -> None:
    assert days_late(delivery([(0, 64), (5, 0), (40, 64)]), start=10, required=64).tolist() == [30]


def test_of_several_blocks_the_latest_counts_in_each_scenario() -> None:
    one, other = np.array([0, 10, 0, 10]), np.array([10, 0, 10, 0])
    assert latest([one], share=0.5) == 0
    assert latest([one, other], share=0.5) == 10
    assert latest([], share=0.9) == 0


def test_nine_in_ten_is_not_rounded_down() -> None:
    late = np.arange(10)
    assert latest([late], share=0.9) == 8
    assert latest([late], share=0.5) == 4
