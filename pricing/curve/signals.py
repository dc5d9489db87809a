"""What building more, or sooner, would be worth at today's bid prices: pure arithmetic over the scenarios.

The worth of a build-out is the GPU-hours that it makes usable, each at the bid price of its pool and day (what a
GPU-hour of that day is worth to the market, floor and dual), averaged over the scenarios:

    worth = E[ sum over pools and days of usable(pool, day) x 24 h x bid(pool, day) ]

A signal is the difference that one change makes with everything else as it is, site power included: a GPU more at a
site without power left is worth what it takes from nobody. Bid prices are those of the margin: much more supply would
lower them, so a signal ranks changes, and does not price a campus.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marketplace.supply.projection import ReadyDays, changes, groups, readiness
from marketplace.supply.slips import ProjectionPolicy
from marketplace.supply.world import KINDS, Floats, Ints, World
from marketplace.units.compute import HOURS_PER_DAY

SOONER_DAYS = 30
KW_PER_MW = 1000.0


@dataclass(frozen=True)
class Scene:
    """What signals are worked out from. `bids` (pools, days): USD per GPU-hour, 0 where nothing is priced."""

    world: World
    policy: ProjectionPolicy
    seed: int
    scenarios: int
    bids: Floats


@dataclass(frozen=True)
class Signal:
    """USD over the horizon for one project: `sooner` per kind of milestone that is still open, 30 days sooner each;
    `mw`: one more MW with the GPUs that it can feed; `mw_alone`: one more MW for what stands at the site already."""

    project: int
    sooner: dict[str, float]
    mw: float
    mw_alone: float


def signals(scene: Scene, projects: Sequence[int]) -> list[Signal]:
    """One signal per project index. Draws are keyed by project and milestone, so all of a kind are moved at once: each
    project then sees just its own move."""
    ready = readiness(scene.world, scene.policy, seed=scene.seed, scenarios=scene.scenarios).days
    moved = {kind: _ready_sooner(scene, kind) for kind in range(len(KINDS))}
    worths = _Worths(scene, ready)
    return [
        Signal(
            project,
            {KINDS[kind]: worths.of_ready(project, moved[kind][project]) for kind in _open_kinds(scene.world, project)},
            worths.of_mw(project, with_gpus=True),
            worths.of_mw(project, with_gpus=False),
        )
        for project in projects
    ]


def gpus_per_mw(world: World, pool: int) -> float:
    """GPUs that one MW of facility power feeds: 1,000 kW over PUE and all-in kW of one GPU."""
    return float(KW_PER_MW / (world.sites.pue[world.pools.site[pool]] * world.pools.all_in_kw[pool]))


def _open_kinds(world: World, project: int) -> list[int]:
    """Kinds of the milestones of a project that are not there yet; none where it retires GPUs."""
    milestones = world.milestones
    mine = (milestones.project == project) & np.isnan(milestones.actual) & (world.projects.gpus[project] > 0)
    return sorted(milestones.kind[mine].tolist())


def _ready_sooner(scene: Scene, kind: int) -> ReadyDays:
    """(projects, scenarios) ready days if every open milestone of a kind were expected 30 days sooner."""
    milestones = scene.world.milestones
    sooner = np.where(milestones.kind == kind, milestones.expected - SOONER_DAYS, milestones.forecast)
    world = replace(scene.world, milestones=replace(milestones, forecast=sooner))
    return readiness(world, scene.policy, seed=scene.seed, scenarios=scene.scenarios).days


class _Worths:
    """The worth of groups of pools as they are, and how much one change adds to it."""

    def __init__(self, scene: Scene, ready: ReadyDays) -> None:
        self.scene, self.ready = scene, ready
        per_day = scene.bids * HOURS_PER_DAY
        # Prefix sums over days: what a GPU usable from one day to another is worth is two look-ups.
        self.until = np.concatenate([np.zeros((len(per_day), 1)), np.cumsum(per_day, axis=1)], axis=1)
        self.now: dict[int, float] = {}

    def of_ready(self, project: int, days: NDArray[np.int16]) -> float:
        """USD if the project were ready on these days (scenarios,), everything else as it is."""
        if np.array_equal(days, self.ready[project]):
            return 0.0  # it is never the last milestone
        ready = self.ready.copy()
        ready[project] = days
        return self._gain(self.scene.world, ready, project)

    def of_mw(self, project: int, *, with_gpus: bool) -> float:
        world, ready = self._with_mw(project, with_gpus), self.ready
        if with_gpus:
            ready = np.concatenate([ready, ready[project : project + 1]])
        return self._gain(world, ready, project)

    def _with_mw(self, project: int, with_gpus: bool) -> World:
        """The world with one MW more at the project's site, and where wanted a twin of the project that uses it."""
        world = self.scene.world
        pool = int(world.projects.pool[project])
        site = int(world.pools.site[pool])
        mw = world.sites.facility_mw.copy()
        # A MW for what is on sale here: the rest of the campus takes no part of it.
        mw[site] += 1.0 / world.sites.share_on_sale[site]
        world = replace(world, sites=replace(world.sites, facility_mw=mw))
        return _with_twin(world, project, round(gpus_per_mw(world, pool))) if with_gpus else world

    def _gain(self, world: World, ready: ReadyDays, project: int) -> float:
        pool = int(self.scene.world.projects.pool[project])
        before = self.now.get(pool)
        if before is None:
            before = self.now[pool] = self._worth(self.scene.world, self.ready, pool)
        return self._worth(world, ready, pool) - before

    def _worth(self, world: World, ready: ReadyDays, pool: int) -> float:
        """USD of everything usable at the pool's site: sharing power, one pool's gain may be another's loss."""
        site = world.pools.site[pool]
        return sum(
            gpus * (self.until[place, until] - self.until[place, since])
            for group in groups(world)
            if world.pools.site[group[0]] == site
            for place, since, until, gpus in self._spans(world, ready, group)
        )

    def _spans(self, world: World, ready: ReadyDays, group: Ints) -> Iterator[tuple[int, int, int, float]]:
        """(pool, since, until, mean usable GPUs) of every span of days on which nothing changes in any scenario."""
        scene, end = self.scene, self.scene.bids.shape[1]
        found = changes(world, ready, scene.policy, seed=scene.seed, group=group, first=0, end=end)
        since, means = 0, np.zeros(len(group))
        for day, usable in found:
            yield from ((int(p), since, day, float(mean)) for p, mean in zip(group, means, strict=True))
            since, means = day, usable.mean(axis=1)
        yield from ((int(p), since, end, float(mean)) for p, mean in zip(group, means, strict=True))


def _with_twin(world: World, project: int, gpus: int) -> World:
    """One more project beside this one, ready when it is."""
    projects = world.projects
    twin = replace(
        projects,
        keys=(*projects.keys, projects.keys[project] + "+1MW"),
        pool=np.append(projects.pool, projects.pool[project]),
        gpus=np.append(projects.gpus, gpus),
        mw=np.append(projects.mw, 1.0),
        retires=np.append(projects.retires, projects.retires[project]),
    )
    return replace(world, projects=twin)
