"""What a seller's pools have been asked for, as arrays, and what is learnt of it. No Django here.

Everything is drawn from the assumptions towards what was seen, by as much as was seen (docs/demand.md):
volume by gamma-Poisson shrinkage, each pool towards the seller's others and these towards the assumed; the shape of
requests by mixing the assumed distribution with the wishes seen (Ferguson 1973); worth by a censored normal of its log.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from pricing.demand.assumptions import Assumptions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_KEPT = 400  # wishes of which a forecast keeps the shape
WORTH_ROUNDS = 25


@dataclass(frozen=True)
class Evidence:
    """n wishes of which a seller's pools were, or could have been, part.

    pool (n,): row of the pool. firmness (n,): rank of the class. gpus, days (n,). lead (n,): days from the first asking
    to the first start wished. later (n,): days that the start may wait. weight (n,): its part of a request.
    least_worth, most_worth (n,): bounds of its worth in floors, 0 and infinity where nothing is known.
    """

    pool: Ints
    firmness: Ints
    gpus: Ints
    days: Ints
    lead: Ints
    later: Ints
    weight: Floats
    least_worth: Floats
    most_worth: Floats

    def __len__(self) -> int:
        return len(self.pool)

    def as_json(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name).tolist() for field in fields(self)}


_NONE, _NOTHING = np.zeros(0, dtype=np.int64), np.zeros(0)
NOTHING_SEEN = Evidence(_NONE, _NONE, _NONE, _NONE, _NONE, _NONE, _NOTHING, _NOTHING, _NOTHING)


@dataclass(frozen=True)
class Learnt:
    """volume (pools,): times the assumed volume; seller_volume: the same for all pools together, and for a new one.

    sure (pools,): requests that the volume rests on, assumed ones included. classes (3,): parts of requests. worth:
    times the assumed worth. gpus, days, lead, later, weight: the wishes kept; assumed_part: how often a request is
    drawn from the assumptions and not from those.
    """

    volume: Floats
    seller_volume: float
    sure: Floats
    classes: Floats
    worth: float
    assumed_part: float
    gpus: Ints
    days: Ints
    lead: Ints
    later: Ints
    weight: Floats


def learn(evidence: Evidence, expected: Floats, assumed: Assumptions) -> Learnt:
    """expected (pools,): requests that the assumptions would have had by now, weighted by age as the evidence is.

    A pool's volume is drawn to that of the seller's other pools, so that no wish counts twice.
    """
    prior = assumed.prior_requests
    seen = np.bincount(evidence.pool, evidence.weight, minlength=len(expected)).astype(np.float64)
    others = (prior + seen.sum() - seen) / (prior + expected.sum() - expected)
    kept = slice(max(0, len(evidence) - MOST_KEPT), None)
    return Learnt(
        volume=(prior * others + seen) / (prior + expected),
        seller_volume=float((prior + seen.sum()) / (prior + expected.sum())),
        sure=prior + seen,
        classes=_classes(evidence, assumed),
        worth=_worth(evidence, assumed),
        assumed_part=float(prior / (prior + evidence.weight.sum())),
        gpus=evidence.gpus[kept],
        days=evidence.days[kept],
        lead=evidence.lead[kept],
        later=evidence.later[kept],
        weight=evidence.weight[kept],
    )


def age_weight(age_days: Floats, assumed: Assumptions) -> Floats:
    """What a wish of that age counts: half after each half-life."""
    return np.asarray(0.5 ** (age_days / assumed.half_life_days))


def days_of_evidence(days_open: float, assumed: Assumptions) -> float:
    """The same weight summed over the days in which wishes could have been seen."""
    length, half = min(max(days_open, 0.0), assumed.evidence_days), assumed.half_life_days
    return float(half / np.log(2) * (1 - 0.5 ** (length / half)))


def _classes(evidence: Evidence, assumed: Assumptions) -> Floats:
    seen = np.bincount(evidence.firmness, evidence.weight, minlength=3)
    return (assumed.prior_requests * np.array(assumed.classes) + seen) / (assumed.prior_requests + seen.sum())


def _worth(evidence: Evidence, assumed: Assumptions) -> float:
    """Expectation-maximisation for the mean of a normal of known spread of which only bounds were seen.

    A block that was taken was worth its price at least, one that was let go at most; the mean is drawn to the assumed
    one, which counts as `prior_requests` wishes.
    """
    told = (evidence.least_worth > 0) | np.isfinite(evidence.most_worth)
    weight = evidence.weight[told]
    with np.errstate(divide="ignore"):
        low, high = np.log(evidence.least_worth[told]), np.log(evidence.most_worth[told])
    assumed_mean, spread = float(np.log(assumed.worth_over_floor)), assumed.spread_worth
    mean = assumed_mean
    for _ in range(WORTH_ROUNDS if told.any() else 0):
        inside = _mean_between((low - mean) / spread, (high - mean) / spread) * spread + mean
        total = assumed.prior_requests * assumed_mean + (weight * inside).sum()
        mean = float(total / (assumed.prior_requests + weight.sum()))
    return float(np.exp(mean - assumed_mean))


def _mean_between(low: Floats, high: Floats) -> Floats:
    """Mean of a standard normal between two bounds; far out in a tail it is the nearer bound."""
    part = norm.cdf(high) - norm.cdf(low)
    mean = (norm.pdf(low) - norm.pdf(high)) / np.maximum(part, 1e-12)
    return np.asarray(np.where(part > 1e-9, np.clip(mean, low, high), np.where(low > 0, low, high)))
