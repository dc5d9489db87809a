"""The forecast of one seller's demand: made from what is known at a moment, and drawn as requests for the kernel."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from scipy.stats import gamma

from marketplace.catalogue.models import Pool
from marketplace.supply.models import PoolOutlook, Projection
from pricing.clearing.requests import Requests
from pricing.demand.assumptions import DEFAULTS, Assumptions
from pricing.demand.evidence import Floats, Learnt, learn
from pricing.demand.models import DemandForecast
from pricing.demand.sampling import Places, assumed_wishes, draw, requests, weekly
from pricing.demand.wishes import Wishes, wishes

REQUESTS_WANTED = 4000
STORED_DRAWS = 8_000
MOST_WEEKS = 156
WEEK = 7
SEED = 20_260_101
SHAPES = ("gpus", "days", "lead", "later", "weight")


class NotTheSellersPool(ValueError):
    """A forecast is of one seller's pools: another seller's data must never move its prices."""


@dataclass(frozen=True)
class Reading:
    """What is known of a seller's demand at a moment, and what was learnt. places: from first_day, a Monday, on."""

    pools: tuple[Pool, ...]
    first_day: date
    places: Places
    assumed: Assumptions
    found: Wishes
    learnt: Learnt

    @property
    def digest(self) -> str:
        """SHA-256 of everything that the forecast depends on."""
        inputs = {
            "pools": [pool.public_id for pool in self.pools],
            "first_day": self.first_day.isoformat(),
            "today": self.places.today,
            "supply": self.places.supply.tolist(),
            "floors": self.places.floor.tolist(),
            "lots": self.places.lot.tolist(),
            "assumptions": self.assumed.as_json(),
            "evidence": self.found.evidence.as_json(),
        }
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Expected:
    """New GPU-days by pool, class and week, shape (pools, 3, weeks): the mean, and what is exceeded in 90 and 10 %."""

    mean: Floats
    low: Floats
    high: Floats


def forecast_requests(
    *, seller_id: int, pools: Sequence[Pool], first_day: date, days: int, now: datetime, seed: int
) -> Requests:
    """Requests that are still to come for the horizon [first_day, first_day + days), some thousands, each weighted.

    `pools` are this seller's; `pool` of the options is the row in them. Made from the seller's newest stored forecast
    that existed at `now`, or, where there is none, from what is known at `now`. The same arguments give the same
    requests. Nothing that was written after `now` is read. Raises NotTheSellersPool.
    """
    if any(pool.seller_id != seller_id for pool in pools):
        raise NotTheSellersPool(f"Not every pool is of organisation {seller_id}.")
    stored = DemandForecast.objects.known_at(seller_id, now).first()
    fresh = None if stored else read(seller_id=seller_id, now=now)
    written = stored.learnt if stored else as_json(fresh) if fresh else {}
    assumed = Assumptions(**stored.assumptions) if stored else DEFAULTS
    places = places_of(pools, first_day, days, now)
    drawn = draw(places, learnt_of(written, pools), assumed, wanted=REQUESTS_WANTED, seed=seed)
    return requests(drawn, places, assumed, seed=seed)


def read(*, seller_id: int, now: datetime, assumed: Assumptions = DEFAULTS) -> Reading:
    """Everything known at `now` of what this seller's pools are asked for."""
    pools = tuple(Pool.objects.filter(seller_id=seller_id).select_related("site", "accelerator").order_by("pk"))
    first_day = now.date() - timedelta(days=now.weekday())
    projection = _projection(now)
    last_day = projection.first_day + timedelta(days=projection.days) if projection else first_day
    weeks = min(MOST_WEEKS, max(0, (last_day - first_day).days // WEEK))
    places = places_of(pools, first_day, weeks * WEEK, now)
    found = wishes(pools, places.floor, assumed, now)
    expected = assumed_wishes(places, assumed, days_open=_days_open(now), seed=SEED)
    return Reading(pools, first_day, places, assumed, found, learn(found.evidence, expected, assumed))


def expect(reading: Reading) -> Expected:
    """The mean of the drawn requests by week, and a gamma distribution around it.

    Its variance has two parts: that requests come as they like (compound Poisson), and that their volume is known only
    from `sure` requests (the posterior of the volume: mean^2 / sure).
    """
    drawn = draw(reading.places, reading.learnt, reading.assumed, wanted=STORED_DRAWS, seed=SEED)
    weeks = reading.places.days // WEEK
    mean, variance = weekly(drawn, len(reading.pools), 0, weeks)
    classes = reading.learnt.classes[None, :, None]
    mean, variance = classes * mean[:, None], classes * variance[:, None]
    variance = variance + mean**2 / reading.learnt.sure[:, None, None]
    some = mean > 0
    shape = np.where(some, mean, 1.0) ** 2 / np.where(some, variance, 1.0)
    scale = np.where(some, variance, 1.0) / np.where(some, mean, 1.0)
    low, high = (np.where(some, gamma.ppf(part, shape, scale=scale), 0.0) for part in (0.1, 0.9))
    return Expected(mean, low, high)


def as_json(reading: Reading) -> dict[str, Any]:
    """What was learnt, by pool's public id: all that is needed to draw requests again."""
    learnt = reading.learnt
    ids = [pool.public_id for pool in reading.pools]
    return {
        "volume": dict(zip(ids, learnt.volume.tolist(), strict=True)),
        "sure": dict(zip(ids, learnt.sure.tolist(), strict=True)),
        "seller_volume": learnt.seller_volume,
        "classes": learnt.classes.tolist(),
        "worth": learnt.worth,
        "assumed_part": learnt.assumed_part,
        **{name: getattr(learnt, name).tolist() for name in SHAPES},
    }


def learnt_of(written: dict[str, Any], pools: Sequence[Pool]) -> Learnt:
    """As it was written, for these pools; one that is newer has the seller's volume."""
    volume = [written["volume"].get(pool.public_id, written["seller_volume"]) for pool in pools]
    sure = [written["sure"].get(pool.public_id, DEFAULTS.prior_requests) for pool in pools]
    shapes: list[Any] = [np.array(written[name], dtype=float if name == "weight" else np.int64) for name in SHAPES]
    return Learnt(
        np.array(volume, dtype=np.float64),
        written["seller_volume"],
        np.array(sure, dtype=np.float64),
        np.array(written["classes"]),
        written["worth"],
        written["assumed_part"],
        *shapes,
    )


def places_of(pools: Sequence[Pool], first_day: date, days: int, now: datetime) -> Places:
    accelerators = [pool.accelerator_id for pool in pools]
    return Places(
        supply=_supply(pools, first_day, days, now),
        floor=np.array([cost_of(pool) for pool in pools], dtype=np.float64),
        lot=np.array([pool.lot for pool in pools], dtype=np.int64),
        accelerator=np.array(accelerators, dtype=np.int64),
        today=(now.date() - first_day).days,
    )


def cost_of(pool: Pool) -> float:
    """Energy and capital, USD per GPU-hour: what worth is measured in. The curve's floor; that room lies above."""
    energy = pool.accelerator.all_in_kw * pool.site.pue * pool.site.energy_usd_per_kwh
    return float(energy + pool.accelerator.capital_usd_per_gpu_hour)


def _projection(now: datetime) -> Projection | None:
    return Projection.objects.filter(published_at__lte=now).first()


def _supply(pools: Sequence[Pool], first_day: date, days: int, now: datetime) -> Floats:
    """(pools, days): P50 of the projection in force at `now`, nothing where it does not reach."""
    supply = np.zeros((len(pools), days))
    projection = _projection(now)
    if projection is None:
        return supply
    place = {pool.pk: index for index, pool in enumerate(pools)}
    offset = (first_day - projection.first_day).days
    for pool_id, p50 in PoolOutlook.objects.filter(projection=projection, pool__in=place).values_list("pool_id", "p50"):
        known = np.asarray(p50, dtype=np.float64)[max(offset, 0) :][: days + min(offset, 0)]
        begin = max(-offset, 0)
        supply[place[pool_id], begin : begin + len(known)] = known
    return supply


def _days_open(now: datetime) -> float:
    """How long anybody could have asked: since the first projection was published."""
    first = Projection.objects.filter(published_at__lte=now).order_by("published_at").first()
    return (now - first.published_at).total_seconds() / 86_400 if first and first.published_at else 0.0
