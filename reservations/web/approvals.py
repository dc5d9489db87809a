"""The inbox of who approves, the steps on a request, and the order form that comes of it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.units import clock
from marketplace.web.access import member_page, require_buyer
from reservations.booking import approving
from reservations.booking.lifecycle import ReservationNotFound
from reservations.booking.models import Reservation
from reservations.booking.ordering import NotOrdered, customers_order_form
from reservations.booking.states import PENDING_APPROVAL, roles_of_member
from reservations.web.refusals import REFUSALS, sentence


@require_GET
@member_page
def inbox(request: HttpRequest, found: Membership) -> HttpResponse:
    """What waits, those that lapse first in front; with buttons where it is this person's turn."""
    now = clock.now()
    rows = [(each, _is_turn(each, found)) for each in approving.waiting(found.organisation_id, now)]
    context = {"nav": "approvals", "rows": rows, "mine": sum(turn for _, turn in rows), "now": now}
    return render(request, "reservations/approvals.html", context)


def _is_turn(reservation: Reservation, found: Membership) -> bool:
    return approving.is_turn_of(reservation, user_id=found.user_id, key_id=None, roles=roles_of_member(found.role))


def approval_context(reservation: Reservation, found: Membership, state: str) -> dict[str, Any]:
    """What the reservation's page shows of its approval."""
    is_open = state == PENDING_APPROVAL
    return {
        "stages": list(reservation.stages.select_related("user")) if reservation.assigned_at is None else [],
        "is_turn": is_open and _is_turn(reservation, found),
        "may_withdraw": is_open and found.may_buy,
    }


@require_POST
@member_page
def approve(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Takes the next step; the last one binds the organisation."""
    require_buyer(found)
    note = request.POST.get("note", "")[:2000]
    return _decide(request, found, public_id, lambda **who: approving.approve(note=note, **who))


@require_POST
@member_page
def decline(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Refuses the purchase, with a reason that who asked can read. Final."""
    require_buyer(found)
    reason = request.POST.get("reason", "")[:2000]
    return _decide(request, found, public_id, lambda **who: approving.decline(reason=reason, **who))


@require_POST
@member_page
def withdraw(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Takes a request back. Final."""
    require_buyer(found)
    return _decide(request, found, public_id, approving.withdraw)


def _decide(request: HttpRequest, found: Membership, public_id: str, verb: Callable[..., Reservation]) -> HttpResponse:
    who = {
        "public_id": public_id,
        "by": found.user.as_actor(found.organisation_id),
        "roles": roles_of_member(found.role),
        "organisation_id": found.organisation_id,
    }
    try:
        reservation = change.run(lambda: verb(**who))
    except ReservationNotFound as error:
        raise Http404 from error
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
    else:
        messages.success(request, SAID.get(reservation.status, SAID[""]))
    return redirect("reservation", public_id)


SAID = {
    PENDING_APPROVAL: "Approved. The next step is somebody else's.",
    "pending_payment": "Approved. The GPUs are reserved once what is due up front is paid.",
    "scheduled": "Approved: the GPUs are reserved.",
    "released": "The request is closed. The GPUs are back on sale, the budget is free, and nothing was charged.",
    "": "Done.",
}


@require_GET
@member_page
def paper(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """The order form as PDF: the same bytes every time."""
    ordered = Reservation.objects.of(found.organisation_id).filter(assigned_at=None)
    reservation = get_object_or_404(ordered, public_id=public_id)
    try:
        form = change.run(lambda: customers_order_form(reservation=reservation))
    except NotOrdered as missing:
        messages.warning(request, str(missing))
        return redirect("reservation", public_id)
    answer = HttpResponse(bytes(form.pdf), content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{public_id}.pdf"'
    return answer
