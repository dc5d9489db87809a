"""Sweeps over what is due on the ground floor. Each may run twice, late, or beside another: rows decide."""

from celery import shared_task

from marketplace.capacity.actions import publish_limits, publish_projection, release_expired_holds
from marketplace.capacity.stops import (
    judge_exposure,
    lifted_stops,
    measure_exposures,
    pools_to_write,
    settle_stop,
    write_limits,
)
from marketplace.celery import ALLOT_PROJECTS, PROJECT_SUPPLY, SERVE_WAITLIST, SOLVE_PRICES, WATCH_EXPOSURE, wake
from marketplace.change import change
from marketplace.supply.actions import project_due, request_daily_projection
from marketplace.supply.policies import request_if_changed
from marketplace.supply.queries import unpublished_projection
from marketplace.units import clock


@shared_task(name=PROJECT_SUPPLY)
def project_due_supply() -> bool:
    """Projects supply if anything asks for it, and brings the newest projection's limits into force.

    Killed half-way, the next run goes on: the projection stands, and limits are written pool by pool until all are.
    """
    change.run(lambda: request_if_changed(now=clock.now()))
    projected = change.run(lambda: project_due(now=clock.now())) is not None
    projection = unpublished_projection()
    if projection is None:
        return projected
    for outlook in projection.pools.select_related("pool").order_by("pool_id"):
        change.run(lambda outlook=outlook: publish_limits(projection=projection, pool=outlook.pool))  # type: ignore[misc]
    change.run(lambda: publish_projection(projection=projection, now=clock.now()))
    wake(SOLVE_PRICES)
    wake(WATCH_EXPOSURE)
    wake(SERVE_WAITLIST)
    wake(ALLOT_PROJECTS)
    return True


@shared_task(name="marketplace.request_daily_projection")
def request_daily() -> bool:
    """Asks for a projection once a day even if nothing changed: yesterday's first day is over."""
    return change.run(lambda: request_daily_projection(now=clock.now()))


@shared_task(name="marketplace.release_expired_holds")
def release_expired() -> int:
    """Gives the capacity of expired holds back. They count for nobody in any case: reads leave them out."""
    return release_expired_holds(now=clock.now())


@shared_task(name=WATCH_EXPOSURE)
def watch_exposure() -> int:
    """Measures how much of what is sold may be late, and stops or resumes selling where the policy says so.

    Returns how many stops were begun or lifted. Killed half-way, the next run goes on: limits follow from the stops.
    """
    judged = [
        change.run(lambda found=found: judge_exposure(measured=found, now=clock.now()))  # type: ignore[misc]
        for found in measure_exposures(now=clock.now())
    ]
    lifted = lifted_stops()
    for pool in pools_to_write():
        change.run(lambda pool=pool: write_limits(pool=pool))  # type: ignore[misc]
    for stop_id in lifted:
        change.run(lambda stop_id=stop_id: settle_stop(stop_id=stop_id, now=clock.now()))  # type: ignore[misc]
    return sum(stop is not None for stop in judged)
