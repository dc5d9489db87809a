"""What providers reported, what their record is worth to the projection, and what they let others see."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from marketplace.admin.base import FrozenAdmin, LongAdmin
from marketplace.models import DisclosurePolicy, MilestoneReport, Organisation
from marketplace.supply.learning.trust import PROVIDER_WEIGHT
from marketplace.supply.trusting import records
from marketplace.units import clock


@admin.register(MilestoneReport)
class MilestoneReportAdmin(LongAdmin):
    list_display = ("at", "milestone", "forecast", "actual", "source", "reported_by", "note")
    list_filter = ("source",)
    list_select_related = ("milestone__project",)
    search_fields = ("milestone__project__public_id__exact", "milestone__project__name")
    search_help_text = "A project's whole id, or a part of its name"
    fields = ("milestone", ("forecast", "actual"), "note", ("source", "reported_by", "at"))


@admin.register(DisclosurePolicy)
class DisclosurePolicyAdmin(FrozenAdmin):
    list_display = ("provider", "version", "milestones_to", "causes_to", "after_days", "starts_at", "published_by")
    list_select_related = ("provider",)
    search_fields = ("provider__name",)


def providers_page(request: HttpRequest, frame: dict[str, Any]) -> HttpResponse:
    """Announced against what came, by provider."""
    if not request.user.has_perm("marketplace.view_milestonereport"):
        raise PermissionDenied
    found = records(clock.today())
    names = dict(Organisation.objects.filter(pk__in=found).values_list("pk", "name"))
    rows = sorted(((names[pk], *each) for pk, each in found.items()), key=lambda row: row[0])
    context = {**frame, "title": "Providers", "rows": rows, "weight": PROVIDER_WEIGHT}
    return TemplateResponse(request, "admin/marketplace/providers.html", context)
