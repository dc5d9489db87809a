from collections.abc import Sequence
from datetime import datetime

import numpy as np
from django.db import transaction

from marketplace.capacity import ledger
from marketplace.capacity.queries import expired_claims
from marketplace.catalogue.models import Pool, Site
from marketplace.supply.models import PoolOutlook, Projection
from marketplace.supply.queries import open_stops


def release_expired_holds(*, now: datetime, pool_ids: Sequence[int] | None = None) -> int:
    """Gives the capacity of expired holds back, each in a transaction of its own; returns how many.

    This is the one action that opens transactions: two holds released in one could wait for each other's days in
    the wrong order. Two sweeps at once are fine: whoever is second waits for the first and finds the hold released.
    """
    released = 0
    for claim_id in expired_claims(now=now, pool_ids=pool_ids):
        with transaction.atomic(durable=True):
            released += ledger.release_expired_hold(claim_id=claim_id, now=now)
    return released


def publish_limits(*, projection: Projection, pool: Pool) -> None:
    """Writes a projection's class limits for one pool: what may be sold from now on. One pool per transaction.

    Where selling is stopped they are cut to what is claimed. Limits made before there were promises are not written:
    a new projection has been asked for, and until it is there the limits in force stay.
    """
    # Whoever stops or resumes selling at the site holds this row, too: the later of the two sees what the other did.
    Site.objects.select_for_update(no_key=True).get(pk=pool.site_id)
    outlook = PoolOutlook.objects.get(projection=projection, pool=pool)
    if outlook.limits is None:
        return
    ledger.set_limits(pool_id=pool.pk, first_day=projection.first_day, limits=np.array(outlook.limits, dtype=np.int64))
    if open_stops().filter(site_id=pool.site_id, seller_id=pool.seller_id).exists():
        ledger.stop_selling(pool_id=pool.pk, first_day=projection.first_day)


def publish_projection(*, projection: Projection, now: datetime) -> None:
    """Marks a projection as in force: every pool has its limits, and prices may be solved on it."""
    projection.published_at = now
    projection.save(update_fields=["published_at"])
