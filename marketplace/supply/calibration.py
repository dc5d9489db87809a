"""How the market's own projections kept, and how the method did on public data."""

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.db.models import Count, DateField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Subquery

from marketplace.supply.learning.kept import Case, Kept, by_kind, by_lead, kept
from marketplace.supply.models import Milestone, Project, ProjectOutlook

BEFOREHAND = (30, 90, 180)  # days before the actual date by which a projection must have been made to count
PUBLIC_FIGURES = Path(__file__).parent / "public_backtest.toml"


@dataclass(frozen=True)
class Calibration:
    """`open_beyond`: projects still not ready though the P90 date of their first projection has passed; they are no
    cases yet, and will be outside."""

    days_before: int
    overall: Kept
    kinds: list[Kept]
    leads: list[Kept]
    open_beyond: int


def calibration(*, days_before: int, today: date) -> Calibration:
    """Of the projects that became ready: the last projection made at least so many days before, and whether the day
    was within its P10 and P90."""
    cases = _cases(days_before, today)
    return Calibration(days_before, kept("overall", cases), by_kind(cases), by_lead(cases), _open_beyond(today))


def _cases(days_before: int, today: date) -> list[Case]:
    last = Milestone.objects.filter(project=OuterRef("project")).order_by("-actual", "pk")
    ahead = ExpressionWrapper(F("ready") - timedelta(days=days_before), output_field=DateField())
    outlooks = (
        ProjectOutlook.objects.filter(project__in=_ready(today))
        .annotate(ready=Subquery(last.values("actual")[:1]), kind=Subquery(last.values("kind")[:1]))
        .filter(projection__first_day__lte=ahead)
        .order_by("project_id", "-projection__first_day", "-projection_id")
        .distinct("project_id")
        .values_list("kind", "project__pool__site__key", "projection__first_day", "p10", "p50", "p90", "ready")
    )
    return [
        Case(kind, site, (p50 - first).days, p10 <= ready <= p90)
        for kind, site, first, p10, p50, p90, ready in outlooks
    ]


def _ready(today: date) -> QuerySet[Project]:
    there = Q(milestones__actual__lte=today)
    return (
        Project.objects.filter(is_withdrawn=False, gpus__gt=0)
        .annotate(waits=Count("milestones"), came=Count("milestones", filter=there))
        .filter(waits__gt=0, came=F("waits"))
    )


def _open_beyond(today: date) -> int:
    still_open = Milestone.objects.filter(project=OuterRef("pk")).exclude(actual__lte=today)
    first = ProjectOutlook.objects.filter(project=OuterRef("pk")).order_by("projection_id")
    projects = Project.objects.filter(is_withdrawn=False, gpus__gt=0).annotate(p90=Subquery(first.values("p90")[:1]))
    return projects.filter(Exists(still_open), p90__lt=today).count()


def public_backtest() -> dict[str, Any]:
    """`source`, `command`, and `origins`: what the same method did on public power projects. Figures of ours."""
    return tomllib.loads(PUBLIC_FIGURES.read_text(encoding="utf-8"))
