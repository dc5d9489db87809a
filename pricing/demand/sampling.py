"""Requests that are still to come, drawn from what is assumed and learnt of demand. Vectorised, the same for a seed."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from pricing.clearing.requests import Requests
from pricing.demand.assumptions import Assumptions
from pricing.demand.evidence import Learnt, days_of_evidence

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_A_POOL = 32
LEADS_TRIED = 4000


@dataclass(frozen=True)
class Places:
    """The pools over the days of a horizon. supply (pools, days): GPUs. floor (pools,): USD per GPU-hour. lot (pools,).

    accelerator (pools,): a number for each kind. today: the day of the horizon that it is now, negative before it.
    """

    supply: Floats
    floor: Floats
    lot: Ints
    accelerator: Ints
    today: int

    @property
    def days(self) -> int:
        return self.supply.shape[1]

    @property
    def height(self) -> Floats:
        """(pools,): GPUs on the best day."""
        return self.supply.max(axis=1, initial=0.0)

    def largest(self, assumed: Assumptions) -> Floats:
        """(pools,): the most GPUs that a request asks for, in whole lots."""
        most = np.minimum(assumed.largest_gpus, assumed.largest_share * self.height)
        return np.maximum(self.lot, np.floor(most / self.lot) * self.lot)


@dataclass(frozen=True)
class Drawn:
    """n requests before their options are written out; home, start, later (n,): pool, first day, days it may wait."""

    home: Ints
    start: Ints
    gpus: Ints
    days: Ints
    later: Ints
    lead: Floats
    worth: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.home)

    def only(self, kept: NDArray[np.bool_]) -> "Drawn":
        columns = (self.home, self.start, self.gpus, self.days, self.later, self.lead, self.worth, self.weight)
        values: list[Any] = [column[kept] for column in columns]
        return Drawn(*values)


def assumed_starts(places: Places, assumed: Assumptions) -> Floats:
    """(pools, days): requests that would start each day as assumed: load x supply / GPU-days of a request."""
    return assumed.load * places.supply / _mean_gpu_days(places, assumed)[:, None]


def assumed_wishes(places: Places, assumed: Assumptions, *, days_open: float, seed: int) -> Floats:
    """(pools,): requests that the assumptions would have had by now, faded by age as the evidence is.

    Two parts: who would have asked before the market opened and comes in its first weeks instead, and who asked on each
    day since. Supply is taken as it is projected now.
    """
    rng = np.random.default_rng(seed)
    starts = np.pad(assumed_starts(places, assumed).cumsum(axis=1), ((0, 0), (1, 0)))
    tomorrow = np.clip(places.today + 1, 0, places.days)
    found = np.zeros(len(starts))
    for pool, most in enumerate(places.largest(assumed)):
        gpus = _assumed_gpus(rng.random(LEADS_TRIED), np.full(LEADS_TRIED, places.lot[pool]), most, assumed)
        lead = _assumed_lead(rng, gpus, rng.random(LEADS_TRIED) < assumed.urgent, assumed)
        day = np.clip(places.today + 1 + np.floor(lead).astype(np.int64), 0, places.days)
        waiting = (starts[pool, day] - starts[pool, tomorrow]).mean()
        a_day = (starts[pool, np.minimum(day + 1, places.days)] - starts[pool, day]).mean()
        found[pool] = waiting * _opening_counts(days_open, assumed) + a_day * days_of_evidence(days_open, assumed)
    return found


def _opening_counts(days_open: float, assumed: Assumptions) -> float:
    """Part of those who had waited that has come by now, times what they still count."""
    if days_open >= assumed.evidence_days:
        return 0.0
    return float((1 - np.exp(-days_open / assumed.opening_days)) * 0.5 ** (days_open / assumed.half_life_days))


def draw(places: Places, learnt: Learnt, assumed: Assumptions, *, wanted: int, seed: int) -> Drawn:
    """About `wanted` requests that will ask after today for a start within the horizon, each with its weight."""
    rng = np.random.default_rng(seed)
    starts = assumed_starts(places, assumed) * learnt.volume[:, None]
    starts[:, : max(0, places.today + 1)] = 0.0
    home = _homes(starts.sum(axis=1), wanted)
    n = len(home)
    weight = starts.sum(axis=1)[home] / np.maximum(np.bincount(home, minlength=len(starts)), 1)[home]
    start = _days(starts, home, rng.random(n))
    urgent = rng.random(n) < assumed.urgent
    gpus = _assumed_gpus(rng.random(n), places.lot[home], places.largest(assumed)[home], assumed)
    days = np.clip(np.rint(np.exp(rng.normal(np.log(assumed.median_days), assumed.spread_days, n))), 1, None)
    lead = _assumed_lead(rng, gpus, urgent, assumed)
    later = np.where(rng.random(n) < assumed.flexible, rng.integers(1, assumed.most_days_later + 1, n), 0)
    drawn = Drawn(
        home,
        start,
        gpus.astype(np.int64),
        np.minimum(days, assumed.longest_days).astype(np.int64),
        later.astype(np.int64),
        lead,
        _worth(rng, urgent, learnt, assumed) * places.floor[home],
        weight,
    )
    seen = _as_seen(rng, drawn, places, learnt, assumed)
    # Who books earlier than this has asked already: the booking curve, drawn request by request.
    still_to_come = seen.only(seen.lead < seen.start - places.today)
    return _within(still_to_come, places.days)


def requests(drawn: Drawn, places: Places, assumed: Assumptions, *, seed: int) -> Requests:
    """Writes the options out: the home pool and some others of its accelerator, at each start that would do."""
    rng = np.random.default_rng([seed, 1])
    pools, pool_of = _pools(rng, drawn, places, assumed)
    step = np.where(drawn.later < 5, 1, 3)
    last = np.minimum(drawn.start + drawn.later, places.days - drawn.days)
    starts = np.maximum(last - drawn.start, 0) // step + 1
    options = pools * starts
    first = np.concatenate([[0], np.cumsum(options)]).astype(np.int64)
    request = np.repeat(np.arange(len(drawn)), options)
    within = np.arange(first[-1]) - first[request]
    which, place = within // starts[request], within % starts[request]
    return Requests(
        gpus=drawn.gpus,
        days=drawn.days,
        worth=drawn.worth,
        weight=drawn.weight,
        first=first,
        pool=pool_of[request, which],
        start=drawn.start[request] + place * step[request],
    )


def weekly(drawn: Drawn, pools: int, first: int, weeks: int) -> tuple[Floats, Floats]:
    """(pools, weeks) each: expected GPU-days on the home pool, and their variance if requests come as they like.

    Sums over requests of weight x g and weight x g^2, g being a request's GPU-days in the week (compound Poisson).
    """
    begin = first + 7 * np.arange(weeks)
    end = drawn.start + drawn.days
    inside = np.minimum(end[:, None], begin + 7) - np.maximum(drawn.start[:, None], begin)
    gpu_days = drawn.gpus[:, None] * np.clip(inside, 0, None).astype(np.float64)
    mean, variance = np.zeros((pools, weeks)), np.zeros((pools, weeks))
    # Drawn pool by pool, so a pool's requests stand together: one sum over each stretch.
    present, at = np.unique(drawn.home, return_index=True)
    if len(present):
        weighted = drawn.weight[:, None] * gpu_days
        mean[present] = np.add.reduceat(weighted, at, axis=0)
        variance[present] = np.add.reduceat(weighted * gpu_days, at, axis=0)
    return mean, variance


def booking_curve(leads: Ints, places: Places, learnt: Learnt, assumed: Assumptions) -> tuple[Floats, Floats]:
    """(leads,) each: part of the GPU-days of a delivery day that is asked for at least so many days before it.

    First as assumed, then with the wishes seen mixed in. Over all pools, by their size.
    """
    never = Places(places.supply, places.floor, places.lot, places.accelerator, today=-10_000)
    unseen = replace(learnt, assumed_part=1.0, weight=np.zeros(0))
    drawn = [draw(never, each, assumed, wanted=LEADS_TRIED, seed=0) for each in (unseen, learnt)]
    early, now = (_part_asked(each, leads) for each in drawn)
    return early, now


def _part_asked(drawn: Drawn, leads: Ints) -> Floats:
    volume = drawn.weight * drawn.gpus * drawn.days
    asked = (drawn.lead[:, None] >= leads[None]) * volume[:, None]
    return np.asarray(asked.sum(axis=0) / max(volume.sum(), 1e-12))


def _mean_gpu_days(places: Places, assumed: Assumptions) -> Floats:
    """(pools,): log-uniform GPUs have mean (b - a) / log(b / a), lognormal days median x exp(variance / 2)."""
    least = np.maximum(places.lot, assumed.smallest_gpus).astype(np.float64)
    most = np.maximum(places.largest(assumed), least)
    gpus = np.where(most > least, (most - least) / np.log(np.maximum(most / least, 1.0001)), least)
    return gpus * assumed.median_days * np.exp(assumed.spread_days**2 / 2)


def _homes(expected: Floats, wanted: int) -> Ints:
    """Rows of pools: more draws where more is expected, by its root, and enough everywhere."""
    root = np.sqrt(expected)
    counts = np.where(root > 0, np.maximum(FEWEST_A_POOL, np.ceil(wanted * root / max(root.sum(), 1e-12))), 0)
    return np.repeat(np.arange(len(expected)), counts.astype(np.int64))


def _days(starts: Floats, home: Ints, u: Floats) -> Ints:
    """A day for each request, by its home pool's expected starts: the inverse of their cumulative share."""
    share = starts.cumsum(axis=1)
    share = share / np.maximum(share[:, -1:], 1e-12)
    rows = np.arange(len(starts))[:, None]
    # One sorted line for all pools: pool p's shares lie in [p, p + 1).
    flat = (rows + np.minimum(share, 1.0) * (1 - 1e-9)).ravel()
    at = np.searchsorted(flat, home + u * (1 - 1e-9) * (1 - 1e-9), side="right")
    return np.clip(at - home * starts.shape[1], 0, starts.shape[1] - 1).astype(np.int64)


def _assumed_gpus(u: Floats, lot: Ints, most: Floats | float, assumed: Assumptions) -> Floats:
    """Log-uniform, in whole lots."""
    least = np.maximum(lot, assumed.smallest_gpus)
    top = np.maximum(most, least)
    return np.maximum(np.rint(least * (top / least) ** u / lot), 1) * lot


def _assumed_lead(rng: np.random.Generator, gpus: Floats, urgent: NDArray[np.bool_], assumed: Assumptions) -> Floats:
    usual = assumed.usual_lead_days * (gpus / assumed.usual_lead_gpus) ** assumed.lead_growth
    return np.asarray(rng.exponential(np.where(urgent, assumed.urgent_lead_days, usual)))


def _worth(rng: np.random.Generator, urgent: NDArray[np.bool_], learnt: Learnt, assumed: Assumptions) -> Floats:
    """In floors: lognormal, cut off at one floor, since those who would not pay it are no demand."""
    mean = np.log(assumed.worth_over_floor * learnt.worth * np.where(urgent, assumed.urgent_worth, 1.0))
    below = ndtr(-mean / assumed.spread_worth)
    return np.asarray(np.exp(mean + assumed.spread_worth * ndtri(below + (1 - below) * rng.random(len(urgent)))))


def _as_seen(rng: np.random.Generator, drawn: Drawn, places: Places, learnt: Learnt, assumed: Assumptions) -> Drawn:
    """Gives some of the requests the size, length, lead and patience of wishes that were seen."""
    n = len(drawn)
    u, pick = rng.random(n), rng.random(n)
    if learnt.weight.sum() <= 0:
        return drawn
    seen = u >= learnt.assumed_part
    which = np.searchsorted(np.cumsum(learnt.weight) / learnt.weight.sum(), pick * (1 - 1e-9), side="right")
    lot = places.lot[drawn.home]
    gpus = np.minimum(np.ceil(learnt.gpus[which] / lot) * lot, np.maximum(places.height[drawn.home], lot))
    return replace(
        drawn,
        gpus=np.where(seen, gpus, drawn.gpus).astype(np.int64),
        days=np.where(seen, learnt.days[which], drawn.days),
        later=np.where(seen, learnt.later[which], drawn.later),
        lead=np.where(seen, learnt.lead[which] + pick, drawn.lead),
    )


def _within(drawn: Drawn, horizon: int) -> Drawn:
    """Cuts what would run on beyond the horizon."""
    return replace(drawn, days=np.maximum(np.minimum(drawn.days, horizon - drawn.start), 1))


def _pools(rng: np.random.Generator, drawn: Drawn, places: Places, assumed: Assumptions) -> tuple[Ints, Ints]:
    """(n,) how many pools would do, and (n, most) which, the home pool first and the others in random order."""
    pools = len(places.lot)
    same = places.accelerator[drawn.home][:, None] == places.accelerator[None]
    other = same & (np.arange(pools)[None] != drawn.home[:, None])
    order = np.where(other, rng.random((len(drawn), pools)), 2.0)
    order[np.arange(len(drawn)), drawn.home] = -1.0
    ranked = np.argsort(order, axis=1, kind="stable")
    wanted = rng.integers(0, assumed.most_other_pools + 1, len(drawn))
    return 1 + np.minimum(wanted, other.sum(axis=1)), ranked
