"""A reservation's life in the cockpit: what happened, what is owed, and what staff may do, guarded by the table."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET, require_POST
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from marketplace.admin.base import author
from marketplace.change import change as changes
from marketplace.units import clock
from pricing.quotes.exits import CAUSES, CONVENIENCE, IN_WORDS
from reservations.admin.access import require
from reservations.admin.forms import day_input
from reservations.booking.changes import locked_since, quote_change
from reservations.booking.delivery import hand_over
from reservations.booking.dues import balance
from reservations.booking.lifecycle import allowed_actions
from reservations.booking.models import Reservation
from reservations.booking.pieces import parts
from reservations.booking.plans import CHANGES, Wish, WrongWish
from reservations.booking.states import DELIVERING, ENDED, STAFF
from reservations.delivery.queries import standing_of
from reservations.web.changing import TITLES
from reservations.web.refusals import REFUSALS, sentence

MAY_ACT = "reservations.change_reservation"
ROLES = frozenset({STAFF})


class ChangeForm(forms.Form):
    """What a customer asked for, or the exit that staff found grounds for."""

    kind = forms.ChoiceField(choices=[(kind, TITLES[kind]) for kind in CHANGES], widget=UnfoldAdminSelectWidget)
    start = forms.DateField(label="New first day (to move)", required=False, widget=day_input())
    end = forms.DateField(label="New end (to extend or end early)", required=False, widget=day_input())
    quantity = forms.IntegerField(
        label="GPUs (to resize)", required=False, min_value=1, widget=UnfoldAdminIntegerFieldWidget
    )
    starting = forms.DateField(label="From this day on (to resize)", required=False, widget=day_input())
    cause = forms.ChoiceField(
        choices=[(cause, IN_WORDS[cause]) for cause in CAUSES], initial=CONVENIENCE, widget=UnfoldAdminSelectWidget
    )
    evidence = forms.CharField(
        required=False, max_length=200, help_text="Where it can be checked", widget=UnfoldAdminTextInputWidget
    )
    reason = forms.CharField(required=False, max_length=2000, widget=UnfoldAdminTextInputWidget)


@require_GET
def life_page(request: HttpRequest, site: AdminSite, public_id: str) -> HttpResponse:
    """Everything about one reservation, and the two things that staff start from here."""
    require(request, "reservations.view_reservation")
    return _page(request, site, _found(public_id), ChangeForm())


def _found(public_id: str) -> Reservation:
    return get_object_or_404(Reservation.objects.with_terms(), public_id=public_id)


def _page(request: HttpRequest, site: AdminSite, reservation: Reservation, form: ChangeForm) -> HttpResponse:
    now = clock.now()
    actions = allowed_actions(reservation, ROLES, now)
    context = {
        **site.each_context(request),
        "title": f"Life of {reservation.public_id}",
        "reservation": reservation,
        "stands": reservation.state(now),
        "locked_since": locked_since(reservation),
        "held": parts(reservation),
        "steps": reservation.transitions.all(),
        "changes": [(each, each.quote.state(now)) for each in reservation.changes.select_related("quote")],
        "assignments": reservation.assignments.select_related("giver", "receiver"),
        "dues": reservation.dues.all(),
        "receipts": reservation.receipts.all(),
        "balance": balance(reservation),
        "contract": reservation.quote.contract_terms,
        "form": form,
        "may_hand_over": "hand_over" in actions and reservation.by_clock,
        "may_provide": "hand_over" in actions and not reservation.by_clock,
        "delivery": standing_of(reservation, now, sees_project=True),
        "may_report": reservation.state(now) == DELIVERING and reservation.handed_over_on is not None,
        "may_take_back": reservation.state(now) == ENDED,
        "may_change": any(kind in actions for kind in CHANGES),
    }
    return TemplateResponse(request, "admin/reservations/life.html", context)


@require_POST
def ask_change(request: HttpRequest, site: AdminSite, public_id: str) -> HttpResponse:
    """A quote for a change, in the customer's name or for a cause that staff give."""
    require(request, MAY_ACT)
    reservation, form = _found(public_id), ChangeForm(request.POST)
    if not form.is_valid():
        return _page(request, site, reservation, form)
    by = author(request, reservation.organisation_id)
    try:
        quote = changes.run(
            lambda: quote_change(
                reservation=public_id,
                wish=Wish(**form.cleaned_data),
                by=by,
                organisation_id=reservation.organisation_id,
                roles=ROLES,
            )
        )
    except WrongWish as wrong:
        form.add_error(wrong.field or None, str(wrong))
        return _page(request, site, reservation, form)
    except REFUSALS as refused:
        form.add_error(None, sentence(refused))
        return _page(request, site, reservation, form)
    return redirect("admin:sell-quote", quote.public_id)


@require_POST
def give_access(request: HttpRequest, site: AdminSite, public_id: str) -> HttpResponse:
    """Hands the GPUs over."""
    require(request, MAY_ACT)
    by = author(request, _found(public_id).organisation_id)
    said: Any = request.POST.get("reason", "")
    try:
        changes.run(lambda: hand_over(reservation=public_id, by=by, roles=ROLES, reason=said[:2000]))
    except REFUSALS as refused:
        messages.error(request, sentence(refused))
    else:
        messages.success(request, "Handed over.")
    return redirect("admin:reservation-life", public_id)
