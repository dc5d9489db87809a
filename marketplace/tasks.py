"""Sweeps over what is due on the ground floor. Each may run twice, late, or beside another: rows decide."""

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

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
from marketplace.celery import (
    ALLOT_PROJECTS,
    DELIVER_WEBHOOKS,
    PROJECT_SUPPLY,
    RETRY_WEBHOOKS,
    SERVE_WAITLIST,
    SOLVE_PRICES,
    WATCH_EXPOSURE,
    WATCH_SHORTFALLS,
    wake,
)
from marketplace.change import change
from marketplace.outbox.connecting import Outcome
from marketplace.outbox.delivering import ILL, WELL, Parcel, fan_out, note, send, take
from marketplace.outbox.subscribing import connector
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
    wake(WATCH_SHORTFALLS)  # first: buyers wait for it
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


@shared_task(name="marketplace.fan_out_events")
def fan_out_events() -> int:
    """Turns events into deliveries to those who asked for them, some thousands a transaction, and wakes the courier."""
    read = 0
    while found := change.run(lambda: fan_out(now=clock.now())):
        read += found
    if read:
        wake(DELIVER_WEBHOOKS)
    return read


@shared_task(name=DELIVER_WEBHOOKS)
def deliver_webhooks() -> int:
    """Sends what is due to endpoints that answer well."""
    return deliver(WELL)


@shared_task(name=RETRY_WEBHOOKS)
def retry_webhooks() -> int:
    """Sends what is due to endpoints that failed or were slow: apart, so that nobody else waits for them."""
    return deliver(ILL)


PARALLEL = 32
RUN_SECONDS = 20.0


def deliver(lane: str) -> int:
    """Takes what is due and sends it, many at once, until nothing is or the time is over. Returns how many were sent.

    Requests run in threads and outside of every transaction; rows are touched here alone. Killed at any moment, the
    leases of what was in hand run out, and it is sent again.
    """
    began, sent, flying = time.monotonic(), 0, dict[Future[Outcome], Parcel]()
    with ThreadPoolExecutor(PARALLEL) as pool:
        while True:
            if time.monotonic() - began < RUN_SECONDS:
                flying |= _send_off(pool, lane, most=PARALLEL - len(flying))
            if not flying:
                return sent
            done, _ = wait(flying, timeout=0.2, return_when=FIRST_COMPLETED)
            for each in done:
                parcel, outcome = flying.pop(each), each.result()
                change.run(lambda: note(parcel=parcel, outcome=outcome, now=clock.now()))  # noqa: B023
            sent += len(done)


def _send_off(pool: ThreadPoolExecutor, lane: str, *, most: int) -> dict[Future[Outcome], Parcel]:
    if most <= 0:
        return {}
    now, by = clock.now(), connector()
    parcels = change.run(lambda: take(lane=lane, most=most, now=now))
    stamp = int(now.timestamp())
    return {pool.submit(send, parcel, timestamp=stamp, connector=by): parcel for parcel in parcels}
