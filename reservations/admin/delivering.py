"""Deliveries in the cockpit: what is due, who is served from where, and the provider's acts in its name."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET, require_POST

from marketplace.admin.base import author
from marketplace.change import change as changes
from marketplace.units import clock
from marketplace.web.charts.serving import draw_serving, serving_table
from reservations.admin.served import pools_served, serving_lanes
from reservations.booking.models import Reservation
from reservations.booking.states import STAFF
from reservations.delivery.queries import MOST, deliveries_due, standing_of
from reservations.web.delivering import ACTS, UnreadableResults
from reservations.web.refusals import REFUSALS, sentence

MAY_SEE, MAY_ACT = "reservations.view_reservation", "reservations.change_reservation"
SHOWN = timedelta(days=365)


@require_GET
def deliveries_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """What is to be handed over, answered or taken back, by all sellers; and a picture of each pool that is chosen."""
    if not request.user.has_perm(MAY_SEE):
        raise PermissionDenied
    now = clock.now()
    rows = deliveries_due(now, seller_id=None)[:MOST]
    pools = pools_served()
    chosen = next((pool for pool in pools if pool.public_id == request.GET.get("pool")), pools[0] if pools else None)
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": "Deliveries",
        "due": [standing_of(each, now, sees_project=True) for each in rows],
        "pools": pools,
        "chosen": chosen,
    }
    if chosen is not None:
        lanes, title = serving_lanes(chosen), f"Who is served from where: {chosen}"
        context["drawing"] = draw_serving(lanes, first=now.date(), last=now.date() + SHOWN, title=title)
        context["table"] = serving_table(lanes, caption=title)
    return TemplateResponse(request, "admin/reservations/deliveries.html", context)


@require_POST
def provide_page(request: HttpRequest, site: AdminSite, public_id: str, act: str) -> HttpResponse:
    """An act of the provider, by staff in its name: notice, hand-over, results, hand-back."""
    if not request.user.has_perm(MAY_ACT):
        raise PermissionDenied
    reservation = get_object_or_404(Reservation.objects.select_related("pool"), public_id=public_id)
    if act not in ACTS:
        raise Http404
    verb, done = ACTS[act]
    who = {
        "reservation": public_id,
        "by": author(request, reservation.pool.seller_id),
        "roles": frozenset({STAFF}),
        "seller_id": None,
    }
    try:
        changes.run(lambda: verb(request.POST, who))
    except UnreadableResults as refused:
        messages.error(request, str(refused))
    except REFUSALS as refused:
        messages.error(request, sentence(refused))
    else:
        messages.success(request, done)
    return redirect("admin:reservation-life", public_id)
