"""Before a slip is saved, staff see what it would do: projection, shortfalls, reservations. Only then it is saved.

The ground floor's pages know nothing of reservations, so they are given the step here: the first save is tried and
taken back, and the button on the page that shows it sends the same form again.
"""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from marketplace.admin.disruptions import DisruptionAdmin, MaintenanceWindowAdmin
from marketplace.admin.supply import ProjectAdmin
from marketplace.admin.versions import kept_of
from marketplace.models import Disruption, MaintenanceWindow, Project
from marketplace.units import clock
from reservations.allocation.preview import previewed, tried


class Previewed:
    """Mixed into an admin whose save can change supply. A save that changes none goes through as it is."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        save = partial(super().changeform_view, request, object_id, form_url, extra_context)  # type: ignore[misc]
        if request.method != "POST" or "_confirmed" in request.POST:
            return save()
        now = clock.now()
        response, known = tried(save, now=now)
        if known is None:
            # Refused, or nothing about supply: a refusal shows its form, and everything else is saved now.
            return response if response.status_code == 200 else self._again(request, save)
        _forget(request)
        return self._page(request, previewed(known, now=now))

    def _again(self, request: HttpRequest, save: partial[Any]) -> Any:
        _forget(request)
        return save()

    def _page(self, request: HttpRequest, found: Any) -> HttpResponse:
        if not request.user.has_perm("reservations.view_reservation"):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": "What this would do",
            "found": found,
            "kept": kept_of(request),
            "opts": self.model._meta,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/reservations/preview.html", context)


def _forget(request: HttpRequest) -> None:
    """What the tried save said of its success is not true: it was taken back."""
    for _ in messages.get_messages(request):
        pass


class PreviewedProjectAdmin(Previewed, ProjectAdmin):
    pass


class PreviewedDisruptionAdmin(Previewed, DisruptionAdmin):
    pass


class PreviewedMaintenanceWindowAdmin(Previewed, MaintenanceWindowAdmin):
    pass


for model, page in (
    (Project, PreviewedProjectAdmin),
    (Disruption, PreviewedDisruptionAdmin),
    (MaintenanceWindow, PreviewedMaintenanceWindowAdmin),
):
    admin.site.unregister(model)
    admin.site.register(model, page)
