from dataclasses import replace
from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.screening.models import EndCustomer
from marketplace.supply.models import SupplyPolicy
from marketplace.units import clock
from marketplace.web.access import member_page, require_buyer
from pricing.curve.models import PricePolicy
from pricing.demand.actions import record_enquiry
from pricing.quotes.actions import take_quote
from pricing.quotes.bundle_offers import is_bundle_token
from pricing.quotes.bundles import Bundle
from pricing.quotes.bundling import take_bundle
from pricing.quotes.models import Quote
from pricing.quotes.need import BadNeed, parse_need
from pricing.quotes.offers import Offer
from pricing.quotes.queries import known_names
from pricing.quotes.ranking import LEAST_CO2
from pricing.quotes.relax import notes, relaxations
from pricing.quotes.search import Search, search
from pricing.web.ask import AskForm
from pricing.web.bundles import offered_together
from pricing.web.instead import levers, refused
from pricing.web.more_wishes import CHOSEN, SORT_NAMES
from pricing.web.quotes import price_parts
from pricing.web.refusals import REFUSALS, sentence
from pricing.web.starts import Calendar

ASKED_ON = {"together": "together", "ramp": "ramp"}  # the page to which a refused offer leads back
RANKS = {"cheapest": "cheapest", "soonest": "soonest", "most_compute": "most compute per $"}
SEVERAL = (*CHOSEN, "certifications")
NEXT = {"soonest": "next soonest", "most_compute": "next in compute per $"}


@require_GET
@member_page
def search_page(request: HttpRequest, found: Membership) -> HttpResponse:
    """Five questions, one answer: offers with a calendar of prices, or the nearest that fits."""
    now = clock.now()
    form = _form(request, now.date())
    context: dict[str, Any] = {"nav": "capacity", "form": form, "may_buy": found.may_buy}
    context["parts"] = request.GET.getlist("part")
    context["promises"] = SupplyPolicy.objects.in_force(now).promises()
    if form.is_bound and form.is_valid():
        try:
            need = parse_need(form.as_body(now.date()), today=now.date(), known=known_names())
        except BadNeed as bad:
            form.show_faults(bad)
        else:
            answer = search(need=need, organisation_id=found.organisation_id, now=now)
            change.run(lambda: record_enquiry(found=answer, organisation_id=found.organisation_id, now=now))
            context["splits"] = [offered_together(split) for split in answer.splits]
            if answer.offers:
                context |= _offered(answer, form, request, found, now)
            elif answer.refusal:
                context |= refused(answer, form, now)
            context["back"] = request.GET.urlencode()
    return render(request, "pricing/capacity.html", context)


def _form(request: HttpRequest, today: date) -> AskForm:
    """The answers given, else those that a link brought along, else the usual ones."""
    if "quantity" in request.GET:
        return AskForm(request.GET)
    several = {name: request.GET.getlist(name) for name in SEVERAL if name in request.GET}
    asked = {key: value for key, value in request.GET.items() if key in AskForm.base_fields}
    return AskForm(initial={"start": _in_a_month(today), **asked, **several})


def _in_a_month(today: date) -> date:
    return today.replace(day=min(today.day, 28), month=today.month % 12 + 1, year=today.year + today.month // 12)


def _offered(answer: Search, form: AskForm, request: HttpRequest, found: Membership, now: datetime) -> dict[str, Any]:
    """Offers for the date picked in the calendar, else for any of the window; the calendar always has them all."""
    on = _picked_day(answer, request.GET.get("on", ""))
    shown = answer
    if on:
        one_day = replace(answer.need, start_from=on, start_to=on)
        shown = search(need=one_day, organisation_id=found.organisation_id, now=now)
        shown = shown if shown.offers else answer
    picked = _picked(shown.offers, request.GET.get("pick", "0"))
    offer = shown.offers[picked]
    typed = form.cleaned_data["start"]
    days = Calendar(answer.calendar, answer.need.start_from, answer.need.start_to, on or typed)
    return {
        "offers": [_row(each, index, index == picked, request, days) for index, each in enumerate(shown.offers)],
        "offer": offer,
        "need": answer.need,
        "lots": offer.terms.quantity // offer.pool.lot,
        "on": on,
        "any_day": form.href(),
        "nothing_up_front": form.href(prepay=0),
        "starts": len(answer.calendar),
        "sorts": [(name, form.href(sort=key), key == answer.need.sort) for key, name in SORT_NAMES.items()],
        "notes": notes(answer),
        "query": form.query(),
        "breakdown": price_parts([(code, str(part.amount)) for code, part in offer.breakdown], offer.gpu_hours),
        "levers": levers(relaxations(need=shown.need, now=now), shown.need, form),
        "end_customers": EndCustomer.objects.of(found.organisation_id).filter(archived_at=None),
        "hold_minutes": PricePolicy.objects.in_force(offer.pool.seller, now).hold_minutes,
        **days.shown(form, request.GET.get("month", ""), on),
        **days.flex(),
    }


def _picked_day(answer: Search, text: str) -> date | None:
    return next((day.start for day in answer.calendar if day.start.isoformat() == text), None)


def _picked(offers: tuple[Offer, ...], text: str) -> int:
    return int(text) if text.isdecimal() and int(text) < len(offers) else 0


def _row(offer: Offer, index: int, chosen: bool, request: HttpRequest, days: Calendar) -> dict[str, Any]:
    query = request.GET.copy()
    query["pick"] = str(index)
    return {
        "offer": offer,
        "tag": _tag(offer, "least CO₂" if index == 0 and query.get("sort") == LEAST_CO2 else ""),
        "chosen": chosen,
        "href": f"?{query.urlencode()}#offers",
        "compute": 1 / offer.h100_unit_price,
        "change": days.against(offer),
    }


def _tag(offer: Offer, leads: str) -> str:
    """What the offer wins; `leads` names the order that it is first in, which may be no rank."""
    won = [leads] if leads else []
    won += [RANKS[rank] for rank in offer.ranks]
    text = ", ".join([*won, *(NEXT[rank] for rank in offer.next_best_in)]) or "next best"
    return text[0].upper() + text[1:]


@require_POST
@member_page
def take(request: HttpRequest, found: Membership) -> HttpResponse:
    """Turns the chosen offer into a quote that holds its capacity."""
    require_buyer(found)
    by = found.user.as_actor(found.organisation_id)
    offer, back = request.POST.get("offer", ""), request.POST.get("back", "")
    page = reverse(ASKED_ON.get(request.POST.get("page", ""), "capacity"))
    again = f"{page}?{back}" if back else page
    try:
        taken: Quote | Bundle = change.run(
            lambda: (take_bundle if is_bundle_token(offer) else take_quote)(
                offer=offer,
                organisation=found.organisation,
                by=by,
                on_behalf_of=request.POST.get("on_behalf_of") or None,
            )
        )
    except REFUSALS as refused:
        messages.warning(request, f"{sentence(refused)} Here is what can be had now.")
    else:
        return redirect("bundle" if isinstance(taken, Bundle) else "quote", taken.public_id)
    return redirect(again)
