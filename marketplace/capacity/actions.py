from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from marketplace.capacity import ledger
from marketplace.capacity.queries import expired_claims
from marketplace.catalogue.models import Pool
from marketplace.supply.models import PoolOutlook, Projection
from marketplace.supply.projection import class_limits


def release_expired_holds(*, now: datetime, pool_ids: Sequence[int] | None = None) -> int:
    """Gives the capacity of expired holds back, each in a transaction of its own; returns how many.

    This is the one action that opens transactions: two holds released in one could wait for each other's days in
    the wrong order. Two sweeps at once are fine: whoever is second waits for the first and finds the hold released.
    """
    released = 0
    for claim_id in expired_claims(now=now, pool_ids=pool_ids):
        with transaction.atomic(durable=True):
            released += ledger.release_hold(claim_id=claim_id, now=now)
    return released


def publish_limits(*, projection: Projection, pool: Pool) -> None:
    """Writes a projection's class limits for one pool: what may be sold from now on. One pool per transaction."""
    outlook = PoolOutlook.objects.get(projection=projection, pool=pool)
    # Beyond the market's last known project nothing is known well enough to be sold firm.
    firm_days = projection.inputs["last_known_day"] + 1
    limits = class_limits(outlook.p90, outlook.p50, outlook.p10, pool.lot, firm_days=firm_days)
    ledger.set_limits(pool_id=pool.pk, first_day=projection.first_day, limits=limits)


def publish_projection(*, projection: Projection, now: datetime) -> None:
    """Marks a projection as in force: every pool has its limits, and prices may be solved on it."""
    projection.published_at = now
    projection.save(update_fields=["published_at"])
