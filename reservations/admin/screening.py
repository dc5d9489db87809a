"""The page behind a change of list or policy: what is open or held and no longer clear."""

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET

from marketplace.change import change as changes
from marketplace.units import clock
from reservations.booking.models import Reservation
from reservations.booking.ordering import NotOrdered, order_form
from reservations.booking.rescreening import no_longer_clear

NEEDED = ("reservations.view_reservation", "marketplace.view_clearance")


@require_GET
def unclear_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Looked at now, under the policy, lists and clearances in force."""
    if not request.user.has_perms(NEEDED):
        raise PermissionDenied
    context = {**site.each_context(request), "title": "No longer clear", "found": no_longer_clear(now=clock.now())}
    return TemplateResponse(request, "admin/reservations/unclear.html", context)


@require_GET
def order_form_page(request: HttpRequest, site: AdminSite, pk: int) -> HttpResponse:
    """The order form as PDF: the same bytes that the customer gets."""
    if not request.user.has_perm("reservations.view_reservation"):
        raise PermissionDenied
    reservation = get_object_or_404(Reservation, pk=pk)
    try:
        form = changes.run(lambda: order_form(reservation=reservation))
    except NotOrdered as missing:
        return HttpResponse(str(missing), status=409, content_type="text/plain; charset=utf-8")
    answer = HttpResponse(bytes(form.pdf), content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{reservation.public_id}.pdf"'
    return answer
