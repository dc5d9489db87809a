"""Assigning a reservation to another organisation: the holder offers, the receiver takes it or not."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.units import clock
from marketplace.web.access import member_page, require_buyer
from reservations.booking.amendments import CONSENTED, GROUNDS, OFFERED, Assignment
from reservations.booking.assigning import (
    AssignmentNotFound,
    accept_assignment,
    decline_assignment,
    offer_assignment,
    withdraw_assignment,
)
from reservations.booking.lifecycle import ReservationNotFound
from reservations.booking.models import Reservation
from reservations.booking.states import roles_of_member
from reservations.web.refusals import REFUSALS, sentence

MOST_SHOWN = 50
DECISIONS = {
    "accept": (accept_assignment, "The reservation is yours from now on, with all that is still to be paid."),
    "decline": (decline_assignment, "Declined: it stays with who holds it."),
    "withdraw": (withdraw_assignment, "Withdrawn: it stays yours."),
}


@require_http_methods(["GET", "POST"])
@member_page
def offer(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """To whom, and on which grounds."""
    reservation = Reservation.objects.of(found.organisation_id).with_terms().filter(public_id=public_id).first()
    if reservation is None:
        raise Http404
    context = {"nav": "portfolio", "reservation": reservation, "grounds": GROUNDS, "said": request.POST}
    context |= {"contract": reservation.quote.contract_terms, "may_buy": found.may_buy}
    if request.method == "GET":
        return render(request, "reservations/assign.html", context)
    require_buyer(found)
    by, roles, said = found.user.as_actor(found.organisation_id), roles_of_member(found.role), request.POST
    try:
        change.run(
            lambda: offer_assignment(
                reservation=public_id,
                receiver=said.get("receiver", "").strip(),
                grounds=said.get("grounds", ""),
                note=said.get("note", "")[:500],
                by=by,
                organisation_id=found.organisation_id,
                roles=roles,
            )
        )
    except ReservationNotFound as error:
        raise Http404 from error
    except REFUSALS as refused:
        return render(request, "reservations/assign.html", {**context, "fault": sentence(refused)}, status=422)
    messages.success(request, "Offered. The seller decides first; then the receiver can take it.")
    return redirect("assignments")


@require_GET
@member_page
def listing(request: HttpRequest, found: Membership) -> HttpResponse:
    """What is offered to the organisation, and by it."""
    now = clock.now()
    rows = [
        {
            "assignment": each,
            "state": each.state(now),
            "status": dict(Assignment._meta.get_field("status").choices or ())[each.state(now)],
            "ours": each.giver_id == found.organisation_id,
            "may_take": found.may_buy and each.giver_id != found.organisation_id and each.state(now) == CONSENTED,
            "may_withdraw": found.may_buy
            and each.giver_id == found.organisation_id
            and each.state(now) in (OFFERED, CONSENTED),
        }
        for each in Assignment.objects.of(found.organisation_id).with_names()[:MOST_SHOWN]
    ]
    context = {"nav": "portfolio", "rows": rows, "centres": found.organisation.cost_centres.filter(closed_at=None)}
    return render(request, "reservations/assignments.html", context)


@require_POST
@member_page
def decide(request: HttpRequest, found: Membership, public_id: str, decision: str) -> HttpResponse:
    """Takes it, declines it, or withdraws it."""
    require_buyer(found)
    if decision not in DECISIONS:
        raise Http404
    action, done = DECISIONS[decision]
    by, roles = found.user.as_actor(found.organisation_id), roles_of_member(found.role)
    centre = request.POST.get("cost_centre")
    named = {"cost_centre": centre} if centre and decision == "accept" else {}
    try:
        change.run(
            lambda: action(assignment=public_id, by=by, organisation_id=found.organisation_id, roles=roles, **named)
        )
    except AssignmentNotFound as error:
        raise Http404 from error
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
    else:
        messages.success(request, done)
    return redirect("assignments")
