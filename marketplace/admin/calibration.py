"""The Calibration page: how often projects came within the bands that were projected beforehand."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from marketplace.models import Projection
from marketplace.supply.slips import ProjectionPolicy
from marketplace.web.calibration import figures


def calibration_page(request: HttpRequest, frame: dict[str, Any]) -> HttpResponse:
    """With what was learnt, which is for staff: the distributions that the newest projection was drawn from."""
    if not request.user.has_perm("marketplace.view_projection"):
        raise PermissionDenied
    newest = Projection.objects.first()
    slips = ProjectionPolicy.from_json(newest.inputs["policy"]).slips if newest else ()
    context = {**frame, "title": "Calibration", "newest": newest, "slips": slips, **figures(request.GET)}
    return TemplateResponse(request, "admin/marketplace/calibration.html", context)
