"""Energy and CO2 of the portfolio, on a page and as a file."""

import csv
from collections.abc import Iterator
from datetime import date

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from marketplace.parties.models import Membership
from marketplace.units import clock
from marketplace.web.access import member_page
from reservations.booking.energy import Energy, PeriodRefused, asked_period, energy
from reservations.web.sheets import Echo, safe

COLUMNS = (
    "id", "site", "accelerator", "quantity", "from", "to", "gpu_hours", "pue", "energy_kwh", "grams_per_kwh", "co2_kg",
)  # fmt: skip


@require_GET
@member_page
def show(request: HttpRequest, found: Membership) -> HttpResponse:
    try:
        drawn = _asked(request, found)
    except PeriodRefused as refused:
        messages.warning(request, str(refused))
        return redirect("energy")
    return render(request, "reservations/energy.html", {"nav": "portfolio", "energy": drawn})


@require_GET
@member_page
def export(request: HttpRequest, found: Membership) -> HttpResponse | StreamingHttpResponse:
    """The same rows as on the page."""
    try:
        drawn = _asked(request, found)
    except PeriodRefused as refused:
        return HttpResponse(f"{refused}\n", status=422, content_type="text/plain; charset=utf-8")
    response = StreamingHttpResponse(_csv(drawn), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="energy.csv"'
    return response


def _asked(request: HttpRequest, found: Membership) -> Energy:
    now = clock.now()
    first, after = (_day(request.GET.get(name, "")) for name in ("from", "to"))
    period = asked_period(first, after, now.date())
    return energy(organisation_id=found.organisation_id, period=period, now=now)


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise PeriodRefused(f"“{text[:20]}” is no date. Write it as 2027-02-01.") from None


def _csv(drawn: Energy) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    for row in drawn.rows:
        held, f = row.reservation, row.footprint
        first, last = max(held.start, drawn.period.start), min(held.end, drawn.period.end)
        yield writer.writerow(
            [held.public_id, safe(held.pool.site.name), held.pool.accelerator.key, held.quantity, first, last]
            + [row.gpu_hours, f.pue, f.facility_kwh, f.grams_per_kwh, f.carbon_kg]
        )
