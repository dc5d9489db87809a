"""Six ways to say what becomes of the coming weeks, each from the books as they stood at one origin.

An origin is a week: what arrived before it is complete, and week origin + k - 1 lies at lead k. Every function answers
(hotels, leads), column k - 1 for lead k, and reads nothing of the books that was not known at its origin; not a number
where it has nothing to go by. Slopes are ridge estimates drawn towards a prior slope, and older weeks weigh less.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

YEAR = 52  # weeks: the same days of the week
PICK_UP_WEEKS = 52  # of the baseline: as many weeks as there are, at most the last year
MEMORY = 0.98  # weight of a week beside that of the next one
SEASON = np.array([1.0, 2.0, 3.0, 2.0, 1.0])  # last year's week with its neighbours: a single week is noise
PACE_WEEKS = 4
BOOKS_SLOPE, BOOKS_PULL = 0.7, 2.0
PACE_SLOPE, PACE_PULL = 0.8, 4.0
SEASON_SLOPE = 0.75
OPENING = 0.6  # of the median week: a hotel whose first weeks lie below was still opening


@dataclass(frozen=True)
class Origin:
    """The books from one week. net (hotels, weeks, leads + 1)."""

    net: Floats
    week: int

    @property
    def leads(self) -> NDArray[np.int64]:
        return np.arange(1, self.net.shape[2])

    @property
    def targets(self) -> NDArray[np.int64]:
        return self.week + self.leads - 1

    def on_the_books(self) -> Floats:
        return self.net[:, self.targets, self.leads]

    def last_year(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Per lead the week a year before, and whether it has both been and arrived."""
        before = self.targets - YEAR
        return np.clip(before, 0, None), (before >= 0) & (before < self.week)


def pick_up(at: Origin) -> Floats:
    """The baseline: on the books, plus the mean of what was picked up from that lead on, over the last year's weeks."""
    past = at.net[:, max(0, at.week - PICK_UP_WEEKS) : at.week]
    return at.on_the_books() + (past[:, :, :1] - past[:, :, 1:]).mean(axis=1)


def as_last_year(at: Origin) -> Floats:
    """The baseline: what became of the same week a year before."""
    before, known = at.last_year()
    return np.where(known, at.net[:, before, 0], np.nan)


def by_books(at: Origin) -> Floats:
    """A line from what was on the books at this lead to what became of the week, fitted on the weeks that arrived.

    A full hotel picks up less, an empty one more: the slope is below one, which a pick-up cannot be.
    """
    past = at.net[:, : at.week]
    age = np.arange(at.week)[::-1]
    became = np.broadcast_to(past[:, :, :1], past[:, :, 1:].shape)
    weights = np.broadcast_to(np.power(MEMORY, age)[None, :, None], became.shape)
    return _line(past[:, :, 1:], became, weights, at.on_the_books(), BOOKS_SLOPE, BOOKS_PULL)


def pace(at: Origin) -> Floats:
    """On the books, plus the latest weekly steps from each lead to the next: follows a change of pace at once.

    The step from lead l to l - 1 is the mean over the last weeks that have made it, arrived or not.
    """
    steps = np.zeros((at.net.shape[0], len(at.leads)))
    for lead in at.leads.tolist():
        last = min(at.week + lead - 2, at.net.shape[1] - 1)
        weeks = slice(max(0, last - PACE_WEEKS + 1), last + 1)
        steps[:, lead - 1] = (at.net[:, weeks, lead - 1] - at.net[:, weeks, lead]).mean(axis=1)
    return at.on_the_books() + steps.cumsum(axis=1)


def corrected(now: Floats, earlier: Floats, became: Floats) -> Floats:
    """A forecast drawn onto a line through its own past. earlier, became (origins, hotels, leads), oldest first."""
    known = np.isfinite(earlier) & np.isfinite(became)
    age = known[::-1].cumsum(axis=0)[::-1] - 1
    weights = np.where(known, MEMORY**age, 0.0)
    said, final = np.where(known, earlier, 0.0), np.where(known, became, 0.0)
    of_hotel = [np.moveaxis(values, 0, 1) for values in (said, final, weights)]
    drawn = _line(of_hotel[0], of_hotel[1], of_hotel[2], now, PACE_SLOPE, PACE_PULL)
    return np.where(known.sum(axis=0) >= 3, drawn, np.nan)


def season(at: Origin) -> Floats:
    """Last year's weeks around this one, moved by how much more is on the books now than then at the same lead."""
    return seasonal(at, 0) + SEASON_SLOPE * (at.on_the_books() - seasonal(at, None))


def last_years_season(at: Origin) -> Floats:
    return seasonal(at, 0)


def seasonal(at: Origin, lead: int | None) -> Floats:
    """Last year's weeks around each target, weighted by SEASON: what became of them, or (None) their books at its lead.

    Not a number while the hotel was still opening then.
    """
    before, known = at.last_year()
    leads = at.leads if lead is None else np.full(len(before), lead)
    around = before[:, None] + np.arange(len(SEASON)) - len(SEASON) // 2
    usable = (around >= 0) & (around < at.week)
    weights = np.where(usable, SEASON, 0.0)
    values = at.net[:, np.clip(around, 0, at.week - 1), leads[:, None]]
    means = (values * weights).sum(axis=2) / np.maximum(weights.sum(axis=1), 1e-9)
    return np.where(known & (before[None] >= opened(at)[:, None]), means, np.nan)


def opened(at: Origin) -> NDArray[np.int64]:
    """Per hotel the first week that counts as a last year: those before it are the slow start of a new hotel."""
    final = at.net[:, : at.week, 0]
    span = len(SEASON)
    if at.week < 2 * span:
        return np.zeros(len(final), dtype=np.int64)
    sums = np.pad(final, ((0, 0), (1, 0))).cumsum(axis=1)
    means = (sums[:, span:] - sums[:, :-span]) / span
    busy = means >= OPENING * np.median(final, axis=1, keepdims=True)
    first = np.argmax(busy, axis=1)
    return np.where(first > 0, first + span // 2, 0)


def _line(x: Floats, y: Floats, w: Floats, at: Floats, slope: float, pull: float) -> Floats:
    """y at `at` on the ridge line of y on x with weights w, over axis 1: (hotels, n, leads) to (hotels, leads).

    The slope is that which minimises sum w (y - a - b x)^2 + pull * (var y + 1) * (b - slope)^2.
    """
    total = np.maximum(w.sum(axis=1), 1e-9)
    x_mean, y_mean = (w * x).sum(axis=1) / total, (w * y).sum(axis=1) / total
    dx, dy = x - x_mean[:, None], y - y_mean[:, None]
    pulled = pull * ((w * dy * dy).sum(axis=1) / total + 1.0)
    b = ((w * dx * dy).sum(axis=1) + pulled * slope) / ((w * dx * dx).sum(axis=1) + pulled)
    return y_mean + b * (at - x_mean)
