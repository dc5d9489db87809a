"""The waitlist on the web: join from a refusal or from the questions, see what was offered and why not, withdraw."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.units import clock
from marketplace.web import formats
from marketplace.web.access import member_page, require_buyer
from pricing.quotes.need import BadNeed, Need, parse_stored
from pricing.quotes.queries import known_names
from pricing.web.ask import AskForm
from reservations.booking.waitlist.actions import EntryNotFound, parse_wish
from reservations.booking.waitlist.actions import join as join_queue
from reservations.booking.waitlist.actions import withdraw as leave_queue
from reservations.booking.waitlist.models import WaitlistEntry
from reservations.booking.waitlist.serving import MOST_UNANSWERED, OFFER_HOURS, REST
from reservations.web.refusals import REFUSALS, sentence

ROWS_A_PAGE = 25


@require_GET
@member_page
def listing(request: HttpRequest, found: Membership) -> HttpResponse:
    """The organisation's standing requests, newest first, and the rule of the queue."""
    now = clock.now()
    own = WaitlistEntry.objects.of(found.organisation_id).with_offers()
    page = Paginator(own, ROWS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "nav": "waitlist",
        "page": page,
        "rows": [_row(entry, now) for entry in page.object_list],
        "now": now,
        "may_buy": found.may_buy,
        "offer_hours": OFFER_HOURS,
        "rest_hours": REST.total_seconds() // 3600,
        "most_unanswered": MOST_UNANSWERED,
    }
    return render(request, "reservations/waitlist.html", context)


def _row(entry: WaitlistEntry, now: datetime) -> dict[str, Any]:
    offer = entry.open_offer(now)
    return {
        "entry": entry,
        "state": entry.state(now),
        "text": in_words(parse_stored(entry.need)),
        "offer": offer,
        "href": _href(offer) if offer else "",
        "seconds_left": max(0, int((offer.expires_at - now).total_seconds())) if offer else 0,
        "hold_seconds": int((offer.expires_at - offer.made_at).total_seconds()) if offer else 0,
        "passes": list(entry.passes.all())[:3],
    }


def _href(offer: Any) -> str:
    return reverse("quote" if offer.quote else "bundle", args=[offer.held.public_id])


def in_words(need: Need) -> str:
    """`64 H100 for 30 days, from 4 Dec 2026 to 14 Dec 2026, firm`."""
    size, length = need.quantity, need.duration
    gpus = f"{size.least:,}" if size.least == size.most else f"{size.least:,} to {size.most:,}"
    days = f"{length.least:,}" if length.least == length.most else f"{length.least:,} to {length.most:,}"
    what = " or ".join(map(formats.accelerator, need.accelerators)) or "GPUs of any kind"
    first, last = formats.day(need.start_from), formats.day(need.start_to)
    return f"{gpus} {what} for {days} days, starting from {first} to {last}, {need.firmness}"


@require_POST
@member_page
def join(request: HttpRequest, found: Membership) -> HttpResponse:
    """Lets what was asked for on the page of five questions stand, up to a price."""
    require_buyer(found)
    asked, now = request.POST.get("asked", ""), clock.now()
    form = AskForm(QueryDict(asked))
    again = f"{reverse('capacity')}?{asked}"
    if not form.is_valid():
        return redirect(again)
    body = form.as_body(now.date())
    body.pop("sort", None)
    by, whose = found.user.as_actor(found.organisation_id), found.organisation_id
    ceiling = request.POST.get("max_unit_price", "").strip()
    try:
        need, most = parse_wish({**body, "max_unit_price": ceiling}, now=now, known=known_names())
        change.run(lambda: join_queue(need=need, max_unit_price=most, by=by, organisation_id=whose))
    except BadNeed as bad:
        messages.warning(request, " ".join(fault.message for fault in bad.faults))
        return redirect(again)
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
        return redirect("waitlist")
    messages.success(request, "You are on the waitlist. When there is room under your ceiling, we hold it for you.")
    return redirect("waitlist")


@require_POST
@member_page
def withdraw(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Takes a standing request back, with the offer that it may have."""
    require_buyer(found)
    by, whose = found.user.as_actor(found.organisation_id), found.organisation_id
    try:
        change.run(lambda: leave_queue(public_id=public_id, by=by, organisation_id=whose))
    except EntryNotFound as error:
        raise Http404 from error
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
    else:
        messages.success(request, "Withdrawn. Nothing is held and nothing was charged.")
    return redirect("waitlist")
