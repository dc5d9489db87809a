"""Stored forecasts: one version per seller and day, never edited."""

from datetime import datetime, timedelta

import numpy as np

from marketplace.capacity.queries import inventory
from marketplace.journal.actions import record
from marketplace.journal.actor import SYSTEM
from marketplace.parties.models import Organisation
from marketplace.units.period import Period
from pricing.demand.evidence import Ints
from pricing.demand.forecast import WEEK, Reading, as_json, expect, read
from pricing.demand.models import DemandForecast, PoolDemand

EVERY = timedelta(days=1)


def sellers_due(*, now: datetime) -> list[int]:
    """Sellers whose newest forecast is a day old, or who have none yet."""
    fresh = DemandForecast.objects.filter(created_at__gt=now - EVERY).values("seller_id")
    sellers = Organisation.objects.filter(pools__isnull=False).exclude(pk__in=fresh).distinct().order_by("pk")
    return list(sellers.values_list("pk", flat=True))


def forecast_if_due(*, seller_id: int, now: datetime) -> DemandForecast | None:
    """Forecasts a seller's demand if that is still due once its row is locked; None where another sweep is at it."""
    seller = Organisation.objects.filter(pk=seller_id).select_for_update(skip_locked=True).first()
    if seller is None or seller_id not in sellers_due(now=now):
        return None
    return store_forecast(seller=seller, now=now)


def store_forecast(*, seller: Organisation, now: datetime) -> DemandForecast:
    """Makes a new version from what is known at `now`: a row for the seller, and one for each of its pools."""
    reading = read(seller_id=seller.pk, now=now)
    forecast = DemandForecast.objects.create(
        seller=seller,
        first_day=reading.first_day,
        weeks=reading.places.days // WEEK,
        inputs_digest=reading.digest,
        assumptions=reading.assumed.as_json(),
        learnt=as_json(reading),
        created_at=now,
    )
    PoolDemand.objects.bulk_create(_pools(forecast, reading, now))
    record(by=SYSTEM, verb="demand.forecast", subject=forecast.public_id, now=now)
    return forecast


def _pools(forecast: DemandForecast, reading: Reading, now: datetime) -> list[PoolDemand]:
    expected, books = expect(reading), _on_the_books(reading, now)
    return [
        PoolDemand(
            forecast=forecast,
            pool=pool,
            expected=expected.mean[place].round(1).tolist(),
            low=expected.low[place].round(1).tolist(),
            high=expected.high[place].round(1).tolist(),
            on_the_books=books[place].tolist(),
            volume=float(reading.learnt.volume[place]),
            seen=reading.found.seen[place],
        )
        for place, pool in enumerate(reading.pools)
    ]


def _on_the_books(reading: Reading, now: datetime) -> Ints:
    """(pools, 3, weeks): GPU-days sold and held."""
    weeks = reading.places.days // WEEK
    if not weeks:
        return np.zeros((len(reading.pools), 3, 0), dtype=np.int64)
    period = Period.of(reading.first_day, weeks * WEEK)
    nested = inventory(pool_ids=[pool.pk for pool in reading.pools], period=period, now=now).nested
    own = np.diff(nested, axis=1, prepend=0)
    return own.reshape(len(reading.pools), 3, weeks, WEEK).sum(axis=3)
