"""Billing: what the organisation owes, and every entry that made it so."""

import csv
from collections.abc import Iterator

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from marketplace.parties.models import Membership
from marketplace.web.access import member_page
from reservations.billing.queries import account_of, balances
from reservations.web.sheets import Echo, safe

ROWS_A_PAGE = 25
CHUNK = 1_000
COLUMNS = ["entry", "occurred_at", "kind", "subject", "reservation", "seller", "amount", "balance", "currency"]


@require_GET
@member_page
def account(request: HttpRequest, found: Membership) -> HttpResponse:
    """What is owed to each seller, then the account, newest entry first."""
    page = Paginator(account_of(found.organisation_id), ROWS_A_PAGE).get_page(request.GET.get("page"))
    context = {"nav": "billing", "page": page, "balances": balances(found.organisation_id)}
    return render(request, "reservations/billing.html", context)


@require_GET
@member_page
def export(request: HttpRequest, found: Membership) -> StreamingHttpResponse:
    """The whole account as CSV, streamed."""
    answer = StreamingHttpResponse(_csv(found.organisation_id), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="account.csv"'
    return answer


def _csv(organisation_id: int) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    for each in account_of(organisation_id).iterator(chunk_size=CHUNK):
        of = each.reservation.public_id if each.reservation else ""
        what = [each.public_id, each.occurred_at.isoformat(), each.kind, each.subject, of, safe(each.seller.name)]
        yield writer.writerow([*what, each.amount, each.balance, each.currency])
