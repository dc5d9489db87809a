"""Reads Epoch AI's campus files into sites, projects, milestones and notes. All or nothing: every fault is named.

    data_centers.csv           a campus a row; its Handle is the site's key
    data_center_timelines.csv  what was there on a date: facility MW and H100 equivalents, running totals

Between two dated rows of a campus (before the first there is nothing) a rise in H100 equivalents is a project, a fall
a retirement, both keyed by campus and ordinal, their place among the campus's rises and falls by date: a date that
moves updates them. A row without change is a note on the next project's last milestone, or on the last project's
where none follows; a blank figure is the one before. GPUs are differences of running totals rounded down to lots, so
that rounding never adds up.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from marketplace.supply.assumptions import Assumptions, SiteTerms
from marketplace.supply.tables import Problem, Row, read_table

CENTERS, TIMELINES = "data_centers.csv", "data_center_timelines.csv"
CENTER_COLUMNS = (
    "Handle",
    "Title",
    "Owner",
    "Latitude",
    "Longitude",
    "Current power (MW)",
)
TIMELINE_COLUMNS = (
    "Date",
    "Data center",
    "Construction status",
    "Power (MW)",
    "H100 equivalents",
)
LONGEST_NAME = 150
YEARS = range(1990, 2100)
MOST_MW, MOST_H100 = Decimal(100_000), Decimal(1_000_000_000)
LAST = "commissioning"

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_DEGREES = re.compile(r"(\d{1,3})°(\d{1,2})['′](\d{1,2}(?:\.\d+)?)[\"″]([NSEW])", re.ASCII)


class BadCampusFiles(ValueError):
    """The files cannot be imported; `problems` has every reason, by file and line."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True)
class PlannedNote:
    date: date
    text: str


@dataclass(frozen=True)
class PlannedMilestone:
    kind: str
    date: date
    is_actual: bool
    notes: tuple[PlannedNote, ...] = ()


@dataclass(frozen=True)
class PlannedProject:
    campus: str
    ordinal: int
    name: str
    accelerator: str
    date: date
    gpus: int
    mw: Decimal
    h100_equivalents: Decimal
    status: str
    milestones: tuple[PlannedMilestone, ...]


@dataclass(frozen=True)
class PlannedSite:
    handle: str
    name: str
    operator: str
    latitude: float | None
    longitude: float | None
    facility_mw: Decimal
    terms: SiteTerms


@dataclass(frozen=True)
class CampusPlan:
    """What the files say, as of a day. Dates up to that day are actual, later ones planned."""

    today: date
    assumptions: Assumptions
    sites: tuple[PlannedSite, ...]
    projects: tuple[PlannedProject, ...]

    @property
    def pools(self) -> list[tuple[str, str]]:
        """(campus, accelerator) in the order in which the projects first need them."""
        return list(dict.fromkeys((project.campus, project.accelerator) for project in self.projects))


@dataclass(frozen=True)
class _Reading:
    """A timeline row: what stood at the campus on that date. None: blank, as before."""

    row: Row
    campus: str
    date: date
    mw: Decimal | None
    h100: Decimal | None


def read(directory: Path, assumptions: Assumptions, *, today: date) -> CampusPlan:
    problems: list[Problem] = []
    centers = read_table(directory / CENTERS, CENTER_COLUMNS, problems)
    timelines = read_table(directory / TIMELINES, TIMELINE_COLUMNS, problems)
    handles = _unique_handles(centers, problems)
    sites = [_site(row, assumptions, problems) for row in handles.values()]
    readings = [found for row in timelines if (found := _reading(row, problems))]
    # Without a sound list of campuses every row would be "unknown": noise that hides the reason.
    if centers:
        problems += [r.row.problem(f"unknown campus {r.campus!r}") for r in readings if r.campus not in handles]
        problems += _rules_for_nobody(assumptions, handles)
    by_campus = _by_campus(readings, problems)
    if problems:
        raise BadCampusFiles(sorted(set(problems)))
    return _plan(today, assumptions, sites, by_campus)


def shifted(plan: CampusPlan, *, days: int) -> CampusPlan:
    """The same plan as if it had been written that many days later: what was actual stays actual."""
    by = timedelta(days=days)

    def milestone(planned: PlannedMilestone) -> PlannedMilestone:
        notes = tuple(replace(note, date=note.date + by) for note in planned.notes)
        return replace(planned, date=planned.date + by, notes=notes)

    projects = tuple(
        replace(
            project,
            date=project.date + by,
            milestones=tuple(map(milestone, project.milestones)),
        )
        for project in plan.projects
    )
    return replace(plan, today=plan.today + by, projects=projects)


def _unique_handles(rows: list[Row], problems: list[Problem]) -> dict[str, Row]:
    handles: dict[str, Row] = {}
    for row in rows:
        handle = row["Handle"]
        if not handle:
            problems.append(row.problem("Handle is blank"))
        elif handle in handles:
            problems.append(row.problem(f"campus {handle!r} is already on line {handles[handle].line}"))
        else:
            handles[handle] = row
    return handles


def _rules_for_nobody(assumptions: Assumptions, handles: dict[str, Row]) -> Iterator[Problem]:
    for handle in assumptions.sites:
        if handle not in handles:
            line = assumptions.lines.get(f"sites.{handle}", 0)
            yield Problem(
                assumptions.file,
                line,
                f"names campus {handle!r}, which {CENTERS} does not have",
            )


def _site(row: Row, assumptions: Assumptions, problems: list[Problem]) -> PlannedSite:
    for column in ("Handle", "Title", "Owner"):
        if len(row[column]) > LONGEST_NAME:
            problems.append(row.problem(f"{column} is longer than {LONGEST_NAME} characters"))
    _number(row, "Current H100 equivalents", MOST_H100, problems)
    return PlannedSite(
        handle=row["Handle"],
        name=row["Title"] or row["Handle"],
        operator=_untagged(row["Owner"]),
        latitude=_degrees(row, "Latitude", "NS", 90, problems),
        longitude=_degrees(row, "Longitude", "EW", 180, problems),
        facility_mw=_number(row, "Current power (MW)", MOST_MW, problems) or Decimal(0),
        terms=assumptions.terms(row["Handle"]),
    )


def _untagged(name: str) -> str:
    """A name without the source's mark of how sure it is: 'Acme #likely' is Acme."""
    return re.sub(r"\s*#\w+", "", name)


def _reading(row: Row, problems: list[Problem]) -> _Reading | None:
    day, campus = _date(row, problems), row["Data center"]
    mw = _number(row, "Power (MW)", MOST_MW, problems)
    h100 = _number(row, "H100 equivalents", MOST_H100, problems)
    if not campus:
        problems.append(row.problem("Data center is blank"))
    return _Reading(row, campus, day, mw, h100) if day and campus else None


def _date(row: Row, problems: list[Problem]) -> date | None:
    text = row["Date"]
    found = _DATE.fullmatch(text)
    try:
        day = date(*map(int, found.groups())) if found else None
    except ValueError:
        day = None
    if day is not None and day.year in YEARS:
        return day
    problems.append(row.problem(f"Date {text!r} is not a date such as 2027-03-31" if text else "Date is blank"))
    return None


def _number(row: Row, column: str, most: Decimal, problems: list[Problem]) -> Decimal | None:
    """None where it is blank or the file has no such column; a fault is named, and counts as blank."""
    text = row.get(column)
    if not text:
        return None
    value = Decimal(text) if _NUMBER.fullmatch(text) else None
    if value is not None and 0 <= value <= most:
        return value
    problems.append(row.problem(f"{column} {text!r} {_number_fault(text, value, most)}"))
    return None


def _number_fault(text: str, value: Decimal | None, most: Decimal) -> str:
    if value is not None:
        return "is negative" if value < 0 else f"is more than {most:,}"
    return "is infinite" if text.lower().lstrip("+-") in ("inf", "infinity", "∞") else "is not a number"


def _degrees(row: Row, column: str, sides: str, most: int, problems: list[Problem]) -> float | None:
    """Degrees north or east, from 32°35'25"N or a decimal number; None where it is blank."""
    text = row[column]
    if not text:
        return None
    found = _DEGREES.fullmatch(text.replace(" ", ""))
    if found and found[4] in sides and int(found[2]) < 60 and float(found[3]) < 60:
        degrees = int(found[1]) + int(found[2]) / 60 + float(found[3]) / 3600
        degrees = -degrees if found[4] in "SW" else degrees
    elif _NUMBER.fullmatch(text):
        degrees = float(text)
    else:
        degrees = float("nan")
    if abs(degrees) <= most:
        return round(degrees, 6)
    problems.append(row.problem(f"{column} {text} is not a coordinate such as 32°35'25\"{sides[0]}"))
    return None


def _by_campus(readings: list[_Reading], problems: list[Problem]) -> dict[str, list[_Reading]]:
    """Readings by date, one a day."""
    found: dict[str, dict[date, _Reading]] = defaultdict(dict)
    for reading in readings:
        first = found[reading.campus].setdefault(reading.date, reading)
        if first is not reading:
            where = f"campus {reading.campus!r} on {reading.date} is already on line {first.row.line}"
            problems.append(reading.row.problem(where))
    return {campus: [days[day] for day in sorted(days)] for campus, days in found.items()}


def _plan(
    today: date,
    assumptions: Assumptions,
    sites: list[PlannedSite],
    by_campus: dict[str, list[_Reading]],
) -> CampusPlan:
    projects: list[PlannedProject] = []
    whole: list[PlannedSite] = []
    for site in sites:
        readings = by_campus.get(site.handle, [])
        peak = max(
            [
                site.facility_mw,
                *(reading.mw for reading in readings if reading.mw is not None),
            ]
        )
        whole.append(replace(site, facility_mw=peak))
        projects += _Campus(site, assumptions, today).projects(readings)
    return CampusPlan(today, assumptions, tuple(whole), tuple(projects))


class _Campus:
    """Walks one campus's readings in order of date, keeping what stands there by accelerator."""

    def __init__(self, site: PlannedSite, assumptions: Assumptions, today: date) -> None:
        self.site, self.assumptions, self.today = site, assumptions, today
        self.standing: dict[str, Decimal] = {}
        self.found: list[PlannedProject] = []
        self.notes: list[PlannedNote] = []

    def projects(self, readings: list[_Reading]) -> list[PlannedProject]:
        mw = h100 = Decimal(0)
        for reading in readings:
            new_mw = mw if reading.mw is None else reading.mw
            new_h100 = h100 if reading.h100 is None else reading.h100
            if new_h100 == h100:
                self.note(reading)
            for accelerator, change in self.changes(new_h100 - h100, reading.date):
                # A fall spread over several accelerators is several retirements; the power goes with the first.
                self.add(reading, accelerator, change, new_mw - mw)
                mw = new_mw
            mw, h100 = new_mw, new_h100
        self.leave_notes_on_last()
        return self.found

    def note(self, reading: _Reading) -> None:
        text = reading.row["Construction status"]
        if text:
            self.notes.append(PlannedNote(reading.date, text))

    def changes(self, change: Decimal, day: date) -> Iterator[tuple[str, Decimal]]:
        """(accelerator, H100 equivalents): a rise brings the one assumed for its date, a fall takes the oldest."""
        if change > 0:
            yield self.site.terms.accelerator_on(day), change
        for accelerator in list(self.standing):
            taken = min(self.standing[accelerator], max(-change, Decimal(0)))
            if taken > 0:
                change += taken
                yield accelerator, -taken

    def add(self, reading: _Reading, accelerator: str, change: Decimal, mw: Decimal) -> None:
        ordinal = len(self.found) + 1
        gpus_before = self.gpus(accelerator)
        self.standing[accelerator] = self.standing.get(accelerator, Decimal(0)) + change
        self.found.append(
            PlannedProject(
                campus=self.site.handle,
                ordinal=ordinal,
                name=f"{self.site.name}, {'phase' if change > 0 else 'retirement'} {ordinal}",
                accelerator=accelerator,
                date=reading.date,
                gpus=self.gpus(accelerator) - gpus_before,
                mw=mw,
                h100_equivalents=change,
                status=reading.row["Construction status"],
                milestones=self.milestones(reading.date, is_rise=change > 0),
            )
        )
        self.notes = []

    def gpus(self, accelerator: str) -> int:
        """GPUs on sale of what stands there: H100 equivalents x share / weight, rounded down to lots."""
        figures = self.assumptions.accelerators[accelerator]
        equivalents = self.standing.get(accelerator, Decimal(0)) * self.site.terms.share_on_sale
        return int(equivalents / figures.h100_weight / figures.lot) * figures.lot

    def milestones(self, day: date, *, is_rise: bool) -> tuple[PlannedMilestone, ...]:
        """The file's one date is the last milestone's; the others are assumed to be planned so many days before it.
        A retirement has nothing to wait for but its date."""
        before = self.assumptions.milestone_days_before if is_rise else {}
        dates = {kind: day - timedelta(days=days) for kind, days in before.items() if kind != LAST}
        earlier = [PlannedMilestone(kind, planned, planned <= self.today) for kind, planned in dates.items()]
        return (
            *earlier,
            PlannedMilestone(LAST, day, day <= self.today, tuple(self.notes)),
        )

    def leave_notes_on_last(self) -> None:
        if self.found and self.notes:
            *earlier, last = self.found[-1].milestones
            last = replace(last, notes=(*last.notes, *self.notes))
            self.found[-1] = replace(self.found[-1], milestones=(*earlier, last))
