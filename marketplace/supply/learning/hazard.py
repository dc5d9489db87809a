"""When a project that has an agreement will be synchronised: a hazard that follows the date announced.

The rate at which a project is synchronised, per day, t days after the day of the forecast, is log-linear:

    log h(t) = phase[t - announced_in] + b . x(t)

with ten phases (from a year before the date announced to two years after it) and few covariates: how far off the
announced date is (log, its effect again from 45 days before that date on), energised (and the first 60 days after),
the age of the agreement, wind, storage. Fitted by penalised maximum likelihood as a Poisson regression on exposure
(piecewise exponential survival, Holford 1980, Friedman 1982) over landmarks 45 days apart (van Houwelingen 2007):
each landmark sees only what was known on it, open projects count as censored, cancelled ones and those that left the
reports are left out, as they are of the score. The newest exposure weighs most, so that the fit follows a drift.

A forecast is made of projects that come at all: the quantiles are those of the time given that it is at most
`HORIZON` days. Without that bound the few projects that stay in the reports for ever would own the upper end.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketplace.supply.learning.reports import Reports
from marketplace.supply.learning.standing import Standing, joined, outcome, standing_at
from marketplace.supply.world import Floats

LEVELS = (0.1, 0.5, 0.9)
HORIZON = 1461.0  # four years; see docs/decisions/0006
PHASES = np.array([-365.0, -180.0, -90.0, -45.0, 0.0, 60.0, 180.0, 365.0, 730.0])
COVARIATES = (
    "log announced_in", "log announced_in, late", "energised", "energised, first 60 days", "log age", "wind", "storage",
)  # fmt: skip
GRID = np.concatenate([np.arange(0.0, 180.0, 15.0), np.arange(180.0, 720.0, 30.0), np.linspace(720.0, HORIZON, 10)])
MIDDLES, WIDTHS = (GRID[1:] + GRID[:-1]) / 2, np.diff(GRID)
LANDMARK_STEP = 45
RECENCY_DAYS = 500.0  # exposure this old weighs 1/e
SMOOTHNESS = 14.0  # precision of a step between neighbouring phases
SHRINKAGE = 6.0  # precision of a covariate's effect
LEAST_EVENTS = 20


class TooLittleKnown(Exception):
    """Too few projects were synchronised by the day of the fit to learn from."""


@dataclass(frozen=True)
class Hazard:
    """`phases` (10,) and `effects` (7,): log rates per day. `synchronised`, `open`: projects behind them.

    `shipped`: the day until which a fit of ours knew the public data; None where fitted on the reports at hand.
    """

    phases: Floats
    effects: Floats
    synchronised: int
    open: int
    shipped: int | None = None

    def accumulated(self, standing: Standing) -> Floats:
        """(projects, grid): the hazard added up from the day to each day of the grid."""
        rates = np.exp(np.clip(_design(standing) @ np.concatenate([self.phases, self.effects]), -25.0, 2.0))
        return np.concatenate([np.zeros((len(standing), 1)), np.cumsum(rates * WIDTHS, axis=1)], axis=1)

    def quantiles(self, standing: Standing) -> Floats:
        """(projects, 3): days from the day of the forecast by which it is synchronised with 10, 50, 90 %."""
        accumulated = self.accumulated(standing)
        comes = -np.expm1(-accumulated[:, -1:])
        wanted = -np.log1p(-comes * np.array(LEVELS))
        return np.array([np.interp(row, total, GRID) for row, total in zip(wanted, accumulated, strict=True)]).reshape(
            len(standing), len(LEVELS)
        )

    def reached(self, standing: Standing, days: Floats) -> Floats:
        """(projects,) the forecast probability of being synchronised within so many days, given that it comes."""
        accumulated = self.accumulated(standing)
        until = np.array([np.interp(day, GRID, total) for day, total in zip(days, accumulated, strict=True)])
        return np.expm1(-until) / np.expm1(-np.maximum(accumulated[:, -1], 1e-12))


def fit(reports: Reports, day: float) -> Hazard:
    """Learns from what was known on the day. Raises TooLittleKnown."""
    known = reports.known_at(day)
    standing = landmarks(known, day)
    after = outcome(known, standing, day)
    kept = ~(after.cancelled | after.gone | after.undated)
    standing, waited, came = standing.only(kept), after.waited[kept], after.synchronised[kept]
    events = len(np.unique(standing.project[came]))
    if events < LEAST_EVENTS:
        raise TooLittleKnown(f"only {events} projects were synchronised after a report by then, {LEAST_EVENTS} needed")
    exposure, event = _exposure(waited, came)
    # float64 of days: recent exposure first, by the calendar and not by the landmark.
    weight = np.exp((standing.day[:, None] + MIDDLES - day) / RECENCY_DAYS)
    found = _solve(_design(standing), exposure, event, weight)
    return Hazard(found[: len(PHASES) + 1], found[len(PHASES) + 1 :], events, _open(standing, came))


def _open(standing: Standing, came: NDArray[np.bool_]) -> int:
    return len(np.setdiff1d(standing.project[~came], standing.project[came]))


def landmarks(known: Reports, day: float, *, step: int = LANDMARK_STEP) -> Standing:
    """Who was standing on days so far apart before the day, newest first."""
    days = np.arange(day - step, np.nanmin(known.first_report) - 1, -step)
    return joined([standing_at(known, landmark)[0] for landmark in days] or [standing_at(known, day)[0]])


def _exposure(waited: Floats, came: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """(rows, bins): days at risk, and whether it came, in each bin of the grid; what is beyond it is censored."""
    exposure = np.clip(waited[:, None] - GRID[:-1], 0.0, WIDTHS)
    event = np.zeros_like(exposure)
    rows = np.flatnonzero(came & (waited <= HORIZON))
    event[rows, np.searchsorted(GRID, waited[rows], side="left") - 1] = 1.0
    return exposure, event


def _design(standing: Standing) -> Floats:
    """(rows, bins, 17): phases, then covariates."""
    late = MIDDLES - standing.announced_in[:, None]
    one = np.ones_like(late)
    far = np.log(np.maximum(standing.announced_in, 30.0) / 365.0)[:, None] * one
    energized = standing.energized[:, None] * one
    covariates = [
        far,
        far * (late > PHASES[3]),
        energized,
        energized * (MIDDLES < 60.0),
        np.log1p(standing.age / 365.0)[:, None] * one,
        standing.wind[:, None] * one,
        standing.storage[:, None] * one,
    ]
    phase = np.digitize(late, PHASES)
    return np.stack([*((phase == number) * 1.0 for number in range(len(PHASES) + 1)), *covariates], axis=2)


def _solve(design: Floats, exposure: Floats, event: Floats, weight: Floats) -> Floats:
    """Newton's method on the penalised Poisson likelihood; phases start from the mean rate."""
    used = exposure > 0
    rows, days, came, weight = design[used], exposure[used], event[used], weight[used]
    precision = _precision(rows.shape[1])
    found = np.zeros(rows.shape[1])
    found[: len(PHASES) + 1] = np.log((weight @ came) / (weight @ days))
    centre = found.copy()
    for _ in range(50):
        expected = days * np.exp(np.clip(rows @ found, -25.0, 2.0))
        slope = rows.T @ (weight * (came - expected)) - precision @ (found - centre)
        step = np.linalg.solve((rows * (weight * expected)[:, None]).T @ rows + precision, slope)
        found = found + step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return found


def _precision(width: int) -> Floats:
    """The penalty: phases like their neighbours, effects small."""
    phases = len(PHASES) + 1
    steps = np.diff(np.eye(phases), axis=0)
    penalty = np.diag([1e-3] * phases + [SHRINKAGE] * (width - phases))
    penalty[:phases, :phases] += SMOOTHNESS * steps.T @ steps
    return penalty
