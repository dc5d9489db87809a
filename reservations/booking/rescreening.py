"""What is no longer clear: open quotes and live reservations, screened again as things stand today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, F, QuerySet, When

from marketplace.screening.queries import Party, clear
from pricing.quotes.models import BUY, OPEN, Quote
from reservations.booking.models import Reservation
from reservations.booking.states import CANCELLED, ENDED, RELEASED

MOST_ROWS = 500


@dataclass(frozen=True)
class NoLongerClear:
    """At most MOST_ROWS of each, the newest first: for people to look at."""

    quotes: Sequence[Quote]
    reservations: Sequence[Reservation]


def no_longer_clear(*, now: datetime) -> NoLongerClear:
    """Every kind of deal (buyer, end customer, pool) is screened once, however many rows it has."""
    quotes = Quote.objects.in_state(OPEN, now).filter(kind=BUY).annotate(for_whom=F("on_behalf_of_id"))
    live = Reservation.objects.exclude(status__in=(ENDED, CANCELLED, RELEASED)).filter(end__gt=now.date())
    # Who holds it by an assignment buys for nobody else.
    held = live.annotate(for_whom=Case(When(assigned_at=None, then=F("quote__on_behalf_of_id")), default=None))
    deals = sorted({*_kinds(quotes), *_kinds(held)}, key=_order)
    unclear = [deal for deal, is_clear in zip(deals, clear(deals, now=now), strict=True) if not is_clear]
    return NoLongerClear(_rows(quotes, unclear), _rows(held, unclear))


def _order(deal: Party) -> tuple[int, int, int]:
    return deal.organisation_id, deal.pool_id, deal.end_customer_id or 0


def _kinds(rows: QuerySet[Any]) -> set[Party]:
    found = rows.order_by().values_list("organisation_id", "pool_id", "for_whom").distinct()
    return {Party(*each) for each in found}


def _rows(rows: QuerySet[Any], unclear: Sequence[Party]) -> list[Any]:
    """Those of an unclear kind. A kind has one query, and there are few kinds."""
    found: list[Any] = []
    for deal in unclear:
        whom = {"for_whom": deal.end_customer_id} if deal.end_customer_id else {"for_whom__isnull": True}
        of_kind = rows.filter(organisation_id=deal.organisation_id, pool_id=deal.pool_id, **whom).order_by("-pk")
        found += of_kind.select_related("organisation", "pool__site", "pool__accelerator")[: MOST_ROWS - len(found)]
        if len(found) >= MOST_ROWS:
            break
    return found
