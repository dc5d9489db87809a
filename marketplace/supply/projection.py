"""Projected supply by Monte Carlo: when projects are ready, and how many GPUs can be used per pool and day.

Pure and seeded: two runs with one seed agree to the bit. A scenario is one draw of every milestone's slip, every
shared shock and every pool's derate. Within it a pool's installed GPUs change only on the days on which a project is
ready or retired, and its usable share only on those on which a window opens or closes, so the work grows with
scenarios x (projects + days), not with projects x days.

Quantiles name the amount exceeded: P90 is the largest amount that at least 90 % of the scenarios reach, so
P90 <= P50 <= P10. Dates are the other way about: the P90 date is the day by which 90 % of the scenarios are ready.
"""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from marketplace.supply.disruptions import delays_of, disrupted, least_power, powers, shares, windows_of
from marketplace.supply.slips import ProjectionPolicy, derates, shock, slipped
from marketplace.supply.world import KINDS, Floats, Ints, World

ReadyDays = NDArray[np.int16]
Gpus = NDArray[np.int32]

NEVER = np.iinfo(np.int16).max  # a ready day beyond any horizon


@dataclass(frozen=True)
class Readiness:
    """`days` (projects, scenarios): offset of the day from which the project's GPUs can be used, NEVER if unknown.
    `last` (projects, kinds): in what share of the scenarios a kind of milestone was the last one."""

    days: ReadyDays
    last: Floats


@dataclass(frozen=True)
class ReadyDates:
    """Per project: day offsets by which 10, 50 and 90 % of the scenarios are ready, and their mean."""

    p10: Ints
    p50: Ints
    p90: Ints
    expected: Floats


@dataclass(frozen=True)
class ProjectedSupply:
    """Usable GPUs per (pool, day), and what stands behind them per project."""

    p90: Gpus
    p50: Gpus
    p10: Gpus
    mean: Floats
    ready: Readiness
    dates: ReadyDates

    def bottlenecks(self, project: int) -> dict[str, float]:
        shares = self.ready.last[project].tolist()
        return {kind: share for kind, share in zip(KINDS, shares, strict=True) if share > 0}


def project(world: World, policy: ProjectionPolicy, *, seed: int, scenarios: int, days: int) -> ProjectedSupply:
    """The projected supply of every pool over [0, days)."""
    ready = readiness(world, policy, seed=seed, scenarios=scenarios)
    shape = (len(world.pools.keys), days)
    quantiles, mean = np.zeros((3, *shape), dtype=np.int32), np.zeros(shape)
    for group in groups(world):
        like = np.zeros(days, dtype=np.int64)
        for day, usable in changes(world, ready.days, policy, seed=seed, group=group, first=0, end=days):
            quantiles[:, group, day], mean[group, day], like[day] = (
                exceeded(usable),
                usable.mean(axis=1),
                day,
            )
        # A day on which nothing changes in any scenario is like the one before.
        like = np.maximum.accumulate(like)
        quantiles[:, group], mean[group] = (
            quantiles[:, group][:, :, like],
            mean[group][:, like],
        )
    p90, p50, p10 = quantiles
    return ProjectedSupply(p90, p50, p10, mean, ready, ready_dates(ready.days))


def readiness(world: World, policy: ProjectionPolicy, *, seed: int, scenarios: int) -> Readiness:
    projects = len(world.projects.keys)
    days = np.full((projects, scenarios), NEVER, dtype=np.int16)
    last = np.zeros((projects, len(KINDS)))
    sites = {key: shock(seed, scenarios, "site", key) for key in world.sites.keys}
    kinds = [shock(seed, scenarios, "kind", kind) for kind in KINDS]
    delays = delays_of(world)
    for index, rows in enumerate(_by_project(world)):
        if len(rows):
            site = sites[world.sites.keys[world.pools.site[world.projects.pool[index]]]]
            dates = [_dates(world, policy, row, delays[row], seed, site, kinds) for row in rows]
            days[index], last[index] = _latest(dates, world.milestones.kind[rows])
    return Readiness(days, last)


def _by_project(world: World) -> list[Ints]:
    """Rows of milestones, a list per project."""
    order = np.argsort(world.milestones.project, kind="stable")
    bounds = np.searchsorted(world.milestones.project[order], np.arange(1, len(world.projects.keys)))
    return np.split(order, bounds)


def _dates(
    world: World,
    policy: ProjectionPolicy,
    row: int,
    delays: Sequence[int],
    seed: int,
    site: Floats,
    kinds: Sequence[Floats],
) -> Floats:
    """(scenarios,) days on which one milestone comes. What is actual, and any retirement, keeps its date."""
    milestones, project = world.milestones, world.milestones.project[row]
    actual, expected = milestones.actual[row], milestones.expected[row]
    if not np.isnan(actual):
        return np.full(len(site), actual)
    if world.projects.gpus[project] < 0:
        # A retirement that slips would promise GPUs that are meant to be gone: it is taken at its word.
        return np.full(len(site), expected)
    kind = int(milestones.kind[row])
    own = shock(seed, len(site), "milestone", world.projects.keys[project], KINDS[kind])
    z = policy.site_weight * site + policy.kind_weight * kinds[kind] + policy.own_weight * own
    pool = world.projects.pool[project]
    trust = {"bias": float(world.pools.bias[pool]), "spread": float(world.pools.spread[pool])}
    return disrupted(world, delays, slipped(policy, kind, float(expected), z, **trust))


def _latest(dates: Sequence[Floats], kinds: Ints) -> tuple[ReadyDays, Floats]:
    """(scenarios,) days of the latest milestone, rounded up, and (kinds,) how often each kind was it (the first of
    equals)."""
    latest, which = dates[0], np.zeros(len(dates[0]), dtype=np.int64)
    for index, later in enumerate(dates[1:], start=1):
        which[later > latest] = index
        latest = np.maximum(latest, later)
    shares = np.bincount(kinds[which], minlength=len(KINDS)) / len(latest)
    return np.clip(np.ceil(latest), -NEVER, NEVER).astype(np.int16), shares


def groups(world: World) -> list[Ints]:
    """Pools that have to be looked at together: those of a site whose power could bind; any other alone."""
    found: list[Ints] = []
    for site in range(len(world.sites.keys)):
        at_site = world.pools_at(site)
        found += [at_site] if _could_bind(world, at_site) else [at_site[i : i + 1] for i in range(len(at_site))]
    return found


def _could_bind(world: World, group: Ints) -> bool:
    """Whether the group would draw more than its site's power with every addition there and nothing retired."""
    chosen = np.isin(world.projects.pool, group)
    gpus, pools = (
        np.maximum(world.projects.gpus[chosen], 0),
        world.projects.pool[chosen],
    )
    return len(group) > 0 and bool(gpus @ world.pools.all_in_kw[pools] > least_power(world, group))


def changes(
    world: World,
    ready_days: ReadyDays,
    policy: ProjectionPolicy,
    *,
    seed: int,
    group: Ints,
    first: int,
    end: int,
) -> Iterator[tuple[int, Gpus]]:
    """(day, usable GPUs (pools of the group, scenarios)) for the first day, and for each later one in [first, end) on
    which they change in any scenario. A group is one of `groups`.

    A window takes its share of what could be used without it, so what one pool loses goes to no other.
    """
    scenarios = ready_days.shape[1]
    share = np.array([derates(policy, seed=seed, pool=world.pools.keys[p], scenarios=scenarios) for p in group])
    kw, could_bind = world.pools.all_in_kw[group], _could_bind(world, group)
    opened, powered = shares(world, group, first, end), powers(world, group, first, end)
    usable, power = opened[first], powered[first]
    for day, installed in _installed(world, ready_days, group, first, end, {**opened, **powered}):
        held, usable, power = np.maximum(installed, 0), opened.get(day, usable), powered.get(day, power)
        fraction = _cut(held, share, kw, power) if could_bind else share
        if usable.min() < 1.0:
            fraction = fraction * usable[:, None]
        yield day, (held * fraction).astype(np.int32)


def _cut(installed: Ints, derate: Floats, kw: Floats, power: float) -> Floats:
    """Usable fractions (pools, scenarios): the derate, or the site's power over the kW installed where that is less.
    Every pool of the site is cut to the same fraction of what it has installed."""
    drawn = kw @ installed
    fraction = np.divide(power, drawn, out=np.ones_like(drawn), where=drawn > power)
    return np.minimum(derate, fraction)


def _installed(
    world: World, ready_days: ReadyDays, group: Ints, first: int, end: int, asked: Container[int]
) -> Iterator[tuple[int, Ints]]:
    """(day, GPUs ready less GPUs retired (pools of the group, scenarios)) on the first day, on each day of change and
    on those asked for."""
    scenarios = ready_days.shape[1]
    rows, gpus, ready = _steps(world, ready_days, group)
    installed = np.zeros((len(group), scenarios), dtype=np.int64)
    for row, size, days in zip(rows, gpus, ready, strict=True):
        installed[row] += size * (days <= first)
    yield first, installed
    flat, cells = installed.reshape(-1), np.flatnonzero((ready > first) & (ready < end))
    # Sorting 16-bit days is a radix sort: the cost stays in step with projects x scenarios.
    cells = cells[np.argsort(ready.reshape(-1)[cells], kind="stable")]
    which, bounds = cells // scenarios, np.searchsorted(ready.reshape(-1)[cells], np.arange(first + 1, end + 1))
    places, sizes = rows[which] * scenarios + cells % scenarios, gpus[which]
    for day, low, high in zip(range(first + 1, end), bounds[:-1], bounds[1:], strict=True):
        if high > low:
            np.add.at(flat, places[low:high], sizes[low:high])
        if high > low or day in asked:
            yield day, installed


def _steps(world: World, ready_days: ReadyDays, group: Ints) -> tuple[Ints, Ints, ReadyDays]:
    """(rows of the group, GPUs, days (steps, scenarios)) of everything that is added and, where retired, taken away.

    GPUs that are not ready before they retire never come, so that they take nothing away either.
    """
    projects = np.concatenate([world.projects_in(pool) for pool in group])
    rows, gpus = np.searchsorted(group, world.projects.pool[projects]), world.projects.gpus[projects]
    ready, gone = ready_days[projects], np.flatnonzero(np.isfinite(world.projects.retires[projects]))
    if not len(gone):
        return rows, gpus, ready
    retires = np.clip(world.projects.retires[projects[gone]], -NEVER, NEVER).astype(np.int16)[:, None]
    ever = ready[gone] < retires
    ends = np.where(ever, retires, np.int16(NEVER))
    ready[gone] = np.where(ever, ready[gone], np.int16(NEVER))
    return np.concatenate([rows, rows[gone]]), np.concatenate([gpus, -gpus[gone]]), np.concatenate([ready, ends])


def exceeded(usable: Gpus) -> Gpus:
    """(3, pools): P90, P50, P10 over (pools, scenarios), each the largest amount that its share of the scenarios
    reaches: with n scenarios in rising order, the one at n - ceil(share x n).

    One rank at a time, and the outer ones in their half only: NumPy is several times slower at three ranks at once.
    """
    scenarios = usable.shape[1]
    low, middle, high = (scenarios - -(-scenarios * percent // 100) for percent in (90, 50, 10))
    halves = np.partition(usable, middle, axis=1)
    p90 = np.partition(halves[:, : middle + 1], low, axis=1)[:, low]
    p10 = np.partition(halves[:, middle:], high - middle, axis=1)[:, high - middle]
    return np.stack([p90, halves[:, middle], p10])


def ready_dates(days: ReadyDays) -> ReadyDates:
    scenarios = days.shape[1]
    ranks = [-(-scenarios * percent // 100) - 1 for percent in (10, 50, 90)]
    p10, p50, p90 = np.sort(days, axis=1)[:, ranks].T.astype(np.int64)
    return ReadyDates(p10, p50, p90, days.mean(axis=1, dtype=np.float64))


def usable_supply(
    world: World,
    ready_days: ReadyDays,
    policy: ProjectionPolicy,
    *,
    seed: int,
    pool: int,
    first: int,
    end: int,
) -> Gpus:
    """(scenarios, days of [first, end)): the GPUs of one pool that can be used, jointly over the days of a scenario.

    Stored ready days, the world's sizes and the seed are all it takes: what `project` saw, without a second run.
    """
    usable = np.zeros((end - first, ready_days.shape[1]), dtype=np.int32)
    for since, until, gpus in _spans(world, ready_days, policy, seed, pool, first, end):
        usable[since - first : until - first] = gpus
    return usable.T


def _spans(
    world: World, ready_days: ReadyDays, policy: ProjectionPolicy, seed: int, pool: int, first: int, end: int
) -> Iterator[tuple[int, int, Gpus]]:
    """(since, until, usable GPUs of the pool (scenarios,)): between the two days nothing changes in any scenario."""
    group = next(group for group in groups(world) if pool in group)
    found = changes(world, ready_days, policy, seed=seed, group=group, first=first, end=end)
    row = int(np.searchsorted(group, pool))
    since, gpus = next(found)
    for day, changed in found:
        yield since, day, gpus[row]
        since, gpus = day, changed
    yield since, end, gpus[row]


def delivery_confidence(usable: Gpus, required: Ints) -> float:
    """Share of the scenarios (scenarios, days) that have the GPUs required on every day of the block.

    `required` (days,) is everything that is served before the block, and the block itself.
    """
    return float((usable >= required).all(axis=1).mean())


def block_confidence(
    world: World,
    ready_days: ReadyDays,
    policy: ProjectionPolicy,
    *,
    seed: int,
    pool: int,
    first: int,
    required: Ints,
) -> float:
    """`delivery_confidence` of a block that starts on day `first`, without writing its scenarios out."""
    kept = np.ones(ready_days.shape[1], dtype=bool)
    only_rises = _only_rises(world, pool, first, first + len(required))
    records = _records(required) if only_rises else [0]
    for record, after in pairwise([*records, len(required)]):
        # Where supply only rises, a day fails only if it needs more than every day before it.
        end = record + 1 if only_rises else after
        for since, until, gpus in _spans(world, ready_days, policy, seed, pool, first + record, first + end):
            kept &= gpus >= required[since - first : until - first].max()
    return float(kept.mean())


def block_confidences(
    world: World,
    ready_days: ReadyDays,
    policy: ProjectionPolicy,
    *,
    seed: int,
    pool: int,
    blocks: Sequence[tuple[int, Ints]],
) -> list[float]:
    """`block_confidence` of many blocks (first day, GPUs required by day) of one pool, its scenarios made once."""
    if not blocks:
        return []
    kept = np.ones((len(blocks), ready_days.shape[1]), dtype=bool)
    begin, end = min(first for first, _ in blocks), max(first + len(required) for first, required in blocks)
    for since, until, gpus in _spans(world, ready_days, policy, seed, pool, begin, end):
        for row, (first, required) in enumerate(blocks):
            met = required[max(since - first, 0) : max(until - first, 0)]
            if len(met):
                kept[row] &= gpus >= met.max()
    return [float(share) for share in kept.mean(axis=1)]


def _only_rises(world: World, pool: int, first: int, end: int) -> bool:
    """Whether no day of [first, end) can have less than one before it: nothing retires or closes, no power is short."""
    group = next(group for group in groups(world) if pool in group)
    chosen, windows = np.isin(world.projects.pool, group), windows_of(world, group)
    retires = (world.projects.gpus[chosen] < 0) | np.isfinite(world.projects.retires[chosen])
    met = (world.windows.starts[windows] < end) & (world.windows.ends[windows] > first)
    return not retires.any() and not met.any() and not _could_bind(world, group)


def _records(required: Ints) -> list[int]:
    """Days on which more is required than on any day before."""
    before = np.maximum.accumulate(required)[:-1]
    return [0, *(np.flatnonzero(required[1:] > before) + 1).tolist()]


def class_limits(
    p90: Sequence[int] | Gpus,
    p50: Sequence[int] | Gpus,
    p10: Sequence[int] | Gpus,
    lot: int,
    *,
    firm_days: int | None = None,
) -> Ints:
    """(3, days): what firm, standard and standby, and those firmer than each, may hold: P90, P50, P10 in whole lots.

    From `firm_days` on, beyond the market's last known project, nothing is sold firm.
    """
    limits = np.array([p90, p50, p10], dtype=np.int64) // lot * lot
    if firm_days is not None:
        limits[0, max(firm_days, 0) :] = 0
    return limits
