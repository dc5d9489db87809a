"""What a stored projection was made of, by name and by date, so that two of them can be laid side by side. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Self

from marketplace.supply.projection import NEVER, ReadyDates, readiness, ready_dates
from marketplace.supply.slips import ProjectionPolicy
from marketplace.supply.world import World

NEVER_KNOWN = date.max  # instead of a day that no scenario knows
Dates = tuple[date | None, date | None, date | None]  # planned, forecast, actual


@dataclass(frozen=True)
class Phase:
    """A project as one projection saw it: `milestones` by kind, `delays` by disruption, with the kinds each can hit."""

    pool: str
    gpus: int
    mw: float
    retires: date | None
    milestones: Mapping[str, Dates]
    delays: Mapping[str, frozenset[str]]

    @property
    def is_open(self) -> bool:
        return any(actual is None for _, _, actual in self.milestones.values())


@dataclass(frozen=True)
class Inputs:
    """`delays` by disruption: its first day, the last day of what is under way, and the days lost. `windows` by pool:
    (statement, starts, ends, usable), or the MW left where its site's power is cut. `pools`: (site, kW, lot, bias,
    spread). `is_whole` is False for what an earlier release stored without milestones."""

    first_day: date
    seed: int
    scenarios: int
    policy: Mapping[str, Any]
    sites: Mapping[str, tuple[Any, ...]]
    pools: Mapping[str, tuple[str, float, int, float, float]]
    phases: Mapping[str, Phase]
    delays: Mapping[str, tuple[date, date, int]]
    windows: Mapping[str, frozenset[tuple[str, date, date, float]]]
    stated: Mapping[str, Mapping[str, str]]
    is_whole: bool

    @classmethod
    def of(cls, document: Mapping[str, Any], *, first_day: date, seed: int, scenarios: int) -> Self:
        """From a projection's stored inputs, whose days are offsets from its first day."""
        world = document["world"]
        day = _Days(first_day)
        sites, pools = [row[0] for row in world["sites"]], [row[0] for row in world["pools"]]
        delays = world.get("delays", ())
        return cls(
            first_day=first_day,
            seed=seed,
            scenarios=scenarios,
            policy=document["policy"],
            sites={row[0]: tuple(row[1:]) for row in world["sites"]},
            pools={row[0]: (sites[row[1]], row[2], row[3], *_trust(row)) for row in world["pools"]},
            phases=_phases(world, pools, day),
            delays={row[0]: (day(row[1]), day(row[2]), int(row[3])) for row in delays},
            windows=_windows([*world.get("windows", ()), *_cuts(world)], pools, day),
            stated=document.get("stated", {}),
            is_whole="milestones" in world,
        )

    def at(self, first_day: date) -> Self:
        """The same knowledge on another day: what was ahead may be overdue by then."""
        return replace(self, first_day=first_day)

    def ready(self, keys: Iterable[str]) -> dict[str, tuple[date, date]]:
        """P50 and P90 dates of these projects, drawn again: random numbers are keyed, so the others do not matter."""
        chosen = list(keys)
        policy = ProjectionPolicy.from_json(dict(self.policy))
        found = readiness(self._world(chosen), policy, seed=self.seed, scenarios=self.scenarios)
        dates: ReadyDates = ready_dates(found.days)
        day = _Days(self.first_day)
        return {key: (day(dates.p50[row]), day(dates.p90[row])) for row, key in enumerate(chosen)}

    def _world(self, keys: list[str]) -> World:
        offset = _Offsets(self.first_day)
        sites, pools = list(self.sites), list(self.pools)
        phases = [self.phases[key] for key in keys]
        milestones: list[tuple[Any, ...]] = [
            (row, kind, *map(offset, dates))
            for row, phase in enumerate(phases)
            for kind, dates in phase.milestones.items()
        ]
        return World.of(
            sites=[
                (key, row[0], float("inf") if row[1] is None else row[1], row[2]) for key, row in self.sites.items()
            ],
            pools=[(key, sites.index(site), *rest) for key, (site, *rest) in self.pools.items()],
            projects=[
                (key, pools.index(phase.pool), phase.gpus, phase.mw, offset(phase.retires))
                for key, phase in zip(keys, phases, strict=True)
            ],
            milestones=milestones,
            delays=[
                (
                    name,
                    *(offset(starts), offset(until), days),
                    [at for at, (row, kind, *_) in enumerate(milestones) if kind in phases[row].delays.get(name, ())],
                )
                for name, (starts, until, days) in self.delays.items()
            ],
        )


@dataclass(frozen=True)
class _Days:
    """Offsets into dates."""

    first_day: date

    def __call__(self, offset: float) -> date:
        return NEVER_KNOWN if offset >= NEVER else self.first_day + timedelta(days=round(offset))

    def known(self, offset: float | None) -> date | None:
        return None if offset is None else self(offset)


@dataclass(frozen=True)
class _Offsets:
    """Dates into offsets."""

    first_day: date

    def __call__(self, day: date | None) -> int | None:
        return None if day is None else (day - self.first_day).days


def _phases(world: Mapping[str, Any], pools: list[str], day: _Days) -> dict[str, Phase]:
    milestones: list[dict[str, Dates]] = [{} for _ in world["projects"]]
    kinds: list[tuple[int, str]] = []
    for project, kind, *dates in world.get("milestones", ()):
        planned, forecast, actual = map(day.known, dates)
        milestones[project][kind] = (planned, forecast, actual)
        kinds.append((project, kind))
    delays: list[dict[str, frozenset[str]]] = [{} for _ in world["projects"]]
    for name, _, _, _, rows in world.get("delays", ()):
        for project, kind in (kinds[row] for row in rows):
            delays[project][name] = delays[project].get(name, frozenset()) | {kind}
    return {
        key: Phase(pools[pool], gpus, mw, day.known(retires[0] if retires else None), milestones[row], delays[row])
        for row, (key, pool, gpus, mw, *retires) in enumerate(world["projects"])
    }


def _trust(row: Sequence[Any]) -> tuple[float, float]:
    return (row[4], row[5]) if len(row) == 6 else (0.0, 1.0)


def _cuts(world: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Cuts of a site's power as windows of each of its pools: (statement, pool, starts, ends, MW)."""
    for name, site, starts, ends, mw in world.get("cuts", ()):
        for place, row in enumerate(world["pools"]):
            if row[1] == site:
                yield name, place, starts, ends, mw


def _windows(rows: Iterable[Any], pools: list[str], day: _Days) -> dict[str, frozenset[tuple[str, date, date, float]]]:
    found: dict[str, frozenset[tuple[str, date, date, float]]] = {}
    for name, pool, starts, ends, usable in rows:
        key = pools[pool]
        found[key] = found.get(key, frozenset()) | {(name, day(starts), day(ends), usable)}
    return found
