"""What dates of our own teach: a Bayesian update of each kind's slip distribution.

A kind's law has y = log(slip / reach + early_days) normal with mean mu and deviation sigma (slips.py). The shipped
figures are the prior: mu about theirs with the weight of `PRIOR_WEIGHT` dates, log sigma about theirs likewise,

    mu | sigma ~ N(mu0, sigma^2 / w),    log sigma ~ N(log sigma0, 1 / 2w)

A milestone that came says y; one that is still open says that y is greater than it would be today; one that was late
already when first seen is taken given that it was. The posterior is summed over a grid (mu0 +- 3 sigma0, sigma0 / e to
e sigma0), and what it moved the two means by is added to the shipped figures: with no dates nothing moves. Dates of
one site share its shocks: n of them count as n / (1 + (n - 1) site_weight^2), the design effect of a cluster.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from math import exp
from typing import Any

import numpy as np
from scipy.special import log_ndtr

from marketplace.supply.slips import Z90, ProjectionPolicy, SlipModel
from marketplace.supply.world import Floats

PRIOR_WEIGHT = 20.0  # dates; an assumption: a market's first few dates bend its figures, its first twenty halve them
FURTHEST = 3.0  # |z| beyond which one date proves no more: it may be a mistyped one
MU, LOG_SIGMA = np.linspace(-3.0, 3.0, 121), np.linspace(-1.0, 1.0, 41)


@dataclass(frozen=True)
class Observation:
    """A milestone that was open when the market first saw it.

    `lead`: days from then to its planned date. `slip`: days from the planned date to the actual one, or to today where
    it is open. `late_by`: days that it was late by when first seen, None if it was not.
    """

    kind: str
    site: str
    lead: float
    slip: float
    open: bool
    late_by: float | None = None


@dataclass(frozen=True)
class Learned:
    """The policy to project with, the one that it was learned from, and the dates that it was learned on."""

    policy: ProjectionPolicy
    prior: ProjectionPolicy
    observations: tuple[Observation, ...]

    def counts(self, kind: str) -> tuple[int, int]:
        """(actual dates, open milestones) of the kind."""
        of_kind = [each.open for each in self.observations if each.kind == kind]
        return len(of_kind) - sum(of_kind), sum(of_kind)

    def as_json(self) -> dict[str, Any]:
        """With the projection's inputs: what the figures were before, and every date that moved them."""
        before = [{"kind": m.kind, "median_days": m.median_days, "p90_days": m.p90_days} for m in self.prior.slips]
        return {
            "prior_weight": PRIOR_WEIGHT,
            "before": before,
            "observations": [asdict(each) for each in self.observations],
        }


def learned_policy(prior: ProjectionPolicy, observations: Iterable[Observation]) -> Learned:
    """The policy with every kind's distribution brought up to date. The order of the observations means nothing."""
    seen = tuple(sorted(observations, key=lambda each: (each.kind, each.site, each.open, each.lead, each.slip)))
    slips = tuple(_updated(prior, model, [each for each in seen if each.kind == model.kind]) for model in prior.slips)
    return Learned(replace(prior, slips=slips), prior, seen)


def _updated(prior: ProjectionPolicy, model: SlipModel, seen: Sequence[Observation]) -> SlipModel:
    likelihood = _likelihood(prior, model, seen)
    if not likelihood.any():
        return model
    sigma = np.exp(LOG_SIGMA)[:, None]
    weight = -0.5 * PRIOR_WEIGHT * (MU / sigma) ** 2 - np.log(sigma) - PRIOR_WEIGHT * LOG_SIGMA[:, None] ** 2
    mu, log_sigma = (after - before for after, before in zip(means(weight + likelihood), means(weight), strict=True))
    return _moved(model, mu * model.sigma, log_sigma, seen)


def means(log_weight: Floats) -> tuple[float, float]:
    """Means of mu (in sigmas of the prior, from its mu) and of log sigma (from its own) under weights over the grid."""
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    return float(weight.sum(axis=0) @ MU), float(weight.sum(axis=1) @ LOG_SIGMA)


def _likelihood(prior: ProjectionPolicy, model: SlipModel, seen: Sequence[Observation]) -> Floats:
    """(sigmas, mus): the log likelihood over the grid, in units of the prior's z."""
    total = np.zeros((len(LOG_SIGMA), len(MU)))
    sigma = np.exp(LOG_SIGMA)[:, None]
    weights = _weights(prior, seen)
    for each, weight in zip(seen, weights, strict=True):
        reach = prior.reach(each.lead, model)
        at = (within(model.z_of(each.slip, reach)) - MU) / sigma
        told = log_ndtr(-at) if each.open else -0.5 * at * at - np.log(sigma)
        if each.late_by is not None:
            told = told - log_ndtr(-(within(model.z_of(each.late_by, reach)) - MU) / sigma)
        total += weight * told
    return total


def within(z: float) -> float:
    return min(max(z, -FURTHEST), FURTHEST)


def _weights(prior: ProjectionPolicy, seen: Sequence[Observation]) -> list[float]:
    dates = Counter(each.site for each in seen)
    return [1.0 / (1.0 + (dates[each.site] - 1) * prior.site_weight**2) for each in seen]


def _moved(model: SlipModel, mu: float, log_sigma: float, seen: Sequence[Observation]) -> SlipModel:
    mu, sigma = model.mu + mu, model.sigma * exp(log_sigma)
    late = sum(each.open for each in seen)
    return replace(
        model,
        median_days=exp(mu) - model.early_days,
        p90_days=exp(mu + Z90 * sigma) - model.early_days,
        source=f"{model.source} Brought up to date with {len(seen) - late} actual dates and {late} open milestones of "
        f"this market's own; the figures before weigh as much as {PRIOR_WEIGHT:.0f} dates.",
    )
