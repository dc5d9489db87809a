"""Demand for a seller's own pools: what is expected to be asked for, how early, and what was asked for in vain."""

from typing import Any

import numpy as np
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from marketplace.catalogue.models import Pool
from marketplace.parties.models import Membership
from marketplace.units import clock
from marketplace.units.firmness import CHOICES, FIRMNESS
from marketplace.web import formats
from marketplace.web.access import member_page
from marketplace.web.charts.demand import Demand, demand_chart, demand_table
from pricing.demand.queries import BookingCurve, Weekly, booking_curve_of, own_pool, weekly_demand

WEEKS_SHOWN = 52
SOON = 13


@require_GET
@member_page
def page(request: HttpRequest, found: Membership) -> HttpResponse:
    """Open to every member of the seller. Another seller's pool is like none at all."""
    pools = list(Pool.objects.filter(seller_id=found.organisation_id).select_related("site", "accelerator"))
    chosen = _chosen(request, found, pools)
    firmness = request.GET.get("firmness", "")
    firmness = firmness if firmness in FIRMNESS else ""
    context: dict[str, Any] = {
        "nav": "selling",
        "pools": pools,
        "pool": chosen,
        "firmness": firmness,
        "classes": [("", "All"), *CHOICES],
    }
    weekly = weekly_demand(pool=chosen, firmness=firmness or None, now=clock.now()) if chosen else None
    if chosen and weekly and len(weekly.expected):
        context |= figures(weekly) | early(booking_curve_of(weekly.forecast, chosen))
    return render(request, "pricing/demand.html", context)


def _chosen(request: HttpRequest, found: Membership, pools: list[Pool]) -> Pool | None:
    wanted = request.GET.get("pool", "")
    if not wanted:
        return pools[0] if pools else None
    pool = own_pool(public_id=wanted, organisation_id=found.organisation_id)
    if pool is None:
        raise Http404
    return next(each for each in pools if each.pk == pool.pk)


def figures(weekly: Weekly) -> dict[str, Any]:
    """The chart with its table, and the numbers that the page is judged by. The cockpit shows the same."""
    drawn = slice(0, WEEKS_SHOWN)
    demand = Demand(
        weekly.dates[drawn],
        weekly.expected[drawn].tolist(),
        weekly.low[drawn].tolist(),
        weekly.high[drawn].tolist(),
        weekly.on_the_books[drawn].tolist(),
        [None if np.isnan(value) else float(value) for value in weekly.before[drawn]],
    )
    return {
        "forecast": weekly.forecast,
        "before": weekly.before_id,
        "seen": weekly.seen,
        "volume": weekly.volume,
        "expected": float(weekly.expected[:SOON].sum()),
        "on_the_books": int(weekly.on_the_books[:SOON].sum()),
        "soon": SOON,
        "finding": _finding(weekly),
        "chart": demand_chart(demand, title="GPU-days by delivery week: on the books, and expected on top"),
        "chart_table": demand_table(demand, caption="demand by delivery week, GPU-days"),
    }


def _finding(weekly: Weekly) -> str:
    """The chart's title: how what is still to come compares with what is sold."""
    to_come, sold = float(weekly.expected[:SOON].sum()), int(weekly.on_the_books[:SOON].sum())
    if not sold:
        return "Nothing is on the books of the next 13 weeks yet"
    return f"For each 100 GPU-days on the books, {formats.count(round(100 * to_come / sold))} more are expected"


def early(curve: BookingCurve) -> dict[str, Any]:
    """The booking curve as rows."""
    rows = zip(curve.leads, curve.assumed.tolist(), curve.learnt.tolist(), strict=True)
    return {"early": [{"days": days, "assumed": assumed, "learnt": learnt} for days, assumed, learnt in rows]}
