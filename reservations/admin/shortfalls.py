"""What is short and watched, whom it concerns, and what was planned for it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.decorators import display

from marketplace.admin.base import FrozenAdmin
from marketplace.web import formats
from reservations.allocation.models import PLANNED, RECOVERED, WATCHING, Concern, Shortfall

SHOWN = 200  # reservations of one shortfall on its page, the least sure first


@admin.register(Shortfall)
class ShortfallAdmin(FrozenAdmin):
    """Opened and ended by the watch after each projection, never by hand."""

    list_display = ("pool", "firmness", "stands", "days", "worst", "gpu_days", "sure", "plan", "opened_at")
    list_filter = ("state", "firmness", "pool")
    list_select_related = ("pool__site", "pool__accelerator")
    search_fields = ("public_id__exact", "pool__site__name")
    readonly_fields = ("stands", "days", "worst", "sure")
    fields = (
        ("public_id", "stands"),
        ("pool", "firmness"),
        ("days", "worst", "gpu_days"),
        ("sure", "plan"),
        ("since", "projection"),
        ("opened_at", "seen_at", "recovered_at"),
    )
    change_form_outer_after_template = "admin/reservations/shortfall/story.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Shortfall]:
        found = super().get_queryset(request).select_related("plan", "since", "projection")
        return found.defer("plan__inputs", "plan__result", "since__inputs", "projection__inputs")

    @display(description="State", label={WATCHING: "warning", PLANNED: "danger", RECOVERED: "success"})
    def stands(self, row: Shortfall) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @admin.display(description="Days")
    def days(self, row: Shortfall) -> str:
        return f"{formats.day(row.first_day)} to {formats.day(row.last_day)}"

    @admin.display(description="Worst day, GPUs", ordering="worst_gpus")
    def worst(self, row: Shortfall) -> str:
        return formats.count(row.worst_gpus)

    @admin.display(description="Confidence that nobody is short", ordering="confidence")
    def sure(self, row: Shortfall) -> str:
        return formats.percent(row.confidence, digits=1)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        concerns = Concern.objects.filter(shortfall_id=object_id) if object_id.isdecimal() else Concern.objects.none()
        named = concerns.select_related("reservation__organisation", "reservation__pool__site")
        found = {
            "concerns": named.select_related("reservation__pool__accelerator")[:SHOWN],
            "more_concerns": max(concerns.count() - SHOWN, 0),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **found})
