"""The figures that the projection ships with for power: how late it comes, and how much of that is shared.

The law is the product's own (slips.py): slip = reach x (exp(mu + sigma z) - early_days), reach = clip(lead /
full_lead_days, least_reach, 1), for the date that is announced on a day, `lead` days ahead; one that is overdue is
drawn from what is left of it. Fitted by maximum likelihood, an open project counting as a slip greater than the one it
has by now. Two rows in a hundred may come from anywhere, so that one mistyped date does not decide the bound.

Shared shocks: z = site_weight S + kind_weight K + own. The correlation of two projects' z is site_weight^2 if they
share the county, kind_weight^2 if they share the kind of plant, the sum if both, on top of what all pairs share, which
the fit of the mean has left over. Estimated by maximum composite likelihood over all pairs (Varin, Reid, Firth 2011),
each with its open projects censored, z from the fitted law at one row a project.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr

from marketplace.supply.learning.hazard import Hazard, fit, landmarks
from marketplace.supply.learning.reports import Reports
from marketplace.supply.learning.standing import outcome
from marketplace.supply.slips import EARLIEST, Z90
from marketplace.supply.world import Floats, Ints

Flags = NDArray[np.bool_]

STEP = 91
ASTRAY, ASTRAY_DAYS = 0.02, 1500.0  # share of rows that follow no law, and the days that they are spread over
EARLY = (120.0, 150.0, 180.0, 210.0, 240.0)
LEAST_REACH = 0.05
FURTHEST = 3.0  # |z| beyond which a single date proves nothing
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


@dataclass(frozen=True)
class Slips:
    """Arrays over rows: days to the date announced, slip from it (so far, where open), whether it has come."""

    lead: Floats
    slip: Floats
    came: Flags

    def only(self, kept: Flags | Ints) -> "Slips":
        return Slips(self.lead[kept], self.slip[kept], self.came[kept])


@dataclass(frozen=True)
class Law:
    """Parameters of the law above. `loss`: minus the mean log likelihood."""

    mu: float
    sigma: float
    early_days: float
    full_lead_days: float
    least_reach: float
    loss: float = float("nan")

    @property
    def median_days(self) -> float:
        return exp(self.mu) - self.early_days

    @property
    def p90_days(self) -> float:
        return exp(self.mu + Z90 * self.sigma) - self.early_days

    def reach(self, lead: Floats) -> Floats:
        return np.clip(lead / self.full_lead_days, self.least_reach, 1.0)

    def z(self, slip: Floats, lead: Floats) -> Floats:
        """Minus infinity below the earliest that the law allows."""
        stretched = slip / self.reach(lead) + self.early_days
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(stretched > 0, (np.log(stretched) - self.mu) / self.sigma, -np.inf)


@dataclass(frozen=True)
class FittedSlips:
    """What is shipped, and the numbers behind it."""

    law: Law
    hazard: Hazard
    site_weight: float
    kind_weight: float
    projects: int
    synchronised: int
    until: int


def fit_slips(reports: Reports, until: int) -> FittedSlips:
    """From every project with an agreement, as known on the day, at days a quarter apart while it was waiting."""
    known = reports.known_at(until)
    standing = landmarks(known, until, step=STEP)
    after = outcome(known, standing, until)
    kept = ~(after.cancelled | after.gone | after.undated)
    standing = standing.only(kept)
    slips = Slips(standing.announced_in, after.waited[kept] - standing.announced_in, after.synchronised[kept])
    law = fit_law(slips)
    projects, first = np.unique(standing.project[::-1], return_index=True)
    once = slips.only(len(standing.project) - 1 - first)
    site, kind = shared_weights(law, once, known.county[projects], known.fuel[projects])
    return FittedSlips(law, fit(known, until), site, kind, len(projects), int(once.came.sum()), until)


def fit_law(slips: Slips) -> Law:
    """The likeliest law, over the bounds on earliness tried and from two starts each."""
    starts = ((5.5, -0.1, 0.5), (5.0, -0.4, -1.0))
    found = [_fit(slips, early, start) for early in EARLY for start in starts]
    return min(found, key=lambda law: law.loss)


def _fit(slips: Slips, early: float, start: tuple[float, float, float]) -> Law:
    def law(theta: Floats, loss: float = float("nan")) -> Law:
        mu, log_sigma, log_room, least = theta.tolist()
        # Reach must leave a later announcement later: full_lead_days stays above early_days.
        full_lead = early * (1.05 + exp(min(log_room, 5.0)))
        reach = LEAST_REACH + (1.0 - LEAST_REACH) * float(ndtr(least))
        return Law(mu, exp(log_sigma), early, full_lead, reach, loss)

    first = np.array([start[0], start[1], -0.5, start[2]])
    best = minimize(lambda theta: _loss(law(theta), slips), first, method="Nelder-Mead", options={"maxiter": 2000})
    return law(best.x, float(best.fun))


def _loss(law: Law, slips: Slips) -> float:
    """Minus the mean log likelihood; the overdue are given that they have not come yet."""
    reach = law.reach(slips.lead)
    z = law.z(slips.slip, slips.lead)
    overdue = slips.lead < EARLIEST
    yet = np.where(overdue, ndtr(-law.z(EARLIEST - slips.lead, slips.lead)), 1.0)
    stretched = np.maximum(slips.slip / reach + law.early_days, 1e-9)
    with np.errstate(over="ignore"):
        density = np.exp(-0.5 * np.minimum(z * z, 1e3)) / sqrt(2.0 * np.pi) / (law.sigma * stretched * reach)
    lawful = np.where(slips.came, density, ndtr(-z)) / np.maximum(yet, 1e-12)
    anywhere = np.where(slips.came, 1.0 / ASTRAY_DAYS, 0.5)
    return float(-np.log((1.0 - ASTRAY) * lawful + ASTRAY * anywhere).mean())


def shared_weights(law: Law, slips: Slips, site: NDArray, kind: NDArray) -> tuple[float, float]:
    """(site_weight, kind_weight) from one row a project."""
    z = np.clip(law.z(slips.slip, slips.lead), -FURTHEST, FURTHEST)
    one, other = np.triu_indices(len(z), 1)
    same_site, same_kind = site[one] == site[other], kind[one] == kind[other]
    groups = [
        (float(by_site), float(by_kind), _pairs(z, slips.came, one[chosen], other[chosen]))
        for by_site in (False, True)
        for by_kind in (False, True)
        if (chosen := (same_site == by_site) & (same_kind == by_kind)).any()
    ]

    def loss(shares: Floats) -> float:
        return -sum(
            likelihood(shares[0] * by_site + shares[1] * by_kind + shares[2]) for by_site, by_kind, likelihood in groups
        )

    bounds = ((0.0, 0.6), (0.0, 0.3), (-0.15, 0.05))
    best = minimize(loss, np.array([0.1, 0.1, 0.0]), bounds=bounds, method="L-BFGS-B")
    return sqrt(best.x[0]), sqrt(best.x[1])


def _pairs(z: Floats, came: Flags, one: Ints, other: Ints) -> Callable[[float], float]:
    """The log likelihood of a correlation over these pairs, less that of none: both there, one open, both open."""
    both, neither = came[one] & came[other], ~came[one] & ~came[other]
    mixed = ~both & ~neither
    seen = np.where(came[one], z[one], z[other])[mixed]
    least = np.where(came[one], z[other], z[one])[mixed]
    a, b, c, d = z[one][both], z[other][both], z[one][neither], z[other][neither]
    square, product, count = float((a * a + b * b).sum()), float((a * b).sum()), int(both.sum())
    apart = float(log_ndtr(-least).sum() + (log_ndtr(-c) + log_ndtr(-d)).sum())

    def likelihood(rho: float) -> float:
        left = 1.0 - rho * rho
        there = -0.5 * count * np.log(left) - (rho * rho * square - 2.0 * rho * product) / (2.0 * left)
        waiting = log_ndtr((rho * seen - least) / sqrt(left)).sum()
        return float(there + waiting + np.log(both_above(c, d, rho)).sum() - apart)

    return likelihood


def both_above(one: Floats, other: Floats, rho: float) -> Floats:
    """P(Z1 > one, Z2 > other) of a standard bivariate normal: the product of the tails plus the integral of its
    density over the correlation from 0 to rho (Drezner and Wesolowsky 1990)."""
    found = ndtr(-one) * ndtr(-other)
    for node, weight in zip(rho * (_NODES + 1.0) / 2.0, _WEIGHTS * rho / 2.0, strict=True):
        left = 1.0 - node * node
        found += (
            weight
            * np.exp(-(one * one - 2.0 * node * one * other + other * other) / (2.0 * left))
            / (2.0 * np.pi * sqrt(left))
        )
    return np.maximum(found, 1e-300)
