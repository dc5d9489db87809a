"""Keeping a quote longer: its fee is a due, so the page's button ends on this floor."""

from decimal import Decimal, InvalidOperation

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.units.money import Money
from marketplace.web import formats
from marketplace.web.access import member_page, require_buyer
from pricing.quotes.actions import QuoteNotFound
from reservations.booking.long_holds import take_long_hold
from reservations.web.refusals import REFUSALS, sentence


@require_POST
@member_page
def keep(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Keeps the hold for days more, at the fee that the page showed and no higher one."""
    require_buyer(found)
    by, whose = found.user.as_actor(found.organisation_id), found.organisation_id
    days, fee = _number(request.POST.get("days", "")), _amount(request.POST.get("fee", ""))
    try:
        kept = change.run(
            lambda: take_long_hold(public_id=public_id, days=days, by=by, organisation_id=whose, agreed_fee=fee)
        )
    except QuoteNotFound as error:
        raise Http404 from error
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
    else:
        until, owed = formats.moment(kept.expires_at), formats.money(kept.fee.amount)
        messages.success(request, f"Held until {until} for {owed}, which is credited when you accept.")
    return redirect("quote", public_id)


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 4:
        raise Http404
    return int(text)


def _amount(text: str) -> Money:
    try:
        return Money(Decimal(text))
    except InvalidOperation:
        raise Http404 from None
