"""What holds for every plan, on small cases drawn at random, against a judge that shares no code with the solver."""

from dataclasses import replace
from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reservations.allocation.case import Case
from reservations.allocation.orders import baseline, first_come, highest_price
from reservations.allocation.reckoning import reckon
from reservations.allocation.solver import Outcome, solve
from tests.reservations.allocation_cases import WEIGHTS, Option, Wanted, case_of

POOLS, DAYS = 2, 6
EFFORT = 60


@st.composite
def blocks(draw: st.DrawFn) -> tuple[int, int, int, int]:
    start = draw(st.integers(0, DAYS - 1))
    return draw(st.integers(0, POOLS - 1)), start, draw(st.integers(start + 1, DAYS)), draw(st.integers(1, 5))


@st.composite
def options(draw: st.DrawFn) -> Option:
    return Option(
        [draw(blocks())],
        harm=draw(st.integers(0, 30)) * 10.0,
        loss=draw(st.integers(0, 3)),
        moves=draw(st.booleans()),
        short=draw(st.integers(0, 2)),
        consent=draw(st.booleans()),
    )


@st.composite
def wanted(draw: st.DrawFn) -> Wanted:
    return Wanted(
        [Option([draw(blocks())]), *draw(st.lists(options(), max_size=2))],
        firmness=draw(st.integers(0, 2)),
        group=draw(st.sampled_from([-1, -1, 0])),
        buyer=draw(st.integers(0, 2)),
        price=draw(st.sampled_from([1.0, 2.0])),
        not_served_usd=draw(st.sampled_from([0.0, 100.0, 500.0])),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    limits = draw(st.lists(st.integers(-1, 8), min_size=3 * POOLS * 2, max_size=3 * POOLS * 2))
    # Two stretches of days; the sums of wider classes are usually, not always, allowed more.
    grid = np.repeat(np.array(limits).reshape(3, POOLS, 2), DAYS // 2, axis=2)
    return case_of(grid if draw(st.booleans()) else np.sort(grid, axis=0), draw(st.lists(wanted(), max_size=4)))


def grid_of(case: Case, option: int) -> np.ndarray:
    """(pools, days): GPUs that an option takes, added line by line."""
    grid = np.zeros(case.limits.shape[1:], dtype=np.int64)
    for line in range(case.line_first[option], case.line_first[option + 1]):
        grid[case.pool[line], case.start[line] : case.end[line]] += case.gpus[line]
    return grid


def bundles_of(case: Case) -> list[list[int]]:
    names = [int(group) if group >= 0 else -2 - at for at, group in enumerate(case.group)]
    return [[at for at, other in enumerate(names) if other == name] for name in dict.fromkeys(names)]


def is_allowed(case: Case, kept: np.ndarray, chosen: np.ndarray) -> bool:
    """Every rule of docs/allocation.md, the slow way."""
    use = np.zeros(case.limits.shape, dtype=np.int64)
    for members in bundles_of(case):
        if len({int(case.kind[chosen[each]]) for each in members}) > 1:
            return False
        asked = any(case.needs_consent[chosen[each]] for each in members)
        for each in members:
            option = chosen[each]
            if not case.needs_consent[option] and case.loss[option] > case.loss[kept[each]]:
                return False
            taken = grid_of(case, option)
            if asked:
                taken = np.maximum(taken, grid_of(case, kept[each]))
            use[case.firmness[each] :] += taken
    return bool((use <= np.maximum(case.limits, 0)).all())


def served_by(case: Case, chosen: np.ndarray) -> bool:
    """Whether what is there holds these options, whoever is asked."""
    use = np.zeros(case.limits.shape, dtype=np.int64)
    for each in range(len(case)):
        use[case.firmness[each] :] += grid_of(case, chosen[each])
    return bool((use <= np.maximum(case.limits, 0)).all())


def every_choice(case: Case) -> list[np.ndarray]:
    ranges = [range(case.first[at], case.first[at + 1]) for at in range(len(case))]
    return [np.array(chosen, dtype=np.int64) for chosen in product(*ranges)]


def planned(case: Case, effort: int = EFFORT) -> Outcome:
    return solve(case, weights=WEIGHTS, seed=3, effort=effort)


@settings(max_examples=50, deadline=None)
@given(cases())
def test_a_plan_keeps_every_rule_and_is_the_best_that_does(case: Case) -> None:
    found = planned(case)
    assert is_allowed(case, found.baseline.chosen, found.chosen)
    allowed = [chosen for chosen in every_choice(case) if is_allowed(case, found.baseline.chosen, chosen)]
    least = min((reckon(case, chosen, WEIGHTS).harm for chosen in allowed), default=0)
    assert found.bound <= least <= found.harm <= found.baseline.reckoning.harm
    assert found.harm == least
    assert found.harm == reckon(case, found.chosen, WEIGHTS).harm


@settings(max_examples=30, deadline=None)
@given(cases())
def test_whoever_declines_finds_the_fallback_there(case: Case) -> None:
    found = planned(case)
    for decline in (1, 2, 3):
        declined = found.proposed & (np.arange(len(case)) % decline == 0)
        # A bundle is asked as one.
        for members in bundles_of(case):
            declined[members] = declined[members].any() & found.proposed[members]
        assert served_by(case, np.where(declined, found.fallback, found.chosen))
    unasked = ~found.proposed
    assert (case.loss[found.fallback] <= case.loss[found.baseline.chosen]).all()
    assert (found.fallback[unasked] == found.chosen[unasked]).all()


@settings(max_examples=30, deadline=None)
@given(cases())
def test_nobody_surer_gets_less_because_somebody_less_sure_is_there(case: Case) -> None:
    """Without bundles, which stand where their least sure member stands."""
    case = replace(case, group=np.full(len(case), -1))
    kept = baseline(case, WEIGHTS)
    for firmness in (0, 1):
        alone = np.flatnonzero(case.firmness <= firmness)
        assert (baseline(_only(case, alone), WEIGHTS) + _shift(case, alone) == kept[alone]).all()


def _only(case: Case, mine: np.ndarray) -> Case:
    """The same case with these reservations alone."""
    found = []
    for at in mine.tolist():
        every = [_option(case, option) for option in range(case.first[at], case.first[at + 1] - 1)]
        last = case.first[at + 1] - 1
        found.append(Wanted(every, int(case.firmness[at]), not_served_usd=float(case.harm_usd[last])))
    return case_of(case.limits, found)


def _option(case: Case, option: int) -> Option:
    lines = range(case.line_first[option], case.line_first[option + 1])
    return Option(
        [(int(case.pool[line]), int(case.start[line]), int(case.end[line]), int(case.gpus[line])) for line in lines],
        harm=float(case.harm_usd[option]),
        loss=int(case.loss[option]),
        moves=bool(case.moves[option]),
        short=int(case.short_gpu_days[option]),
        consent=bool(case.needs_consent[option]),
    )


def _shift(case: Case, mine: np.ndarray) -> np.ndarray:
    """From an option's place among those of `mine` alone to its place in the whole case."""
    counts = np.diff(case.first)[mine]
    return case.first[mine] - np.concatenate([[0], np.cumsum(counts)[:-1]])


@settings(max_examples=25, deadline=None)
@given(cases())
def test_the_published_rules_use_only_what_is_there(case: Case) -> None:
    for chosen in (baseline(case, WEIGHTS), first_come(case, WEIGHTS), highest_price(case, WEIGHTS, 3)):
        assert served_by(case, chosen)
        assert not case.needs_consent[chosen].any()


@settings(max_examples=30, deadline=None)
@given(cases(), st.sampled_from([0, 7, 60, 2_000]))
def test_a_plan_is_the_same_to_the_bit_and_holds_at_any_effort(case: Case, effort: int) -> None:
    one, other = planned(case, effort), planned(case, effort)
    assert one.chosen.tobytes() == other.chosen.tobytes()
    assert (one.harm, one.bound, one.rules) == (other.harm, other.bound, other.rules)
    assert one.bound <= one.harm <= one.baseline.reckoning.harm
    assert is_allowed(case, one.baseline.chosen, one.chosen)
