"""Slips that touch 100, 1,000 and 10,000 reservations over 20 pools and 730 days, each from a seed.

What was chosen, and why. Nothing here is market data: sizes, terms and clauses are assumptions, the slips' lengths have
the median and tail of the power projects' first slips (87 days, one in ten over 584; longer than the horizon allows is
cut), read off once and not fitted.

- Pools hit: 2, 6 and 14 of 20, by the number touched; the others have 1 to 8 % of a hit pool's size to spare, in steps
  of months, so that substitutes are scarce and worth fighting for. Every case is as full as a market that sells what
  it projects: limits before the slip leave 0 to 6 % above what is committed, by pool and class.
- A slip takes the tranche that opens in a hit pool (30 to 60 % of its GPUs) away until it is ready. One pool in six is
  derated by 8 to 20 % for some weeks instead, so that running contracts are touched too.
- Contracts: 35 % firm, 45 % standard, 20 % standby; sizes of 8 to 4,096 GPUs with a Pareto tail (index 1.1: one in a
  hundred is larger than 400); 30, 60, 90, 180 or 365 days; half start within two weeks of the tranche, as sold with it,
  and the others at any day that leaves them touched. Contract order is random against class, size and date.
- Terms, by contract: credit of 50 or 100 % of the daily price from day 0, 7 or 14 on, capped at 15, 25 or 50 % of the
  total; the end moves with the start in 60 %; waits until some seven dates (that on which the tranche becomes ready,
  and steps before and after). Days lost because the end does not move count as short.
- Substitutes: 55 % name up to three other pools (30 % of these in a clause agreed before, the others only with the
  buyer's consent), at 0 to 8 % of the total for the dearer pool. Standard and standby may be paused while a derate
  lasts, and 40 % of them allow three quarters of their GPUs.
- Bundles: 8 % of the reservations, of two or three blocks in different pools. Buyers have 4 on average, the largest
  some hundred (Zipf).
- Not served: 30 % of the total back, which was paid up front, and all days short.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bench._options import Line, Option, Terms, case_from, not_served, waits
from reservations.allocation.case import Case, Weights

POOLS, DAYS = 20, 730
HIT = {100: 2, 1_000: 6, 10_000: 14}
WEIGHTS = Weights(moved_usd=2_000.0, short_gpu_day_usd=(48.0, 24.0, 8.0))
LENGTHS, LENGTH_SHARES = (30, 60, 90, 180, 365), (0.2, 0.2, 0.25, 0.2, 0.15)
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Contracts:
    """One block each, by reservation, before the slip."""

    pool: Ints
    start: Ints
    end: Ints
    gpus: Ints
    firmness: Ints
    price: NDArray[np.float64]
    group: Ints
    buyer: Ints

    def __len__(self) -> int:
        return len(self.pool)


@dataclass(frozen=True, eq=False)
class Events:
    """Per hit pool: from, until when and what part of its largest use is missing."""

    start: Ints
    end: Ints
    part: NDArray[np.float64]
    derates: NDArray[np.bool_]


def slip(touched: int, seed: int) -> Case:
    """A case of `touched` reservations, at least most of which cannot all stay as contracted."""
    rng = np.random.default_rng([seed, touched])
    events = _events(HIT[touched], rng)
    contracts = _bundled(_contracts(touched, events, rng), rng)
    return _case(contracts, _limits(contracts, events, rng), events, rng)


def _events(hit: int, rng: Generator) -> Events:
    start = rng.integers(60, 260, hit)
    slips = np.clip(np.exp(rng.normal(np.log(87), 1.1, hit)), 21, 300).astype(np.int64)
    derates = np.arange(hit) % 6 == 1
    days = np.where(derates, rng.integers(14, 60, hit), slips)
    part = np.where(derates, rng.uniform(0.08, 0.2, hit), rng.uniform(0.3, 0.6, hit))
    return Events(start, start + days, part, derates)


def _contracts(n: int, events: Events, rng: Generator) -> Contracts:
    hit = len(events.start)
    pool = rng.integers(0, hit, n)
    days = rng.choice(LENGTHS, n, p=LENGTH_SHARES)
    gpus = 8 * np.clip((rng.pareto(1.1, n) + 1).astype(np.int64), 1, 512)
    with_tranche = (rng.random(n) < 0.5) & ~events.derates[pool]
    # Any day that leaves the block some days within the event: touched.
    earliest = np.maximum(events.start[pool] - days + 1, 0)
    anywhere = rng.integers(earliest, events.end[pool])
    start = np.where(with_tranche, events.start[pool] + rng.integers(0, 15, n), anywhere)
    end = np.minimum(start + days, DAYS)
    firmness = rng.choice(3, n, p=(0.35, 0.45, 0.2))
    price = np.round(rng.uniform(1.6, 3.2, n) * np.array([1.15, 1.0, 0.7])[firmness], 4)
    buyer = np.minimum(rng.zipf(1.7, n) - 1, n // 4)
    spread = rng.integers(0, max(n // 4, 1), n)
    return Contracts(pool, start, end, gpus, firmness, price, np.full(n, -1), np.where(buyer < 3, spread, buyer))


def _bundled(contracts: Contracts, rng: Generator) -> Contracts:
    """Neighbours in the line become bundles: one buyer, one class, the same dates where their pools allow it."""
    group, buyer, firmness = contracts.group.copy(), contracts.buyer.copy(), contracts.firmness.copy()
    n, at, name = len(contracts), 0, 0
    leaders = np.sort(rng.choice(n - 3, max(n * 8 // 250, 1), replace=False))
    for leader in leaders.tolist():
        if leader < at:
            continue
        size = int(rng.integers(2, 4))
        members = slice(leader, leader + size)
        group[members], buyer[members], firmness[members] = name, buyer[leader], firmness[leader]
        at, name = leader + size, name + 1
    return replace(contracts, group=group, buyer=buyer, firmness=firmness)


def _limits(contracts: Contracts, events: Events, rng: Generator) -> Ints:
    """After the slip: (3, POOLS, DAYS). Before it, each class's sum fitted with little to spare."""
    use = np.zeros((3, POOLS, DAYS + 1), dtype=np.int64)
    for row in range(3):
        mine = contracts.firmness <= row
        np.add.at(use[row], (contracts.pool[mine], contracts.start[mine]), contracts.gpus[mine])
        np.add.at(use[row], (contracts.pool[mine], contracts.end[mine]), -contracts.gpus[mine])
    use = np.cumsum(use, axis=2)[:, :, :-1]
    spare = rng.uniform(1.0, 1.06, (3, POOLS, 1))
    limits = _months(use, spare)
    typical = int(use[2, : len(events.start)].max(axis=1).mean())
    for pool in range(POOLS):
        if pool < len(events.start):
            missing = int(events.part[pool] * limits[2, pool].max())
            limits[:, pool, events.start[pool] : events.end[pool]] -= missing
        else:
            months = np.repeat(rng.uniform(0.01, 0.08, DAYS // 30 + 1), 30)[:DAYS]
            room = (typical * months).astype(np.int64) // 8 * 8
            limits[:, pool] = np.stack([room * 5 // 10, room * 8 // 10, room]) // 8 * 8
    return np.maximum(limits, 0)


def _months(use: Ints, spare: NDArray[np.float64]) -> Ints:
    """Limits before the slip: what is used at most within a month, and a little more."""
    pad = (-use.shape[2]) % 30
    padded = np.pad(use, ((0, 0), (0, 0), (0, pad)))
    peak = padded.reshape(*use.shape[:2], -1, 30).max(axis=3)
    limits = (np.repeat(peak, 30, axis=2)[:, :, : use.shape[2]] * spare).astype(np.int64)
    return np.maximum.accumulate(limits // 8 * 8, axis=0)


def _case(contracts: Contracts, limits: Ints, events: Events, rng: Generator) -> Case:
    every = [_options(contracts, at, events, rng) for at in range(len(contracts))]
    return case_from(
        every,
        limits=limits,
        key=np.arange(len(contracts)) + 10_000,
        firmness=contracts.firmness,
        rank=rng.permutation(len(contracts)),
        group=contracts.group,
        buyer=contracts.buyer,
        price=contracts.price,
    )


def _options(contracts: Contracts, at: int, events: Events, rng: Generator) -> list[Option]:
    pool, start, end = int(contracts.pool[at]), int(contracts.start[at]), int(contracts.end[at])
    gpus, firmness = int(contracts.gpus[at]), int(contracts.firmness[at])
    daily = 24 * gpus * float(contracts.price[at])
    terms = Terms(
        float(rng.choice((0.5, 1.0))), int(rng.choice((0, 7, 14))), float(rng.choice((0.15, 0.25, 0.5))),
        bool(rng.random() < 0.6), daily * (end - start), daily,
    )  # fmt: skip
    event = int(events.start[pool]), int(events.end[pool])
    found = [Option([(pool, start, end, gpus)])]
    if events.derates[pool]:
        found += _cut(found[0].lines[0], event, firmness, terms, rng)
    elif start >= event[0]:
        found += waits(found[0].lines[0], _steps(start, event[1], rng), terms, DAYS)
    found += _substitutes(found[0].lines[0], len(events.start), terms, rng)
    found.append(not_served(found[0].lines[0], terms, DAYS))
    return found


def _steps(start: int, ready: int, rng: Generator) -> list[int]:
    """Days late of the waits that are offered."""
    within = rng.integers(7, max(ready - start, 8) + 1, 3).tolist()
    return [*(max(ready - start, 7) + extra for extra in (0, 14, 30, 60, 120)), *within]


def _cut(line: Line, event: tuple[int, int], firmness: int, terms: Terms, rng: Generator) -> list[Option]:
    """While a derate lasts: fewer GPUs, or none."""
    pool, start, end, gpus = line
    first, last = max(start, event[0]), min(end, event[1])
    days = last - first
    before, after = (pool, start, first, gpus), (pool, last, end, gpus)
    paused = [each for each in (before, after) if each[1] < each[2]]
    fewer = gpus * 3 // 4 // 8 * 8
    found = []
    if firmness and fewer and rng.random() < 0.4:
        cut, owed = gpus - fewer, round(terms.credit(days + terms.grace) * (gpus - fewer) / gpus, 2)
        kept = (pool, first, last, fewer)
        found.append(Option(sorted([*paused, kept]), owed, cut * days, cut * days))
    if paused:
        found.append(Option(paused, terms.credit(days + terms.grace), gpus * days, gpus * days, consent=not firmness))
    return found


def _substitutes(line: Line, hit: int, terms: Terms, rng: Generator) -> list[Option]:
    pool, start, end, gpus = line
    if rng.random() >= 0.55:
        return []
    near = np.concatenate([np.arange(hit, POOLS), rng.integers(0, hit, 2)])
    names = [int(name) for name in rng.permutation(np.unique(near))[: int(rng.integers(1, 4))] if name != pool]
    agreed = rng.random() < 0.3
    return [
        Option([(name, start, end, gpus)], round(float(rng.uniform(0, 0.08)) * terms.total, 2), moves=True,
                consent=not agreed)
        for name in names
    ]  # fmt: skip
