"""Sell capacity: the main job of sales staff, with the same search, quotes and acceptance as every other door."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from marketplace.admin.base import author
from marketplace.change import change as changes
from marketplace.models import Organisation
from marketplace.units import clock
from marketplace.units.compute import gpu_hours
from marketplace.units.money import unit_price
from pricing.curve.models import PricePolicy
from pricing.demand.actions import record_enquiry
from pricing.quotes.actions import (
    release_quote,
    take_quote,
)
from pricing.quotes.bundle_offers import is_bundle_token
from pricing.quotes.bundles import Bundle
from pricing.quotes.bundling import take_bundle
from pricing.quotes.long_holds import choices
from pricing.quotes.models import BUY, OPEN, Quote
from pricing.quotes.need import BadNeed, parse_need
from pricing.quotes.offers import Offer
from pricing.quotes.queries import known_names
from pricing.quotes.relax import Relaxation, relaxations
from pricing.quotes.search import Search, search
from reservations.admin.access import MAY_ACCEPT, MAY_HOLD, MAY_RELEASE, require
from reservations.admin.forms import AcceptForm, KeepForm, SellForm, first_shown, query_of
from reservations.admin.together import href_of_parts
from reservations.booking.models import Reservation
from reservations.booking.on_behalf import ReasonMissing, accept_for_customer
from reservations.booking.states import PENDING_APPROVAL
from reservations.web.refusals import REFUSALS, sentence

SELL = "admin:sell-capacity"


@dataclass(frozen=True)
class Alternative:
    """Something that does fit: what it is, in words, and the page that asks for it."""

    text: str
    href: str


@require_GET
def offers_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """The customer's wish, then offers or what does fit."""
    require(request, MAY_HOLD)
    form = SellForm(request.GET if "quantity" in request.GET else None, initial=_initial(request))
    found = _search(form) if form.is_bound and form.is_valid() else None
    context = {**site.each_context(request), "title": "Sell capacity", "form": form, "found": found}
    context["parts"] = request.GET.getlist("part")
    if found:
        customer = form.cleaned_data["organisation"]
        context |= {"customer": customer, "back": request.GET.urlencode()}
        context["nearest"] = _nearest(found, customer)
        context["offers"] = list(_with_hold(found))
        context |= {"splits": found.splits, "levers": _levers(found, customer)}
        context["together"] = _together(request, customer)
        context["end_customers"] = customer.end_customers.filter(archived_at=None)
    return TemplateResponse(request, "admin/reservations/sell.html", context)


def _initial(request: HttpRequest) -> dict[str, Any]:
    return {**first_shown(clock.today()), "organisation": request.GET.get("organisation")}


def _search(form: SellForm) -> Search | None:
    now, whose = clock.now(), form.cleaned_data["organisation"].pk
    try:
        need = parse_need(form.as_body(), today=now.date(), known=known_names())
    except BadNeed as bad:
        form.show_faults(bad)
        return None
    found = search(need=need, organisation_id=whose, now=now)
    changes.run(lambda: record_enquiry(found=found, organisation_id=whose, now=now))
    return found


def _nearest(found: Search, customer: Organisation) -> list[Alternative]:
    nearest = found.refusal.alternatives if found.refusal else ()
    return [
        Alternative(
            f"{each.text[0].upper()}{each.text[1:]}", f"?{urlencode(query_of(each.need, customer), doseq=True)}"
        )
        for each in nearest
    ]


def _levers(found: Search, customer: Organisation) -> list[tuple[Relaxation, str]]:
    """What relaxing each wish would save, each with the page that asks for it."""
    relaxed = relaxations(need=found.need, now=clock.now()) if found.offers else ()
    return [(each, f"?{urlencode(query_of(each.need, customer), doseq=True)}") for each in relaxed]


def _together(request: HttpRequest, customer: Organisation) -> str:
    """The page of several blocks, with this wish as its next part."""
    own = request.GET.copy()
    parts = [*own.pop("part", []), own.urlencode()]
    return href_of_parts(parts, customer)


def _with_hold(found: Search) -> Iterator[tuple[Offer, int]]:
    """The offers, each with the minutes for which its seller's policy would hold it."""
    now = clock.now()
    sellers = {offer.pool.seller for offer in found.offers}
    minutes = {seller: PricePolicy.objects.in_force(seller, now).hold_minutes for seller in sellers}
    return ((offer, minutes[offer.pool.seller]) for offer in found.offers)


@require_POST
def hold(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Makes the quote that holds an offer's capacity for the customer."""
    require(request, MAY_HOLD)
    customer = get_object_or_404(Organisation, pk=_number(request.POST.get("organisation", "")))
    by, offer = author(request, customer.pk), request.POST.get("offer", "")
    try:
        take = take_bundle if is_bundle_token(offer) else take_quote
        taken: Quote | Bundle = changes.run(
            lambda: take(
                offer=offer, organisation=customer, by=by, on_behalf_of=request.POST.get("on_behalf_of") or None
            )
        )
    except REFUSALS as refused:
        return _ask_again(request, sentence(refused))
    return redirect("admin:sell-bundle" if isinstance(taken, Bundle) else "admin:sell-quote", taken.public_id)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise Http404
    return int(text)


def _ask_again(request: HttpRequest, why: str) -> HttpResponse:
    """Back to the offers as they are now. The query goes behind our own address, so it leads nowhere else."""
    messages.error(request, why)
    page = "admin:sell-together" if request.POST.get("page") == "together" else SELL
    return HttpResponseRedirect(f"{reverse(page)}?{request.POST.get('back', '')}")


@require_GET
def quote_page(request: HttpRequest, site: AdminSite, public_id: str) -> HttpResponse:
    """What the customer would agree to, with the two things that can be done."""
    require(request, "pricing.view_quote")
    quote = get_object_or_404(Quote.objects.with_terms(), public_id=public_id)
    return _quote(request, site, quote, AcceptForm(None, quote.organisation_id))


def _quote(request: HttpRequest, site: AdminSite, quote: Quote, form: AcceptForm) -> HttpResponse:
    now = clock.now()
    hours = gpu_hours(quote.quantity, quote.period.days)
    state = quote.state(now)
    context = {
        **site.each_context(request),
        "title": f"Quote for {quote.organisation}",
        "quote": quote,
        "state": state,
        "form": form,
        "keep_form": KeepForm().offer(held) if (held := choices(quote=quote, now=now)) else None,
        "gpu_hours": hours,
        "unit_price": unit_price(quote.money, hours),
        "minutes_left": int((quote.expires_at - now).total_seconds() // 60) if state == OPEN else 0,
        "parts": [(part["code"], Decimal(part["amount"]["amount"])) for part in quote.breakdown],
        "spec": sorted((name.replace("_", " "), value) for name, value in quote.spec.document.items()),
        "reservation": Reservation.objects.filter(quote=quote).first(),
        "changed": Reservation.objects.filter(public_id=quote.changes).first() if quote.changes else None,
    }
    return TemplateResponse(request, "admin/reservations/quote.html", context)


@require_POST
def accept(request: HttpRequest, site: AdminSite, public_id: str) -> HttpResponse:
    """Accepts in the customer's name; the journal keeps who there agreed."""
    require(request, MAY_ACCEPT)
    quote = get_object_or_404(Quote.objects.with_terms(), public_id=public_id)
    form = AcceptForm(request.POST, quote.organisation_id)
    if not form.is_valid():
        return _quote(request, site, quote, form)
    said, whose = form.cleaned_data["reason"], quote.organisation_id
    by = author(request, whose)
    try:
        made = changes.run(
            lambda: accept_for_customer(public_id=public_id, by=by, organisation_id=whose, reason=said, **form.named())
        )
    except ReasonMissing as missing:
        form.add_error("reason", str(missing))
        return _quote(request, site, quote, form)
    except REFUSALS as refused:
        messages.error(request, sentence(refused))
        return redirect("admin:sell-quote", public_id)
    if quote.kind != BUY:
        messages.success(request, f"Changed: {made.public_id}.")
        return redirect("admin:reservation-life", made.public_id)
    waits = made.status == PENDING_APPROVAL
    messages.success(request, f"{'Waits for their approval' if waits else 'Reserved'}: {made.public_id}.")
    return redirect("admin:reservations_reservation_change", made.pk)


@require_POST
def release(request: HttpRequest, site: AdminSite, public_id: str) -> HttpResponse:
    """Gives the hold back before it expires."""
    require(request, MAY_RELEASE)
    whose = get_object_or_404(Quote, public_id=public_id).organisation_id
    by = author(request, whose)
    try:
        changes.run(lambda: release_quote(public_id=public_id, by=by, organisation_id=whose))
    except REFUSALS as refused:
        messages.error(request, sentence(refused))
        return redirect("admin:sell-quote", public_id)
    messages.success(request, "Released: the capacity is on sale again.")
    return redirect("admin:sell-quote", public_id)
