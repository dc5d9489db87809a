"""Price versions and the tape: frozen, to be read."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from unfold.admin import TabularInline

from marketplace.admin.base import FrozenAdmin
from marketplace.web import formats
from pricing.curve.models import PoolCurve, PriceVersion, Tape, TapePool


class CurveInline(TabularInline):
    model = PoolCurve
    fields = ("pool", "first_day", "energy", "capital", "reserve", "adder", "cap", "moved")
    readonly_fields = fields
    extra = 0
    max_num = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PoolCurve]:
        rows = super().get_queryset(request).select_related("pool__site", "pool__accelerator")
        return rows.defer("limits", "use", "dual")

    @admin.display(description="Moved against the version before, and why")
    def moved(self, row: PoolCurve) -> str:
        lines = [(_in_words(move),) for move in row.movements]
        return format_html_join(mark_safe("<br>"), "{}", lines) or "nothing"


def _in_words(move: dict[str, Any]) -> str:
    exact = move["exact"]
    mean, most = formats.change(exact["mean"]), formats.change(exact["most"])
    return f"{move['firmness']} {mean} ({most} on {exact['day']}), {move['cause']}: {move['reason']}"


@admin.register(PriceVersion)
class PriceVersionAdmin(FrozenAdmin):
    list_display = ("public_id", "seller", "reason", "policy", "projection", "created_at")
    list_filter = ("seller",)
    list_select_related = ("seller", "policy__seller", "projection")
    search_fields = ("public_id__exact", "seller__name")
    inlines = (CurveInline,)
    fields = (("public_id", "seller"), ("policy", "projection"), ("reason", "created_at"), "forecast")


class TapePoolInline(TabularInline):
    model = TapePool
    fields = ("pool", "version", "first_day", "headroom_firm", "headroom_standard", "headroom_standby")
    readonly_fields = fields
    extra = 0
    max_num = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[TapePool]:
        related = ("pool__site", "pool__accelerator", "version__seller")
        return super().get_queryset(request).select_related(*related)

    @admin.display(description="Firm headroom, first day")
    def headroom_firm(self, row: TapePool) -> int:
        return row.headroom[0][0]

    @admin.display(description="Standard")
    def headroom_standard(self, row: TapePool) -> int:
        return row.headroom[1][0]

    @admin.display(description="Standby")
    def headroom_standby(self, row: TapePool) -> int:
        return row.headroom[2][0]


@admin.register(Tape)
class TapeAdmin(FrozenAdmin):
    list_display = ("tick",)
    inlines = (TapePoolInline,)
    fields = ("tick",)
