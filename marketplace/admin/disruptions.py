"""Disruptions and maintenance: entered with their effect, withdrawn with a reason, never edited and never deleted."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from marketplace.admin.base import BUSY, StaffAdmin, author
from marketplace.celery import PROJECT_SUPPLY, wake
from marketplace.change import change as changes
from marketplace.models import Disruption, MaintenanceWindow
from marketplace.supply.disrupting import (
    AlreadyWithdrawn,
    NotSound,
    disruption_faults,
    enter_disruption,
    maintenance_faults,
    plan_maintenance,
    withdraw,
)
from marketplace.supply.models import MILESTONE_KINDS
from marketplace.units import clock

RECORD = ("Record", {"fields": (("public_id",), ("entered_by", "entered_at"), ("withdrawn_by", "withdrawn_at"))})


class DisruptionForm(forms.ModelForm):
    milestone_kinds = forms.MultipleChoiceField(
        choices=MILESTONE_KINDS,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="The kinds of milestone that come later",
    )

    class Meta:
        model = Disruption
        fields = ("kind", "starts", "ends", "site", "pool", "project", "milestone_kinds") + (
            "delay_days",
            "work_days",
            "usable_share",
            "mw_available",
            "reason",
            "source",
        )
        labels = {"mw_available": "MW available"}

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not self.errors:
            _show(self, disruption_faults(Disruption(**found), today=clock.today()))
        return found


class MaintenanceForm(forms.ModelForm):
    class Meta:
        model = MaintenanceWindow
        fields = ("pool", "starts", "ends", "usable_share", "reason", "source")

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not self.errors:
            _show(self, maintenance_faults(MaintenanceWindow(**found), today=clock.today()))
        return found


def _show(form: forms.ModelForm, faults: dict[str, str]) -> None:
    for field, fault in faults.items():
        form.add_error(field or None, fault)


class StatedAdmin(StaffAdmin):
    """A statement stands as it was made: who was wrong withdraws it, says why, and makes another."""

    change_form_outer_before_template = "admin/marketplace/stated/withdraw.html"
    readonly_fields = ("public_id", "entered_by", "entered_at", "withdrawn_by", "withdrawn_at", "withdrawn_reason")
    list_filter: tuple[Any, ...] = (("withdrawn_at", admin.EmptyFieldListFilter), "starts")
    enter: Any

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"marketplace.change_{self.opts.model_name}")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.withdraw_one)
        return [path("<int:pk>/withdraw/", view, name=f"withdraw-{self.opts.model_name}"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        more = {
            "withdraw_url": f"admin:withdraw-{self.opts.model_name}",
            "may_withdraw": self.has_withdraw_permission(request),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def withdraw_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST" or not self.has_withdraw_permission(request):
            raise PermissionDenied
        stated, reason = get_object_or_404(self.model, pk=pk), request.POST.get("reason", "")
        by = author(request)
        try:
            changes.run(lambda: withdraw(stated=stated, by=by, now=clock.now(), reason=reason))
        except NotSound as refused:
            messages.error(request, f"{refused} Nothing was done.")
        except AlreadyWithdrawn:
            messages.error(request, "It was withdrawn before. Nothing was done.")
        except changes.Busy:
            messages.error(request, BUSY)
        else:
            wake(PROJECT_SUPPLY)
            messages.success(request, "Withdrawn: the next projection is made without it.")
        return redirect(f"admin:marketplace_{self.opts.model_name}_change", pk)


@admin.register(Disruption)
class DisruptionAdmin(StatedAdmin):
    form = DisruptionForm
    list_display = ("kind", "about", "starts", "ends", "effect", "entered_by", "withdrawn_at")
    list_filter = ("kind", *StatedAdmin.list_filter)
    list_select_related = ("site", "pool__site", "pool__accelerator", "project")
    search_fields = ("public_id__exact", "reason", "site__name", "project__name")
    autocomplete_fields = ("site", "pool", "project")
    add_fieldsets = (
        ("What happens", {"fields": ("kind", ("starts", "ends"), "reason", "source")}),
        ("What it is about (one of them, or none for everywhere)", {"fields": ("site", "pool", "project")}),
        ("Milestones that come later", {"fields": ("milestone_kinds", ("delay_days", "work_days"))}),
        ("GPUs that cannot be used meanwhile", {"fields": (("usable_share", "mw_available"),)}),
    )
    fieldsets = (*add_fieldsets, RECORD, (None, {"fields": ("withdrawn_reason",)}))

    @admin.display(description="About")
    def about(self, disruption: Disruption) -> str:
        return disruption.scope

    @admin.display(description="Effect")
    def effect(self, disruption: Disruption) -> str:
        return disruption.effect

    def save_model(self, request: HttpRequest, obj: Disruption, form: Any, change: bool) -> None:
        by = author(request)
        changes.run(lambda: enter_disruption(disruption=obj, by=by, now=clock.now()))
        wake(PROJECT_SUPPLY)


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(StatedAdmin):
    form = MaintenanceForm
    list_display = ("pool", "starts", "ends", "usable_share", "reason", "entered_by", "withdrawn_at")
    list_select_related = ("pool__site", "pool__accelerator")
    search_fields = ("public_id__exact", "reason", "pool__site__name")
    autocomplete_fields = ("pool",)
    add_fieldsets = ((None, {"fields": ("pool", ("starts", "ends"), "usable_share", "reason", "source")}),)
    fieldsets = (*add_fieldsets, RECORD, (None, {"fields": ("withdrawn_reason",)}))

    def save_model(self, request: HttpRequest, obj: MaintenanceWindow, form: Any, change: bool) -> None:
        by = author(request)
        changes.run(lambda: plan_maintenance(window=obj, by=by, now=clock.now()))
        wake(PROJECT_SUPPLY)
