"""By which rules plans are made: versions are read; a change is a new one, seen before it is published."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from marketplace.admin.base import author
from marketplace.admin.versions import CheckedForm, PreviewedVersionAdmin, Sent
from marketplace.change import change as changes
from marketplace.units import clock
from reservations.allocation.models import AllocationPolicy
from reservations.allocation.policies import AllocationRefused, check_allocation, publish_allocation
from reservations.allocation.trials import trials

RULES: Any = (
    (None, {"fields": ("seller", "starts_at", "reason")}),
    (
        "Who is served first, and shares",
        {"fields": ("priority", "share_cap_percent", "set_aside_percent", "small_gpu_days")},
    ),
    ("What harm counts", {"fields": ("moved_usd", ("short_usd_firm", "short_usd_standard", "short_usd_standby"))}),
    (
        "When a remedy is proposed, and when the watch ends",
        {
            "fields": (
                ("propose_firm", "propose_standard", "propose_standby"),
                ("recovered_firm", "recovered_standard", "recovered_standby"),
                "days_between_plans",
            )
        },
    ),
    ("Delivery and the search", {"fields": ("horizon_days", "ready_notice_days", "effort")}),
)


class AllocationForm(CheckedForm):
    refusal = AllocationRefused

    class Meta:
        model = AllocationPolicy
        fields = tuple(flatten_fieldsets(RULES))

    def check(self, draft: Any, now: datetime) -> None:
        check_allocation(draft, now=now)


@admin.register(AllocationPolicy)
class AllocationPolicyAdmin(PreviewedVersionAdmin):
    form = AllocationForm
    list_display = ("__str__", "starts_at", "moved_usd", "short_usd_firm", "horizon_days", "reason", "published_by")
    list_filter = ("seller",)
    list_select_related = ("seller",)
    autocomplete_fields = ("seller",)
    fieldsets = (*RULES, ("Record", {"fields": (("version", "public_id"), "published_by")}))
    add_fieldsets = RULES
    readonly_fields = ("version", "public_id", "published_by")
    change_form_outer_before_template = "admin/reservations/allocationpolicy/next.html"

    def first_draft(self) -> AllocationPolicy:
        return AllocationPolicy(version=0)

    def preview(self, request: HttpRequest, draft: AllocationPolicy, kept: Sent) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "What this policy would have done",
            "draft": draft,
            "kept": kept,
            "trials": trials(draft),
        }
        return TemplateResponse(request, "admin/reservations/allocationpolicy/preview.html", context)

    def save_model(self, request: HttpRequest, obj: AllocationPolicy, form: Any, change: bool) -> None:
        by = author(request)
        changes.run(lambda: publish_allocation(policy=obj, by=by, now=clock.now()))
