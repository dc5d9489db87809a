"""Build signals: what one more MW, or a milestone 30 days sooner, is worth at the bid prices, worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from marketplace.supply.projection import readiness, usable_supply
from marketplace.supply.slips import DEFAULT_POLICY
from marketplace.supply.world import World
from pricing.curve.signals import SOONER_DAYS, Scene, gpus_per_mw, signals

SEED, SCENARIOS, DAYS = 11, 500, 700
BID = 2.5


def world(*, mw: float = np.inf, gpus: int = 4000, chips: float = 200.0) -> World:
    """A site with a pool of 1 kW a GPU where 1,000 stand, and a project that waits for power (day 200) and chips."""
    return World.of(
        sites=[("site", 1.25, mw, 1.0)],
        pools=[("h100", 0, 1.0, 8)],
        projects=[("there", 0, 1000, 1.25), ("next", 0, gpus, 5.0)],
        milestones=[
            (0, "commissioning", -10, None, -10),
            (1, "power", 200, None, None),
            (1, "chips", chips, None, None),
        ],
    )


def scene(of: World, bid: float = BID) -> Scene:
    return Scene(of, DEFAULT_POLICY, SEED, SCENARIOS, np.full((1, DAYS), bid))


def worth_by_hand(of: World) -> float:
    """USD of every usable GPU-hour, scenario by scenario and day by day."""
    ready = readiness(of, DEFAULT_POLICY, seed=SEED, scenarios=SCENARIOS).days
    usable = usable_supply(of, ready, DEFAULT_POLICY, seed=SEED, pool=0, first=0, end=DAYS)
    return float(usable.sum(axis=1).mean()) * 24 * BID


def sooner(of: World, kind: int) -> World:
    milestones = of.milestones
    forecast = np.where(milestones.kind == kind, milestones.expected - SOONER_DAYS, milestones.forecast)
    return replace(of, milestones=replace(milestones, forecast=forecast))


def test_a_milestone_sooner_is_worth_the_gpu_hours_that_come_earlier() -> None:
    (signal,) = signals(scene(world()), [1])
    by_hand = worth_by_hand(sooner(world(), 0)) - worth_by_hand(world())
    assert signal.sooner["power"] == pytest.approx(by_hand, rel=1e-9)
    assert signal.sooner["power"] > 0


def test_a_milestone_that_is_never_the_last_is_worth_nothing() -> None:
    (signal,) = signals(scene(world(chips=-2000.0)), [1])
    assert signal.sooner["power"] > 0
    early_chips = World.of(
        sites=[("site", 1.25, np.inf, 1.0)],
        pools=[("h100", 0, 1.0, 8)],
        projects=[("next", 0, 4000, 5.0)],
        milestones=[(0, "power", 400, None, None), (0, "chips", -10, None, -10)],
    )
    (done,) = signals(scene(early_chips), [0])
    assert list(done.sooner) == ["power"]


def test_a_mw_without_gpus_is_worth_something_only_where_power_is_short() -> None:
    plenty, short = signals(scene(world()), [1])[0], signals(scene(world(mw=3.0)), [1])[0]
    assert plenty.mw_alone == 0
    assert short.mw_alone > 0


def test_where_power_is_short_more_gpus_add_no_more_than_their_power() -> None:
    (short,) = signals(scene(world(mw=3.0)), [1])
    (plenty,) = signals(scene(world()), [1])
    # The cap is on what is installed: with GPUs to spare, none of the MW's are down for repair.
    assert short.mw <= plenty.mw / DEFAULT_POLICY.derate_mean * 1.01
    assert short.mw == pytest.approx(short.mw_alone, rel=0.02)


def test_a_mw_with_gpus_grows_the_phase_by_what_it_feeds() -> None:
    of = world()
    (signal,) = signals(scene(of), [1])
    by_hand = worth_by_hand(world(gpus=4000 + round(gpus_per_mw(of, 0)))) - worth_by_hand(of)
    assert signal.mw == pytest.approx(by_hand, rel=1e-3)  # GPUs are cut to whole ones


def test_at_a_price_of_nothing_nothing_is_worth_anything() -> None:
    (signal,) = signals(scene(world(), bid=0.0), [1])
    assert (signal.mw, signal.mw_alone, *signal.sooner.values()) == (0, 0, 0, 0)


def test_a_retirement_has_no_milestone_to_bring_forward() -> None:
    (signal,) = signals(scene(world(gpus=-500)), [1])
    assert signal.sooner == {}
