import csv
from collections.abc import Iterator
from datetime import datetime

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.units import clock
from marketplace.units.instants import in_words
from marketplace.web import formats
from marketplace.web.access import member_page, require_buyer
from pricing.quotes.actions import QuoteNotFound
from pricing.web.quotes import quote_context
from reservations.allocation.deciding import OPEN
from reservations.allocation.remedies import Remedy
from reservations.allocation.standing import supply_standing
from reservations.booking.actions import accept_quote
from reservations.booking.lifecycle import ReservationNotFound
from reservations.booking.models import Reservation, ReservationQuerySet
from reservations.booking.states import CANCELLED, PENDING_APPROVAL, PENDING_PAYMENT
from reservations.web.approvals import approval_context
from reservations.web.delivering import delivery_context
from reservations.web.life import life_context
from reservations.web.refusals import REFUSALS, sentence
from reservations.web.remedies import remedy_context
from reservations.web.sheets import Echo, safe

ROWS_A_PAGE = 25
COLUMNS = (
    "id", "status", "site", "accelerator", "quantity", "firmness", "start", "end_exclusive", "total", "currency",
    "quote", "accepted_at", "accepted_by",
)  # fmt: skip


@require_POST
@member_page
def accept(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Accepts a quote: binding, once."""
    require_buyer(found)
    by, charged = found.user.as_actor(found.organisation_id), request.POST.get("cost_centre") or None
    order = request.POST.get("purchase_order", "").strip()[:80]
    try:
        reservation = change.run(
            lambda: accept_quote(
                public_id=public_id,
                by=by,
                organisation_id=found.organisation_id,
                cost_centre=charged,
                purchase_order=order,
            )
        )
    except (QuoteNotFound, ReservationNotFound) as error:
        raise Http404 from error
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
        return redirect("quote", public_id)
    messages.success(request, _said(reservation))
    return redirect("reservation", reservation.public_id)


def _said(reservation: Reservation) -> str:
    first = formats.day(reservation.start)
    if reservation.status == CANCELLED:
        return f"Cancelled: the {reservation.quantity:,} GPUs are back on sale."
    if reservation.revision:
        return f"Changed: {reservation.quantity:,} GPUs, {first} to {formats.day(reservation.end)}."
    if reservation.deadline is not None and reservation.status == PENDING_APPROVAL:
        return f"Asked for approval: the {reservation.quantity:,} GPUs are kept until {in_words(reservation.deadline)}."
    if reservation.status == PENDING_PAYMENT:
        return f"Held for you: {reservation.quantity:,} GPUs are yours from {first} once the payment is in."
    return f"Reserved: {reservation.quantity:,} GPUs are yours from {first}."


@require_GET
@member_page
def portfolio(request: HttpRequest, found: Membership) -> HttpResponse:
    """The organisation's reservations, newest first."""
    now = clock.now()
    page = Paginator(_owned(found), ROWS_A_PAGE).get_page(request.GET.get("page"))
    rows = [(reservation, reservation.state(now)) for reservation in page.object_list]
    waiting = Remedy.objects.of(found.organisation_id).in_state(OPEN, now).filter(reservation__in=page.object_list)
    to_choose = set(waiting.values_list("reservation_id", flat=True))
    shown = {"nav": "portfolio", "page": page, "rows": rows, "to_choose": to_choose}
    return render(request, "reservations/portfolio.html", shown)


@require_GET
@member_page
def show(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """A reservation: what was agreed, by whom, at which price and terms."""
    reservation = _owned(found).with_terms().filter(public_id=public_id).first()
    if reservation is None:
        raise Http404
    context = quote_context(reservation.quote, found) | {"nav": "portfolio", "reservation": reservation}
    context |= life_context(reservation, found, context["now"])
    context |= delivery_context(reservation, found)
    context |= remedy_context(reservation, found, context["now"])
    context |= approval_context(reservation, found, context["stands"])
    context["supply"] = supply_standing(reservation, now=context["now"])
    return render(request, "reservations/reservation.html", context)


@require_GET
@member_page
def export(request: HttpRequest, found: Membership) -> StreamingHttpResponse:
    """Everything the organisation has reserved, as CSV, streamed."""
    response = StreamingHttpResponse(_csv(_owned(found), clock.now()), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="reservations.csv"'
    return response


def _owned(found: Membership) -> ReservationQuerySet:
    return Reservation.objects.of(found.organisation_id).select_related(
        "pool__site", "pool__accelerator", "quote__bundle"
    )


def _csv(reservations: ReservationQuerySet, now: datetime) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    for each in reservations.iterator(chunk_size=1000):
        yield writer.writerow(_row(each, now))


def _row(r: Reservation, now: datetime) -> list[object]:
    return [
        r.public_id, r.state(now), safe(r.pool.site.name), r.pool.accelerator.key, r.quantity, r.firmness, r.start,
        r.end, r.total, r.currency, r.quote.public_id, r.accepted_at.isoformat(), safe(r.accepted_by_holder),
    ]  # fmt: skip
