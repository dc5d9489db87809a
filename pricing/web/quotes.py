from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from marketplace.change import change
from marketplace.parties.chains import ROLE_NAMES
from marketplace.parties.models import APPROVER, Membership, User
from marketplace.parties.signing import standing
from marketplace.units import clock
from marketplace.units.compute import gpu_hours
from marketplace.units.money import Money, unit_price
from marketplace.web.access import member_page, require_buyer
from marketplace.web.charts.breakdown import Part, breakdown_rows
from pricing.quotes.actions import QuoteNotFound, release_quote
from pricing.quotes.long_holds import choices
from pricing.quotes.models import BUY, OPEN, Quote
from pricing.web.bargaining import thread_context
from pricing.web.refusals import REFUSALS, sentence

ROWS_A_PAGE = 25
PART_NAMES = {
    "energy": ("Energy", "floor"),
    "capital": ("Capital cost", "floor"),
    "reserve": ("Reserve price", "floor"),
    "firm_premium": ("Firm delivery", "firm"),
    "standard_premium": ("Standard delivery", "firm"),
    "standby_premium": ("Standby delivery", "firm"),
    "scarcity": ("Scarcity", "scarcity"),
    "term_tenor": ("Length of the block", "terms"),
    "term_lead_time": ("Bought ahead", "terms"),
    "term_prepayment": ("Paid up front", "terms"),
    "term_volume": ("Volume", "terms"),
    "term_floor": ("Kept at the floor", "floor"),
    "negotiated": ("Granted by sales", "terms"),
}


@require_GET
@member_page
def listing(request: HttpRequest, found: Membership) -> HttpResponse:
    """The organisation's quotes, newest first."""
    now = clock.now()
    quotes = Quote.objects.of(found.organisation_id).select_related("pool__site", "pool__accelerator", "bundle")
    page = Paginator(quotes, ROWS_A_PAGE).get_page(request.GET.get("page"))
    rows = [(quote, quote.state(now)) for quote in page.object_list]
    return render(request, "pricing/quotes.html", {"nav": "quotes", "page": page, "rows": rows})


@require_GET
@member_page
def show(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """A quote: the hold's clock, what makes the price, the terms, and the two things that can be done."""
    quote = Quote.objects.of(found.organisation_id).with_terms().filter(public_id=public_id).first()
    if quote is None:
        raise Http404
    if quote.kind != BUY:
        return redirect("change-quote", quote.public_id)  # a page of the top floor, known by name only
    context = quote_context(quote, found)
    return render(request, "pricing/quote.html", context | thread_context(quote, found, context["now"]))


def quote_context(quote: Quote, found: Membership) -> dict[str, Any]:
    """What the quote page and the reservation page both show of a quote."""
    now = clock.now()
    hours = gpu_hours(quote.quantity, quote.period.days)
    return {
        "nav": "quotes",
        "quote": quote,
        "state": quote.state(now),
        "now": now,
        "seconds_left": max(0, int((quote.expires_at - now).total_seconds())),
        "hold_seconds": int((quote.expires_at - quote.created_at).total_seconds()),
        "may_buy": found.may_buy,
        "paying": paying_context(quote, found, now) if found.may_buy and quote.state(now) == OPEN else {},
        "breakdown": price_parts([(line["code"], line["amount"]["amount"]) for line in quote.breakdown], hours),
        "unit_price": unit_price(quote.money, hours),
        "gpu_hours": hours,
        "lots": quote.quantity // quote.pool.lot,
        "spec": sorted(quote.spec.document.items()),
        "long_holds": choices(quote=quote, now=now) if found.may_buy else [],
        "contract": quote.contract_terms,
        "up_front": quote.up_front_percent,
    }


def paying_context(quote: Quote, found: Membership, now: datetime, *, whole: Money | None = None) -> dict[str, Any]:
    """What an acceptance would ask: who pays, and who else has to agree. `whole` is the total of the quote's bundle."""
    rules = standing(
        organisation_id=quote.organisation_id,
        by=found.user.as_actor(found.organisation_id),
        seller_id=quote.pool.seller_id,
        amount=whole or quote.money,
        now=now,
    )
    named = [step.user_id for step in rules.steps if step.user_id]
    names: dict[int | None, str] = dict(User.objects.filter(pk__in=named).values_list("pk", "name"))
    return {
        "centres": found.organisation.cost_centres.filter(closed_at=None) if rules.keeps_cost_centres else (),
        "steps": [names.get(step.user_id) or ROLE_NAMES[step.role or APPROVER] for step in rules.steps],
        "hours": rules.approval_hours,
    }


def price_parts(lines: list[tuple[str, str]], hours: int) -> Any:
    """The breakdown per GPU-hour, ready to draw."""
    return breakdown_rows(
        [Part(PART_NAMES[code][0], Decimal(amount) / hours, PART_NAMES[code][1]) for code, amount in lines]
    )


@require_POST
@member_page
def release(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Lets the hold go before its time."""
    require_buyer(found)
    by = found.user.as_actor(found.organisation_id)
    try:
        quote = change.run(lambda: release_quote(public_id=public_id, by=by, organisation_id=found.organisation_id))
    except QuoteNotFound as error:
        raise Http404 from error
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
        return redirect("quote", public_id)
    messages.success(request, f"The {quote.quantity:,} GPUs are back on sale. Nothing was charged.")
    return redirect("quotes")
