"""Invented interconnection reports with a known law: what a fit must find again."""

import csv
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from marketplace.supply.learning.reports import DATES, FORECAST_COLUMNS, PROJECT_COLUMNS, Reports

FIRST, LAST = date(2018, 12, 31).toordinal(), date(2022, 12, 31).toordinal()
FUELS = (("SOL", "PV"), ("WIN", "WT"), ("OTH", "BA"), ("GAS", "CC"))
MONTH = 30


def some_reports(
    projects: int = 240, *, seed: int = 3, slips: tuple[float, float] = (5.5, 0.6), last: int = LAST
) -> Reports:
    """Announced `lead` ahead at the agreement, synchronised exp(N(slips)) - 90 days after that date; a tenth are
    cancelled. The announcement is corrected once, halfway."""
    rng = np.random.default_rng(seed)
    agreement = np.floor(rng.uniform(FIRST, last - 30, projects))
    lead = np.floor(rng.uniform(150, 700, projects))
    slip = np.exp(rng.normal(*slips, projects)) - 90.0
    came = np.floor(agreement + np.maximum(lead + slip, 20.0))
    cancelled = np.where(rng.random(projects) < 0.1, np.floor(agreement + rng.uniform(30, 600, projects)), np.nan)
    halfway = np.floor((agreement + came) / 2)
    kinds = [FUELS[number] for number in rng.integers(0, len(FUELS), projects)]
    later = np.flatnonzero(halfway <= last)
    order = np.lexsort((np.concatenate([agreement, halfway[later]]), np.concatenate([np.arange(projects), later])))
    none = np.full(projects, np.nan)
    return Reports(
        inr=np.array([f"{number:03}INR" for number in range(projects)]),
        county=np.array([f"County {number}" for number in rng.integers(0, 40, projects)]),
        fuel=np.array([fuel for fuel, _ in kinds]),
        technology=np.array([technology for _, technology in kinds]),
        first_report=agreement,
        last_report=np.full(projects, float(last)),
        agreement_signed=agreement,
        energization_approved=none,
        synchronization_approved=np.where((came <= last) & np.isnan(cancelled), came, np.nan),
        commercial_operation=none,
        cancelled=np.where(cancelled <= last, cancelled, np.nan),
        forecast_project=np.concatenate([np.arange(projects), later])[order],
        forecast_report=np.concatenate([agreement, halfway[later]])[order],
        forecast_date=np.concatenate([agreement + lead, (came + agreement + lead)[later] / 2 // 1])[order],
    )


def write(reports: Reports, directory: Path) -> tuple[Path, Path]:
    """The two files that `read` takes."""
    projects, forecasts = directory / "projects.csv", directory / "forecasts.csv"
    columns = [_texts(getattr(reports, name)) for name in PROJECT_COLUMNS]
    _write(projects, PROJECT_COLUMNS, zip(*columns, strict=True))
    changes = (
        reports.inr[reports.forecast_project].tolist(),
        _texts(reports.forecast_report),
        _texts(reports.forecast_date),
    )
    _write(forecasts, FORECAST_COLUMNS, zip(*changes, strict=True))
    return projects, forecasts


def _write(path: Path, header: tuple[str, ...], rows: Any) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _texts(values: np.ndarray) -> list[str]:
    if values.dtype.kind == "U":
        return values.tolist()
    return ["" if np.isnan(value) else date.fromordinal(int(value)).isoformat() for value in values]


def moved_after(reports: Reports, day: int, rng: np.random.Generator) -> Reports:
    """The same until the day; everything dated after it moved, dropped, or (where nothing was) made up."""
    changed: dict[str, Any] = {name: getattr(reports, name).copy() for name in reports.__dataclass_fields__}
    for name in DATES:
        values = changed[name]
        future = ~(values <= day)
        if name == "last_report":
            future &= ~np.isnan(values)
        drawn = np.floor(rng.uniform(day + 1, day + 2000, len(values)))
        gone = np.isin(name, ("first_report", "last_report")) or rng.random(len(values)) < 0.5
        values[future] = np.where(gone, drawn, np.nan)[future]
    later = changed["forecast_report"] > day
    changed["forecast_date"][later] += np.floor(rng.uniform(-400, 400, later.sum()))
    kept = ~later | (rng.random(len(later)) < 0.7)
    for name in ("forecast_project", "forecast_report", "forecast_date"):
        changed[name] = changed[name][kept]
    return Reports(**changed)
