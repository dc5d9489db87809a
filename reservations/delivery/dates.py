"""Dates of deliveries for a calendar program: announced hand-over, the end of the window to test, notice of an end."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from marketplace.parties.models import Organisation
from reservations.booking.calendar import MOST, Entry, block_in_words
from reservations.booking.models import Reservation
from reservations.booking.states import DELIVERING, SCHEDULED, midnight
from reservations.delivery.ending import LIVE


def delivery_entries(organisation: Organisation, now: datetime) -> Iterator[Entry]:
    """Of what the organisation holds and the provider hands over. A date keeps its key whatever day it moves to."""
    rows = Reservation.objects.of(organisation.pk).filter(handover="provider", status__in=LIVE, end__gt=now.date())
    for each in rows.select_related("pool__site", "pool__accelerator", "quote", "delivery")[:MOST]:
        yield from _entries(each, now)


def _entries(each: Reservation, now: datetime) -> Iterator[Entry]:
    state, what, since = each.state(now), block_in_words(each), each.assigned_at or each.accepted_at
    given = getattr(each, "delivery", None)
    if state == SCHEDULED and given is not None and given.ready_on is not None:
        yield Entry(f"{each.public_id}-ready", f"Access announced: {what}", given.ready_on, since)
    if state == DELIVERING and each.delivered_on is not None:
        title = f"Test, accept or reject by now: {what}"
        yield Entry(f"{each.public_id}-accept", title, midnight(each.delivered_on), since)
    days = each.quote.contract_terms.end_notice_days
    if days:
        title = f"Ends in {days} days: {what}"
        yield Entry(f"{each.public_id}-ending", title, each.end - timedelta(days=days), since)
