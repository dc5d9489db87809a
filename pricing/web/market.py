from datetime import date, timedelta
from itertools import groupby
from typing import Any

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from marketplace.supply.models import ProjectOutlook
from marketplace.units.firmness import CHOICES, FIRM, FIRMNESS, rank
from marketplace.web.charts.fan import Fan, supply_fan, supply_table
from marketplace.web.charts.forward import Series, forward_curves, forward_table
from marketplace.web.charts.heatmap import HeatCell, HeatRow, heat_map, heat_table
from marketplace.web.charts.multiples import Panel, multiples_table, small_multiples
from marketplace.web.charts.projects import ProjectBar, project_table
from pricing.curve.board import P10, P50, P90, Board, Row, cheapest_by_day, current_board

WEEK = 7
HEAT_WEEKS = 26
RANGES = {"12": (52, "12 months"), "24": (104, "24 months"), "60": (260, "5 years")}
REGIONS_SHOWN = 5
MOVERS_SHOWN = 5
SMALLEST_MOVE = 0.001


@require_GET
def board(request: HttpRequest) -> HttpResponse:
    """The public market: forward prices, supply with the projects behind it, and where it is tight."""
    firmness = request.GET.get("firmness", FIRM)
    firmness = firmness if firmness in FIRMNESS else FIRM
    chosen = request.GET.get("range", "12")
    weeks = RANGES.get(chosen, RANGES["12"])[0]
    found = current_board()
    context: dict[str, Any] = {
        "nav": "market",
        "board": found,
        "firmness": firmness,
        "classes": CHOICES,
        "ranges": [(key, name) for key, (_, name) in RANGES.items()],
        "range": chosen if chosen in RANGES else "12",
    }
    if found and found.rows:
        weeks = min(weeks, found.rows[0].days // WEEK)
        context |= _stats(found, firmness) | _forward(found, firmness, weeks) | _regions(found, firmness, weeks)
        context |= _supply(found, weeks) | _heat(found, firmness, min(weeks, HEAT_WEEKS))
        context["movers"] = _movers(found, firmness)
        context["versions"] = sorted({row.version.public_id for row in found.rows})
        context["projection"] = found.rows[0].version.projection
    return render(request, "pricing/market.html", context)


def _dates(row: Row, weeks: int) -> list[date]:
    return [row.first_day + timedelta(days=WEEK * week) for week in range(weeks)]


def _weekly(values: np.ndarray[Any, Any], weeks: int) -> list[float | None]:
    """Every seventh day, None where there is no number."""
    return [None if np.isnan(value) else float(value) for value in values[: weeks * WEEK : WEEK]]


def _by_accelerator(found: Board) -> list[tuple[Any, list[Row]]]:
    rows = sorted(found.rows, key=lambda row: (-row.h100_weight, row.pool.accelerator.key))
    return [(accelerator, list(group)) for accelerator, group in groupby(rows, key=lambda r: r.pool.accelerator)]


def _stats(found: Board, firmness: str) -> dict[str, Any]:
    """The four numbers that the page is judged by."""
    soon, half = found.rows[0].first_day + timedelta(days=WEEK), found.rows[0].first_day + timedelta(days=26 * WEEK)
    cheapest = [(row, float(np.nanmin(row.price(firmness)[:365]))) for row in found.rows if _has_price(row, firmness)]
    best = min(cheapest, key=lambda pair: pair[1] / pair[0].h100_weight, default=None)
    short = [row for row in found.rows if (row.taken(firmness) > row.limits[rank(firmness)]).any()]
    return {
        "best": best and {"pool": best[0].pool, "price": best[1]},
        "headroom_soon": _h100(found, firmness, WEEK),
        "supply_soon": sum(row.supply[P90, WEEK] * row.h100_weight for row in found.rows),
        "soon": soon,
        "headroom_half": _h100(found, firmness, 26 * WEEK),
        "half": half,
        "short": short,
    }


def _has_price(row: Row, firmness: str) -> bool:
    return bool((row.limits[rank(firmness)][:365] > 0).any())


def _h100(found: Board, firmness: str, day: int) -> float:
    return float(sum(row.headroom[rank(firmness), day] * row.h100_weight for row in found.rows if row.days > day))


def _forward(found: Board, firmness: str, weeks: int) -> dict[str, Any]:
    """One line an accelerator: the cheapest pool per delivery week. The dearest against its floor stands out."""
    groups = [(a, rows) for a, rows in _by_accelerator(found) if any(_has_price(row, firmness) for row in rows)]
    if not groups:
        return {}
    curves = {a.key: cheapest_by_day(rows, firmness) for a, rows in groups}
    tightest = max(groups, key=lambda group: _tightness(group[1], firmness))[0]
    series = [
        Series(
            accelerator.name,
            accelerator.key,
            _dates(rows[0], weeks),
            _weekly(curves[accelerator.key], weeks),
            accelerator == tightest,
            _yesterday(found, rows, firmness, weeks) if accelerator == tightest else None,
        )
        for accelerator, rows in groups
    ]
    return {
        "forward": forward_curves(series, title="Forward price per GPU-hour by delivery week"),
        "forward_table": forward_table(series, caption="forward price, USD per GPU-hour"),
        "forward_title": _direction(tightest.name, curves[tightest.key], weeks),
        "forward_named": tightest.name,
    }


def _tightness(rows: list[Row], firmness: str) -> float:
    limits = sum(int(row.limits[rank(firmness)][:180].sum()) for row in rows)
    return sum(int(row.taken(firmness)[:180].sum()) for row in rows) / max(limits, 1)


def _direction(name: str, curve: np.ndarray[Any, Any], weeks: int) -> str:
    known = curve[: weeks * WEEK][~np.isnan(curve[: weeks * WEEK])]
    if len(known) < 2 or abs(known[-1] / known[0] - 1) < 0.02:
        return f"{name} prices hold steady"
    return f"{name} prices {'fall' if known[-1] < known[0] else 'rise'} {abs(known[-1] / known[0] - 1):.0%} from here"


def _yesterday(found: Board, rows: list[Row], firmness: str, weeks: int) -> list[float | None] | None:
    if found.before is None:
        return None
    before = [old for old in (found.before.row(row.pool.pk) for row in rows) if old]
    if not before:
        return None
    shift = (rows[0].first_day - before[0].first_day).days
    return _weekly(cheapest_by_day(before, firmness)[shift:], weeks)


def _regions(found: Board, firmness: str, weeks: int) -> dict[str, Any]:
    """Price per H100-equivalent hour by region, so that places with other accelerators compare."""
    by_region: dict[str, list[Row]] = {}
    for row in found.rows:
        if _has_price(row, firmness):
            by_region.setdefault(row.pool.site.region, []).append(row)
    if not by_region:
        return {}
    largest = sorted(by_region, key=lambda region: -sum(r.supply[P50].sum() * r.h100_weight for r in by_region[region]))
    dates = _dates(found.rows[0], weeks)
    curves = {region: _per_h100(by_region[region], firmness) for region in largest[:REGIONS_SHOWN]}
    panels = [
        Panel(region, by_region[region][0].pool.site.name, by_region[region][0].pool.accelerator.key, _weekly(c, weeks))
        for region, c in curves.items()
    ]
    means = {region: float(np.nanmean(curve[: weeks * WEEK])) for region, curve in curves.items()}
    return {
        "regions": small_multiples(panels, dates=dates, title="Price per H100-equivalent hour by region"),
        "regions_table": multiples_table(panels, dates=dates, caption="price per H100-equivalent hour by region"),
        "regions_title": f"{min(means, key=lambda region: means[region])} costs least per unit of compute",
    }


def _per_h100(rows: list[Row], firmness: str) -> np.ndarray[Any, Any]:
    prices = np.stack([row.price(firmness) / row.h100_weight for row in rows])
    return np.where(np.isnan(prices).all(axis=0), np.nan, np.fmin.reduce(prices, axis=0))


def _supply(found: Board, weeks: int) -> dict[str, Any]:
    """The fan over all pools in H100 equivalents, with the projects that make its steps."""
    fans = [sum(row.supply[level] * row.h100_weight for row in found.rows) for level in (P90, P50, P10)]
    sold = sum(row.taken("standby") * row.h100_weight for row in found.rows)
    dates = _dates(found.rows[0], weeks)
    weekly = [np.asarray(values)[: weeks * WEEK : WEEK].tolist() for values in (*fans, sold)]
    fan = Fan(dates, *weekly, "H100 equivalents")
    bars = _projects(found, dates[0], dates[-1])
    return {
        "supply": supply_fan(fan, bars, title="Supply on sale in H100 equivalents, with the projects behind it"),
        "supply_table": supply_table(fan, caption="supply on sale by week, H100 equivalents"),
        "projects_table": project_table(bars, caption="the projects behind it") if bars else None,
    }


def _projects(found: Board, first: date, last: date) -> list[ProjectBar]:
    outlooks = (
        ProjectOutlook.objects.filter(projection=found.rows[0].version.projection, p90__gte=first, p10__lte=last)
        .exclude(project__milestones__actual__isnull=False)
        .select_related("project__pool__site", "project__pool__accelerator")
        .prefetch_related("project__milestones")
        .defer("ready_days")
        .order_by("p50")
    )
    return [_bar(outlook) for outlook in outlooks]


def _bar(outlook: ProjectOutlook) -> ProjectBar:
    project = outlook.project
    planned = [milestone.planned for milestone in project.milestones.all()]
    waits_for = max(outlook.bottlenecks, key=lambda kind: outlook.bottlenecks[kind], default="")
    return ProjectBar(
        site=project.pool.site.name,
        phase=f"phase {project.ordinal}, {project.pool.accelerator.name}",
        planned=max(planned, default=None),
        p10=outlook.p10,
        p50=outlook.p50,
        p90=outlook.p90,
        gpus=project.gpus,
        mw=float(project.mw),
        bottleneck=waits_for,
    )


def _heat(found: Board, firmness: str, weeks: int) -> dict[str, Any]:
    """Share of the class's limit taken, by pool and week; every cell leads to that pool and week."""
    dates = _dates(found.rows[0], weeks)
    rows = [
        HeatRow(
            row.pool.site.name,
            row.pool.accelerator.name,
            [
                HeatCell(share, _ask(row, dates[week], firmness))
                for week, share in enumerate(_shares(row, firmness, weeks))
            ],
        )
        for row in sorted(found.rows, key=lambda row: (row.h100_weight, row.pool.site.name))
    ]
    return {
        "heat": heat_map(rows, dates, title=f"Share of the {firmness} limit sold or held, by pool and week"),
        "heat_table": heat_table(rows, dates, caption=f"share of the {firmness} limit taken"),
    }


def _shares(row: Row, firmness: str, weeks: int) -> list[float | None]:
    taken, limit = row.taken(firmness)[: weeks * WEEK], row.limits[rank(firmness)][: weeks * WEEK]
    most = taken.reshape(weeks, WEEK).sum(axis=1), limit.reshape(weeks, WEEK).sum(axis=1)
    return [None if of == 0 else float(of_taken / of) for of_taken, of in zip(*most, strict=True)]


def _ask(row: Row, week: date, firmness: str) -> str:
    query = {
        "quantity": row.pool.lot * (1 if row.pool.lot >= 64 else 8),
        "accelerator": row.pool.accelerator.key,
        "days": 30,
        "start": max(week, row.first_day + timedelta(days=1)).isoformat(),
        "flexibility": 7,
        "firmness": firmness,
        "where": row.pool.site.jurisdiction,
    }
    return f"{reverse('capacity')}?{urlencode(query)}"


def _movers(found: Board, firmness: str) -> list[dict[str, Any]]:
    """The largest changes of a pool's mean price over a year since the day before, with the reason on record."""
    if found.before is None:
        return []
    moves = []
    for row in found.rows:
        old = found.before.row(row.pool.pk)
        if old is None or not _has_price(row, firmness) or not _has_price(old, firmness):
            continue
        was, now = (float(np.nanmean(each.price(firmness)[:365])) for each in (old, row))
        if abs(now / was - 1) >= SMALLEST_MOVE:
            reason = row.version.reason if row.version.pk != old.version.pk else "demand in total"
            moves.append({"pool": row.pool, "was": was, "now": now, "change": now / was - 1, "reason": reason})
    return sorted(moves, key=lambda move: -abs(move["change"]))[:MOVERS_SHOWN]
