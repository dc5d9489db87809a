"""Bundles: several quotes that are taken, accepted and released all or none."""

from datetime import datetime
from decimal import Decimal
from functools import cached_property

from django.db import models
from django.db.models import Q

from marketplace.parties.models import Organisation
from marketplace.units.ids import new_id
from marketplace.units.money import Money
from pricing.quotes.models import EXPIRED, OPEN, Quote

BUNDLE, RAMP, SPLIT = "bundle", "ramp", "split"
KINDS = [(BUNDLE, "Bundle"), (RAMP, "Ramp"), (SPLIT, "Split")]


def new_bundle_id() -> str:
    return new_id("bnd")


class BundleQuerySet(models.QuerySet["Bundle"]):
    def of(self, organisation_id: int) -> "BundleQuerySet":
        """The tenant's wall: every read for a customer starts here."""
        return self.filter(organisation_id=organisation_id)

    def with_parts(self) -> "BundleQuerySet":
        return self.select_related("organisation").prefetch_related(
            models.Prefetch("parts", Quote.objects.with_terms())
        )


class Bundle(models.Model):
    """What binds its parts: each is an ordinary quote with a hold of its own, and none moves without the others.

    Never edited. Its state is that of its parts, which is one: they expire together and are closed together.
    """

    public_id = models.CharField(max_length=40, unique=True, default=new_bundle_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="bundles")
    kind = models.CharField(max_length=10, choices=KINDS)
    total = models.DecimalField(max_digits=18, decimal_places=2, help_text="The sum of its parts")
    list_total = models.DecimalField(max_digits=18, decimal_places=2, help_text="Before terms")
    currency = models.CharField(max_length=3, default="USD")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=254)
    expires_at = models.DateTimeField(help_text="Of all its parts")
    client_reference = models.CharField(max_length=120, null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    objects = BundleQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organisation", "-id"], name="bundle_of_organisation")]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=[kind for kind, _ in KINDS]), name="bundle_kind_is_known"),
            models.UniqueConstraint(
                fields=["organisation", "client_reference"], name="one_bundle_per_client_reference"
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def money(self) -> Money:
        return Money(self.total, self.currency)

    @property
    def list_money(self) -> Money:
        return Money(self.list_total, self.currency)

    @cached_property
    def quotes(self) -> list[Quote]:
        """The parts in the order in which they were asked for."""
        return sorted(self.parts.all(), key=lambda quote: quote.bundle_part or 0)

    def state(self, now: datetime) -> str:
        """That of every part; where a sweep has written down the expiry of some alone, expired."""
        states = {quote.state(now) for quote in self.quotes}
        return states.pop() if len(states) == 1 else EXPIRED

    def allowed_actions(self, now: datetime) -> list[str]:
        return ["accept", "release"] if self.state(now) == OPEN else []

    @property
    def gpu_hours(self) -> int:
        return sum(quote.quantity * quote.period.days * 24 for quote in self.quotes)

    @property
    def unit_price(self) -> Decimal:
        """USD per GPU-hour over all its parts."""
        return (self.total / self.gpu_hours).quantize(Decimal("0.0001"))
