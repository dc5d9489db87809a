"""Delivery as pages: the customer's card on its reservation, and the seller's list with a page for each block."""

import csv
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.units import clock
from marketplace.web.access import member_page, require_buyer
from reservations.booking.lifecycle import ReservationNotFound, allowed_actions
from reservations.booking.models import Reservation
from reservations.booking.states import (
    ACCEPT_DELIVERY,
    ACCEPT_PART,
    DELIVERING,
    ENDED,
    HAND_OVER,
    PROVIDER,
    REJECT_DELIVERY,
    roles_of_member,
)
from reservations.delivery import actions
from reservations.delivery.evidence import COLUMNS, as_rows
from reservations.delivery.models import CUSTOMER, Delivery
from reservations.delivery.models import PROVIDER as PROVIDER_SIDE
from reservations.delivery.queries import MOST, deliveries_due, standing_of
from reservations.delivery.verdicts import FABRIC_NODE, Result
from reservations.web.refusals import REFUSALS, sentence
from reservations.web.sheets import Echo, safe

PROVIDES = frozenset({PROVIDER})
FABRIC = "fabric"


class UnreadableResults(ValueError):
    """A line of results could not be read; it says which, and what would be right."""


def delivery_context(reservation: Reservation, found: Membership) -> dict[str, Any]:
    """The card on a reservation's page."""
    now, contract = clock.now(), reservation.quote.contract_terms
    sells = reservation.pool.seller_id == found.organisation_id
    possible = allowed_actions(reservation, roles_of_member(found.role), now)
    standing = standing_of(reservation, now, sees_project=sells or contract.project_shown)
    return {
        "delivery": standing,
        "tests": contract.tests,
        "accept_actions": {
            "accept": ACCEPT_DELIVERY in possible,
            "part": ACCEPT_PART in possible,
            "reject": REJECT_DELIVERY in possible,
        },
        "provider_hands_over": contract.by_provider,
        "evidence": standing.delivery.acts.all() if standing.delivery and reservation.assigned_at is None else (),
    }


def _results(text: str) -> list[Result]:
    """Lines of node, test and figure; `fabric` as the node for the fabric as a whole. Raises UnreadableResults."""
    found = []
    for number, row in enumerate(csv.reader(text.splitlines()), start=1):
        if not row or not any(cell.strip() for cell in row):
            continue
        try:
            node, test, figure = (cell.strip() for cell in row)
            found.append(Result(FABRIC_NODE if node == FABRIC else node, test, Decimal(figure)))
        except (ValueError, InvalidOperation) as wrong:
            said = "write node,test,figure, such as node-1,burn_in_hours,24 or fabric,collective_gb_s,360."
            raise UnreadableResults(f"Line {number}: {said}") from wrong
    return found


def _attempt(request: HttpRequest, act: Callable[[], object], done: str) -> None:
    """One change, and what it came to, as a message."""
    try:
        change.run(act)
    except ReservationNotFound as error:
        raise Http404 from error
    except UnreadableResults as refused:
        messages.warning(request, str(refused))
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
    else:
        messages.success(request, done)


def _customer(found: Membership, public_id: str) -> dict[str, Any]:
    return {
        "reservation": public_id,
        "by": found.user.as_actor(found.organisation_id),
        "roles": roles_of_member(found.role),
        "organisation_id": found.organisation_id,
    }


@require_POST
@member_page
def report(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """The customer's own test results."""
    require_buyer(found)
    text, who = request.POST.get("results", ""), _customer(found, public_id)
    _exists(public_id, organisation_id=found.organisation_id)
    _attempt(request, lambda: actions.post_results(results=_results(text), **who), "Results kept.")
    return redirect("reservation", public_id)


@require_POST
@member_page
def accept(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """All that was handed over, or the nodes that were chosen."""
    require_buyer(found)
    nodes, who = request.POST.getlist("nodes"), _customer(found, public_id)
    if request.POST.get("part") and not nodes:
        _exists(public_id, organisation_id=found.organisation_id)
        messages.warning(request, "Choose the nodes that you accept.")
        return redirect("reservation", public_id)
    done = "Accepted in part: the rest stays late." if nodes else "Delivery accepted: the term is running."
    _attempt(request, lambda: actions.accept(nodes=nodes, **who), done)
    return redirect("reservation", public_id)


@require_POST
@member_page
def reject(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Not accepted, for tests that failed."""
    require_buyer(found)
    tests, reason = request.POST.getlist("tests"), request.POST.get("reason", "")[:2000]
    who = _customer(found, public_id)
    _attempt(
        request,
        lambda: actions.reject(tests=tests, reason=reason, **who),
        "Rejected: the provider has to hand over again.",
    )
    return redirect("reservation", public_id)


def _exists(public_id: str, *, organisation_id: int) -> None:
    if not Reservation.objects.of(organisation_id).filter(public_id=public_id).exists():
        raise Http404


@require_GET
@member_page
def evidence(request: HttpRequest, found: Membership, public_id: str) -> StreamingHttpResponse:
    """Everything that either side said and reported, as CSV; of what an earlier holder did, a new one sees nothing."""
    mine = Reservation.objects.of(found.organisation_id).filter(public_id=public_id).first()
    sold = Reservation.objects.sold_by(found.organisation_id).filter(public_id=public_id).first()
    reservation = mine or sold
    if reservation is None:
        raise Http404
    delivery = Delivery.objects.filter(reservation=reservation).first()
    side = CUSTOMER if mine else PROVIDER_SIDE
    response = StreamingHttpResponse(_csv(delivery, reservation, side), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="delivery-{public_id}.csv"'
    return response


def _csv(delivery: Delivery | None, reservation: Reservation, side: str) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    since = reservation.assigned_at if side == CUSTOMER else None
    for row in as_rows(delivery, side=side, since=since) if delivery else ():
        yield writer.writerow([safe(cell) if isinstance(cell, str) else cell for cell in row])


@require_GET
@member_page
def listing(request: HttpRequest, found: Membership) -> HttpResponse:
    """What the organisation has to deliver from its own pools, and to take back."""
    now = clock.now()
    rows = deliveries_due(now, seller_id=found.organisation_id)[:MOST]
    due = [standing_of(each, now, sees_project=True) for each in rows]
    return render(request, "reservations/deliveries.html", {"nav": "selling", "due": due})


@require_GET
@member_page
def one(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """One block that a seller delivers, with what it can do now."""
    reservation = Reservation.objects.sold_by(found.organisation_id).with_terms().filter(public_id=public_id).first()
    if reservation is None:
        raise Http404
    now = clock.now()
    standing = standing_of(reservation, now, sees_project=True)
    given = standing.delivery
    context = {
        "nav": "selling",
        "reservation": reservation,
        "delivery": standing,
        "tests": reservation.quote.contract_terms.tests,
        "stands": standing.state,
        "may_hand_over": HAND_OVER in allowed_actions(reservation, PROVIDES, now),
        "may_report": standing.state == DELIVERING and reservation.handed_over_on is not None,
        "may_take_back": standing.state == ENDED and (given is None or given.handed_back_on is None),
        "may_act": found.may_buy,
        "evidence": given.acts.all() if given else (),
    }
    return render(request, "reservations/deliver.html", context)


@require_POST
@member_page
def provide(request: HttpRequest, found: Membership, public_id: str, act: str) -> HttpResponse:
    """A seller's act on a block of its own pools: ready, hand-over, results, hand-back."""
    require_buyer(found)
    if act not in ACTS:
        raise Http404
    if not Reservation.objects.sold_by(found.organisation_id).filter(public_id=public_id).exists():
        raise Http404
    who = {
        "reservation": public_id,
        "by": found.user.as_actor(found.organisation_id),
        "roles": PROVIDES,
        "seller_id": found.organisation_id,
    }
    verb, done = ACTS[act]
    said = request.POST
    _attempt(request, lambda: verb(said, who), done)
    return redirect("deliver", public_id)


def _ready(said: Any, who: dict[str, Any]) -> Delivery:
    try:
        day = date.fromisoformat(said.get("ready_on", ""))
    except ValueError as wrong:
        raise actions.ReadyDayWrong("Enter a day such as 2027-03-24.") from wrong
    return actions.say_ready(ready_on=day, contact=said.get("contact", "")[:200], **who)


def _hand_over(said: Any, who: dict[str, Any]) -> Delivery:
    return actions.hand_over(
        contact=said.get("contact", "")[:200], access_reference=said.get("access_reference", ""), **who
    )


def _report(said: Any, who: dict[str, Any]) -> Delivery:
    return actions.post_results(results=_results(said.get("results", "")), **who)


def _hand_back(said: Any, who: dict[str, Any]) -> Delivery:
    return actions.hand_back(note=said.get("note", "")[:500], **who)


ACTS: dict[str, tuple[Callable[[Any, dict[str, Any]], Delivery], str]] = {
    "ready": (_ready, "The customer has your notice."),
    "hand-over": (_hand_over, "Handed over: the customer has been told."),
    "results": (_report, "Results kept."),
    "hand-back": (_hand_back, "Handed back."),
}
