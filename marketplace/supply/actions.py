"""Projections: made when something asks for them, stored whole, never edited."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from marketplace.journal.actions import record
from marketplace.journal.actor import SYSTEM
from marketplace.supply.learning.updating import Learned, learned_policy
from marketplace.supply.models import PoolOutlook, Projection, ProjectionDue, ProjectOutlook, Stated, SupplyPolicy
from marketplace.supply.observing import slip_observations
from marketplace.supply.policies import POLICY, PROMISES, ensure_default_policy, promises_of
from marketplace.supply.projection import ProjectedSupply, project
from marketplace.supply.promises import promised_limits
from marketplace.supply.queries import BuildOut, build_out
from marketplace.supply.reporting import LONGEST_REASON, request_projection
from marketplace.supply.slips import DEFAULT_POLICY
from marketplace.supply.trusting import trusted
from marketplace.supply.world import Ints

HORIZON_DAYS = 7 * 365 + 2
SCENARIOS = 10_000
SEED = 20_261_123  # one seed for all projections: two of them differ by their inputs and not by luck
DAILY = timedelta(hours=20)


def project_due(*, now: datetime) -> Projection | None:
    """Projects supply if a row asks for it; None otherwise. All open requests are answered by one projection."""
    due = list(ProjectionDue.objects.filter(done_at=None).select_for_update(skip_locked=True).order_by("pk"))
    if not due:
        return None
    reasons = list(dict.fromkeys(row.reason for row in due))
    projection = project_supply(reason="; ".join(reasons)[:LONGEST_REASON], now=now)
    ProjectionDue.objects.filter(pk__in=[row.pk for row in due]).update(done_at=now, projection=projection)
    return projection


def request_daily_projection(*, now: datetime) -> bool:
    """Asks for a projection where the newest is from yesterday and none is asked for yet."""
    newest = Projection.objects.first()
    if newest is None or now - newest.created_at < DAILY or ProjectionDue.objects.filter(done_at=None).exists():
        return False
    request_projection(reason="daily projection", now=now)
    return True


@dataclass(frozen=True)
class Asked:
    """What the scenarios are run over, as it is known now."""

    found: BuildOut
    promised: SupplyPolicy
    learned: Learned


@dataclass(frozen=True)
class Run:
    """One run of the scenarios: quantiles and ready days, and the limits (pools, 3, days) that keep the promises."""

    result: ProjectedSupply
    limits: Ints


def asked(*, now: datetime) -> Asked:
    """Reads the build-out as it stands, the promises in force, and what slips have taught."""
    today = now.date()
    learned = learned_policy(DEFAULT_POLICY, slip_observations(today))
    return Asked(trusted(build_out(today), learned.policy, today), ensure_default_policy(now=now), learned)


def run_scenarios(known: Asked, *, scenarios: int = SCENARIOS, days: int = HORIZON_DAYS, seed: int = SEED) -> Run:
    """Runs the scenarios: reads and writes nothing, so that what was only tried can be looked at, too."""
    found, learned = known.found, known.learned
    result = project(found.world, learned.policy, seed=seed, scenarios=scenarios, days=days)
    limits = promised_limits(
        found.world,
        result.ready.days,
        learned.policy,
        promises_of(known.promised),
        (result.p90, result.p50, result.p10),
        seed=seed,
        # Beyond the market's last known project nothing is known well enough to be sold firm.
        firm_days=found.world.last_known_day() + 1,
    )
    return Run(result, limits)


def project_supply(
    *, reason: str, now: datetime, scenarios: int = SCENARIOS, days: int = HORIZON_DAYS, seed: int = SEED
) -> Projection:
    """Runs the scenarios over the build-out as it stands; stores quantiles, limits, ready days and inputs."""
    known = asked(now=now)
    found, run = known.found, run_scenarios(known, scenarios=scenarios, days=days, seed=seed)
    result, limits = run.result, run.limits
    projection = Projection.objects.create(
        first_day=now.date(),
        days=days,
        scenarios=scenarios,
        seed=seed,
        inputs=_inputs(found, known.promised, known.learned),
        reason=reason,
        created_at=now,
    )
    PoolOutlook.objects.bulk_create(
        _pool_outlook(projection, found, result, limits, place) for place in range(len(found.pools))
    )
    ProjectOutlook.objects.bulk_create(
        _project_outlook(projection, found, result, place) for place in range(len(found.projects))
    )
    record(by=SYSTEM, verb="supply.projected", subject=projection.public_id, now=now, reason=reason)
    return projection


def _inputs(found: BuildOut, promised: SupplyPolicy, learned: Learned) -> dict[str, Any]:
    """Everything that the run depends on, so that it can be made again and compared, and what the limits need."""
    return {
        "policy": learned.policy.as_json(),
        "learned": learned.as_json(),
        POLICY: promised.version,
        PROMISES: promises_of(promised).as_json(),
        "world": found.world.as_json(),
        "pools": [pool.pk for pool in found.pools],
        "last_known_day": found.world.last_known_day(),
        "stated": {each.public_id: _in_words(each) for each in found.stated},
    }


def _in_words(stated: Stated) -> dict[str, str]:
    return {"what": str(stated), "reason": stated.reason}


def _pool_outlook(
    projection: Projection, found: BuildOut, result: ProjectedSupply, limits: Ints, place: int
) -> PoolOutlook:
    return PoolOutlook(
        projection=projection,
        pool=found.pools[place],
        p90=result.p90[place].tolist(),
        p50=result.p50[place].tolist(),
        p10=result.p10[place].tolist(),
        mean=result.mean[place].round(1).tolist(),
        limits=limits[place].tolist(),
    )


def _project_outlook(projection: Projection, found: BuildOut, result: ProjectedSupply, place: int) -> ProjectOutlook:
    def day(offset: float) -> date:
        return projection.first_day + timedelta(days=round(float(offset)))

    return ProjectOutlook(
        projection=projection,
        project=found.projects[place],
        ready_days=np.ascontiguousarray(result.ready.days[place], dtype="<i2").tobytes(),
        p10=day(result.dates.p10[place]),
        p50=day(result.dates.p50[place]),
        p90=day(result.dates.p90[place]),
        expected=day(result.dates.expected[place]),
        bottlenecks=result.bottlenecks(place),
    )
