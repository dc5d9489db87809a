"""Assignments: the seller's consent or refusal, with a reason."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminTextareaWidget

from marketplace.admin.base import LongAdmin, author
from marketplace.change import change as changes
from marketplace.units import clock
from reservations.booking.amendments import OFFERED, Assignment
from reservations.booking.assigning import ConsentReasonMissing, consent_to_assignment
from reservations.web.refusals import REFUSALS, sentence


class ConsentForm(forms.Form):
    reason = forms.CharField(label="Why", widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))


@admin.register(Assignment)
class AssignmentAdmin(LongAdmin):
    """Offers of reservations to other organisations. Only the consent is ours to give."""

    list_display = ("public_id", "reservation", "giver", "receiver", "grounds", "status", "expires_at")
    list_filter = ("status", "grounds")
    list_select_related = ("reservation", "giver", "receiver")
    search_fields = ("public_id__exact", "reservation__public_id__exact")
    change_form_outer_before_template = "admin/reservations/assignment/decide.html"
    fields = (
        ("public_id", "status"),
        ("reservation", "giver", "receiver"),
        ("grounds", "note"),
        ("offered_at", "offered_by", "expires_at"),
        ("consented_at", "consented_by", "reason"),
        ("decided_at", "decided_by"),
    )

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.decide)
        return [path("<slug:public_id>/consent/", page, name="assignment-consent"), *super().get_urls()]

    def decide(self, request: HttpRequest, public_id: str) -> HttpResponse:
        return _decide(request, self.admin_site.each_context(request), public_id)


@require_http_methods(["GET", "POST"])
def _decide(request: HttpRequest, context: dict[str, Any], public_id: str) -> HttpResponse:
    """Asks for the reason, then consents or refuses."""
    if not request.user.has_perm("reservations.change_assignment"):
        raise PermissionDenied
    found = get_object_or_404(Assignment.objects.with_names(), public_id=public_id)
    form = ConsentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        by, agrees, reason = author(request), "_refuse" not in request.POST, form.cleaned_data["reason"]
        try:
            changes.run(lambda: consent_to_assignment(assignment=public_id, agrees=agrees, reason=reason, by=by))
        except ConsentReasonMissing as missing:
            form.add_error("reason", str(missing))
        except REFUSALS as refused:
            messages.error(request, sentence(refused))
            return redirect("admin:reservations_assignment_change", found.pk)
        else:
            messages.success(request, "Consented." if agrees else "Refused.")
            return redirect("admin:reservations_assignment_change", found.pk)
    state = found.state(clock.now())
    shown = {**context, "title": "Consent to an assignment", "assignment": found, "form": form, "state": state}
    return TemplateResponse(request, "admin/reservations/assignment/consent.html", {**shown, "open": state == OFFERED})
