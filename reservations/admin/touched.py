"""The page behind a projection: the reservations that it leaves short or makes less likely."""

from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET

from marketplace.models import Projection
from marketplace.supply.queries import latest_projection
from marketplace.supply.versions import before, compare
from marketplace.units import clock
from reservations.booking.touched import touched

NEEDED = ("reservations.view_reservation", "marketplace.view_projection")


@require_GET
def touched_page(request: HttpRequest, site: AdminSite, public_id: str) -> HttpResponse:
    """Compared with the version asked for, else with the one before."""
    if not request.user.has_perms(NEEDED):
        raise PermissionDenied
    projection = get_object_or_404(Projection.objects.defer("inputs"), public_id=public_id)
    earlier = _against(request, projection)
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": "Reservations that a projection touches",
        "projection": projection,
        "earlier": earlier,
        "in_force": latest_projection(),
    }
    if earlier is not None:
        context["found"] = touched(comparison=compare(projection, earlier), now=clock.now())
    return TemplateResponse(request, "admin/reservations/touched.html", context)


def _against(request: HttpRequest, projection: Projection) -> Projection | None:
    asked = request.GET.get("against")
    if asked is None:
        return before(projection)
    found = Projection.objects.filter(public_id=asked, pk__lt=projection.pk).defer("inputs").first()
    if found is None:
        raise Http404
    return found
