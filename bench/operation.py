"""Years of operation, simulated: the campuses' dates replayed month by month, with slips drawn from the product's own
distributions, demand and terms assumed. Every month projects what is known, sells within the limits, and where a
shortfall begins within 90 days plans with the product's solver.

The build-out is read from Epoch AI's files (CC BY 4.0), which are not part of the project: HEADROOM_CAMPUSES_DIR, or
`shared/data` beside the checkout. Where they are not, the demo's own figures, and the run says so. The table, a row a
quarter, goes to standard error; `HEADROOM_OPERATION_YEARS` (2023-2028 unless told, as `first-last`) says which years.
"""

import os
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from bench._operation import Month, Operation
from marketplace.local.demo_campuses import demo_campuses
from marketplace.supply import campuses
from marketplace.supply.assumptions import read_assumptions
from marketplace.supply.campuses import CampusPlan
from marketplace.units.firmness import FIRMNESS

SEED = 1
COLUMNS = ("sold", "refused", "running", "watching", "shortfalls", "concerned", "waits", "moves", "unserved")

Line = tuple[str, float, float | None]


def run() -> Iterator[Line]:
    first, last = (int(year) for year in os.environ.get("HEADROOM_OPERATION_YEARS", "2023-2028").split("-"))
    operation = Operation(build_out(date(first, 1, 1)), date(first, 1, 1), SEED)
    months = list(operation.months(12 * (last - first + 1)))
    print(table(months), file=sys.stderr)
    yield "months", len(months), None
    for name in COLUMNS:
        if name not in ("running", "watching"):
            yield name, sum(getattr(month, name) for month in months), None
    yield "months_with_a_plan", sum(month.concerned > 0 for month in months), None
    yield "credits_musd", sum(month.credits_usd for month in months) / 1e6, None
    yield "refunds_musd", sum(month.refunds_usd for month in months) / 1e6, None
    for row, name in enumerate(FIRMNESS):
        yield f"touched_{name}", sum(month.touched[row] for month in months), None
    yield "short_gpu_days", sum(month.short_gpu_days for month in months), None
    yield "worst_gap", max(month.gap for month in months), None
    earliest = sum(month.earliest_first_usd for month in months)
    yield "harm_vs_earliest_first", sum(month.harm_usd for month in months) / earliest if earliest else 1.0, None


def build_out(today: date) -> CampusPlan:
    named = os.environ.get("HEADROOM_CAMPUSES_DIR")
    directory = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if (directory / campuses.TIMELINES).is_file():
        return campuses.read(directory, read_assumptions(), today=today)
    if named:
        raise FileNotFoundError(f"HEADROOM_CAMPUSES_DIR names {named}, which has no {campuses.TIMELINES}")
    print("operation: no campus files beside the checkout nor in HEADROOM_CAMPUSES_DIR: the demo's", file=sys.stderr)
    return demo_campuses(today)


def table(months: list[Month]) -> str:
    """A row a quarter, as in docs/allocation.md: sums, but for what stands at the quarter's end."""
    head = ("quarter", *COLUMNS, "credits, M USD", "refunds, M USD", "GPU-days short")
    rows = [head, ("---",) * len(head)]
    for at in range(0, len(months), 3):
        quarter = months[at : at + 3]
        counts = [
            str(
                getattr(quarter[-1], name)
                if name in ("running", "watching")
                else sum(getattr(m, name) for m in quarter)
            )
            for name in COLUMNS
        ]
        owed = f"{sum(month.credits_usd for month in quarter) / 1e6:,.1f}"
        short = f"{sum(month.short_gpu_days for month in quarter):,}"
        back = f"{sum(month.refunds_usd for month in quarter) / 1e6:,.1f}"
        rows.append((f"{quarter[0].first:%Y} Q{at // 3 % 4 + 1}", *counts, owed, back, short))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
