"""What happens when supply slips: the rules by versions, what is short, whom it concerns, and what was planned."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from marketplace.catalogue.models import Pool
from marketplace.parties.models import Organisation
from marketplace.supply.models import Projection
from marketplace.units.firmness import CHOICES, rank
from marketplace.units.ids import new_id
from reservations.booking.models import Reservation

HELD, ACCEPTED = "held", "accepted"
PRIORITIES = [
    (HELD, "Since when its GPUs have been kept for it, as delivery confidence counts"),
    (ACCEPTED, "When the contract was accepted"),
]
WATCHING, PLANNED, RECOVERED = "watching", "planned", "recovered"
STATES = [
    (WATCHING, "Watching: it may still recover"),
    (PLANNED, "Planned: remedies are proposed"),
    (RECOVERED, "Recovered"),
]


def new_policy_id() -> str:
    return new_id("alp")


def new_shortfall_id() -> str:
    return new_id("sho")


def new_plan_id() -> str:
    return new_id("pln")


class AllocationPolicyQuerySet(models.QuerySet["AllocationPolicy"]):
    def in_force(self, seller_id: int | None, now: datetime) -> "AllocationPolicy":
        """The seller's latest version that has started, else the market's, else the shipped one, unsaved."""
        started = self.filter(Q(seller_id=seller_id) | Q(seller=None), starts_at__lte=now)
        found = started.order_by(F("seller_id").asc(nulls_last=True), "-version").first()
        return found or AllocationPolicy(version=0, starts_at=now)


def _confidence(default: str, said: str) -> Any:
    return models.DecimalField(max_digits=5, decimal_places=4, default=Decimal(default), help_text=said)


def _usd(default: str, said: str) -> Any:
    return models.DecimalField(max_digits=12, decimal_places=2, default=Decimal(default), help_text=said)


class AllocationPolicy(models.Model):
    """By which rules a plan is made after a slip. Every figure is an assumption until a seller publishes its own.

    A change is a new version with a start; a trigger in sql/ refuses every later edit.
    """

    public_id = models.CharField(max_length=40, unique=True, default=new_policy_id, editable=False)
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    version = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    published_by = models.CharField(max_length=254)
    reason = models.CharField(max_length=200, help_text="Shown beside the version, and journalled")
    priority = models.CharField(
        max_length=10,
        choices=PRIORITIES,
        default=HELD,
        help_text="Firm before standard before standby; inside a class the earlier contract before the later, by this",
    )
    share_cap_percent = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="Most of what other pools have free, in GPU-days, that one organisation is offered. Empty: no cap",
    )
    set_aside_percent = models.PositiveSmallIntegerField(
        default=0,
        help_text="Of what another pool has free, kept for small organisations while one of them wants it",
    )
    small_gpu_days = models.PositiveBigIntegerField(
        default=50_000, help_text="An organisation with at most so many GPU-days ahead of it is small"
    )
    moved_usd = _usd("2000", "Harm of one more buyer who is asked to move")
    short_usd_firm = _usd("40", "Harm of a GPU-day short, firm")
    short_usd_standard = _usd("10", "Standard")
    short_usd_standby = _usd("1", "Standby")
    horizon_days = models.PositiveSmallIntegerField(
        default=365, help_text="Days ahead within which another date or place is looked for"
    )
    propose_firm = _confidence("0.6", "A remedy is proposed where the delivery confidence is below this: firm")
    propose_standard = _confidence("0.4", "Standard")
    propose_standby = _confidence("0.05", "Standby")
    recovered_firm = _confidence("0.9", "Watching ends at this or above, and with nothing short: firm")
    recovered_standard = _confidence("0.6", "Standard")
    recovered_standby = _confidence("0.1", "Standby")
    days_between_plans = models.PositiveSmallIntegerField(
        default=7, help_text="A shortfall that has a plan gets another one after so many days, if it has changed"
    )
    ready_notice_days = models.PositiveSmallIntegerField(
        default=14, help_text="Days before handover on which its provider has to say that it is ready"
    )
    effort = models.PositiveIntegerField(
        default=3000, help_text="Iterations of the solver: never seconds, so that it replays"
    )

    objects = AllocationPolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "allocation policies"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "version"], name="one_allocation_policy_version"),
            models.UniqueConstraint(
                fields=["version"], condition=Q(seller=None), name="one_default_allocation_policy_version"
            ),
            models.CheckConstraint(
                condition=Q(propose_firm__lt=F("recovered_firm"), recovered_firm__lte=1)
                & Q(propose_standard__lt=F("recovered_standard"), recovered_standard__lte=1)
                & Q(propose_standby__lt=F("recovered_standby"), recovered_standby__lte=1),
                name="a_remedy_is_proposed_below_recovery",
                violation_error_message="A remedy is proposed below where the watch ends: else plans would flap.",
            ),
            models.CheckConstraint(
                condition=Q(short_usd_firm__gte=F("short_usd_standard"))
                & Q(short_usd_standard__gte=F("short_usd_standby"), short_usd_standby__gte=0, moved_usd__gte=0),
                name="a_surer_class_weighs_more",
                violation_error_message="A GPU-day of a surer class weighs as much as the next or more, none below 0.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seller or 'market default'} allocation v{self.version}"

    @property
    def propose_below(self) -> tuple[float, float, float]:
        """By class, surest first."""
        return float(self.propose_firm), float(self.propose_standard), float(self.propose_standby)

    @property
    def recovered_above(self) -> tuple[float, float, float]:
        return float(self.recovered_firm), float(self.recovered_standard), float(self.recovered_standby)

    @property
    def short_usd(self) -> tuple[float, float, float]:
        return float(self.short_usd_firm), float(self.short_usd_standard), float(self.short_usd_standby)


class ShortfallQuerySet(models.QuerySet["Shortfall"]):
    def open(self) -> "ShortfallQuerySet":
        return self.exclude(state=RECOVERED)

    def of_seller(self, organisation_id: int) -> "ShortfallQuerySet":
        """A seller sees those of its own pools, and no others."""
        return self.filter(pool__seller_id=organisation_id)

    def with_counts(self) -> "ShortfallQuerySet":
        return self.annotate(reservations=models.Count("concerns"))


class Shortfall(models.Model):
    """A class of a pool has sold more than its limit on some days, since a projection, until it has recovered.

    While it may still recover it is watched; below the policy's confidence a plan proposes remedies.
    """

    public_id = models.CharField(max_length=40, unique=True, default=new_shortfall_id, editable=False)
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="shortfalls")
    firmness = models.CharField(max_length=10, choices=CHOICES)
    state = models.CharField(max_length=10, choices=STATES, default=WATCHING)
    first_day = models.DateField()
    last_day = models.DateField()
    worst_gpus = models.PositiveIntegerField(help_text="GPUs short on the worst day, as last seen")
    gpu_days = models.PositiveBigIntegerField(help_text="GPU-days short, as last seen")
    confidence = models.FloatField(help_text="Probability that nobody of the class falls short on those days")
    since = models.ForeignKey(Projection, on_delete=models.PROTECT, null=True, related_name="+")
    projection = models.ForeignKey(Projection, on_delete=models.PROTECT, null=True, related_name="+")
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When it last changed")
    recovered_at = models.DateTimeField(null=True, blank=True)
    plan = models.ForeignKey("Plan", on_delete=models.PROTECT, null=True, blank=True, related_name="shortfalls")
    planned_gpu_days = models.PositiveBigIntegerField(null=True, help_text="The most that a plan was made for")
    history = models.JSONField(default=list, help_text="What was seen: worst, GPU-days, confidence, state")

    objects = ShortfallQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "firmness"], condition=~Q(state=RECOVERED), name="one_open_shortfall_per_class"
            ),
            models.CheckConstraint(
                condition=Q(state=RECOVERED, recovered_at__isnull=False) | ~Q(state=RECOVERED) & Q(recovered_at=None),
                name="recovered_at_some_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pool}, {self.firmness}, {self.first_day} to {self.last_day}"

    @property
    def rank(self) -> int:
        return rank(self.firmness)


class Concern(models.Model):
    """A reservation that a shortfall leaves without all of its GPUs, earlier contracts of its class served first."""

    shortfall = models.ForeignKey(Shortfall, on_delete=models.CASCADE, related_name="concerns")
    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="concerns")
    first_day = models.DateField()
    days = models.PositiveIntegerField(help_text="Days of the block on which it is short")
    gpus = models.PositiveIntegerField(help_text="GPUs of it that are short on the worst of them")
    gpu_days = models.PositiveBigIntegerField()
    before = models.FloatField(null=True, help_text="Delivery confidence in the projection before; null: not covered")
    now = models.FloatField(null=True, help_text="Delivery confidence in the projection in force")

    class Meta:
        ordering = ["now", "pk"]
        constraints = [models.UniqueConstraint(fields=["shortfall", "reservation"], name="one_concern_per_reservation")]

    def __str__(self) -> str:
        return f"{self.reservation_id} in {self.shortfall_id}"


class PoolWatch(models.Model):
    """What was last looked at in a pool: the same claims under the same limits are not looked at twice."""

    pool = models.OneToOneField(Pool, on_delete=models.CASCADE, related_name="+", primary_key=True)
    seen = models.CharField(max_length=64, blank=True, help_text="Digest of limits and claims, and of the projection")
    at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"watch of {self.pool_id}"


class PlanQuerySet(models.QuerySet["Plan"]):
    def of_seller(self, organisation_id: int) -> "PlanQuerySet":
        """Plans that were made for pools of this seller."""
        return self.filter(sellers__contains=[organisation_id])


class Plan(models.Model):
    """The plan of least harm for what was short: a pure function of the inputs and the seed that stand here.

    Never edited. Where staff decide otherwise for a buyer, that is a row of the remedy, with a reason.
    """

    public_id = models.CharField(max_length=40, unique=True, default=new_plan_id, editable=False)
    policy = models.ForeignKey(AllocationPolicy, on_delete=models.PROTECT, null=True, related_name="+")
    sellers = ArrayField(models.BigIntegerField(), help_text="Whose pools were short")
    before = models.ForeignKey(Projection, on_delete=models.PROTECT, null=True, related_name="+")
    after = models.ForeignKey(Projection, on_delete=models.PROTECT, related_name="+")
    seed = models.BigIntegerField()
    inputs = models.BinaryField(help_text="Arrays and rules, compressed: see packing.py")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the inputs before compression")
    result = models.BinaryField(help_text="Arrays of the outcome, compressed")
    result_digest = models.CharField(max_length=64)
    summary = models.JSONField(help_text="Harm, bound, rules, who was touched, what other rules would have done")
    touched = models.PositiveIntegerField(help_text="Reservations that it is about")
    made_at = models.DateTimeField(db_index=True)

    objects = PlanQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["digest"], name="one_plan_per_inputs")]

    def __str__(self) -> str:
        return self.public_id


class PlannedReservation(models.Model):
    """What a plan says of one reservation: what it may take, what was chosen, what the plain rule leaves."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="reservations")
    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="planned")
    place = models.PositiveIntegerField(help_text="Its row in the plan's arrays")
    offered = models.JSONField(help_text="[{place, kind, lines, credit_usd, …}], the default first")
    chosen = models.PositiveIntegerField(help_text="Place of the plan's choice among all options that were weighed")
    fallback = models.PositiveIntegerField(help_text="What applies where consent is not given: the default")
    plain = models.PositiveIntegerField(help_text="What earliest contract first would leave it")
    is_proposed = models.BooleanField(help_text="The plan's choice waits for consent")
    lottery = models.BigIntegerField(help_text="Its ticket: of equal plans the lower tickets are touched")
    announced_at = models.DateTimeField(null=True, blank=True)
    told = models.CharField(max_length=300, blank=True, help_text="What of it could not be announced, and why")

    class Meta:
        ordering = ["plan_id", "place"]
        indexes = [models.Index(fields=["plan", "place"], condition=Q(announced_at=None), name="planned_not_announced")]
        constraints = [models.UniqueConstraint(fields=["plan", "reservation"], name="one_row_per_planned_reservation")]

    def __str__(self) -> str:
        return f"{self.reservation_id} in {self.plan_id}"
