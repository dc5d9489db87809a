"""The secret address of an organisation's calendar: a row for each that was given out, at most one of them live."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.parties.actions import digest_of
from marketplace.parties.models import Organisation
from marketplace.units.ids import new_id

PREFIX = "cal"


class CalendarFeed(models.Model):
    """An address at which a calendar program reads without signing in. Shown once; only its SHA-256 is kept."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="calendar_feeds")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=254, help_text="The person or key that asked for it")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation"], condition=Q(revoked_at=None), name="one_live_calendar_feed"
            )
        ]

    def __str__(self) -> str:
        return f"Calendar of {self.organisation}"


def live_feed(organisation_id: int) -> CalendarFeed | None:
    return CalendarFeed.objects.filter(organisation_id=organisation_id, revoked_at=None).first()


def feed_at(secret: str) -> CalendarFeed | None:
    """The feed of that address, unless it is unknown or revoked: the two cannot be told apart."""
    feeds = CalendarFeed.objects.select_related("organisation")
    return feeds.filter(digest=digest_of(secret), revoked_at=None).first()


def open_feed(*, organisation: Organisation, by: Actor, now: datetime) -> tuple[CalendarFeed, str]:
    """Gives the organisation's calendar a new address, and returns its secret: the only moment at which anybody can
    read it. The address before it ends at once."""
    _end(organisation.pk, now)
    secret = new_id(PREFIX)
    feed = CalendarFeed.objects.create(
        organisation=organisation, digest=digest_of(secret), created_at=now, created_by=by.label
    )
    record(by=by, verb="calendar_feed.opened", subject=organisation.public_id, now=now)
    return feed, secret


def close_feed(*, organisation: Organisation, by: Actor, now: datetime) -> bool:
    """Ends the address at once and for ever; False where there was none."""
    ended = _end(organisation.pk, now)
    if ended:
        record(by=by, verb="calendar_feed.closed", subject=organisation.public_id, now=now)
    return ended


def _end(organisation_id: int, now: datetime) -> bool:
    # Locked first: of two who ask at once, the second ends the address of the first.
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation_id)
    live = CalendarFeed.objects.filter(organisation_id=organisation_id, revoked_at=None)
    return bool(live.update(revoked_at=now))
