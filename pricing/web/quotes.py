from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.units import clock
from marketplace.units.compute import gpu_hours
from marketplace.units.money import unit_price
from marketplace.web.access import member_page, require_buyer
from marketplace.web.charts.breakdown import Part, breakdown_rows
from pricing.quotes.actions import QuoteClosed, QuoteExpired, QuoteNotFound, release_quote
from pricing.quotes.models import Quote

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
    return render(request, "pricing/quote.html", quote_context(quote, found))


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
        "breakdown": price_parts([(line["code"], line["amount"]["amount"]) for line in quote.breakdown], hours),
        "unit_price": unit_price(quote.money, hours),
        "gpu_hours": hours,
        "lots": quote.quantity // quote.pool.lot,
        "spec": sorted(quote.spec.document.items()),
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
    except (QuoteExpired, QuoteClosed):
        messages.warning(request, "This quote is already closed. Nothing was charged.")
        return redirect("quote", public_id)
    except change.Busy:
        messages.warning(request, "Others were buying here at the same moment. Nothing was changed; please try again.")
        return redirect("quote", public_id)
    messages.success(request, f"The {quote.quantity:,} GPUs are back on sale. Nothing was charged.")
    return redirect("quotes")
