"""The calendar as a file: every start of the window that fits, with what it costs."""

import csv

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from marketplace.parties.models import Membership
from marketplace.units import clock
from marketplace.web.access import member_page
from pricing.quotes.need import BadNeed, parse_need
from pricing.quotes.queries import known_names
from pricing.quotes.search import search
from pricing.web.ask import AskForm

COLUMNS = ("start", "total", "currency", "unit_price")


@require_GET
@member_page
def export(request: HttpRequest, found: Membership) -> HttpResponse:
    """The same figures as the page's calendar and REST's. A question that makes no sense is 400, and says why."""
    now = clock.now()
    form = AskForm(request.GET)
    if not form.is_valid():
        return _refused([f"{name}: {' '.join(map(str, errors))}" for name, errors in form.errors.items()])
    try:
        need = parse_need(form.as_body(now.date()), today=now.date(), known=known_names())
    except BadNeed as bad:
        return _refused([str(bad)])
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="price-by-start.csv"'
    writer = csv.writer(response)
    writer.writerow(COLUMNS)
    for day in search(need=need, organisation_id=found.organisation_id, now=now).calendar:
        writer.writerow([day.start.isoformat(), day.total.amount, day.total.currency, f"{day.unit_price:.4f}"])
    return response


def _refused(why: list[str]) -> HttpResponse:
    return HttpResponse("\n".join(why), status=400, content_type="text/plain; charset=utf-8")
