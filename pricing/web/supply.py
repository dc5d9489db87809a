"""Supply on the board: the fan with the projects that make its steps, and where it is tight."""

from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.http import urlencode

from marketplace.supply.disclosing import Disclosed, disclosed
from marketplace.supply.models import Milestone, ProjectOutlook
from marketplace.supply.versions import before
from marketplace.units import clock
from marketplace.units.firmness import STANDBY, rank
from marketplace.web import formats
from marketplace.web.charts.fan import Fan, supply_fan, supply_table
from marketplace.web.charts.heatmap import HeatCell, HeatRow, heat_map, heat_table
from marketplace.web.charts.projects import ProjectBar, project_table
from pricing.curve.board import P10, P50, P90, Board, Row
from pricing.web.weeks import WEEK, weeks_of


def supply(found: Board, weeks: int) -> dict[str, Any]:
    """The fan over all pools in H100 equivalents, with the projects that make its steps."""
    fans = [sum(row.supply[level] * row.h100_weight for row in found.rows) for level in (P90, P50, P10)]
    sold = sum(row.taken(STANDBY) * row.h100_weight for row in found.rows)
    dates = weeks_of(found.rows[0], weeks)
    p90, p50, p10, taken = (np.asarray(values)[: weeks * WEEK : WEEK].tolist() for values in (*fans, sold))
    fan = Fan(dates, p90, p50, p10, taken, "H100 equivalents")
    bars = _projects(found, dates[0], dates[-1])
    return {
        "supply": supply_fan(fan, bars, title="Supply on sale in H100 equivalents, with the projects behind it"),
        "supply_table": supply_table(fan, caption="supply on sale by week, H100 equivalents"),
        "projects_table": project_table(bars, caption="the projects behind it") if bars else None,
    }


def _projects(found: Board, first: date, last: date) -> list[ProjectBar]:
    # A phase is built until its last milestone is there, whatever came before it.
    being_built = Exists(Milestone.objects.filter(project=OuterRef("project"), actual=None))
    outlooks = (
        ProjectOutlook.objects.filter(projection=found.rows[0].version.projection, p90__gte=first, p10__lte=last)
        .filter(being_built)
        .select_related("project__pool__site", "project__pool__accelerator")
        .prefetch_related("project__milestones")
        .defer("ready_days")
        .order_by("p50")
    )
    earlier = before(found.rows[0].version.projection, published=True)
    was = dict(earlier.projects.values_list("project_id", "p50")) if earlier else {}
    public = disclosed(held=list, now=clock.now())  # the board is the same for everybody
    return [_bar(outlook, was.get(outlook.project_id), public) for outlook in outlooks]


def _bar(outlook: ProjectOutlook, was: date | None, public: Disclosed) -> ProjectBar:
    """`was`: its P50 date in the projection before."""
    project = outlook.project
    planned = [milestone.planned for milestone in project.milestones.all()]
    waits_for = next((kind for kind, _ in outlook.ranked_bottlenecks()), "")
    return ProjectBar(
        site=project.pool.site.name,
        phase=f"phase {project.ordinal}, {formats.accelerator(project.pool.accelerator.key)}",
        planned=max(planned, default=None),
        p10=outlook.p10,
        p50=outlook.p50,
        p90=outlook.p90,
        gpus=project.gpus,
        mw=float(project.mw),
        bottleneck=waits_for if public.shows_causes(project.pool) else "",
        moved=(outlook.p50 - was).days if was else None,
    )


def heat(found: Board, firmness: str, weeks: int) -> dict[str, Any]:
    """Share of the class's limit taken, by pool and week; every cell leads to that pool and week."""
    dates = weeks_of(found.rows[0], weeks)
    rows = [
        HeatRow(
            row.pool.site.name,
            formats.accelerator(row.pool.accelerator.key),
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
    query: dict[str, str | int] = {
        "quantity": row.pool.lot * (1 if row.pool.lot >= 64 else 8),
        "accelerator": row.pool.accelerator.key,
        "days": 30,
        "start": max(week, row.first_day + timedelta(days=1)).isoformat(),
        "flexibility": 7,
        "firmness": firmness,
        "where": row.pool.site.jurisdiction,
    }
    return f"{reverse('capacity')}?{urlencode(query)}"
