"""Standing requests: who waits for what, what was offered to them, and why they were passed over."""

from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db import models
from django.db.models import Q

from marketplace.parties.models import Organisation
from marketplace.units.ids import new_id
from marketplace.units.money import Money
from pricing.quotes.bundles import Bundle
from pricing.quotes.models import ACCEPTED, EXPIRED, OPEN, RELEASED, Quote

WAITING, OFFERED, SERVED, WITHDRAWN, LAPSED = "waiting", "offered", "served", "withdrawn", "lapsed"
STATUSES = [
    (WAITING, "Waiting"),
    (OFFERED, "Offer made"),
    (SERVED, "Served"),
    (WITHDRAWN, "Withdrawn"),
    (LAPSED, "Lapsed"),
]
NO_ROOM, TOO_DEAR, NOT_CLEARED, HOLD_LIMIT, COOLDOWN, TAKEN, LET_GO, RAN_OUT = (
    "no_room", "too_dear", "not_cleared", "hold_limit", "hold_cooldown", "taken", "let_go", "ran_out",
)  # fmt: skip
REASONS = [
    (NO_ROOM, "No room"),
    (TOO_DEAR, "Too dear"),
    (NOT_CLEARED, "Not cleared"),
    (HOLD_LIMIT, "Hold limit"),
    (COOLDOWN, "Cool-down of holds"),
    (TAKEN, "Somebody was faster"),
    (LET_GO, "Let its offer go"),
    (RAN_OUT, "Let its offer run out"),
]


def new_entry_id() -> str:
    return new_id("wle")


class WaitlistQuerySet(models.QuerySet["WaitlistEntry"]):
    def of(self, organisation_id: int) -> "WaitlistQuerySet":
        """The tenant's wall: every read for a customer starts here."""
        return self.filter(organisation_id=organisation_id)

    def in_line(self) -> "WaitlistQuerySet":
        """Those that wait, in the order of the one queue: who joined first comes first."""
        return self.filter(status=WAITING).order_by("joined_at", "pk")

    def with_offers(self) -> "WaitlistQuerySet":
        return self.select_related("organisation").prefetch_related(
            "offers__quote__pool__site", "offers__quote__pool__accelerator", "offers__bundle__parts", "passes"
        )


class WaitlistEntry(models.Model):
    """A wish that stands until it is served, withdrawn, or the last start that it allows is over.

    The status of the row is what a sweep has written down; `state` is what is true by the clock.
    """

    public_id = models.CharField(max_length=40, unique=True, default=new_entry_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="waitlist")
    need = models.JSONField(help_text="As it was asked, ready to post")
    max_unit_price = models.DecimalField(
        max_digits=12, decimal_places=4, help_text="The most that it may cost, USD per GPU-hour after terms"
    )
    last_start = models.DateField(help_text="The last start that it allows")
    status = models.CharField(max_length=10, choices=STATUSES, default=WAITING)
    joined_at = models.DateTimeField()
    joined_by = models.CharField(max_length=254)
    rests_until = models.DateTimeField(
        null=True, blank=True, help_text="After an offer that it did not take: until then the others come first"
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = WaitlistQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "waitlist entries"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["organisation", "-id"], name="waitlist_of_organisation"),
            models.Index(fields=["joined_at", "id"], condition=Q(status=WAITING), name="waitlist_in_line"),
            models.Index(fields=["id"], condition=Q(status=OFFERED), name="waitlist_offered"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=[s for s, _ in STATUSES]), name="waitlist_status_is_known"),
            models.CheckConstraint(condition=Q(max_unit_price__gt=0), name="waitlist_ceiling_is_positive"),
            models.CheckConstraint(
                condition=Q(status__in=[WAITING, OFFERED], ended_at=None)
                | Q(status__in=[SERVED, WITHDRAWN, LAPSED], ended_at__isnull=False),
                name="waitlist_ends_once",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @cached_property
    def offer(self) -> "WaitlistOffer | None":
        """The one made last."""
        return max(self.offers.all(), key=lambda offer: offer.pk, default=None)

    def open_offer(self, now: datetime) -> "WaitlistOffer | None":
        """The offer that can be taken now."""
        return self.offer if self.offer is not None and self.offer.state(now) == OPEN else None

    def state(self, now: datetime) -> str:
        """Its status by the clock, whether or not a sweep has written it down."""
        if self.status == OFFERED and self.offer is not None:
            found = self.offer.state(now)
            if found != OPEN:
                return SERVED if found == ACCEPTED else self._waiting(now)
        return self._waiting(now) if self.status == WAITING else self.status

    def _waiting(self, now: datetime) -> str:
        return LAPSED if self.last_start <= now.date() else WAITING

    def allowed_actions(self, now: datetime) -> list[str]:
        return ["withdraw"] if self.state(now) in (WAITING, OFFERED) else []


class WaitlistOffer(models.Model):
    """An offer to one entry: a quote that holds its capacity, or a bundle. Single-use; it ends with its hold."""

    entry = models.ForeignKey(WaitlistEntry, on_delete=models.PROTECT, related_name="offers")
    quote = models.OneToOneField(Quote, on_delete=models.PROTECT, null=True, related_name="waitlist_offer")
    bundle = models.OneToOneField(Bundle, on_delete=models.PROTECT, null=True, related_name="waitlist_offer")
    made_at = models.DateTimeField()
    outcome = models.CharField(
        max_length=10, blank=True, choices=[(s, s) for s in (ACCEPTED, RELEASED, EXPIRED)], help_text="Once it is over"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["entry"], condition=Q(outcome=""), name="one_open_offer_per_entry"),
            models.CheckConstraint(
                condition=Q(quote__isnull=False, bundle=None) | Q(quote=None, bundle__isnull=False),
                name="an_offer_is_a_quote_or_a_bundle",
            ),
        ]

    def __str__(self) -> str:
        return f"to {self.entry}"

    @property
    def held(self) -> Quote | Bundle:
        """What holds its capacity."""
        found: Any = self.quote or self.bundle
        return found

    @property
    def money(self) -> Money:
        return self.held.money

    @property
    def expires_at(self) -> datetime:
        return self.held.expires_at

    @property
    def unit_price(self) -> Decimal:
        hours = self.held.gpu_hours
        return (self.held.total / hours).quantize(Decimal("0.0001"))

    def state(self, now: datetime) -> str:
        """That of its quote: open, accepted, released or expired. What is over stays over."""
        return self.outcome or self.held.state(now)


class WaitlistPass(models.Model):
    """Why an entry was not served between two moments, although the queue came to it."""

    entry = models.ForeignKey(WaitlistEntry, on_delete=models.CASCADE, related_name="passes")
    reason = models.CharField(max_length=20, choices=REASONS)
    detail = models.TextField()
    since = models.DateTimeField()
    until = models.DateTimeField(help_text="The last time that the queue came to it and found the same")

    class Meta:
        verbose_name_plural = "waitlist passes"
        ordering = ["-id"]
        indexes = [models.Index(fields=["entry", "-id"], name="waitlist_passes_of_entry")]

    def __str__(self) -> str:
        return f"{self.entry}: {self.reason}"
