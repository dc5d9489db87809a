"""What a disruption does to dates, and how a pool's usable share changes from day to day. Pure.

A disruption over [starts, ends) hits a milestone whose work is under way then: one that would come on its first day or
later, and no later than `until`, the end plus the time that such work takes. It comes `days` later. What would come
after `until` is not hit, but does not overtake what was: the crews and the deliveries that wait are served first. So

    delayed(d) = d                              where d < starts
                 max(d, min(d, until) + days)   elsewhere

which never falls when d rises: announcing a later date brings no milestone forward, however many disruptions there are.
"""

from collections.abc import Sequence

import numpy as np

from marketplace.supply.world import Floats, Ints, World


def delayed(dates: Floats, *, starts: float, until: float, days: float) -> Floats:
    """(scenarios,) days on which a milestone comes, given the days (scenarios,) on which it would have come."""
    later = np.maximum(dates, np.minimum(dates, until) + days)
    found: Floats = np.where(dates >= starts, later, dates)
    return found


def delays_of(world: World) -> list[Sequence[int]]:
    """Rows of the delays that can hit each milestone, in the order in which they start."""
    found: list[list[int]] = [[] for _ in world.milestones.project]
    for delay, rows in enumerate(world.delays.milestones):
        for row in rows.tolist():
            found[row].append(delay)
    return list(found)


def disrupted(world: World, delays: Sequence[int], dates: Floats) -> Floats:
    """(scenarios,) dates of one milestone after the delays that can hit it, one after the other."""
    every = world.delays
    for row in delays:
        dates = delayed(dates, starts=every.starts[row], until=every.until[row], days=every.days[row])
    return dates


def windows_of(world: World, group: Ints) -> Ints:
    """Rows of the windows in which a pool of the group has less."""
    return np.flatnonzero(np.isin(world.windows.pool, group))


def shares(world: World, group: Ints, first: int, end: int) -> dict[int, Floats]:
    """Day -> share of each pool of the group that can be used (pools,), for the first day and each later one in
    [first, end) on which a window opens or closes. Windows that overlap multiply."""
    windows, rows = world.windows, windows_of(world, group)
    bounds = np.unique(np.concatenate([windows.starts[rows], windows.ends[rows]]))
    found = {}
    for day in (first, *bounds[(bounds > first) & (bounds < end)].tolist()):
        found[day] = np.ones(len(group))
        open_ones = rows[(windows.starts[rows] <= day) & (day < windows.ends[rows])]
        np.multiply.at(found[day], np.searchsorted(group, windows.pool[open_ones]), windows.usable[open_ones])
    return found


def cuts_of(world: World, group: Ints) -> Ints:
    """Rows of the times in which the group's site has less power."""
    return np.flatnonzero(world.cuts.site == world.pools.site[group[0]])


def powers(world: World, group: Ints, first: int, end: int) -> dict[int, float]:
    """Day -> kW for GPUs on sale at the group's site, for the first day and each later one in [first, end) on which a
    cut begins or ends. Of several cuts at once the lowest counts: each says what is left, and not what is gone."""
    cuts, rows = world.cuts, cuts_of(world, group)
    bounds = np.unique(np.concatenate([cuts.starts[rows], cuts.ends[rows]]))
    found = {}
    for day in (first, *bounds[(bounds > first) & (bounds < end)].tolist()):
        open_ones = rows[(cuts.starts[rows] <= day) & (day < cuts.ends[rows])]
        found[day] = _left(world, group, cuts.mw[open_ones])
    return found


def least_power(world: World, group: Ints) -> float:
    """kW for GPUs on sale at the group's site on the worst day known."""
    return _left(world, group, world.cuts.mw[cuts_of(world, group)])


def _left(world: World, group: Ints, mw: Floats) -> float:
    sites, site = world.sites, world.pools.site[group[0]]
    least = min([float(sites.facility_mw[site]), *mw.tolist()])
    return float(least * 1000.0 * sites.share_on_sale[site] / sites.pue[site])
