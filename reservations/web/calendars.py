"""The organisation's calendar at a secret address, and everything it has as one file."""

import csv
from collections.abc import Iterator
from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.units import clock
from marketplace.web.access import member_page, require_buyer
from pricing.quotes.models import Quote
from reservations.allocation.deadlines import deadlines_of
from reservations.booking.calendar import Feed, feed_of
from reservations.booking.feeds import CalendarFeed, close_feed, feed_at, live_feed, open_feed
from reservations.booking.models import Reservation
from reservations.booking.money import Due
from reservations.delivery.dates import delivery_entries
from reservations.web.sheets import Echo, safe

COLUMNS = (
    "kind", "id", "status", "site", "accelerator", "quantity", "firmness", "start", "end_exclusive", "total",
    "currency", "until", "belongs_to", "created_at",
)  # fmt: skip
CHUNK = 1000


@require_safe
def feed(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The calendar, for a program that holds the address. An address that was ended is like one that never was."""
    found = feed_at(secret)
    if found is None:
        raise Http404
    now = _feed(found)
    etag, changed = now.etag, int(now.changed_at.timestamp())
    answer = HttpResponse(now.body, content_type="text/calendar; charset=utf-8")
    answer = get_conditional_response(request, etag=etag, last_modified=changed, response=answer) or answer
    answer["ETag"], answer["Last-Modified"] = etag, http_date(changed)
    answer["Cache-Control"] = "private, max-age=300"
    return answer


def _feed(found: CalendarFeed) -> Feed:
    now = clock.now()
    more = [*deadlines_of(found.organisation, now), *delivery_entries(found.organisation, now)]
    return feed_of(found, now, more)


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def page(request: HttpRequest, found: Membership) -> HttpResponse:
    """Whether there is an address, and since when. A new one is shown once, in the answer to the form that asks."""
    context: dict[str, object] = {"nav": "portfolio", "may_change": found.may_buy}
    if request.method == "POST":
        require_buyer(found)
        by = found.user.as_actor(found.organisation_id)
        if request.POST.get("end"):
            change.run(lambda: close_feed(organisation=found.organisation, by=by, now=clock.now()))
            return redirect("calendar")
        _, secret = change.run(lambda: open_feed(organisation=found.organisation, by=by, now=clock.now()))
        context["address"] = request.build_absolute_uri(reverse("calendar-feed", args=[secret]))
    answer = render(request, "reservations/calendar.html", context | {"feed": live_feed(found.organisation_id)})
    answer["Cache-Control"] = "no-store"
    return answer


@require_GET
@member_page
def everything(request: HttpRequest, found: Membership) -> StreamingHttpResponse:
    """Reservations, quotes and amounts due of the organisation, as CSV, streamed."""
    answer = StreamingHttpResponse(_csv(found.organisation_id, clock.now()), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="everything.csv"'
    return answer


def _csv(organisation_id: int, now: datetime) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    named = ("pool__site", "pool__accelerator")
    reservations = Reservation.objects.of(organisation_id).select_related("quote", *named)
    for held in reservations.iterator(chunk_size=CHUNK):
        more = [held.deadline, held.quote.public_id, held.accepted_at]
        yield writer.writerow(["reservation", held.public_id, held.state(now), *_block(held), *map(_time, more)])
    for quote in Quote.objects.of(organisation_id).select_related(*named).iterator(chunk_size=CHUNK):
        more = [quote.expires_at, None, quote.created_at]
        yield writer.writerow(["quote", quote.public_id, quote.state(now), *_block(quote), *map(_time, more)])
    for due in Due.objects.of(organisation_id).select_related("reservation").iterator(chunk_size=CHUNK):
        of = due.reservation.public_id if due.reservation else None
        none = [None] * 6
        money = [due.amount, due.currency]
        yield writer.writerow(
            ["due", due.public_id, due.reason, *none, *money, *map(_time, [due.due_at, of, due.created_at])]
        )


def _block(of: Reservation | Quote) -> list[object]:
    place = [safe(of.pool.site.name), of.pool.accelerator.key]
    return [*place, of.quantity, of.firmness, of.start, of.end, of.total, of.currency]


def _time(value: datetime | str | None) -> str:
    return value.isoformat() if isinstance(value, datetime) else value or ""
