"""Terms: a block in one order never costs more than the same block in parts, to the cent (rule 3)."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.curve import scarcity, terms

HOURS = 24


@st.composite
def schedules(draw: Any, furthest: int, most: int = 1_500) -> list[list[int]]:
    starts = sorted(draw(st.sets(st.integers(1, furthest), max_size=4)))
    rates = sorted(draw(st.lists(st.integers(0, most), min_size=len(starts), max_size=len(starts))))
    return [list(step) for step in zip(starts, rates, strict=True)]


@st.composite
def policies(draw: Any) -> terms.Terms:
    kinds = zip(terms.KINDS, (60, 60, 100, 200_000), strict=True)
    steps = {kind: terms.Schedule.of(draw(schedules(furthest))) for kind, furthest in kinds}
    return terms.Terms(**steps, keeps_floor=draw(st.booleans()))


@st.composite
def pools(draw: Any) -> scarcity.Curve:
    """A class's curve over 40 days, each with a limit, a use and a dual of its own."""
    days = 40
    seed = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    limit = seed.integers(0, 3_000, days).astype(float)
    return scarcity.curve(
        limit=limit,
        use=np.floor(limit * seed.uniform(-0.1, 1.2, days)),
        dual=seed.uniform(0, 3, days) * draw(st.sampled_from([0, 1])),
        base=draw(st.sampled_from([0.01, 1.29, 1.5])),
        adder=draw(st.sampled_from([0.0, 0.0001, 2.0])),
        cap=8.0,
        lot=8,
        fill_steepness=8.0,
        dual_steepness=0.5,
    )


def floor_parts(of: scarcity.Curve) -> int:
    """The base as a floor, in millionths of a dollar."""
    return round(float(of.base) * 1e6)


def total(of: scarcity.Curve, under: terms.Terms, days: slice, x: Any, gpus: int, prepaid: int) -> tuple[int, int]:
    """List price and total of a block over those days where x GPUs are taken, cents."""
    cents = scarcity.day_cents(of, x, gpus)[days]
    length = days.stop - days.start
    hours = gpus * length * HOURS
    parts = floor_parts(of)
    blocks = terms.Blocks(
        listed=np.array([cents.sum()]),
        weighted=np.array([terms.lead_weighted(under, cents, days.start).sum()]),
        days=length,
        gpu_hours=hours,
        prepaid=prepaid,
        floor=terms.floor_cents(parts, hours),
    )
    applied = terms.apply(under, blocks)
    return int(applied.listed[0]), int(applied.total[0])


@given(pools(), policies(), st.integers(0, 3_500), st.lists(st.integers(1, 900), min_size=2, max_size=5), st.data())
def test_a_block_in_one_order_never_costs_more_than_in_parts(
    of: scarcity.Curve, under: terms.Terms, taken: int, parts: list[int], data: Any
) -> None:
    """Cut by days and by GPUs at once, in random places, each part after the other."""
    prepaid = data.draw(st.integers(0, 100))
    cuts = sorted({0, 40, *data.draw(st.lists(st.integers(1, 39), max_size=4))})
    x = np.full(40, float(taken))
    listed, whole = total(of, under, slice(0, 40), x, sum(parts), prepaid)
    at, cut_listed, cut_total = x, 0, 0
    for gpus in parts:
        for first, last in pairwise(cuts):
            part = total(of, under, slice(first, last), at, gpus, prepaid)
            cut_listed, cut_total = cut_listed + part[0], cut_total + part[1]
        at = at + gpus
    assert cut_listed == listed
    assert whole <= cut_total
    assert whole <= listed or under.keeps_floor


@given(pools(), policies(), st.integers(0, 3_500), st.integers(1, 900), st.integers(0, 100))
def test_a_total_stays_at_its_floor_where_the_policy_says_so(
    of: scarcity.Curve, under: terms.Terms, taken: int, gpus: int, prepaid: int
) -> None:
    listed, whole = total(of, under, slice(0, 40), np.full(40, float(taken)), gpus, prepaid)
    if under.keeps_floor:
        assert whole * 10_000 >= floor_parts(of) * gpus * 40 * HOURS
        # A list price is rounded to cents a day: by that much it may lie below the floor and be lifted to it.
        assert whole <= max(listed, listed + 40)
    else:
        assert 0 <= whole <= listed


@given(pools(), policies(), st.integers(0, 3_500), st.integers(1, 1_000), st.integers(1, 900), st.integers(1, 40))
def test_less_room_makes_no_total_cheaper_by_more_than_a_cent_a_day(
    of: scarcity.Curve, under: terms.Terms, taken: int, more: int, gpus: int, days: int
) -> None:
    """Rule 4 after terms. Were each discount rounded alone, four of them could take a cent each at once."""
    first, later = (
        total(of, under, slice(0, days), np.full(40, float(x)), gpus, 100)[1] for x in (taken, taken + more)
    )
    assert later >= first - days


def test_the_lines_of_the_discounts_add_up_to_their_rounded_sum() -> None:
    schedule = terms.Schedule.of([[1, 333]])
    under = terms.Terms(schedule, schedule, schedule, schedule, keeps_floor=False)
    block = terms.Blocks(np.array([10_010]), np.array([333 * 10_010]), 1, 1, 1, 0)
    applied = terms.apply(under, block)
    assert sum(int(each[0]) for each in applied.off.values()) == 4 * 333 * 10_010 // terms.WHOLE == 1_333
    assert [int(each[0]) for each in applied.off.values()] == [333, 333, 333, 334]


@given(pools(), policies(), st.integers(0, 2_000), st.integers(1, 900), st.integers(1, 40), st.integers(0, 100))
def test_the_calendar_says_what_each_start_would_cost_alone(
    of: scarcity.Curve, under: terms.Terms, taken: int, gpus: int, length: int, prepaid: int
) -> None:
    pools_of = [(np.full(40, float(taken)), gpus), (np.full(40, taken / 2), gpus + 7)]
    starts = range(40 - length + 1)
    day_cents = np.stack([scarcity.day_cents(of, x, quantity) for x, quantity in pools_of])
    found = terms.totals_at(
        under,
        listed=np.stack([day_cents[:, first : first + length].sum(axis=1) for first in starts], axis=1),
        day_cents=day_cents,
        days=length,
        gpus=np.array([quantity for _, quantity in pools_of]),
        first_lead=0,
        prepaid=prepaid,
        floor_parts=np.array([floor_parts(of)] * 2),
    )
    for row, (x, quantity) in zip(found.tolist(), pools_of, strict=True):
        assert row == [total(of, under, slice(at, at + length), x, quantity, prepaid)[1] for at in starts]


def test_without_the_rule_on_steps_cutting_would_pay() -> None:
    """The twin: a longer block at a lower rate is what the rule forbids."""
    falling = {"tenor": [[1, 500], [20, 100]], "lead_time": [], "prepayment": [], "volume": []}
    assert [kind for kind, _ in terms.faults(falling, 2_500)] == ["tenor"]
    schedule = terms.Schedule.of(falling["tenor"])
    halves = 2 * (100_000 * int(schedule.rate(15)) // terms.WHOLE)
    assert 200_000 * int(schedule.rate(30)) // terms.WHOLE < halves


@pytest.mark.parametrize(
    ("kind", "steps", "says"),
    [
        ("tenor", [[30, 100], [30, 200]], "must rise"),
        ("tenor", [[-1, 100]], "not be negative"),
        ("tenor", [[30]], "each a number"),
        ("volume", [[10, 100], [20, 90]], "must not fall"),
        ("lead_time", [[10, -1]], "between 0 and"),
        ("lead_time", [[10, 2_501]], "between 0 and"),
        ("prepayment", [[101, 100]], "1 and 100"),
    ],
)
def test_a_schedule_that_is_none_says_what_would_be_right(kind: str, steps: list[list[int]], says: str) -> None:
    given = {name: steps if name == kind else [] for name in terms.KINDS}
    found = dict(terms.faults(given, 2_500))
    assert says in found[kind]


def test_all_schedules_together_stay_under_the_policys_most() -> None:
    each = {kind: [[50, 700]] for kind in terms.KINDS}
    assert list(terms.faults(each, 2_800)) == []
    assert "28 %" in dict(terms.faults(each, 2_500))[""]
