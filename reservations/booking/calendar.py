"""An organisation's dates as a calendar: starts and ends of what it holds, and the deadlines that wait for it."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from icalendar import Calendar, Event

from marketplace.outbox.models import Event as Told
from marketplace.parties.models import Organisation
from pricing.quotes.models import OPEN, Quote
from reservations.booking.amendments import CONSENTED, Assignment
from reservations.booking.feeds import CalendarFeed
from reservations.booking.models import Reservation
from reservations.booking.money import Due
from reservations.booking.states import CANCELLED, PENDING, PENDING_APPROVAL, RELEASED

PRODUCT = "-//Headroom//Calendar//EN"
KEPT_DAYS = 90  # what ended before that is left out
MOST = 5_000  # of each kind


@dataclass(frozen=True)
class Entry:
    """One date. A day is all day; a time is the end of something that can still be done before it.

    `key` never changes for the same date of the same thing, whatever day it moves to.
    """

    key: str
    title: str
    at: date | datetime
    since: datetime


@dataclass(frozen=True)
class Feed:
    """The calendar as a file. `changed_at` is when anything in it last became different."""

    body: bytes
    changed_at: datetime

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'


def feed_of(feed: CalendarFeed, now: datetime, more: Iterable[Entry] = ()) -> Feed:
    """What a calendar program reads at the feed's address at this moment; `more` are dates of the rooms above."""
    organisation = feed.organisation
    entries = [*_blocks(organisation, now), *_payments(organisation, now), *_quotes(organisation, now)]
    entries += [*_assignments(organisation, now), *more]
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"Headroom: {organisation.name}")
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"value": "DURATION"})
    for entry in entries:
        calendar.add_component(_event(entry))
    return Feed(calendar.to_ical(), _changed_at(feed, now))


def _event(entry: Entry) -> Event:
    event = Event()
    event.add("uid", f"{entry.key}@headroom")
    event.add("dtstamp", entry.since)
    event.add("summary", entry.title)
    event.add("dtstart", entry.at)
    event.add("transp", "TRANSPARENT")
    return event


def _blocks(organisation: Organisation, now: datetime) -> Iterator[Entry]:
    """First and last day of every block, and until when a pending one waits."""
    kept = now.date() - timedelta(days=KEPT_DAYS)
    rows = (
        Reservation.objects.of(organisation.pk).filter(end__gt=kept).select_related("pool__site", "pool__accelerator")
    )
    for each in rows[:MOST]:
        state, what = each.state(now), block_in_words(each)
        if state in (CANCELLED, RELEASED):
            continue
        since = each.assigned_at or each.accepted_at
        yield Entry(f"{each.public_id}-start", f"Starts: {what}", each.start, since)
        yield Entry(f"{each.public_id}-end", f"Last day: {what}", each.end - timedelta(days=1), since)
        if state in PENDING and each.deadline is not None:
            wanted = "Approve" if state == PENDING_APPROVAL else "Pay"
            yield Entry(f"{each.public_id}-deadline", f"{wanted} by now: {what}", each.deadline, since)


def _quotes(organisation: Organisation, now: datetime) -> Iterator[Entry]:
    rows = Quote.objects.of(organisation.pk).filter(status=OPEN, expires_at__gt=now)
    for each in rows.select_related("pool__site", "pool__accelerator")[:MOST]:
        yield Entry(
            f"{each.public_id}-expires", f"Quote ends: {block_in_words(each)}", each.expires_at, each.created_at
        )


def _assignments(organisation: Organisation, now: datetime) -> Iterator[Entry]:
    """Blocks that wait for the organisation to take them over or not."""
    rows = Assignment.objects.filter(receiver=organisation, status=CONSENTED, expires_at__gt=now).with_names()
    for each in rows[:MOST]:
        title = f"Take over or decline by now: {block_in_words(each.reservation)}"
        yield Entry(f"{each.public_id}-decide", title, each.expires_at, each.consented_at or each.offered_at)


def _payments(organisation: Organisation, now: datetime) -> Iterator[Entry]:
    """Until when what is still owed for a block is to be paid: a pending block's deadline says the same already."""
    kept = now - timedelta(days=KEPT_DAYS)
    rows = Due.objects.of(organisation.pk).still_owed().filter(due_at__gt=kept).exclude(reservation__status__in=PENDING)
    for each in rows.select_related("reservation__pool__site", "reservation__pool__accelerator")[:MOST]:
        if each.reservation is not None:
            title = f"Pay {each.amount:,.2f} {each.currency} by now: {block_in_words(each.reservation)}"
            yield Entry(f"{each.public_id}-pay", title, each.due_at, each.created_at)


def block_in_words(of: Reservation | Quote) -> str:
    return f"{of.quantity:,} {of.pool.accelerator.name} at {of.pool.site.name}"


def _changed_at(feed: CalendarFeed, now: datetime) -> datetime:
    """Every change tells an event; what the clock does, it does at a deadline that has passed."""
    organisation_id = feed.organisation_id
    told = Told.objects.visible_to(organisation_id).order_by("-id").values_list("created_at", flat=True)
    over = Quote.objects.of(organisation_id).filter(expires_at__lte=now).order_by("-expires_at")
    late = Reservation.objects.of(organisation_id).filter(deadline__lte=now).order_by("-deadline")
    offered = Assignment.objects.filter(receiver=feed.organisation).order_by("-id")
    times: list[datetime | None] = [feed.created_at, *told[:1]]
    times += over.values_list("expires_at", flat=True)[:1]
    times += late.values_list("deadline", flat=True)[:1]
    for made in offered[:MOST]:
        times += [made.consented_at, made.decided_at, made.expires_at if made.expires_at <= now else None]
    # What ended long enough ago is left out from a midnight on.
    times.append(now.replace(hour=0, minute=0, second=0, microsecond=0))
    return max(time for time in times if time is not None)
