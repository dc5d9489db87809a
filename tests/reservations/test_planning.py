"""The plan as a pure function: never uses what is not there, pays by the contract, and is the same to the bit."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.quotes.delays import SHIPPED, DelayTerms, credit, daily_price
from reservations.allocation.options import KINDS, NOWHERE, SUBSTITUTE, WAIT, Options
from reservations.allocation.packing import digest_of, pack, squeeze, unpack, unsqueeze
from reservations.allocation.planning import Planned, case_of, plan
from reservations.allocation.shortage import Watch, in_figures, short_by_class

DAYS, POOLS, LOT = 60, 3, 8
VALUES: dict[str, Any] = {
    "horizon": 40, "moved_usd": 2000.0, "short_usd": [40.0, 10.0, 1.0], "effort": 50, "share_cap": None, "set_aside": 0,
}  # fmt: skip
TERMS = DelayTerms(**SHIPPED)


@dataclass(frozen=True)
class Asked:
    raw: bytes = field(repr=False)

    def __repr__(self) -> str:
        return "Asked()"


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    """A few blocks in pools whose limits have fallen here and there."""
    n = draw(st.integers(1, 7))

    def each(low: int, high: int) -> np.ndarray[Any, Any]:
        return np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)), dtype=np.int64)

    limits = np.zeros((3, POOLS, DAYS), dtype=np.int64)
    for place in range(POOLS):
        for at in range(0, DAYS, 15):
            steps = sorted(draw(st.lists(st.integers(0, 8), min_size=3, max_size=3)))
            limits[:, place, at : at + 15] = np.array(steps)[:, None] * LOT
    others = np.cumsum(np.full((3, POOLS, DAYS), draw(st.integers(0, 6)), dtype=np.int64), axis=0)
    start, length = each(0, 30), each(1, 25)
    pool = each(0, POOLS - 1)
    allowed = np.array(draw(st.lists(st.booleans(), min_size=n * POOLS, max_size=n * POOLS))).reshape(n, POOLS)
    allowed[np.arange(n), pool] = True
    buyer = each(0, 2)
    arrays = {
        "limits": limits, "others": others, "lots": np.full(POOLS, LOT), "pool": pool, "firmness": each(0, 2),
        "start": start, "end": start + length, "turnaround": each(0, 2), "gpus": each(1, 4) * LOT,
        "short": start + np.minimum(each(0, 25), length - 1), "late": each(0, 3), "divisible": each(0, 1) == 1,
        "allowed": allowed, "total_cents": each(0, 10**7), "term_days": length + each(0, 5),
        "rate_percent": each(0, 100), "grace_days": each(0, 5), "cap_percent": each(0, 30),
        "long_stop_days": each(0, 40), "end_moves": each(0, 1) == 1, "key": np.arange(n) * 7 + 3,
        "rank": np.array(draw(st.permutations(range(n)))), "group": np.full(n, -1), "buyer": buyer,
        "price": each(1, 9).astype(np.float64), "small": buyer == 0,
    }  # fmt: skip
    shares = {"share_cap": draw(st.sampled_from([None, 0, 20])), "set_aside": draw(st.sampled_from([0, 50]))}
    return Asked(pack(arrays, {**VALUES, **shares}))


def used(planned: Planned, chosen: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(3, pools, days) nested use, added up line by line."""
    use = np.zeros_like(planned.question.supply.limits)
    for reservation, option in enumerate(chosen.tolist()):
        for pool, start, end, gpus in planned.options.lines[option].tolist():
            if pool != NOWHERE:
                use[planned.question.blocks.firmness[reservation], pool, start:end] += gpus
    return np.cumsum(use, axis=0)


@settings(max_examples=30)
@given(questions(), st.integers(-(2**62), 2**62), st.data())
def test_a_plan_never_uses_supply_that_is_not_there_whoever_consents(asked: Asked, seed: int, data: Any) -> None:
    planned = plan(asked.raw, seed=seed)
    outcome, left = planned.outcome, planned.question.supply.left
    yes = np.array(data.draw(st.lists(st.booleans(), min_size=len(outcome.chosen), max_size=len(outcome.chosen))))
    for chosen in (outcome.chosen, outcome.fallback, np.where(yes, outcome.chosen, outcome.fallback)):
        assert (used(planned, chosen) <= left).all()


@settings(max_examples=20)
@given(questions(), st.integers(-(2**62), 2**62))
def test_it_replays_to_the_bit_from_what_is_stored(asked: Asked, seed: int) -> None:
    raw = asked.raw
    first = plan(raw, seed=seed).packed()
    assert plan(unsqueeze(squeeze(raw)), seed=seed).packed() == first
    arrays, values = unpack(raw)
    again = pack(dict(reversed(arrays.items())), values)
    assert digest_of(again) == digest_of(raw)


@settings(max_examples=30)
@given(questions())
def test_every_option_lies_within_the_wish_and_costs_what_the_contract_says(asked: Asked) -> None:
    planned = plan(asked.raw, seed=1)
    blocks, options = planned.question.blocks, planned.options
    case_of(planned.question, options)  # the solver's own checks of the arrays
    for row in range(len(options)):
        who = int(options.reservation[row])
        pools = {line[0] for line in options.lines[row].tolist() if line[0] != NOWHERE}
        assert all(blocks.allowed[who, pool] for pool in pools)
        assert options.needs_consent[row] or pools <= {int(blocks.pool[who])}
        if options.kind[row] == WAIT and options.lines[row, 1, 0] != NOWHERE:
            assert options.harm_usd[row] == owed(planned, who, int(options.late_days[row]))


def owed(planned: Planned, who: int, late: int) -> float:
    """What so many more late days add, by the one formula."""
    b = planned.question.blocks
    figures = {"rate_percent": b.rate_percent, "grace_days": b.grace_days, "cap_percent": b.cap_percent}
    terms = DelayTerms(**{**vars(TERMS), **{name: int(row[who]) for name, row in figures.items()}})
    total = Decimal(int(b.total_cents[who])) / 100
    day = daily_price(total, int(b.term_days[who]))

    def of(days: int) -> Decimal:
        return credit(terms, late_days=days, excused_days=0, daily_price=day, total=total)

    return float(of(int(b.late[who]) + late) - of(int(b.late[who])))


def one_block(**changed: Any) -> bytes:
    """64 firm GPUs for ten days from day 5 in a pool that has them from day 20 on; beside it an empty one."""
    limits = np.zeros((3, 2, DAYS), dtype=np.int64)
    limits[:, 0, 20:], limits[:, 1] = 64, 128
    arrays: dict[str, Any] = {
        "limits": limits, "others": np.zeros_like(limits), "lots": np.array([8, 8]), "pool": [0], "firmness": [0],
        "start": [5], "end": [15], "turnaround": [0], "gpus": [64], "short": [5], "late": [0], "divisible": [False],
        "allowed": [[True, False]], "total_cents": [100_000], "term_days": [10], "rate_percent": [50],
        "grace_days": [2], "cap_percent": [100], "long_stop_days": [90], "end_moves": [True], "key": [7], "rank": [0],
        "group": [-1], "buyer": [0], "price": [2.0], "small": [False],
    }  # fmt: skip
    values = {name: changed.pop(name, value) for name, value in VALUES.items()}
    made = {name: np.array(value) for name, value in {**arrays, **changed}.items()}
    return pack(made, values)


def kinds(options: Options) -> list[str]:
    return [KINDS[kind] for kind in options.kind.tolist()]


def test_a_block_waits_for_the_first_day_that_has_room_and_is_credited_by_the_day() -> None:
    planned = plan(one_block(), seed=1)
    (row,) = planned.outcome.chosen.tolist()
    assert planned.options.lines[row, 1].tolist() == [0, 20, 30, 64]
    # 15 days late, 2 of grace: 13 days x $100 x 50 %.
    assert (planned.options.late_days[row], planned.options.harm_usd[row]) == (15, 650.0)
    assert planned.outcome.harm == 65_000 >= planned.outcome.bound
    assert "substitute" not in kinds(planned.options)


def test_an_equal_pool_is_proposed_and_the_wait_stays_its_fallback() -> None:
    planned = plan(one_block(allowed=[[True, True]], moved_usd=100.0), seed=1)
    chosen, fallback = int(planned.outcome.chosen[0]), int(planned.outcome.fallback[0])
    assert (planned.options.kind[chosen], planned.options.kind[fallback]) == (SUBSTITUTE, WAIT)
    assert planned.outcome.harm == 10_000


def test_the_share_cap_withholds_what_is_beyond_it() -> None:
    planned = plan(one_block(allowed=[[True, True]], moved_usd=100.0, share_cap=1), seed=1)
    # 1 % of 128 GPUs x 60 days is 76 GPU-days; the block wants 640.
    assert planned.options.kind[planned.outcome.chosen[0]] == WAIT
    assert planned.withheld["withheld_by_cap"] > 0


def test_a_fixed_end_loses_days_and_an_interruption_keeps_those_before_it() -> None:
    fixed = plan(one_block(end_moves=[False], end=[40], term_days=[35]), seed=1)
    (row,) = fixed.outcome.fallback.tolist()  # all of its days later would need consent
    assert fixed.options.lines[row, 1].tolist() == [0, 20, 40, 64]
    assert fixed.options.short_gpu_days[row] == 15 * 64
    limits = np.full((3, 2, DAYS), 64, dtype=np.int64)
    limits[:, 0, 10:13] = 0
    hole = plan(one_block(limits=limits, short=[10]), seed=1)
    (row,) = hole.outcome.chosen.tolist()
    assert hole.options.lines[row].tolist() == [[0, 5, 10, 64], [0, 13, 18, 64]]


def test_short_is_counted_at_the_class_that_is_served_last() -> None:
    nested = np.array([[100, 100], [150, 150], [150, 150]])
    limits = np.array([[0, 100], [100, 150], [150, 150]])
    assert short_by_class(limits, nested).tolist() == [[100, 0], [50, 0], [0, 0]]
    found = in_figures(np.array([0, 3, 0, 5]))
    assert found is not None
    assert (found.first, found.last, found.worst, found.gpu_days) == (1, 3, 5, 8)
    assert in_figures(np.zeros(4, dtype=np.int64)) is None


def asks(watch: Watch, gpu_days: int, confidence: float, planned: int | None, days: int = 0) -> bool:
    return watch.asks_for_plan(
        gpu_days=gpu_days, confidence=confidence, planned_gpu_days=planned, days_since_plan=days, every_days=7
    )


def test_between_propose_and_recovered_nothing_happens() -> None:
    watch = Watch(propose=0.6, recovered=0.9)
    assert not watch.ends(is_short=False, confidence=0.89)
    assert not watch.ends(is_short=True, confidence=1.0)
    assert watch.ends(is_short=False, confidence=0.9)
    assert asks(watch, 10, 0.59, None)
    assert not asks(watch, 10, 0.6, None)
    assert not asks(watch, 10, 0.1, planned=10, days=30)
    assert asks(watch, 11, 0.1, planned=10)
    assert not asks(watch, 9, 0.1, planned=10, days=6)
    assert asks(watch, 9, 0.1, planned=10, days=7)


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1)), min_size=2, max_size=2), st.integers(2, 12))
def test_two_projections_that_alternate_ask_for_two_plans_at_most(seen: Any, rounds: int) -> None:
    watch, planned, plans = Watch(0.6, 0.9), None, 0
    for turn in range(rounds):
        gpu_days, confidence = seen[turn % 2]
        if asks(watch, gpu_days, confidence, planned):
            planned, plans = max(gpu_days, planned or 0), plans + 1
    assert plans <= 2
