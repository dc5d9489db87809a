"""Changes of a reservation, asked for and accepted: the rows that say what each was and what it did."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from marketplace.parties.models import Organisation
from marketplace.units.ids import new_id
from pricing.quotes.exits import CAUSES, IN_WORDS
from pricing.quotes.models import KINDS, Quote
from reservations.booking.models import Reservation


class ReservationChange(models.Model):
    """A change quote's other half: what accepting it makes of the reservation. Accepted once, or never.

    `pieces` is what the reservation is made of afterwards; it holds only while the reservation is at `revision`.
    """

    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="changes")
    quote = models.OneToOneField(Quote, on_delete=models.PROTECT, related_name="change")
    kind = models.CharField(max_length=10, choices=KINDS)
    cause = models.CharField(
        max_length=20, blank=True, choices=[(cause, IN_WORDS[cause]) for cause in CAUSES], help_text="Of an exit"
    )
    evidence = models.CharField(max_length=200, blank=True, help_text="Where what staff say can be checked")
    reason = models.CharField(max_length=2000, blank=True)
    revision = models.PositiveIntegerField()
    pieces = models.JSONField()
    start = models.DateField()
    end = models.DateField()
    added = models.DecimalField(max_digits=18, decimal_places=2)
    returned = models.DecimalField(max_digits=18, decimal_places=2)
    fee = models.DecimalField(max_digits=18, decimal_places=2)
    kept = models.DecimalField(max_digits=18, decimal_places=2, help_text="Of what was paid up front: not refunded")
    due_now = models.DecimalField(max_digits=18, decimal_places=2, help_text="Up front for what is added")
    refund = models.DecimalField(max_digits=18, decimal_places=2, help_text="Of what was paid up front")
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=254)
    asked_by_user_id = models.BigIntegerField(null=True)
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.CharField(max_length=254, blank=True)
    more = models.PositiveSmallIntegerField(default=0, help_text="How many of the last pieces are what it added")
    pay_by = models.DateTimeField(
        null=True, help_text="Past it what it added is given back if anything is owed; null where nothing is due"
    )

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["pay_by"], condition=Q(pay_by__isnull=False), name="change_to_be_paid")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.quote_id}"


OFFERED, CONSENTED, ASSIGNED = "offered", "consented", "accepted"
REFUSED, DECLINED, WITHDRAWN, OVER = "refused", "declined", "withdrawn", "expired"
STATUSES = [
    (OFFERED, "Waits for the seller's consent"),
    (CONSENTED, "Waits for the receiver"),
    (ASSIGNED, "Accepted"),
    (REFUSED, "Refused by the seller"),
    (DECLINED, "Declined by the receiver"),
    (WITHDRAWN, "Withdrawn"),
    (OVER, "Expired"),
]
OPEN_STATUSES = (OFFERED, CONSENTED)
AFFILIATE, BUSINESS_SOLD, OTHER_GROUNDS = "affiliate", "business_sold", "other"
GROUNDS = [
    (AFFILIATE, "To an affiliate"),
    (BUSINESS_SOLD, "The business that uses it was sold"),
    (OTHER_GROUNDS, "For other grounds"),
]


def new_assignment_id() -> str:
    return new_id("asg")


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def of(self, organisation_id: int) -> "AssignmentQuerySet":
        """The tenant's wall: the holder sees what it offered, the receiver what the seller has consented to."""
        offered = Q(giver_id=organisation_id)
        return self.filter(offered | Q(receiver_id=organisation_id, consented_at__isnull=False))

    def with_names(self) -> "AssignmentQuerySet":
        return self.select_related("reservation__pool__site", "reservation__pool__accelerator", "giver", "receiver")


class Assignment(models.Model):
    """A reservation offered to another organisation: consented to by the seller, then accepted once, or over."""

    public_id = models.CharField(max_length=40, unique=True, default=new_assignment_id, editable=False)
    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="assignments")
    giver = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    receiver = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    grounds = models.CharField(max_length=20, choices=GROUNDS)
    note = models.CharField(max_length=500, blank=True, help_text="Read by the seller, who consents or not")
    status = models.CharField(max_length=12, choices=STATUSES, default=OFFERED)
    offered_at = models.DateTimeField()
    offered_by = models.CharField(max_length=254)
    expires_at = models.DateTimeField()
    consented_at = models.DateTimeField(null=True)
    consented_by = models.CharField(max_length=254, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=254, blank=True)
    reason = models.CharField(max_length=2000, blank=True, help_text="Of the seller, for consenting or refusing")

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["reservation"], condition=Q(status__in=OPEN_STATUSES), name="one_open_assignment"
            ),
            models.CheckConstraint(condition=~Q(giver=F("receiver")), name="assigned_to_another"),
        ]

    def __str__(self) -> str:
        return self.public_id

    def state(self, now: datetime) -> str:
        """Its status by the clock."""
        return OVER if self.status in OPEN_STATUSES and self.expires_at <= now else self.status
