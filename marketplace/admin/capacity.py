"""The Capacity page: what a pool may sell and has sold, day by day; days that are alike stand in one row."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from marketplace.capacity.queries import inventory
from marketplace.models import CapacityDay, Pool
from marketplace.supply.queries import open_stops
from marketplace.units import clock
from marketplace.units.firmness import CHOICES, FIRMNESS
from marketplace.units.period import Period

LONGEST = 2557
SHOWN_AT_FIRST = 90


@dataclass(frozen=True)
class ClassFigures:
    """One class on one day, in GPUs. Limit, room and shortfall count the class and those firmer together."""

    limit: int
    held: int
    committed: int
    room: int
    shortfall: int


@dataclass(frozen=True)
class Stretch:
    """Days in a row, `last` included, on which nothing differs."""

    first: date
    last: date
    classes: tuple[ClassFigures, ...]


def day_input() -> UnfoldAdminTextInputWidget:
    return UnfoldAdminTextInputWidget(attrs={"type": "date"})


class CapacityForm(forms.Form):
    pool = forms.ModelChoiceField(
        Pool.objects.select_related("site", "accelerator"), widget=UnfoldAdminSelectWidget, empty_label=None
    )
    start = forms.DateField(label="From", widget=day_input())
    end = forms.DateField(label="To, not included", widget=day_input())

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        start, end = found.get("start"), found.get("end")
        if start and end and not 0 < (end - start).days <= LONGEST:
            raise forms.ValidationError(f"Choose from 1 to {LONGEST} days.")
        return found


def capacity_page(request: HttpRequest, frame: dict[str, Any]) -> HttpResponse:
    if not request.user.has_perm("marketplace.view_capacityday"):
        raise PermissionDenied
    form = CapacityForm(request.GET if "pool" in request.GET else _at_first())
    found = form.is_valid()
    rows = list(stretches(form.cleaned_data["pool"], _period(form))) if found else []
    context = {**frame, "title": "Capacity", "form": form, "rows": rows, "classes": CHOICES}
    if found:
        pool = form.cleaned_data["pool"]
        context["stop"] = open_stops().filter(site_id=pool.site_id, seller_id=pool.seller_id).first()
    return TemplateResponse(request, "admin/marketplace/capacity.html", context)


def _at_first() -> dict[str, Any]:
    today = clock.today()
    return {"pool": Pool.objects.values_list("pk", flat=True).first(), "start": today} | {
        "end": today + timedelta(days=SHOWN_AT_FIRST)
    }


def _period(form: CapacityForm) -> Period:
    return Period(form.cleaned_data["start"], form.cleaned_data["end"])


def stretches(pool: Pool, period: Period) -> Iterator[Stretch]:
    """The pool's days over the period, equal neighbours put together."""
    for classes, days in groupby(_days(pool, period), key=lambda pair: pair[1]):
        alike = [day for day, _ in days]
        yield Stretch(alike[0], alike[-1], classes)


def _days(pool: Pool, period: Period) -> Iterator[tuple[date, tuple[ClassFigures, ...]]]:
    found = inventory(pool_ids=[pool.pk], period=period, now=clock.now())
    room, shortfall = found.room()[0], found.shortfall()[0]
    rows = {row.day: row for row in CapacityDay.objects.filter(pool=pool, day__gte=period.start, day__lt=period.end)}
    for at, day in enumerate(period):
        row = rows.get(day) or CapacityDay(pool=pool, day=day)
        yield (
            day,
            tuple(
                ClassFigures(
                    limit=getattr(row, f"limit_{name}"),
                    held=getattr(row, f"{name}_held"),
                    committed=getattr(row, f"{name}_committed"),
                    room=int(room[index, at]),
                    shortfall=int(shortfall[index, at]),
                )
                for index, name in enumerate(FIRMNESS)
            ),
        )
