"""Terms of blocks taken together: one contract never costs more than any cut of it, to the cent."""

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pricing.curve import scarcity, terms
from pricing.curve.together import apply_together
from pricing.quotes.ramps import Layer, by_day, layers
from tests.pricing.test_terms import HOURS, floor_parts, policies, pools, total

DAYS = 40


@st.composite
def ramps(draw: Any) -> tuple[list[int], list[int]]:
    starts = [0, *sorted(draw(st.sets(st.integers(1, DAYS - 1), max_size=4)))]
    return starts, draw(st.lists(st.integers(1, 900), min_size=len(starts), max_size=len(starts)))


@given(ramps())
def test_layers_sum_to_the_ramp_on_every_day(ramp: tuple[list[int], list[int]]) -> None:
    found = layers(*ramp, DAYS)
    sums = sum((np.where(on(layer), layer.quantity, 0) for layer in found), np.zeros(DAYS, dtype=int))
    assert (sums == by_day(*ramp, DAYS)).all()
    assert len(found) <= len(ramp[0])


def on(layer: Layer) -> Any:
    days = np.arange(DAYS)
    return (days >= layer.start) & (days < layer.end)


def priced_together(
    of: scarcity.Curve, under: terms.Terms, blocks: list[Layer], taken: float, prepaid: int, tenor: int
) -> tuple[int, int]:
    """List price and total of blocks in one pool that are taken together, each at the use that those before left."""
    x, rows = np.full(DAYS, float(taken)), []
    for block in blocks:
        days = slice(block.start, block.end)
        cents = scarcity.day_cents(of, x, block.quantity)[days]
        rows.append((cents.sum(), terms.lead_weighted(under, cents, block.start).sum(), block))
        x[days] += block.quantity
    applied = apply_together(
        under,
        terms.Blocks(
            listed=np.array([row[0] for row in rows]),
            weighted=np.array([row[1] for row in rows]),
            days=np.full(len(rows), tenor),
            gpu_hours=np.array([b.quantity * (b.end - b.start) * HOURS for b in blocks]),
            prepaid=prepaid,
            floor=0,
        ),
        pools=np.zeros(len(rows), dtype=np.int64),
        floor_parts=np.full(len(rows), floor_parts(of)),
    )
    assert (sum(applied.off.values()) <= applied.listed).all()
    assert all((off >= 0).all() for off in applied.off.values())
    return int(applied.listed.sum()), int(applied.total.sum())


@given(pools(), policies(), ramps(), st.integers(0, 3_500), st.integers(0, 100), st.data())
def test_a_ramp_never_costs_more_than_any_cut_of_it(
    of: scarcity.Curve,
    under: terms.Terms,
    ramp: tuple[list[int], list[int]],
    taken: int,
    prepaid: int,
    data: Any,
) -> None:
    """Cut at random days into ramps, and each layer of those by GPUs; piece after piece."""
    listed, whole = priced_together(of, under, layers(*ramp, DAYS), taken, prepaid, tenor=DAYS)
    x, list_prices, totals = np.full(DAYS, float(taken)), [], []
    for piece in cut(ramp, data):
        days = slice(piece.start, piece.end)
        each = total(of, under, days, x, piece.quantity, prepaid)
        x[days] += piece.quantity
        list_prices.append(each[0])
        totals.append(each[1])
    assert listed == sum(list_prices)
    assert whole <= sum(totals)


def cut(ramp: tuple[list[int], list[int]], data: Any) -> list[Layer]:
    profile = by_day(*ramp, DAYS)
    cuts = sorted({0, DAYS, *data.draw(st.lists(st.integers(1, DAYS - 1), max_size=3))})
    pieces = []
    for first, end in pairwise(cuts):
        days = [first, *(day for day in range(first + 1, end) if profile[day] != profile[day - 1])]
        pieces += [piece for layer in layers(days, profile[days].tolist(), end) for piece in halves(layer, data)]
    return data.draw(st.permutations(pieces))


def halves(layer: Layer, data: Any) -> list[Layer]:
    if layer.quantity == 1:
        return [layer]
    part = data.draw(st.integers(1, layer.quantity))
    sizes = [part, layer.quantity - part] if part < layer.quantity else [part]
    return [Layer(layer.start, layer.end, size) for size in sizes]


@given(pools(), policies(), st.integers(0, 3_500), st.integers(1, 900), st.integers(0, 100))
def test_one_block_together_is_that_block_alone(
    of: scarcity.Curve, under: terms.Terms, taken: int, gpus: int, prepaid: int
) -> None:
    alone = total(of, under, slice(3, 33), np.full(DAYS, float(taken)), gpus, prepaid)
    assert priced_together(of, under, [Layer(3, 33, gpus)], taken, prepaid, tenor=30) == alone


@given(policies(), st.lists(st.integers(0, 10**7), min_size=1, max_size=6), st.integers(0, 100), st.data())
def test_blocks_in_several_pools_together_never_cost_more_than_one_by_one(
    under: terms.Terms, listed: list[int], prepaid: int, data: Any
) -> None:
    n = len(listed)
    hours = np.array(data.draw(st.lists(st.integers(1, 10**6), min_size=n, max_size=n)))
    lengths = np.array(data.draw(st.lists(st.integers(1, 400), min_size=n, max_size=n)))
    pool = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    floors = np.array([1_000, 20_000, 300_000])[pool]
    cents = np.maximum(np.array(listed), -(-(floors * hours) // terms.PARTS_A_CENT))
    blocks = terms.Blocks(cents, cents * 0, lengths, hours, prepaid, terms.floor_cents(floors, hours))
    together = apply_together(under, blocks, pools=pool, floor_parts=floors)
    assert together.total.sum() <= terms.apply(under, blocks).total.sum()
    assert (together.total >= 0).all()
