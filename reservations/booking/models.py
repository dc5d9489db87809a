from decimal import Decimal

from django.db import models

from marketplace.catalogue.models import Pool
from marketplace.parties.models import Organisation
from marketplace.units.compute import Footprint
from marketplace.units.firmness import CHOICES
from marketplace.units.ids import new_id
from marketplace.units.money import Money
from marketplace.units.period import Period
from pricing.quotes.models import Quote

SCHEDULED = "scheduled"


def new_reservation_id() -> str:
    return new_id("rsv")


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def of(self, organisation_id: int) -> "ReservationQuerySet":
        """The tenant's wall: every read for a customer starts here."""
        return self.filter(organisation_id=organisation_id)

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
        )


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
    status = models.CharField(max_length=20, choices=[(SCHEDULED, "Scheduled")], default=SCHEDULED)
    claim_id = models.BigIntegerField(unique=True)
    accepted_by = models.CharField(max_length=254, help_text="The person or key that accepted")
    accepted_by_user_id = models.BigIntegerField(null=True)
    accepted_by_key_id = models.BigIntegerField(null=True)
    accepted_at = models.DateTimeField()
    terms_digest = models.CharField(max_length=64, help_text="SHA-256 of the terms that were accepted")

    objects = ReservationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["organisation", "-id"], name="reservation_of_organisation"),
            models.Index(fields=["pool", "start"], name="reservation_of_pool"),
            models.Index(fields=["accepted_at"], name="reservation_accepted_at"),
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
    def footprint(self) -> Footprint:
        """Energy, carbon and compute of the block: the quote's, since the block is the same."""
        return self.quote.footprint

    @property
    def h100_unit_price(self) -> Decimal:
        return self.quote.h100_unit_price
