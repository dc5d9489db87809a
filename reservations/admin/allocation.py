"""By which rules plans are made: versions are read; a change is a new one, seen before it is published."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import PermissionDenied
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from marketplace.admin.base import StaffAdmin, author
from marketplace.change import change as changes
from marketplace.units import clock
from reservations.allocation.models import AllocationPolicy
from reservations.allocation.policies import AllocationRefused, check_allocation, publish_allocation
from reservations.allocation.trials import trials

LEAD = timedelta(minutes=10)  # time to read a copied policy through before it starts
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
BUTTONS = ("csrfmiddlewaretoken", "_save", "_addanother", "_continue", "_publish")


class AllocationForm(forms.ModelForm):
    class Meta:
        model = AllocationPolicy
        fields = tuple(flatten_fieldsets(RULES))

    def _post_clean(self) -> None:
        """The rules stand in the action: what it would refuse is said beside the field."""
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            check_allocation(self.instance, now=clock.now())
        except AllocationRefused as refused:
            for name, said in refused.faults.items():
                self.add_error(name, said)


@admin.register(AllocationPolicy)
class AllocationPolicyAdmin(StaffAdmin):
    form = AllocationForm
    list_display = ("__str__", "starts_at", "moved_usd", "short_usd_firm", "horizon_days", "reason", "published_by")
    list_filter = ("seller",)
    list_select_related = ("seller",)
    autocomplete_fields = ("seller",)
    fieldsets = (*RULES, ("Record", {"fields": (("version", "public_id"), "published_by")}))
    add_fieldsets = RULES
    readonly_fields = ("version", "public_id", "published_by")
    change_form_outer_before_template = "admin/reservations/allocationpolicy/next.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        copied = request.GET.get("copy", "")
        policy = AllocationPolicy.objects.filter(pk=copied).first() if copied.isdigit() else None
        initial = model_to_dict(policy or AllocationPolicy(version=0))
        return {**initial, "reason": "", "starts_at": clock.now().replace(second=0, microsecond=0) + LEAD}

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """The first save shows what the newest plans would have been under the draft; the button there publishes it."""
        if request.method == "POST" and "_publish" not in request.POST:
            if not self.has_add_permission(request):
                raise PermissionDenied
            form = self.get_form(request)(request.POST)
            if form.is_valid():
                kept = [(name, value) for name, values in request.POST.lists() for value in values]
                return self._preview(request, form.instance, [pair for pair in kept if pair[0] not in BUTTONS])
        return super().add_view(request, form_url, extra_context)

    def _preview(self, request: HttpRequest, draft: AllocationPolicy, kept: list[tuple[str, str]]) -> HttpResponse:
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
