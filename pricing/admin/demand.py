"""Demand forecasts: frozen, each pool's as a chart and a table beside the books and the version before."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from marketplace.admin.base import FrozenAdmin
from marketplace.units.firmness import FIRMNESS
from pricing.demand.assumptions import SOURCES
from pricing.demand.models import DemandForecast
from pricing.demand.queries import booking_curve_of, weekly_demand
from pricing.web.demand import early, figures


@admin.register(DemandForecast)
class DemandForecastAdmin(FrozenAdmin):
    list_display = ("public_id", "seller", "first_day", "weeks", "created_at")
    list_filter = ("seller",)
    list_select_related = ("seller",)
    search_fields = ("public_id__exact", "seller__name")
    fields = (("public_id", "seller"), ("first_day", "weeks"), "created_at", "inputs_digest")
    change_form_outer_before_template = "admin/pricing/demandforecast/pools.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        forecast = DemandForecast.objects.filter(pk=object_id).first() if object_id.isdigit() else None
        shown = {} if forecast is None else {"demand": _pools(request, forecast), "assumptions": _assumptions(forecast)}
        answer: HttpResponse = super().change_view(
            request, object_id, form_url, {**shown, "classes": ["all", *FIRMNESS], **(extra_context or {})}
        )
        return answer


def _pools(request: HttpRequest, forecast: DemandForecast) -> list[dict[str, Any]]:
    """The forecast's pools as the seller saw them when it was made, of the class that is looked at."""
    chosen = request.GET.get("firmness", "")
    firmness = chosen if chosen in FIRMNESS else None
    pools = [row.pool for row in forecast.pools.select_related("pool__site", "pool__accelerator").order_by("pk")]
    found = [(pool, weekly_demand(pool=pool, firmness=firmness, now=forecast.created_at)) for pool in pools]
    return [
        {"pool": pool, **figures(weekly), **early(booking_curve_of(forecast, pool))}
        for pool, weekly in found
        if weekly and len(weekly.expected)
    ]


def _assumptions(forecast: DemandForecast) -> list[tuple[str, Any, str]]:
    return [
        (name.replace("_", " "), value, SOURCES.get(name, "no longer used"))
        for name, value in forecast.assumptions.items()
    ]
