"""Scores of quantile forecasts: coverage, pinball loss, standard errors clustered two ways, a check by Kaplan-Meier."""

import numpy as np
from numpy.typing import NDArray

from marketplace.supply.world import Floats


def pinball(actual: Floats, quantile: Floats, level: float) -> Floats:
    """Loss of a quantile forecast (Koenker and Bassett 1978): level x (actual - quantile) where it came later, else
    (1 - level) x (quantile - actual)."""
    return np.where(actual >= quantile, level * (actual - quantile), (1.0 - level) * (quantile - actual))


def clustered_error(values: Floats, *groups: NDArray) -> float:
    """Standard error of the mean of `values`, clustered by one or two groupings (Cameron, Gelbach and Miller 2011):
    the variances by each, less that by both. It is never less than by one of them alone; NaN for less than two values.
    """
    if len(values) < 2:
        return float("nan")
    residuals = values - values.mean()
    ways = [_variance(residuals, group) for group in groups]
    if len(groups) == 2:
        both = np.array([f"{one}\x1f{other}" for one, other in zip(*groups, strict=True)])
        ways.append(sum(ways) - _variance(residuals, both))
    return float(np.sqrt(max(ways)))


def _variance(residuals: Floats, group: NDArray) -> float:
    """Sum of the squares of the clusters' sums over n squared, with the small-sample factor of their number."""
    clusters, place = np.unique(group, return_inverse=True)
    sums = np.bincount(place, weights=residuals)
    count = len(clusters)
    return float((sums**2).sum() / len(residuals) ** 2 * (count / (count - 1) if count > 1 else 1.0))


def share_reached(rank: Floats, came: NDArray[np.bool_], level: float) -> float:
    """The share of forecasts whose `level` quantile was reached in time, open ones censored (Kaplan and Meier 1958).

    `rank` is the forecast's probability of the time waited so far, `came` whether the wait is over. A calibrated
    forecast reaches `level`; NaN where everything is censored before it.
    """
    order = np.lexsort((~came, rank))
    ranks, ended = rank[order], came[order]
    at_risk = len(ranks) - np.arange(len(ranks))
    survival = np.cumprod(1.0 - ended / at_risk)
    upto = np.searchsorted(ranks, level, side="right")
    if len(ranks) == 0 or (upto == len(ranks) and not ended[-1] and ranks[-1] < level):
        return float("nan")
    return float(1.0 - survival[upto - 1]) if upto else 0.0
