from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from marketplace.catalogue.models import Pool
from marketplace.parties.models import Organisation
from marketplace.units.arrays import NumberArray
from marketplace.units.firmness import CHOICES
from marketplace.units.ids import new_id

SEARCH, WAITLIST, BID, QUOTE = "search", "waitlist", "bid", "quote"
SOURCES = [(SEARCH, "Search"), (WAITLIST, "Waitlist"), (BID, "Bid"), (QUOTE, "Quote")]
OFFERED, REFUSED, QUOTED, TAKEN, LOST = "offered", "refused", "quoted", "taken", "lost"
OUTCOMES = [
    (OFFERED, "Offered"),
    (REFUSED, "Refused: nothing fits"),
    (QUOTED, "Quoted"),
    (TAKEN, "Taken"),
    (LOST, "Lost: the quote was let go"),
]


def new_enquiry_id() -> str:
    return new_id("enq")


def new_forecast_id() -> str:
    return new_id("dfc")


class Enquiry(models.Model):
    """What somebody asked for, what the market answered, and what became of it: what the demand forecast is made of.

    `wish` is the same for repeated searches of one need: a buyer who asks ten times wishes once.
    """

    public_id = models.CharField(max_length=40, unique=True, default=new_enquiry_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, null=True, related_name="enquiries")
    need = models.JSONField()
    offers = models.PositiveIntegerField(help_text="How many offers answered it")
    refusal = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(db_index=True)
    source = models.CharField(max_length=10, choices=SOURCES, default=SEARCH)
    wish = models.CharField(max_length=32, help_text="The same for searches of the same need")
    quantity = models.PositiveIntegerField(help_text="GPUs, the most of a range")
    days = models.PositiveIntegerField(help_text="Length of the block, the most of a range")
    start_from = models.DateField()
    start_to = models.DateField(help_text="Included")
    firmness = models.CharField(max_length=10, choices=CHOICES)
    accelerators = ArrayField(models.TextField(), help_text="Keys; empty for any")
    sites = ArrayField(models.TextField(), help_text="Public ids; empty for any")
    jurisdictions = ArrayField(models.TextField(), help_text="Empty for any")
    sellers = ArrayField(models.TextField(), help_text="Public ids; empty for any")
    offered_pools = NumberArray(models.BigIntegerField(), help_text="Pools that had an offer for it")
    offered_prices = NumberArray(models.FloatField(), help_text="Theirs, USD per GPU-hour, in the same order")
    limit_price = models.DecimalField(
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="Of a bid or place on the waitlist",
    )
    outcome = models.CharField(max_length=10, choices=OUTCOMES)
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    quote = models.CharField(max_length=40, null=True, blank=True, unique=True, help_text="The quote made of it")
    unit_price = models.DecimalField(
        max_digits=12, decimal_places=4, null=True, blank=True, help_text="Quoted, USD per GPU-hour"
    )
    # Beside what was asked, which stays: a forecast as of an earlier day must still see that alone.
    quoted_gpus = models.PositiveIntegerField(null=True, blank=True)
    quoted_days = models.PositiveIntegerField(null=True, blank=True)
    quoted_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When the quote was taken or let go")

    class Meta:
        verbose_name_plural = "enquiries"
        indexes = [
            models.Index(fields=["organisation", "-id"], name="enquiry_of_organisation"),
            models.Index(fields=["pool", "quoted_at"], condition=Q(pool__isnull=False), name="enquiry_of_pool"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(outcome__in=[o for o, _ in OUTCOMES]), name="enquiry_outcome_is_known"),
            models.CheckConstraint(
                condition=Q(quote=None, pool=None, quoted_at=None)
                | Q(
                    quote__isnull=False,
                    pool__isnull=False,
                    unit_price__isnull=False,
                    quoted_gpus__isnull=False,
                    quoted_days__isnull=False,
                    quoted_at__isnull=False,
                ),
                name="enquiry_quote_has_a_pool",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(outcome__in=[TAKEN, LOST], quote__isnull=False),
                name="enquiry_ends_with_an_outcome",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class DemandForecastQuerySet(models.QuerySet["DemandForecast"]):
    def known_at(self, seller_id: int, now: datetime) -> "DemandForecastQuerySet":
        """The seller's forecasts that had been made by then, newest first."""
        return self.filter(seller_id=seller_id, created_at__lte=now).order_by("-created_at", "-id")


class DemandForecast(models.Model):
    """One forecast of what one seller's pools will still be asked for. Never edited: a new one is a new version."""

    public_id = models.CharField(max_length=40, unique=True, default=new_forecast_id, editable=False)
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="demand_forecasts")
    first_day = models.DateField(help_text="First day of the first week")
    weeks = models.PositiveIntegerField()
    inputs_digest = models.CharField(max_length=64, help_text="SHA-256 of everything it was made of")
    assumptions = models.JSONField()
    learnt = models.JSONField(help_text="What was learnt from the wishes seen: volume, classes, worth, shapes")
    created_at = models.DateTimeField(db_index=True)

    objects = DemandForecastQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["seller", "-created_at"], name="forecast_of_seller")]

    def __str__(self) -> str:
        return f"{self.public_id} of {self.seller}"


class PoolDemand(models.Model):
    """A pool in a forecast. Arrays have rows firm, standard, standby and a column a week; GPU-days, new ones only."""

    forecast = models.ForeignKey(DemandForecast, on_delete=models.CASCADE, related_name="pools")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+")
    expected = NumberArray(NumberArray(models.FloatField()))
    low = NumberArray(NumberArray(models.FloatField()), help_text="Exceeded with 90 % probability")
    high = NumberArray(NumberArray(models.FloatField()), help_text="Exceeded with 10 % probability")
    on_the_books = NumberArray(NumberArray(models.IntegerField()), help_text="Sold and held when it was made")
    volume = models.FloatField(help_text="Times the assumed volume")
    seen = models.JSONField(help_text="GPU-days quoted, taken, lost and refused in the last four weeks")

    class Meta:
        verbose_name_plural = "pool demand"
        constraints = [models.UniqueConstraint(fields=["forecast", "pool"], name="one_demand_per_pool")]

    def __str__(self) -> str:
        return f"{self.pool} in {self.forecast}"
