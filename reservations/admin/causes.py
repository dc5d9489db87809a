"""Causes of a slip: one person states them, a second confirms; and the threads in which buyers dispute them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods, require_POST
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from marketplace.admin.base import LongAdmin, StaffAdmin, author
from marketplace.change import change as changes
from marketplace.units import clock
from reservations.allocation.causes import OUTCOMES, CauseDispute, DelayCause
from reservations.allocation.stating import (
    cause_faults,
    confirm_cause,
    post_to_dispute,
    resolve_dispute,
    state_cause,
)
from reservations.web.refusals import REFUSALS, sentence

SAID = ("kind", "site", "project", "disruption", "days", "began", "notice_at", "statement", "evidence")


class CauseForm(forms.ModelForm):
    class Meta:
        model = DelayCause
        fields = SAID

    def clean(self) -> dict[str, Any]:
        """The rules stand in the action: what it would refuse is said beside the field."""
        found = super().clean() or {}
        if not self.errors:
            said = {name: found.get(name) for name in SAID}
            for name, words in cause_faults(now=clock.now(), **said).items():  # type: ignore[arg-type]
                self.add_error(name, words)
        return found


@admin.register(DelayCause)
class DelayCauseAdmin(StaffAdmin):
    """Why something is late. It excuses nothing before a second person has confirmed it."""

    form = CauseForm
    list_display = ("public_id", "kind", "scope", "days", "began", "notice_at", "stated_by", "confirmed_by")
    list_filter = ("kind",)
    list_select_related = ("site", "project", "disruption")
    search_fields = ("public_id__exact", "evidence")
    autocomplete_fields = ("site", "project", "disruption")
    add_fieldsets = (
        (None, {"fields": ("kind", ("site", "project", "disruption"), ("days", "began", "notice_at"))}),
        ("Proof", {"fields": ("statement", "evidence")}),
    )
    fields = ("public_id", *SAID, ("stated_by", "stated_at"), ("confirmed_by", "confirmed_at"))
    readonly_fields = ("public_id", "stated_by", "stated_at", "confirmed_by", "confirmed_at")
    change_form_outer_before_template = "admin/reservations/delaycause/confirm.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.add_fieldsets if obj is None else super().get_fieldsets(request, obj)

    def save_model(self, request: HttpRequest, obj: DelayCause, form: Any, change: bool) -> None:
        by = author(request)
        made = changes.run(lambda: state_cause(by=by, now=clock.now(), **{name: getattr(obj, name) for name in SAID}))
        obj.pk, obj.public_id = made.pk, made.public_id

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(_confirm)
        return [path("<int:pk>/confirm/", page, name="cause-confirm"), *super().get_urls()]


@require_POST
def _confirm(request: HttpRequest, pk: int) -> HttpResponse:
    if not request.user.has_perm("reservations.change_delaycause"):
        raise PermissionDenied
    found, by = get_object_or_404(DelayCause, pk=pk), author(request)
    try:
        changes.run(lambda: confirm_cause(cause=found.public_id, by=by))
    except REFUSALS as refused:
        messages.error(request, sentence(refused))
    else:
        messages.success(request, "Confirmed: it excuses late days from now on, as far as each contract says.")
    return redirect("admin:reservations_delaycause_change", pk)


class ThreadForm(forms.Form):
    """One more post; with an outcome it is the last."""

    text = forms.CharField(label="What you say", widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))
    outcome = forms.ChoiceField(
        required=False, label="Outcome", choices=[("", "Stays open"), *OUTCOMES], widget=UnfoldAdminSelectWidget
    )
    days = forms.IntegerField(
        required=False, min_value=0, label="Days it excuses then", widget=UnfoldAdminIntegerFieldWidget
    )


@admin.register(CauseDispute)
class CauseDisputeAdmin(LongAdmin):
    """Buyers who say that a cause does not excuse their delay."""

    list_display = ("public_id", "cause", "reservation", "organisation", "opened_at", "outcome", "days", "resolved_by")
    list_filter = ("outcome",)
    list_select_related = ("cause__site", "cause__project", "cause__disruption", "reservation", "organisation")
    search_fields = ("public_id__exact", "reservation__public_id__exact")
    change_form_outer_before_template = "admin/reservations/causedispute/answer.html"

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.thread)
        return [path("<slug:public_id>/thread/", page, name="dispute-thread"), *super().get_urls()]

    def thread(self, request: HttpRequest, public_id: str) -> HttpResponse:
        return _thread(request, self.admin_site.each_context(request), public_id)


@require_http_methods(["GET", "POST"])
def _thread(request: HttpRequest, context: dict[str, Any], public_id: str) -> HttpResponse:
    if not request.user.has_perm("reservations.change_causedispute"):
        raise PermissionDenied
    found = get_object_or_404(CauseDispute.objects.select_related("cause", "reservation"), public_id=public_id)
    form = ThreadForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said, by = form.cleaned_data, author(request)
        try:
            changes.run(lambda: _answered(public_id, said, by))
        except REFUSALS as refused:
            form.add_error(None, sentence(refused))
        else:
            messages.success(request, "Said." if not said["outcome"] else "Resolved; the credit follows.")
            return redirect("admin:dispute-thread", public_id)
    shown = {**context, "title": "Dispute about a cause", "dispute": found, "posts": found.posts.all(), "form": form}
    return TemplateResponse(request, "admin/reservations/causedispute/page.html", shown)


def _answered(public_id: str, said: dict[str, Any], by: Any) -> CauseDispute:
    if said["outcome"]:
        return resolve_dispute(dispute=public_id, outcome=said["outcome"], days=said["days"], text=said["text"], by=by)
    return post_to_dispute(dispute=public_id, text=said["text"], by=by, organisation_id=None)
