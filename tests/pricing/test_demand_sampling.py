"""Requests drawn from what is assumed and learnt: their volume, their options, their booking curve."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.demand.assumptions import DEFAULTS, SOURCES
from pricing.demand.evidence import NOTHING_SEEN, Evidence, Learnt, days_of_evidence, learn
from pricing.demand.sampling import Drawn, Places, assumed_starts, assumed_wishes, draw, requests, weekly

DAYS = 364


def places(*gpus: int, today: int = -1, days: int = DAYS) -> Places:
    """Pools of so many GPUs on every day; the first two have the same accelerator."""
    return Places(
        supply=np.repeat(np.array(gpus, dtype=np.float64)[:, None], days, axis=1),
        floor=np.full(len(gpus), 1.5),
        lot=np.full(len(gpus), 8),
        accelerator=np.array([1, 1, 2, 3][: len(gpus)]),
        today=today,
    )


def nothing_learnt(pools: int) -> Learnt:
    return learn(NOTHING_SEEN, np.zeros(pools), DEFAULTS)


def wishes(n: int, *, gpus: int = 64, days: int = 30, lead: int = 20, **changed: object) -> Evidence:
    whole = {name: np.full(n, value) for name, value in (("gpus", gpus), ("days", days), ("lead", lead))}
    zeros = np.zeros(n, dtype=np.int64)
    columns = {
        "pool": zeros,
        "firmness": zeros,
        "later": zeros,
        "weight": np.ones(n),
        "least_worth": np.zeros(n),
        "most_worth": np.full(n, np.inf),
        **whole,
        **changed,
    }
    return Evidence(**columns)  # type: ignore[arg-type]


def volume(of: Places, drawn: Drawn) -> float:
    return float((drawn.weight * drawn.gpus * drawn.days).sum() / of.supply.sum())


def test_with_nothing_seen_the_pools_are_asked_for_the_assumed_load() -> None:
    world = places(20_000, 12_000, today=-2000)  # long before the horizon: nobody has asked yet
    drawn = draw(world, nothing_learnt(2), DEFAULTS, wanted=20_000, seed=1)
    # Blocks are cut at the horizon's end, which takes a few percent of a year.
    assert 0.85 < volume(world, drawn) < 1.02


def test_twice_the_wishes_are_twice_the_volume_once_many_are_seen() -> None:
    expected = np.array([1000.0])
    twice = learn(wishes(2000), expected, DEFAULTS)
    assert twice.volume == pytest.approx([2.0], abs=0.05)
    few = learn(wishes(4), np.array([2.0]), DEFAULTS)
    assert few.volume == pytest.approx([1.0], abs=0.2)
    # The twin: as many as expected change nothing.
    assert learn(wishes(1000), expected, DEFAULTS).volume == pytest.approx([1.0])


def test_a_pool_that_nobody_asked_for_follows_the_sellers_others_and_then_itself() -> None:
    learnt = learn(wishes(300), np.array([100.0, 1.0]), DEFAULTS)
    assert learnt.volume[1] > 2
    learnt = learn(wishes(300), np.array([100.0, 400.0]), DEFAULTS)
    assert learnt.volume[1] < 0.2


def test_no_wish_counts_twice() -> None:
    """With one pool the volume is the gamma-Poisson mean, (30 + 10) / (30 + 90), and not drawn towards itself again."""
    learnt = learn(wishes(10), np.array([90.0]), DEFAULTS)
    assert learnt.volume == pytest.approx([40 / 120])
    assert learnt.seller_volume == pytest.approx(40 / 120)


def test_requests_take_the_shape_of_the_wishes_seen_as_they_become_many() -> None:
    world = places(20_000, today=-2000)
    parts = []
    for n in (0, 30, 3000):
        learnt = learn(wishes(n, gpus=1000, days=3), np.array([float(n)]), DEFAULTS)
        drawn = draw(world, learnt, DEFAULTS, wanted=5000, seed=2)
        parts.append(float(((drawn.gpus == 1000) & (drawn.days == 3)).mean()))
    assert parts[0] == 0
    assert parts[1] == pytest.approx(0.5, abs=0.05)
    assert parts[2] > 0.95


def test_near_days_have_little_left_to_come_and_far_days_all() -> None:
    world = places(20_000, today=0)
    drawn = draw(world, nothing_learnt(1), DEFAULTS, wanted=30_000, seed=3)
    starts = np.bincount(drawn.start, drawn.weight, minlength=DAYS)
    all_of_it = assumed_starts(world, DEFAULTS)[0]
    assert starts[0] == 0
    assert starts[1:8].sum() < 0.4 * all_of_it[1:8].sum()
    assert starts[250:300].sum() > 0.9 * all_of_it[250:300].sum()


def test_what_was_taken_dearly_raises_worth_and_what_was_let_go_lowers_it() -> None:
    dear = learn(wishes(200, least_worth=np.full(200, 2.5)), np.array([200.0]), DEFAULTS)
    cheap = learn(wishes(200, most_worth=np.full(200, 1.2)), np.array([200.0]), DEFAULTS)
    untold = learn(wishes(200), np.array([200.0]), DEFAULTS)
    assert cheap.worth < 0.9
    assert untold.worth == 1
    assert dear.worth > 1.3
    drawn = draw(places(20_000), dear, DEFAULTS, wanted=5000, seed=1)
    assert drawn.worth.min() >= 1.5  # nobody who would not pay the floor is demand


@given(
    gpus=st.lists(st.integers(0, 30_000), min_size=1, max_size=4),
    today=st.integers(-30, 100),
    days=st.integers(1, 200),
    seed=st.integers(0, 99),
    n=st.integers(0, 40),
)
def test_every_option_lies_within_the_horizon_and_after_today(
    gpus: list[int], today: int, days: int, seed: int, n: int
) -> None:
    world = places(*gpus, today=today, days=days)
    learnt = learn(wishes(n), np.full(len(gpus), 10.0), DEFAULTS)
    drawn = draw(world, learnt, DEFAULTS, wanted=400, seed=seed)
    found = requests(drawn, world, DEFAULTS, seed=seed)
    assert (np.diff(found.first) > 0).all()
    length = np.repeat(found.days, np.diff(found.first))
    assert ((found.start >= max(0, today + 1)) & (found.start + length <= days)).all()
    assert (found.weight >= 0).all()
    assert (found.worth >= 1.5).all()
    home = drawn.home[np.repeat(np.arange(len(found)), np.diff(found.first))]
    assert (world.accelerator[found.pool] == world.accelerator[home]).all()
    again = requests(draw(world, learnt, DEFAULTS, wanted=400, seed=seed), world, DEFAULTS, seed=seed)
    assert all(np.array_equal(getattr(found, field.name), getattr(again, field.name)) for field in fields(found))


def test_a_patient_request_may_start_on_several_days_in_several_pools() -> None:
    world = places(20_000, 10_000, 20_000)
    one = Drawn(
        home=np.array([1, 2]),
        start=np.array([10, 350]),
        gpus=np.array([64, 64]),
        days=np.array([5, 14]),
        later=np.array([9, 4]),
        lead=np.zeros(2),
        worth=np.ones(2),
        weight=np.ones(2),
    )
    found = requests(one, world, replace(DEFAULTS, most_other_pools=0), seed=1)
    assert found.start.tolist() == [10, 13, 16, 19, 350]  # every third day within nine, and none beyond the horizon
    assert found.pool.tolist() == [1, 1, 1, 1, 2]
    wide = [requests(one, world, DEFAULTS, seed=seed) for seed in range(20)]
    assert {tuple(sorted(set(each.pool[: each.first[1]].tolist()))) for each in wide} == {(1,), (0, 1)}


def test_a_week_has_the_gpu_days_of_the_blocks_that_lie_in_it() -> None:
    block = Drawn(
        home=np.array([0]),
        start=np.array([5]),
        gpus=np.array([10]),
        days=np.array([4]),
        later=np.array([0]),
        lead=np.zeros(1),
        worth=np.ones(1),
        weight=np.array([2.0]),
    )
    mean, variance = weekly(block, 2, 0, 3)
    assert mean.tolist() == [[40, 40, 0], [0, 0, 0]]
    assert variance.tolist() == [[800, 800, 0], [0, 0, 0]]


def test_at_the_opening_nobody_is_missed_yet_and_who_had_waited_for_it_comes_in_the_first_weeks() -> None:
    world = places(20_000, today=0)
    a_day = assumed_starts(world, DEFAULTS)[0, 0]
    at = {days: assumed_wishes(world, DEFAULTS, days_open=days, seed=1)[0] for days in (0, 14, 500)}
    assert at[0] == 0
    # A third is urgent, 10 days ahead; the rest asks 53 days ahead, the larger ones earlier: about 40 days of requests.
    waited = (at[14] - a_day * days_of_evidence(14, DEFAULTS)) / (1 - np.exp(-1)) / 0.5 ** (14 / 60)
    assert 30 * a_day < waited < 55 * a_day
    assert at[500] == pytest.approx(a_day * days_of_evidence(500, DEFAULTS), rel=0.05)


def test_evidence_fades_with_its_half_life() -> None:
    assert days_of_evidence(1, DEFAULTS) == pytest.approx(1, abs=0.01)
    assert days_of_evidence(60, DEFAULTS) == pytest.approx(60 / np.log(2) / 2)
    assert days_of_evidence(10_000, DEFAULTS) == days_of_evidence(DEFAULTS.evidence_days, DEFAULTS)
    assert days_of_evidence(-3, DEFAULTS) == 0


def test_every_assumption_says_where_it_is_from() -> None:
    assert set(SOURCES) == set(DEFAULTS.as_json())
    assert all(SOURCES.values())
