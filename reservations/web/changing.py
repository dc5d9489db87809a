"""Changing a reservation: a form, then a quote that shows everything, then one button."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.units import clock
from marketplace.web.access import member_page, require_buyer
from pricing.quotes.exits import IN_WORDS, OF_CUSTOMER
from reservations.booking.amendments import ReservationChange
from reservations.booking.changes import locked_since, quote_change
from reservations.booking.lifecycle import ReservationNotFound, allowed_actions
from reservations.booking.models import Reservation
from reservations.booking.plans import CHANGES, Wish, WrongWish
from reservations.booking.states import roles_of_member
from reservations.delivery.actions import accept
from reservations.web.refusals import REFUSALS, sentence

TITLES = {
    "extend": "Extend",
    "resize": "Change the number of GPUs",
    "move": "Move the dates",
    "end_early": "End early",
    "cancel": "Cancel",
}


@require_http_methods(["GET", "POST"])
@member_page
def ask(request: HttpRequest, found: Membership, public_id: str, kind: str) -> HttpResponse:
    """What to change. The answer is a quote: nothing happens before it is accepted."""
    reservation = _own(found, public_id)
    if kind not in CHANGES:
        raise Http404
    if request.method == "GET":
        return _form(request, found, reservation, kind, {})
    require_buyer(found)
    wish, faults = _wish(kind, request)
    if wish is None:
        return _form(request, found, reservation, kind, faults)
    by, roles = found.user.as_actor(found.organisation_id), roles_of_member(found.role)
    try:
        quote = change.run(
            lambda: quote_change(
                reservation=public_id, wish=wish, by=by, organisation_id=found.organisation_id, roles=roles
            )
        )
    except WrongWish as wrong:
        return _form(request, found, reservation, kind, {wrong.field: str(wrong)})
    except REFUSALS as refused:
        return _form(request, found, reservation, kind, {"": sentence(refused)})
    return redirect("change-quote", quote.public_id)


def _own(found: Membership, public_id: str) -> Reservation:
    reservation = Reservation.objects.of(found.organisation_id).with_terms().filter(public_id=public_id).first()
    if reservation is None:
        raise Http404
    return reservation


def _wish(kind: str, request: HttpRequest) -> tuple[Wish | None, dict[str, str]]:
    """What was typed; or what could not be read, by field."""
    said, faults = request.POST, {}
    days: dict[str, date | None] = {}
    for name in ("start", "end", "starting"):
        try:
            days[name] = date.fromisoformat(said[name]) if said.get(name) else None
        except ValueError:
            faults[name] = "Enter a day such as 2027-03-24."
    typed = said.get("quantity", "").replace(",", "").strip()
    if typed and not (typed.isdecimal() and len(typed) < 10):
        faults["quantity"] = "Enter a number of GPUs."
    if faults:
        return None, faults
    quantity = int(typed) if typed else None
    cause = said.get("cause") or OF_CUSTOMER[0]
    if cause not in IN_WORDS:
        return None, {"cause": "Choose one of the causes."}
    wish = Wish(kind, days["start"], days["end"], quantity, days["starting"], cause)
    return wish, {}


def _form(
    request: HttpRequest, found: Membership, reservation: Reservation, kind: str, faults: dict[str, str]
) -> HttpResponse:
    now = clock.now()
    contract = reservation.quote.contract_terms
    context = {
        "nav": "portfolio",
        "reservation": reservation,
        "stands": reservation.state(now),
        "kind": kind,
        "title": TITLES[kind],
        "faults": faults,
        "said": request.POST,
        "possible": kind in allowed_actions(reservation, roles_of_member(found.role), now),
        "causes": [(cause, IN_WORDS[cause], contract.exit(cause)) for cause in OF_CUSTOMER],
        "contract": contract,
        "locked_since": locked_since(reservation),
        "may_buy": found.may_buy,
    }
    return render(request, "reservations/change.html", context, status=422 if faults else 200)


@require_GET
@member_page
def quoted(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """A quote for a change: price effect, what is due and refunded, expiry, and the two things that can be done."""
    row = (
        ReservationChange.objects.select_related("quote__pool__site", "quote__pool__accelerator", "reservation")
        .filter(quote__public_id=public_id, quote__organisation_id=found.organisation_id)
        .first()
    )
    if row is None:
        raise Http404
    return render(request, "reservations/change_quote.html", _shown(row, found))


def _shown(row: ReservationChange, found: Membership) -> dict[str, Any]:
    now, quote = clock.now(), row.quote
    to_pay = row.due_now + row.fee - row.refund
    return {
        "nav": "portfolio",
        "row": row,
        "to_pay": to_pay,
        "back": -to_pay,
        "quote": quote,
        "reservation": row.reservation,
        "title": TITLES[row.kind],
        "state": quote.state(now),
        "stale": row.accepted_at is None and row.revision != row.reservation.revision,
        "now": now,
        "seconds_left": max(0, int((quote.expires_at - now).total_seconds())),
        "hold_seconds": int((quote.expires_at - quote.created_at).total_seconds()),
        "returns": quote.claim_id is None,
        "may_buy": found.may_buy,
        "effect": [(EFFECTS[line["code"]], Decimal(line["amount"]["amount"])) for line in quote.breakdown],
        "lines": [_line(line) for line in quote.lines],
        "total_after": row.reservation.total + row.added - row.returned if row.accepted_at is None else None,
    }


def _line(line: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": EFFECTS[line["code"]],
        "start": date.fromisoformat(line["start"]),
        "end": date.fromisoformat(line["end_exclusive"]),
        "quantity": line["quantity"],
        "amount": Decimal(line["amount"]["amount"]),
    }


EFFECTS = {
    "added": "What is added",
    "returned": "What is given back",
    "fee": "Fee, by lead time",
    "kept_prepayment": "Prepaid and not refunded",
}


@require_POST
@member_page
def take_delivery(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Accepts what was handed over."""
    require_buyer(found)
    by, roles = found.user.as_actor(found.organisation_id), roles_of_member(found.role)
    try:
        change.run(lambda: accept(reservation=public_id, by=by, organisation_id=found.organisation_id, roles=roles))
    except ReservationNotFound as error:
        raise Http404 from error
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
    else:
        messages.success(request, "Delivery accepted: the term is running.")
    return redirect("reservation", public_id)
