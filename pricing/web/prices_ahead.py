"""Forward prices on the board: by accelerator, and by region."""

from datetime import date, timedelta
from typing import Any

import numpy as np

from marketplace.units.firmness import rank
from marketplace.web import formats
from marketplace.web.charts.forward import Series, forward_curves, forward_table
from marketplace.web.charts.multiples import Panel, multiples_table, small_multiples
from pricing.curve.board import P50, Board, Prices, Row, cheapest_by_day
from pricing.web.weeks import WEEK, by_accelerator, has_price, per_h100, weekly, weeks_of

REGIONS_SHOWN = 5


def forward(found: Board, firmness: str, weeks: int) -> dict[str, Any]:
    """One line an accelerator: the cheapest pool per delivery week. The dearest against its floor stands out."""
    groups = [(a, rows) for a, rows in by_accelerator(found) if any(has_price(row, firmness) for row in rows)]
    if not groups:
        return {}
    curves = {a.key: cheapest_by_day(rows, firmness) for a, rows in groups}
    tightest = max(groups, key=lambda group: _tightness(group[1], firmness))[0]
    series = [
        Series(
            formats.accelerator(accelerator.key),
            accelerator.key,
            weeks_of(rows[0], weeks),
            weekly(curves[accelerator.key], weeks),
            accelerator == tightest,
            _yesterday(found, rows, firmness, weeks) if accelerator == tightest else None,
        )
        for accelerator, rows in groups
    ]
    return {
        "forward": forward_curves(series, title="Forward price per GPU-hour by delivery week"),
        "forward_table": forward_table(series, caption="forward price, USD per GPU-hour"),
        "forward_title": _finding(
            formats.accelerator(tightest.key), curves[tightest.key], found.rows[0].first_day, weeks
        ),
        "forward_dotted": any(one.yesterday for one in series),
        "forward_named": formats.accelerator(tightest.key),
    }


def _tightness(rows: list[Row], firmness: str) -> float:
    limits = sum(int(row.limits[rank(firmness)][:180].sum()) for row in rows)
    return sum(int(row.taken(firmness)[:180].sum()) for row in rows) / max(limits, 1)


def _finding(name: str, curve: Prices, first_day: date, weeks: int) -> str:
    """What the emphasised line does: a peak between its ends, a rise, a fall, or nothing worth a word."""
    known = np.flatnonzero(~np.isnan(curve[: weeks * WEEK : WEEK])) * WEEK
    if len(known) < 2:
        return f"{name} prices hold steady"
    begin, end = curve[known[0]], curve[known[-1]]
    top = int(known[np.argmax(curve[known])])
    if curve[top] > 1.1 * max(begin, end):
        return f"{name} peaks at {formats.money(curve[top])} in {formats.month(first_day + timedelta(days=top))}"
    if abs(end / begin - 1) < 0.02:
        return f"{name} prices hold steady"
    return f"{name} prices {'fall' if end < begin else 'rise'} {formats.percent(abs(end / begin - 1))} from here"


def _yesterday(found: Board, rows: list[Row], firmness: str, weeks: int) -> list[float | None] | None:
    if found.before is None:
        return None
    before = [old for old in (found.before.row(row.pool.pk) for row in rows) if old]
    if not before:
        return None
    shift = (rows[0].first_day - before[0].first_day).days
    known = weekly(cheapest_by_day(before, firmness)[shift:], weeks)
    return known + [None] * (weeks - len(known))  # yesterday's horizon may have ended sooner


def regions(found: Board, firmness: str, weeks: int) -> dict[str, Any]:
    """Price per H100-equivalent hour by region, so that places with other accelerators compare."""
    dates = weeks_of(found.rows[0], weeks)
    by_region = _by_region(found, firmness)
    curves = {region: per_h100(rows, firmness)[: weeks * WEEK] for region, rows in by_region.items()}
    means = {region: float(np.nanmean(curve)) for region, curve in curves.items() if not np.isnan(curve).all()}
    if len(means) < 2:
        return {}  # nothing to compare with
    least = min(means, key=lambda region: means[region])
    shown = [least, *(region for region in means if region != least)][:REGIONS_SHOWN]
    panels = [_panel(region, by_region[region], weekly(curves[region], weeks)) for region in shown]
    return {
        "regions": small_multiples(panels, dates=dates, title="Price per H100-equivalent hour by region"),
        "regions_table": multiples_table(panels, dates=dates, caption="price per H100-equivalent hour by region"),
        "regions_title": f"{least} costs least per unit of compute",
        "regions_shown": len(shown),
        "regions_in_all": len(means),
    }


def _by_region(found: Board, firmness: str) -> dict[str, list[Row]]:
    """Pools with a price by region, the region with most compute first."""
    by_region: dict[str, list[Row]] = {}
    for row in found.rows:
        if has_price(row, firmness):
            by_region.setdefault(row.pool.site.region, []).append(row)
    amount = {region: sum(r.supply[P50].sum() * r.h100_weight for r in rows) for region, rows in by_region.items()}
    return {region: by_region[region] for region in sorted(by_region, key=lambda region: -amount[region])}


def _panel(region: str, rows: list[Row], values: list[float | None]) -> Panel:
    largest = max(rows, key=lambda row: row.supply[P50].sum() * row.h100_weight)
    sites = len({row.pool.site_id for row in rows})
    accelerator = largest.pool.accelerator.key
    note = f"{largest.pool.site.name} · {formats.accelerator(accelerator)}" if sites == 1 else f"{sites} sites"
    return Panel(region, note, accelerator, values)
