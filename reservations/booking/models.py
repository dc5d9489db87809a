from datetime import datetime
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from marketplace.catalogue.models import Pool
from marketplace.parties.models import Organisation
from marketplace.parties.spending import CostCentre
from marketplace.screening.models import EndCustomer
from marketplace.units.compute import Footprint
from marketplace.units.firmness import CHOICES
from marketplace.units.ids import new_id
from marketplace.units.money import Money
from marketplace.units.period import Period
from pricing.quotes.handover import CLOCK, HANDOVERS
from pricing.quotes.models import Quote
from reservations.booking.states import (
    COMMITTED,
    DELIVERED,
    DELIVERING,
    ENDED,
    PENDING,
    RELEASED,
    SCHEDULED,
    STATES,
    Schedule,
    state_at,
)


def new_reservation_id() -> str:
    return new_id("rsv")


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def of(self, organisation_id: int) -> "ReservationQuerySet":
        """The tenant's wall: every read for a customer starts here."""
        return self.filter(organisation_id=organisation_id)

    def sold_by(self, seller_id: int) -> "ReservationQuerySet":
        """The other wall: what a seller has to deliver, from the moment on at which it is sold for good."""
        return self.filter(pool__seller_id=seller_id, status__in=COMMITTED)

    def in_state(self, state: str, now: datetime) -> "ReservationQuerySet":
        """Those whose `state(now)` is this one, whether or not a sweep has written it down."""
        return self.filter(_by_clock(state, now))

    def due(self, now: datetime) -> "ReservationQuerySet":
        """Those that the clock has moved and no sweep has written down yet."""
        return self.filter(next_at__lte=now)

    def to_call(self, now: datetime) -> "ReservationQuerySet":
        """Those whose holder is to be called to extend them, before anybody else may have the days after them."""
        return self.filter(call_at__lte=now)

    def with_terms(self) -> "ReservationQuerySet":
        return self.select_related(
            "pool__site",
            "pool__accelerator",
            "pool__seller",
            "organisation",
            "quote__pool__site",
            "quote__pool__accelerator",
            "quote__price_version",
            "quote__terms",
            "quote__spec",
            "quote__bundle",
            "quote__on_behalf_of",
            "cost_centre",
        )


def _by_clock(state: str, now: datetime) -> Q:
    """A day begins at 00:00 UTC, so a first day is over or not by the date alone."""
    today, sold = now.date(), Q(status__in=(SCHEDULED, DELIVERING, DELIVERED))
    if state in PENDING:
        return Q(status=state, deadline__gt=now)
    if state == RELEASED:
        return Q(status=RELEASED) | Q(status__in=PENDING, deadline__lte=now)
    by_clock = Q(handover=CLOCK)
    if state == SCHEDULED:
        return Q(status=SCHEDULED) & (by_clock & Q(start__gt=today) | ~by_clock & Q(end__gt=today))
    begun = Q(status=DELIVERING) | by_clock & Q(status=SCHEDULED, start__lte=today)
    if state == DELIVERING:
        return begun & (Q(delivered_on__gt=today) | Q(delivered_on=None)) & Q(end__gt=today)
    if state == DELIVERED:
        return (Q(status=DELIVERED) | begun & Q(delivered_on__lte=today)) & Q(end__gt=today)
    if state == ENDED:
        return Q(status=ENDED) | sold & Q(end__lte=today)
    return Q(status=state)


class Reservation(models.Model):
    """An accepted block. What was agreed stays on its quote, which is frozen; one quote makes one reservation."""

    public_id = models.CharField(max_length=40, unique=True, default=new_reservation_id, editable=False)
    quote = models.OneToOneField(Quote, on_delete=models.PROTECT, related_name="reservation")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="reservations")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+")
    firmness = models.CharField(max_length=10, choices=CHOICES)
    quantity = models.PositiveIntegerField()
    start = models.DateField()
    end = models.DateField()
    total = models.DecimalField(max_digits=18, decimal_places=2)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=20, choices=STATES, default=SCHEDULED)
    deadline = models.DateTimeField(null=True, help_text="Of a pending state: past it the capacity is free again")
    handover = models.CharField(max_length=10, choices=HANDOVERS, default=CLOCK, help_text="As its contract says")
    handed_over_on = models.DateField(null=True, help_text="When access was given to what is not accepted yet")
    delivered_on = models.DateField(
        null=True, help_text="Accepted on this day, or deemed so as it begins; null while nothing is handed over"
    )
    accepted_parts = models.JSONField(
        default=list, help_text="What was accepted in part: GPUs, and how many days late; the rest is not accepted yet"
    )
    moved_days = models.PositiveIntegerField(default=0, help_text="By how many days its end moved with a late start")
    pieces = models.JSONField(null=True, help_text="What it is made of since its first change: see pieces.py")
    more_claims = ArrayField(
        models.BigIntegerField(), default=list, help_text="Claims of accepted changes, beside its own"
    )
    revision = models.PositiveIntegerField(default=0, help_text="Counts accepted changes")
    call_at = models.DateTimeField(null=True, help_text="When its holder is called to extend it; null once called")
    next_at = models.DateTimeField(null=True, help_text="When the clock moves it on; null in a final state")
    claim_id = models.BigIntegerField(unique=True)
    accepted_by = models.CharField(max_length=254, help_text="The person or key that accepted")
    accepted_by_user_id = models.BigIntegerField(null=True)
    accepted_by_key_id = models.BigIntegerField(null=True)
    accepted_at = models.DateTimeField()
    terms_digest = models.CharField(max_length=64, help_text="SHA-256 of the terms that were accepted")
    cost_centre = models.ForeignKey(CostCentre, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    purchase_order = models.CharField(max_length=80, blank=True, help_text="The organisation's own number")
    parties = models.JSONField(default=dict, blank=True, help_text="Who contracts with whom, as they were called")
    order_form_digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the order form, once made")
    assigned_at = models.DateTimeField(null=True, help_text="When it came to its holder from another organisation")

    objects = ReservationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["organisation", "-id"], name="reservation_of_organisation"),
            models.Index(fields=["pool", "start"], name="reservation_of_pool"),
            models.Index(fields=["accepted_at"], name="reservation_accepted_at"),
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="reservation_next_at"),
            models.Index(fields=["call_at"], condition=Q(call_at__isnull=False), name="reservation_call_at"),
            models.Index(fields=["-id"], condition=Q(order_form_digest=""), name="reservation_without_order_form"),
            # What waits for somebody is looked for among the millions that do not; those pay nothing for it.
            models.Index(fields=["organisation", "-id"], condition=Q(status__in=PENDING), name="reservation_pending"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status__in=PENDING) | Q(deadline__isnull=False), name="pending_until_a_deadline"
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def money(self) -> Money:
        return Money(self.total, self.currency)

    @property
    def period(self) -> Period:
        return Period(self.start, self.end)

    @property
    def accepted_by_holder(self) -> str:
        """Who accepted it; of another organisation's people its present holder learns nothing."""
        return self.accepted_by if self.assigned_at is None else "an organisation that held it before"

    @property
    def order_of_holder(self) -> str:
        """The purchase order number, if it is its present holder's own."""
        return self.purchase_order if self.assigned_at is None else ""

    @property
    def end_customer(self) -> EndCustomer | None:
        """For whom its holder bought it: of an earlier holder's customers a new one learns nothing."""
        return self.quote.on_behalf_of if self.assigned_at is None else None

    @property
    def end_customer_id(self) -> int | None:
        return self.quote.on_behalf_of_id if self.assigned_at is None else None

    @property
    def client_reference(self) -> str | None:
        return self.quote.client_reference if self.assigned_at is None else None

    @property
    def metadata(self) -> dict[str, str]:
        return self.quote.metadata if self.assigned_at is None else {}

    @property
    def claim_ids(self) -> list[int]:
        """Its claims on capacity, oldest first."""
        return [self.claim_id, *self.more_claims]

    @property
    def schedule(self) -> Schedule:
        """The dates by which the clock moves it."""
        return Schedule(self.start, self.delivered_on, self.end, self.deadline, self.by_clock)

    @property
    def by_clock(self) -> bool:
        """Whether its contract hands over by the clock; else the provider does."""
        return self.handover == CLOCK

    def state(self, now: datetime) -> str:
        """Its status by the clock, whether or not a sweep has written it down."""
        return state_at(self.status, self.schedule, now)

    @property
    def footprint(self) -> Footprint:
        """Energy, carbon and compute of the block: the quote's, since the block is the same."""
        return self.quote.footprint

    @property
    def h100_unit_price(self) -> Decimal:
        return self.quote.h100_unit_price


class ReservationTransition(models.Model):
    """One step of a reservation's life, written once: who, when, from which state to which, and why."""

    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="transitions")
    action = models.CharField(max_length=20)
    before = models.CharField(max_length=20, choices=STATES)
    after = models.CharField(max_length=20, choices=STATES)
    at = models.DateTimeField(help_text="When it was written down")
    effective_at = models.DateTimeField(help_text="When it took effect: earlier where a sweep was late")
    by = models.CharField(max_length=254)
    by_user_id = models.BigIntegerField(null=True)
    by_key_id = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=2000, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.before} to {self.after}"
