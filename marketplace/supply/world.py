"""What the projection looks at, as plain arrays: sites, pools, projects and their milestones on one first day.

Days are offsets from the projection's first day (its "today"): 0 is today, -30 thirty days ago. Projects and pools
are named by keys that never change, because random numbers hang on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = ("power", "shell", "cooling", "racks", "chips", "crew", "commissioning")


@dataclass(frozen=True)
class Sites:
    """Arrays over sites: PUE, facility power in MW (infinite when unknown), and the share of it that is on sale."""

    keys: tuple[str, ...]
    pue: Floats
    facility_mw: Floats
    share_on_sale: Floats

    @property
    def gpu_kw(self) -> Floats:
        """Power left for GPUs that are on sale, in kW: MW x 1000 x share / PUE."""
        return self.facility_mw * 1000.0 * self.share_on_sale / self.pue


@dataclass(frozen=True)
class Pools:
    """Arrays over pools: index of the site, kW of one GPU (host and network included), the lot, and how far what its
    provider announces is to be trusted: `bias` and `spread` of its z (learning/trust.py); 0 and 1 are the market's."""

    keys: tuple[str, ...]
    site: Ints
    all_in_kw: Floats
    lot: Ints
    bias: Floats
    spread: Floats


@dataclass(frozen=True)
class Projects:
    """Arrays over projects: index of the pool, GPUs (negative: a retirement), the MW that come with them, and the day
    from which its GPUs are gone again (NaN: none is known)."""

    keys: tuple[str, ...]
    pool: Ints
    gpus: Ints
    mw: Floats
    retires: Floats


@dataclass(frozen=True)
class Milestones:
    """Arrays over milestones: index of the project, index into KINDS, day offsets (NaN: not known or not yet)."""

    project: Ints
    kind: Ints
    planned: Floats
    forecast: Floats
    actual: Floats

    @property
    def expected(self) -> Floats:
        """The date that a slip is counted from now on: the owner's forecast, else the plan."""
        return np.where(np.isnan(self.forecast), self.planned, self.forecast)


@dataclass(frozen=True)
class Delays:
    """Arrays over disruptions that hold milestones up, in the order in which they start: the first day, the last day
    on which a milestone that comes was under way, the days lost, and the rows of the milestones that each can hit."""

    keys: tuple[str, ...]
    starts: Floats
    until: Floats
    days: Floats
    milestones: tuple[Ints, ...]


@dataclass(frozen=True)
class Windows:
    """Arrays over times for which a pool has less: over [starts, ends) only the share `usable` of it can be used."""

    keys: tuple[str, ...]
    pool: Ints
    starts: Ints
    ends: Ints
    usable: Floats


@dataclass(frozen=True)
class Cuts:
    """Arrays over times for which a site has less power: over [starts, ends) only `mw` of it, GPUs and cooling in."""

    keys: tuple[str, ...]
    site: Ints
    starts: Ints
    ends: Ints
    mw: Floats


@dataclass(frozen=True)
class World:
    sites: Sites
    pools: Pools
    projects: Projects
    milestones: Milestones
    delays: Delays
    windows: Windows
    cuts: Cuts

    def pools_at(self, site: int) -> Ints:
        return np.flatnonzero(self.pools.site == site)

    def projects_in(self, pool: int) -> Ints:
        return np.flatnonzero(self.projects.pool == pool)

    def last_known_day(self) -> int:
        """Day offset of the last date known of any project; nothing firm is sold beyond it. -1 if there is none."""
        dates = np.concatenate([self.milestones.expected, self.milestones.actual, [-1.0]])
        return int(np.nanmax(dates))

    def as_json(self) -> dict[str, Any]:
        """Everything: a run can be made again from it, and stored ready days become usable GPUs again."""
        sites, pools, projects, milestones = self.sites, self.pools, self.projects, self.milestones
        delays, windows = self.delays, self.windows
        mw = [value if np.isfinite(value) else None for value in sites.facility_mw.tolist()]
        retires, dates = _known(projects.retires), map(_known, (milestones.planned, milestones.forecast))
        kinds, hits = [KINDS[kind] for kind in milestones.kind], [rows.tolist() for rows in delays.milestones]
        return {
            "sites": _rows(sites.keys, sites.pue.tolist(), mw, sites.share_on_sale.tolist()),
            "pools": _rows(
                pools.keys,
                pools.site.tolist(),
                pools.all_in_kw.tolist(),
                pools.lot.tolist(),
                pools.bias.tolist(),
                pools.spread.tolist(),
            ),
            "projects": _rows(
                projects.keys, projects.pool.tolist(), projects.gpus.tolist(), projects.mw.tolist(), retires
            ),
            "milestones": _rows(milestones.project.tolist(), kinds, *dates, _known(milestones.actual)),
            "delays": _rows(delays.keys, delays.starts.tolist(), delays.until.tolist(), delays.days.tolist(), hits),
            "windows": _rows(
                windows.keys,
                windows.pool.tolist(),
                windows.starts.tolist(),
                windows.ends.tolist(),
                windows.usable.tolist(),
            ),
            "cuts": _rows(
                self.cuts.keys,
                self.cuts.site.tolist(),
                self.cuts.starts.tolist(),
                self.cuts.ends.tolist(),
                self.cuts.mw.tolist(),
            ),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Documents of earlier releases have no milestones, retirement dates, delays, windows, cuts or trust."""
        sites = [(key, pue, np.inf if mw is None else mw, share) for key, pue, mw, share in document["sites"]]
        return cls.of(
            sites=sites,
            pools=document["pools"],
            projects=document["projects"],
            milestones=document.get("milestones", ()),
            delays=document.get("delays", ()),
            windows=document.get("windows", ()),
            cuts=document.get("cuts", ()),
        )

    @classmethod
    def of(
        cls,
        *,
        sites: Sequence[Sequence[Any]],
        pools: Sequence[Sequence[Any]],
        projects: Sequence[Sequence[Any]],
        milestones: Sequence[Sequence[Any]],
        delays: Sequence[Sequence[Any]] = (),
        windows: Sequence[Sequence[Any]] = (),
        cuts: Sequence[Sequence[Any]] = (),
    ) -> Self:
        """From rows in the order of the fields above; a milestone's kind by its name, a date not known by None.

        A project's row may end before its retirement, a pool's before the trust in its provider.
        """
        site, pool = _columns(sites, 4), _columns([row if len(row) == 6 else (*row, 0.0, 1.0) for row in pools], 6)
        project = _columns([(*row, None)[:5] for row in projects], 5)
        milestone, window = _columns(milestones, 5), _columns(windows, 5)
        cut = _columns(cuts, 5)
        delay = _columns(sorted(delays, key=lambda row: (row[1], row[0])), 5)
        return cls(
            sites=Sites(tuple(site[0]), _floats(site[1]), _floats(site[2]), _floats(site[3])),
            pools=Pools(
                tuple(pool[0]), _ints(pool[1]), _floats(pool[2]), _ints(pool[3]), _floats(pool[4]), _floats(pool[5])
            ),
            projects=Projects(
                tuple(project[0]), _ints(project[1]), _ints(project[2]), _floats(project[3]), _floats(project[4])
            ),
            milestones=Milestones(
                _ints(milestone[0]),
                _ints([KINDS.index(kind) for kind in milestone[1]]),
                *map(_floats, milestone[2:]),
            ),
            delays=Delays(
                tuple(delay[0]),
                _floats(delay[1]),
                _floats(delay[2]),
                _floats(delay[3]),
                tuple(map(_ints, delay[4])),
            ),
            windows=Windows(tuple(window[0]), _ints(window[1]), _ints(window[2]), _ints(window[3]), _floats(window[4])),
            cuts=Cuts(tuple(cut[0]), _ints(cut[1]), _ints(cut[2]), _ints(cut[3]), _floats(cut[4])),
        )


def _rows(*columns: Sequence[Any]) -> list[list[Any]]:
    return [list(row) for row in zip(*columns, strict=True)]


def _known(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [[row[column] for row in rows] for column in range(width)]


def _floats(values: list[Any]) -> Floats:
    return np.array(
        [np.nan if value is None else float(value) for value in values],
        dtype=np.float64,
    )


def _ints(values: list[Any]) -> Ints:
    return np.array(values, dtype=np.int64)
