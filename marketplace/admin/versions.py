"""Policies that are published by versions: a version is read; a change is a new one that starts from a copy."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse

from marketplace.admin.base import StaffAdmin
from marketplace.units import clock

LEAD = timedelta(minutes=10)  # time to read a copied policy through before it starts
BUTTONS = ("csrfmiddlewaretoken", "_save", "_addanother", "_continue", "_publish", "_confirmed")

Sent = list[tuple[str, str]]


class CheckedForm(forms.ModelForm):
    """A draft. The rules stand in the action: what it would refuse is said beside the field.

    `refusal` is what `check` raises; its `faults` are sentences by field.
    """

    refusal: type[Exception]

    def check(self, draft: Any, now: datetime) -> None:
        raise NotImplementedError

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            self.check(self.instance, clock.now())
        except self.refusal as refused:
            for name, said in refused.faults.items():  # type: ignore[attr-defined]
                self.add_error(name, said)


class VersionAdmin(StaffAdmin):
    """Nothing that was published is edited."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def first_draft(self) -> Model | None:
        """What a draft starts from where no version is copied."""
        return None

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        copied = request.GET.get("copy", "")
        found = self.model._default_manager.filter(pk=copied).first() if copied.isdigit() else None
        start = found or self.first_draft()
        initial = model_to_dict(start) if start else {}
        return {**initial, "reason": "", "starts_at": clock.now().replace(second=0, microsecond=0) + LEAD}


class PreviewedVersionAdmin(VersionAdmin):
    """The first save shows what the draft would do; only the button on that page publishes it."""

    def preview(self, request: HttpRequest, draft: Any, kept: Sent) -> HttpResponse:
        raise NotImplementedError

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        if request.method == "POST" and "_publish" not in request.POST:
            if not self.has_add_permission(request):
                raise PermissionDenied
            form = self.get_form(request)(request.POST)
            if form.is_valid():
                return self.preview(request, form.instance, kept_of(request))
        return super().add_view(request, form_url, extra_context)


def kept_of(request: HttpRequest) -> Sent:
    """What a page of buttons sends again: the form as it was filled in."""
    return [(name, value) for name, values in request.POST.lists() for value in values if name not in BUTTONS]
