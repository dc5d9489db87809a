"""A backtest on public reports: fitted on what was known on a day, scored on when projects were synchronised.

Scored is who had an agreement by the day and was not yet synchronised. Left out, and counted: projects cancelled by
the end, those that had left the reports by the day, and those in operation without a date of synchronisation. A
project still open at the end is scored only once the upper end of its band has passed: its date is then beyond the
band, and its losses, of the forecast and of the announcement alike, are taken at the end, which is the least they are.
"""

from dataclasses import dataclass, fields
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from marketplace.supply.learning.hazard import LEVELS, Hazard
from marketplace.supply.learning.reports import Reports, Words
from marketplace.supply.learning.scoring import clustered_error, pinball, share_reached
from marketplace.supply.learning.shipped import hazard_at
from marketplace.supply.learning.standing import LeftOut, Standing, outcome, standing_at
from marketplace.supply.world import Floats

LEADS = ((-np.inf, 0.0), (0.0, 180.0), (180.0, 365.0), (365.0, 730.0), (730.0, np.inf))


@dataclass(frozen=True)
class Scored:
    """Arrays over projects scored at an origin: days waited (the least, where open), the band (n, 3) and the date
    announced in days from the origin, and the clusters of the standard error."""

    waited: Floats
    came: NDArray[np.bool_]
    band: Floats
    announced_in: Floats
    county: Words
    quarter: Words

    def __len__(self) -> int:
        return len(self.waited)

    def only(self, kept: NDArray[np.bool_]) -> "Scored":
        return Scored(*(getattr(self, field.name)[kept] for field in fields(Scored)))

    @property
    def inside(self) -> Floats:
        within = (self.waited >= self.band[:, 0]) & (self.waited <= self.band[:, 2])
        return (self.came & within).astype(np.float64)

    def coverage(self) -> tuple[float, float]:
        """The share inside the band, and its standard error by county and report quarter."""
        return float(self.inside.mean()), clustered_error(self.inside, self.county, self.quarter)

    def pinball_ratio(self) -> float:
        """The loss of the band over the loss of the date announced, taken for all three quantiles."""
        ours = sum(pinball(self.waited, self.band[:, place], level).sum() for place, level in enumerate(LEVELS))
        announced = sum(pinball(self.waited, self.announced_in, level).sum() for level in LEVELS)
        return float(ours / announced) if announced > 0 else float("nan")


@dataclass(frozen=True)
class Counts:
    standing: int
    cancelled: int
    in_operation_undated: int
    open_scored: int
    open_not_yet: int


@dataclass(frozen=True)
class Backtest:
    """`reached` (3,): how many reached their 10, 50 and 90 % date in time, open ones censored: all of them, scored or
    not, which is what coverage becomes once nothing is open."""

    as_of: int
    until: int
    hazard: Hazard
    scored: Scored
    counts: Counts
    left_out: LeftOut
    reached: tuple[float, float, float]


def backtest(reports: Reports, *, as_of: int, until: int, by_origin: bool = False) -> Backtest:
    """Clusters are counties and quarters: those of the report that brought the date announced, or, `by_origin`, that
    of the origin. Raises TooLittleKnown."""
    hazard = hazard_at(reports, as_of)
    standing, left_out = standing_at(reports, as_of)
    band, after = hazard.quantiles(standing), outcome(reports, standing, until)
    held = until - as_of
    left = after.cancelled | after.undated
    waiting = ~left & ~after.synchronised
    passed = waiting & (band[:, 2] <= held)
    kept = after.synchronised | passed
    counts = Counts(
        len(standing), *(int(flag.sum()) for flag in (after.cancelled, after.undated, passed, waiting & ~passed))
    )
    quarter = _quarters(standing.day if by_origin else standing.heard_on)
    scored = Scored(
        after.waited, after.synchronised, band, standing.announced_in, reports.county[standing.project], quarter
    ).only(kept)
    reached = _reached(hazard, standing.only(~left), after.waited[~left], after.synchronised[~left])
    return Backtest(as_of, until, hazard, scored, counts, left_out, reached)


def rolling(reports: Reports, *, as_of: int, until: int) -> list[Backtest]:
    """A backtest at the day and at every quarter's end after it that leaves a quarter to look at."""
    origins = [as_of, *quarter_ends(as_of + 1, until - 91)]
    return [backtest(reports, as_of=origin, until=until, by_origin=True) for origin in origins]


def together(several: list[Backtest]) -> Scored:
    parts = [one.scored for one in several]
    return Scored(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Scored)))


def by_lead(scored: Scored) -> list[tuple[str, Scored]]:
    """The scored, by days from the origin to the date then announced; those that are empty are left out."""
    found = []
    for low, high in LEADS:
        part = scored.only((scored.announced_in > low) & (scored.announced_in <= high))
        if len(part):
            found.append((lead_name(low, high), part))
    return found


def lead_name(low: float, high: float) -> str:
    if np.isinf(low):
        return "overdue"
    return f"over_{low:.0f}" if np.isinf(high) else f"{low + 1:.0f}_{high:.0f}"


def quarter_ends(first: int, last: int) -> list[int]:
    """Ends of quarters in [first, last], as ordinals."""
    ends = []
    year, month = date.fromordinal(first).year, 3
    while (end := _month_end(year, month).toordinal()) <= last:
        if end >= first:
            ends.append(end)
        year, month = (year, month + 3) if month < 12 else (year + 1, 3)
    return ends


def _month_end(year: int, month: int) -> date:
    following = date(year + month // 12, month % 12 + 1, 1)
    return following - timedelta(days=1)


def _quarters(days: Floats) -> Words:
    dates = [date.fromordinal(int(day)) for day in days]
    return np.array([f"{day.year}Q{(day.month + 2) // 3}" for day in dates], dtype=np.str_)


def _reached(hazard: Hazard, standing: Standing, waited: Floats, came: NDArray[np.bool_]) -> tuple[float, float, float]:
    rank = hazard.reached(standing, waited)
    low, middle, high = (share_reached(rank, came, level) for level in LEVELS)
    return low, middle, high
