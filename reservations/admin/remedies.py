"""Remedies as staff see them: what was offered and chosen; overrides with a reason, all of them listed."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from marketplace.admin.base import LongAdmin, author
from marketplace.change import change as changes
from marketplace.units import clock
from reservations.admin.waitlist import ReadOnlyRows
from reservations.allocation.choosing import choose_for, extend_deadline
from reservations.allocation.deciding import OPEN
from reservations.allocation.remedies import Remedy, RemedyChoice, RemedyOverride
from reservations.web.refusals import REFUSALS, sentence


class Choices(ReadOnlyRows):
    model = RemedyChoice
    fk_name = "remedy"
    fields = readonly_fields = (
        "kind", "is_default", "pool", "lines", "credit", "refund", "confidence", "opens_on", "claim_id",
    )  # fmt: skip


class Overrides(ReadOnlyRows):
    model = RemedyOverride
    fields = readonly_fields = ("what", "before", "after", "reason", "by", "at")


class OverrideForm(forms.Form):
    """More time, or a choice for the customer: one of the two, and why."""

    deadline = forms.DateTimeField(
        required=False, label="Time to choose until, UTC", widget=UnfoldAdminTextInputWidget, help_text="Later than now"
    )
    choice = forms.ChoiceField(required=False, label="Choose for the customer", widget=UnfoldAdminSelectWidget)
    reason = forms.CharField(
        label="Why", widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), help_text="Who asked for it, and how"
    )

    def __init__(self, remedy: Remedy, *args: Any) -> None:
        super().__init__(*args)
        named = [(each.public_id, each.get_kind_display()) for each in remedy.choices.all()]
        self.fields["choice"].choices = [("", "–"), *named]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if bool(found.get("deadline")) == bool(found.get("choice")):
            raise forms.ValidationError("Give more time, or choose for the customer: one of the two.")
        return found


@admin.register(Remedy)
class RemedyAdmin(LongAdmin):
    """What buyers were offered when supply slipped. Nothing of it is typed here: what was announced stays."""

    list_display = ("public_id", "reservation", "stands", "chosen", "deadline", "confidence", "announced_at")
    list_select_related = ("reservation", "chosen__remedy")
    search_fields = ("public_id__exact", "reservation__public_id__exact", "plan__exact")
    inlines = (Choices, Overrides)
    change_form_outer_before_template = "admin/reservations/remedy/override.html"

    @admin.display(description="State")
    def stands(self, remedy: Remedy) -> str:
        return remedy.state(clock.now())

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.override)
        return [path("<slug:public_id>/override/", page, name="remedy-override"), *super().get_urls()]

    def override(self, request: HttpRequest, public_id: str) -> HttpResponse:
        return _override(request, self.admin_site.each_context(request), public_id)


@require_http_methods(["GET", "POST"])
def _override(request: HttpRequest, context: dict[str, Any], public_id: str) -> HttpResponse:
    if not request.user.has_perm("reservations.change_remedy"):
        raise PermissionDenied
    found = get_object_or_404(Remedy.objects.shown(), public_id=public_id)
    form = OverrideForm(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        said, by = form.cleaned_data, author(request)
        try:
            changes.run(lambda: _overridden(public_id, said, by))
        except REFUSALS as refused:
            form.add_error(None, sentence(refused))
        else:
            messages.success(request, "Done, and listed with your reason.")
            return redirect("admin:reservations_remedy_change", found.pk)
    state = found.state(clock.now())
    shown = {**context, "title": "Override a remedy", "remedy": found, "form": form, "open": state == OPEN}
    return TemplateResponse(request, "admin/reservations/remedy/page.html", shown)


def _overridden(public_id: str, said: dict[str, Any], by: Any) -> Remedy:
    if said["deadline"]:
        return extend_deadline(remedy=public_id, deadline=said["deadline"], reason=said["reason"], by=by)
    return choose_for(remedy=public_id, choice=said["choice"], reason=said["reason"], by=by)


@admin.register(RemedyOverride)
class RemedyOverrideAdmin(LongAdmin):
    """Everything that staff did with remedies beside the rules, and why."""

    list_display = ("remedy", "what", "before", "after", "reason", "by", "at")
    list_filter = ("what",)
    list_select_related = ("remedy",)
    search_fields = ("remedy__public_id__exact", "by__exact")
