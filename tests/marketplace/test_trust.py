"""How far announcements are trusted: by the provider's own record, from the market's figures towards its own."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.supply.learning.trust import MARKET, Announcement, monthly, record_of, trust
from marketplace.supply.projection import readiness
from marketplace.supply.slips import DEFAULT_POLICY, Z90
from marketplace.supply.world import World

SHELL = DEFAULT_POLICY.slips[1]
LEAD = 400.0


def case(number: int, z: float, *, lead: float = LEAD, open: bool = False, said_on: int = 700_000) -> Announcement:
    """A shell announced `lead` days ahead that came where the market's law has z."""
    slip = float(SHELL.slip(np.array(z), DEFAULT_POLICY.reach(lead, SHELL)))
    return Announcement(f"m{number}", "shell", f"site {number}", said_on, lead, slip, open, True)


def record(zs: list[float]) -> list[Announcement]:
    return [case(number, z) for number, z in enumerate(zs)]


def normal(count: int, bias: float, spread: float) -> list[float]:
    """Evenly spaced quantiles: a record without luck."""
    from statistics import NormalDist

    law = NormalDist(bias, spread)
    return [law.inv_cdf((place + 0.5) / count) for place in range(count)]


def test_without_a_record_a_provider_has_the_markets_law_to_the_bit() -> None:
    assert trust(DEFAULT_POLICY, []) == MARKET


@pytest.mark.parametrize(("bias", "spread"), [(1.0, 1.0), (-0.8, 0.6), (0.5, 1.6), (0.0, 0.5)])
def test_with_a_long_record_it_has_its_own(bias: float, spread: float) -> None:
    near, far = (trust(DEFAULT_POLICY, record(normal(count, bias, spread))) for count in (20, 600))
    assert far.bias == pytest.approx(bias, abs=0.08)
    assert far.spread == pytest.approx(spread, rel=0.08)
    assert abs(far.bias - bias) <= abs(near.bias - bias) + 0.02
    assert far.dates == 600


def test_half_of_the_way_is_gone_by_as_many_dates_as_the_prior_weighs() -> None:
    found = trust(DEFAULT_POLICY, record(normal(10, 1.0, 1.0)))
    assert found.bias == pytest.approx(0.5, abs=0.1)


@settings(max_examples=40)
@given(st.lists(st.floats(-2.0, 2.0), min_size=1, max_size=12), st.floats(0.1, 1.0))
def test_being_later_never_makes_a_provider_look_more_punctual(zs: list[float], later: float) -> None:
    assert trust(DEFAULT_POLICY, record([z + later for z in zs])).bias > trust(DEFAULT_POLICY, record(zs)).bias


@settings(max_examples=40)
@given(st.lists(st.floats(-2.5, 2.5), min_size=1, max_size=30))
def test_the_record_moves_it_towards_the_record_and_not_beyond(zs: list[float]) -> None:
    found, mean = trust(DEFAULT_POLICY, record(zs)).bias, float(np.mean(zs))
    assert min(0.0, mean) - 0.02 <= found <= max(0.0, mean) + 0.02


def test_what_is_overdue_counts_against_it_before_it_has_come() -> None:
    overdue = [case(number, 0.5, open=True) for number in range(20)]
    assert trust(DEFAULT_POLICY, overdue).bias > trust(DEFAULT_POLICY, record([0.5] * 20)).bias > 0.0


def test_saying_it_again_every_day_makes_the_record_no_better() -> None:
    late = case(1, 2.0)
    daily = [case(1, -1.0, lead=float(days), said_on=700_400 - days) for days in range(29, 0, -1)]
    once = trust(DEFAULT_POLICY, [late, daily[0]])
    often = trust(DEFAULT_POLICY, [late, *daily])
    assert often.bias > once.bias - 0.1
    assert len(monthly([late, *daily])) <= 3
    assert often.dates == 1


def test_the_order_in_which_it_is_read_means_nothing() -> None:
    cases = record(normal(9, 0.4, 1.2))
    assert trust(DEFAULT_POLICY, cases) == trust(DEFAULT_POLICY, cases[::-1])


def two_providers(bias: float = 0.0, spread: float = 1.0) -> World:
    """Two pools, each with a project that waits for a shell; the first pool's provider is trusted as given."""
    return World.of(
        sites=[("a", 1.2, np.inf, 1.0), ("b", 1.2, np.inf, 1.0)],
        pools=[("a/h100/x", 0, 1.0, 8, bias, spread), ("b/h100/x", 1, 1.0, 8)],
        projects=[("a#1", 0, 800, 5.0), ("b#1", 1, 800, 5.0)],
        milestones=[(0, "shell", 300, None, None), (1, "shell", 300, None, None)],
    )


@given(st.floats(-1.5, 1.5), st.floats(0.4, 2.5))
@settings(max_examples=25)
def test_a_providers_record_moves_its_own_projects_and_nobody_elses(bias: float, spread: float) -> None:
    plain, judged = (
        readiness(world, DEFAULT_POLICY, seed=1, scenarios=400)
        for world in (two_providers(), two_providers(bias, spread))
    )
    assert (plain.days[1] == judged.days[1]).all()
    if bias >= 0.05 and spread >= 1.0:
        assert np.percentile(judged.days[0], 90) >= np.percentile(plain.days[0], 90)


def test_the_markets_trust_draws_what_was_drawn_before_there_was_any() -> None:
    world = two_providers()
    rows = world.as_json() | {"pools": [row[:4] for row in world.as_json()["pools"]]}
    earlier = World.from_json(rows)
    same = [readiness(each, DEFAULT_POLICY, seed=3, scenarios=200).days for each in (world, earlier)]
    assert (same[0] == same[1]).all()


def test_the_drawn_dates_follow_the_providers_own_quantiles() -> None:
    days = readiness(two_providers(0.7, 1.5), DEFAULT_POLICY, seed=5, scenarios=20_000).days[0]
    reach = DEFAULT_POLICY.reach(300.0, SHELL)
    for level, z in ((50, 0.0), (90, Z90)):
        wanted = 300.0 + float(SHELL.slip(np.array(0.7 + 1.5 * z), reach))
        assert np.percentile(days, level) == pytest.approx(wanted, rel=0.04)


def test_a_record_says_how_often_late_and_by_how_much() -> None:
    came = [replace(case(n, 0.0), slip=slip) for n, slip in enumerate((-3.0, 0.0, 10.0, 20.0))]
    found = record_of([*came, replace(case(9, 0.0), slip=40.0, open=True), replace(came[0], first=False)], [30, 5, -10])
    assert (found.due, found.came, found.late, found.overdue) == (5, 4, 2, 1)
    assert (found.mean_days, found.median_days, found.worst_days) == (13.4, 10.0, 40)
    assert (found.moved_later, found.moved_earlier, found.late_share) == (2, 1, 0.6)
    assert record_of([], []).late_share is None
