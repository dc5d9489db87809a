"""Keeping a customer's quote longer: staff commit the customer to a fee, so the journal says who agreed to it."""

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from marketplace.admin.base import author
from marketplace.change import change as changes
from marketplace.units import clock
from marketplace.web import formats
from pricing.quotes.long_holds import choices
from pricing.quotes.models import Quote
from reservations.admin.access import MAY_RELEASE, require
from reservations.admin.forms import KeepForm
from reservations.booking.on_behalf import hold_longer_for_customer
from reservations.web.refusals import REFUSALS, sentence


@require_POST
def keep(request: HttpRequest, site: AdminSite, public_id: str) -> HttpResponse:
    """Keeps the hold for days more, in the customer's name."""
    require(request, MAY_RELEASE)
    quote = get_object_or_404(Quote.objects.with_terms(), public_id=public_id)
    form = KeepForm(request.POST).offer(choices(quote=quote, now=clock.now()))
    if not form.is_valid():
        messages.error(request, "Choose for how long, and say who at the customer agreed to the fee. Nothing was done.")
        return redirect("admin:sell-quote", public_id)
    whose, asked = quote.organisation_id, form.cleaned_data
    by = author(request, whose)
    try:
        kept = changes.run(lambda: hold_longer_for_customer(public_id=public_id, by=by, organisation_id=whose, **asked))
    except REFUSALS as refused:
        messages.error(request, sentence(refused))
    else:
        owed = formats.money(kept.fee.amount)
        messages.success(request, f"Held until {formats.moment(kept.expires_at)}; {owed} are owed for it.")
    return redirect("admin:sell-quote", public_id)
