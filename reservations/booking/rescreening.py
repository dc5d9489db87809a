"""What is no longer clear: open quotes and live reservations, screened again as things stand today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from marketplace.screening.queries import Party, clear
from pricing.quotes.models import OPEN, Quote
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
    quotes = Quote.objects.in_state(OPEN, now).filter(kind="buy")
    held = Reservation.objects.exclude(status__in=(ENDED, CANCELLED, RELEASED)).filter(end__gt=now.date())
    kinds = {*_kinds(quotes, "on_behalf_of"), *_kinds(held, "quote__on_behalf_of")}
    deals = sorted(kinds, key=lambda deal: (deal.organisation_id, deal.pool_id, deal.end_customer_id or 0))
    unclear = {deal for deal, is_clear in zip(deals, clear(deals, now=now), strict=True) if not is_clear}
    return NoLongerClear(_rows(quotes, "on_behalf_of", unclear), _rows(held, "quote__on_behalf_of", unclear))


def _kinds(rows: "QuerySet[Quote] | QuerySet[Reservation]", customer: str) -> set[Party]:
    found = rows.order_by().values_list("organisation_id", "pool_id", f"{customer}_id").distinct()
    return {Party(*each) for each in found}


def _rows(rows: QuerySet, customer: str, unclear: set[Party]) -> list:
    """Those of an unclear kind. A kind has one condition in the query, and there are few kinds."""
    found: list = []
    for deal in sorted(unclear, key=lambda deal: (deal.organisation_id, deal.pool_id, deal.end_customer_id or 0)):
        of_kind = rows.filter(
            organisation_id=deal.organisation_id, pool_id=deal.pool_id, **{f"{customer}_id": deal.end_customer_id}
        )
        found += of_kind.select_related("organisation", "pool__site", "pool__accelerator").order_by("-pk")[
            : MOST_ROWS - len(found)
        ]
        if len(found) >= MOST_ROWS:
            break
    return found
