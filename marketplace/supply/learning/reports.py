"""Public interconnection reports as arrays, and what was known of them on a day.

Two files: one row a project with the dates of its milestones, and one row for every change of its projected date, by
the report that brought it. Dates are proleptic ordinals of days (`date.toordinal`), NaN where nothing is known.

Whatever learns or forecasts sees a `Reports` only through `known_at`, which takes away everything dated after the
day: milestones, cancellations, reports and the projections in them, and the end of a project's stay in the reports.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.supply.world import Floats, Ints

Words = NDArray[np.str_]

MILESTONES = ("agreement_signed", "energization_approved", "synchronization_approved", "commercial_operation")
DATES = ("first_report", "last_report", *MILESTONES, "cancelled")
WORDS = ("county", "fuel", "technology")
PROJECT_COLUMNS = ("inr", *WORDS, *DATES)
FORECAST_COLUMNS = ("inr", "report_date", "projected_cod")
MOST_PROBLEMS = 20


class BadReports(Exception):
    """The files cannot be read as reports; `problems` says where and why."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


@dataclass(frozen=True)
class Reports:
    """Arrays over projects; `forecast_*` over changes of a projected date, by project and then by report."""

    inr: Words
    county: Words
    fuel: Words
    technology: Words
    first_report: Floats
    last_report: Floats
    agreement_signed: Floats
    energization_approved: Floats
    synchronization_approved: Floats
    commercial_operation: Floats
    cancelled: Floats
    forecast_project: Ints
    forecast_report: Floats
    forecast_date: Floats

    @property
    def last_day(self) -> int:
        """The day of the newest report: nothing is known of what came after it."""
        return int(np.nanmax(np.concatenate([self.first_report, self.last_report, self.forecast_report])))

    def known_at(self, day: float) -> "Reports":
        """The same projects as they were known on the day: what is dated after it is not there."""
        heard = self.forecast_report <= day
        seen: dict[str, Any] = {
            name: _until(getattr(self, name), day) for name in (*MILESTONES, "first_report", "cancelled")
        }
        return replace(
            self,
            **seen,
            last_report=np.where(np.isnan(seen["first_report"]), np.nan, np.minimum(self.last_report, day)),
            forecast_project=self.forecast_project[heard],
            forecast_report=self.forecast_report[heard],
            forecast_date=self.forecast_date[heard],
        )

    def announced(self) -> tuple[Floats, Floats]:
        """(projects,) the newest projected date of each, and the day of the report that brought it."""
        found, heard = np.full((2, len(self.inr)), np.nan)
        found[self.forecast_project] = self.forecast_date  # in order of reports, so that the newest stays
        heard[self.forecast_project] = self.forecast_report
        return found, heard


def _until(days: Floats, day: float) -> Floats:
    return np.where(days <= day, days, np.nan)


def read(projects: Path, forecasts: Path) -> Reports:
    """Both files. Raises BadReports with every problem, and the line and the column of each."""
    problems: list[str] = []
    columns = _projects(projects, problems)
    changes = _forecasts(forecasts, columns["inr"], problems)
    if problems:
        rest = len(problems) - MOST_PROBLEMS
        raise BadReports(problems[:MOST_PROBLEMS] + ([f"… and {rest} more"] if rest > 0 else []))
    arrays: dict[str, Any] = {name: np.array(columns[name], dtype=np.str_) for name in ("inr", *WORDS)}
    arrays |= {name: np.array(columns[name], dtype=np.float64) for name in DATES}
    return Reports(**arrays, **changes)


def _projects(path: Path, problems: list[str]) -> dict[str, list]:
    columns: dict[str, list] = {name: [] for name in PROJECT_COLUMNS}
    known: set[str] = set()
    for line, row in _rows(path, PROJECT_COLUMNS, problems):
        if row["inr"] in known:
            problems.append(f"{path.name}, line {line}: project {row['inr']} is there twice; one row a project")
        known.add(row["inr"])
        for name in ("inr", *WORDS):
            columns[name].append(row[name])
        for name in DATES:
            where, needed = f"{path.name}, line {line}, {name}", name == "first_report"
            columns[name].append(_day(row[name], where, problems, needed=needed))
    if not known and not problems:
        problems.append(f"{path.name}: no projects")
    return columns


def _forecasts(path: Path, inrs: list[str], problems: list[str]) -> dict[str, Any]:
    place = {inr: index for index, inr in enumerate(inrs)}
    found: list[tuple[int, float, float]] = []
    for line, row in _rows(path, FORECAST_COLUMNS, problems):
        if row["inr"] not in place:
            problems.append(f"{path.name}, line {line}: project {row['inr']!r} has no row in the file of projects")
            continue
        report, projected = (
            _day(row[name], f"{path.name}, line {line}, {name}", problems, needed=True)
            for name in ("report_date", "projected_cod")
        )
        found.append((place[row["inr"]], report, projected))
    found.sort(key=lambda change: change[:2])
    return {
        "forecast_project": np.array([project for project, _, _ in found], dtype=np.int64),
        "forecast_report": np.array([report for _, report, _ in found], dtype=np.float64),
        "forecast_date": np.array([projected for _, _, projected in found], dtype=np.float64),
    }


def _rows(path: Path, columns: tuple[str, ...], problems: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                problems.append(f"{path.name}: no column {', '.join(missing)}; needed: {', '.join(columns)}")
                return
            for row in reader:
                yield reader.line_num, {name: row[name].strip() for name in columns}
    except (OSError, UnicodeDecodeError) as refused:
        problems.append(f"{path.name}: cannot be read ({refused})")


def _day(text: str, where: str, problems: list[str], *, needed: bool = False) -> float:
    if not text and not needed:
        return np.nan
    try:
        return float(date.fromisoformat(text).toordinal())
    except ValueError:
        problems.append(f"{where}: {text!r} is not a date like 2022-12-31")
        return np.nan


def same(one: Reports, other: Reports) -> bool:
    """Whether two readings are equal to the bit."""
    pairs = ((getattr(one, field.name), getattr(other, field.name)) for field in fields(Reports))
    return all(np.array_equal(left, right, equal_nan=left.dtype.kind == "f") for left, right in pairs)
