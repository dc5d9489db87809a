"""Changes of a reservation, asked for and accepted: the rows that say what each was and what it did."""

from django.db import models

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

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.quote_id}"
