"""Projects that had an agreement and were not yet synchronised on a day, and what is known of each by then."""

from dataclasses import dataclass, fields

import numpy as np

from marketplace.supply.learning.reports import Reports
from marketplace.supply.world import Floats, Ints


@dataclass(frozen=True)
class Standing:
    """Arrays over (project, day) pairs. Days are ordinals, durations are days.

    `announced_in`: from the day to the date then announced, negative if that is past. `age`: since the agreement.
    `energized`, `wind`, `storage`: 0 or 1. `heard_on`: the report that brought the date announced.
    """

    project: Ints
    day: Floats
    announced_in: Floats
    age: Floats
    energized: Floats
    wind: Floats
    storage: Floats
    heard_on: Floats

    def __len__(self) -> int:
        return len(self.project)

    def only(self, kept: np.ndarray) -> "Standing":
        return Standing(*(getattr(self, field.name)[kept] for field in fields(Standing)))


@dataclass(frozen=True)
class LeftOut:
    """Projects with an agreement and no synchronisation that are not standing on the day, by reason."""

    cancelled: int
    no_longer_reported: int
    in_operation_undated: int
    no_date_announced: int


def standing_at(reports: Reports, day: float) -> tuple[Standing, LeftOut]:
    """Who is standing on the day, from what was known on it."""
    known = reports.known_at(day)
    announced, heard = known.announced()
    waiting = ~np.isnan(known.agreement_signed) & np.isnan(known.synchronization_approved)
    waiting &= ~np.isnan(known.first_report)
    cancelled = waiting & ~np.isnan(known.cancelled)
    running = waiting & ~cancelled & ~np.isnan(known.commercial_operation)
    # A project that is in the newest report of the day is still there, one that is not has been given up.
    gone = waiting & ~cancelled & ~running & (known.last_report < newest_report(known))
    undated = waiting & ~cancelled & ~running & ~gone & np.isnan(announced)
    at = np.flatnonzero(waiting & ~cancelled & ~running & ~gone & ~undated)
    left_out = LeftOut(*(int(reason.sum()) for reason in (cancelled, gone, running, undated)))
    return _standing(known, at, day, announced, heard), left_out


def newest_report(known: Reports) -> float:
    """The day of the newest report that came out by then: a report has at least one change of a projected date."""
    return float(known.forecast_report.max(initial=-np.inf))


def _standing(known: Reports, at: Ints, day: float, announced: Floats, heard: Floats) -> Standing:
    return Standing(
        project=at,
        day=np.full(len(at), float(day)),
        announced_in=announced[at] - day,
        age=np.maximum(day - known.agreement_signed[at], 0.0),
        energized=(~np.isnan(known.energization_approved[at])).astype(np.float64),
        wind=(known.fuel[at] == "WIN").astype(np.float64),
        storage=(known.technology[at] == "BA").astype(np.float64),
        heard_on=heard[at],
    )


def joined(several: list[Standing]) -> Standing:
    return Standing(*(np.concatenate([getattr(one, field.name) for one in several]) for field in fields(Standing)))


@dataclass(frozen=True)
class Outcome:
    """Arrays over standing projects, as known on a later day: days waited so far, whether synchronised by then, and
    whether cancelled, no longer reported, or in operation without a date of synchronisation."""

    waited: Floats
    synchronised: np.ndarray
    cancelled: np.ndarray
    gone: np.ndarray
    undated: np.ndarray


def outcome(reports: Reports, standing: Standing, until: float) -> Outcome:
    known, at = reports.known_at(until), standing.project
    synchronised = ~np.isnan(known.synchronization_approved[at])
    cancelled = ~synchronised & ~np.isnan(known.cancelled[at])
    undated = ~synchronised & ~cancelled & ~np.isnan(known.commercial_operation[at])
    gone = ~synchronised & ~cancelled & ~undated & (known.last_report[at] < newest_report(known))
    end = np.where(synchronised, known.synchronization_approved[at], until)
    return Outcome(np.maximum(end - standing.day, 0.5), synchronised, cancelled, gone, undated)
