"""Projections as versions: which came before, and what moved from one to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np

from marketplace.catalogue.models import Pool
from marketplace.supply.comparison import (
    Outlook,
    PoolMove,
    ProjectMove,
    change,
    policy_changes,
    pool_causes,
    project_moves,
)
from marketplace.supply.inputs import NEVER_KNOWN, Inputs
from marketplace.supply.models import (
    Disruption,
    MaintenanceWindow,
    PoolOutlook,
    Project,
    Projection,
)
from marketplace.supply.projection import NEVER
from marketplace.supply.world import KINDS

COMPARISONS_KEPT = 64  # projections never change, so neither does what lies between two of them


@dataclass(frozen=True)
class Comparison:
    """What moved from one projection to a later one, the largest move first. `policy`: what changed for all."""

    before: Projection
    after: Projection
    projects: tuple[tuple[Project, ProjectMove], ...]
    pools: tuple[tuple[Pool, PoolMove], ...]
    policy: tuple[str, ...]


def before(projection: Projection, *, published: bool = False) -> Projection | None:
    """The version that a projection took the place of; of those that were in force, if only these are asked for."""
    earlier = Projection.objects.filter(pk__lt=projection.pk).defer("inputs")
    return (earlier.exclude(published_at=None) if published else earlier).first()


def compare(after: Projection, before: Projection) -> Comparison:
    """What moved from `before` to `after`, and why. Takes a second or two at first, and is remembered."""
    return _compared(after.pk, before.pk)


@lru_cache(maxsize=COMPARISONS_KEPT)
def _compared(after_id: int, before_id: int) -> Comparison:
    found = Projection.objects.in_bulk([before_id, after_id])
    then, now = found[before_id], found[after_id]
    was, will = _inputs(then), _inputs(now)
    was = replace(was, stated=_and_what_became_of_it(was))
    projects = _projects((then, now))
    moves = list(project_moves(was, will, _outlooks(then), _outlooks(now)))
    names = {move.key: projects[move.key].name for move in moves}
    kept = Projection.objects.defer("inputs").in_bulk([before_id, after_id])
    return Comparison(
        before=kept[before_id],
        after=kept[after_id],
        projects=tuple((projects[move.key], move) for move in sorted(moves, key=lambda move: -move.size)),
        pools=_pools(then, now, was, will, names),
        policy=tuple(policy_changes(was.policy, will.policy, KINDS)),
    )


def _inputs(projection: Projection) -> Inputs:
    return Inputs.of(
        projection.inputs,
        first_day=projection.first_day,
        seed=projection.seed,
        scenarios=projection.scenarios,
    )


def _and_what_became_of_it(inputs: Inputs) -> dict[str, Mapping[str, str]]:
    """What had been stated, with a word for why a later projection may no longer count it."""
    names = [*inputs.stated]
    withdrawn: dict[str, str] = {}
    for model in (Disruption, MaintenanceWindow):
        rows = model.objects.filter(public_id__in=names).exclude(withdrawn_at=None)
        withdrawn |= dict(rows.values_list("public_id", "withdrawn_reason"))
    gone = {name: f"withdrawn, {reason}" for name, reason in withdrawn.items()}
    return {name: {**said, "gone": gone.get(name, "over")} for name, said in inputs.stated.items()}


def _key(project: Project) -> str:
    return f"{project.campus}#{project.ordinal}"


def _projects(projections: tuple[Projection, ...]) -> dict[str, Project]:
    rows = Project.objects.filter(outlooks__projection__in=projections).distinct()
    return {_key(project): project for project in rows.select_related("pool__site", "pool__accelerator")}


def _outlooks(projection: Projection) -> dict[str, Outlook]:
    rows = projection.projects.select_related("project").defer("ready_days")

    def day(found: date) -> date:
        return NEVER_KNOWN if (found - projection.first_day).days >= NEVER else found

    return {_key(row.project): Outlook(day(row.p50), day(row.p90), day(row.expected)) for row in rows}


def _pools(
    then: Projection, now: Projection, was: Inputs, will: Inputs, names: Mapping[str, str]
) -> tuple[tuple[Pool, PoolMove], ...]:
    rows = {each.pk: _pool_outlooks(each) for each in (then, now)}
    keys = dict(zip(now.inputs["pools"], will.pools, strict=True))
    moves = []
    for pool_id, after in rows[now.pk].items():
        if pool_id in rows[then.pk]:
            dates = {"first_before": then.first_day, "first_after": now.first_day}
            p90, p50 = (
                change(np.asarray(getattr(rows[then.pk][pool_id], name)), np.asarray(getattr(after, name)), **dates)
                for name in ("p90", "p50")
            )
            causes = tuple(pool_causes(was, will, keys[pool_id], names))
            if p90 or p50:
                moves.append((after.pool, PoolMove(keys[pool_id], p90, p50, causes)))
    return tuple(sorted(moves, key=lambda found: -found[1].size))


def _pool_outlooks(projection: Projection) -> dict[int, Any]:
    rows = PoolOutlook.objects.filter(projection=projection).defer("p10", "mean")
    return {row.pool_id: row for row in rows.select_related("pool__site", "pool__accelerator", "pool__seller")}
