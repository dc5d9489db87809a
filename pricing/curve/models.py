from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, OuterRef, Q

from marketplace.catalogue.models import Pool
from marketplace.parties.models import Organisation
from marketplace.supply.models import Project, Projection
from marketplace.units.arrays import NumberArray
from marketplace.units.ids import new_id
from pricing.curve.holds import HoldRules
from pricing.curve.terms import KINDS, WHOLE, Terms, terms_of

FLOOR, RESERVE = "floor", "reserve"
PUBLISHED = [(FLOOR, "The floor: energy and capital cost"), (RESERVE, "A reserve price in its place")]


def new_price_version_id() -> str:
    return new_id("prv")


def new_price_policy_id() -> str:
    return new_id("ppy")


# Terms in force until a policy says otherwise: [from, hundredths of a percent]. Assumptions, kept small on purpose: no
# public schedule of a seller of this kind of capacity is known to us.
def usual_tenor() -> list[list[int]]:
    return [[30, 100], [90, 300], [180, 500], [365, 800]]


def usual_lead_time() -> list[list[int]]:
    return [[180, 100], [365, 200]]


def usual_prepayment() -> list[list[int]]:
    return [[50, 200], [100, 400]]


def usual_volume() -> list[list[int]]:
    return [[100_000, 100], [1_000_000, 300]]


def schedule_field(usual: Callable[[], list[list[int]]], what: str) -> NumberArray:
    help_text = f"{what}: [from, rate in hundredths of a percent], both rising"
    return NumberArray(NumberArray(models.BigIntegerField()), default=usual, blank=True, help_text=help_text)


class PricePolicyQuerySet(models.QuerySet["PricePolicy"]):
    def in_force(self, seller: Organisation, now: datetime) -> "PricePolicy":
        """The seller's latest version that has started, else the market's default."""
        return self.by_seller([seller.pk], now)[seller.pk]

    def by_seller(self, seller_ids: Iterable[int], now: datetime) -> dict[int, "PricePolicy"]:
        """The policy in force for each of those sellers, in one query."""
        wanted = set(seller_ids)
        started = self.filter(starts_at__lte=now).filter(Q(seller_id__in=wanted) | Q(seller=None))
        latest = {policy.seller_id: policy for policy in started.order_by("seller_id", "version")}
        missing = wanted - set(latest)
        if missing and None not in latest:
            raise PricePolicy.DoesNotExist("No default price policy has started yet.")
        return {seller_id: latest.get(seller_id) or latest[None] for seller_id in wanted}

    def id_in_force(self, now: models.Expression) -> models.Subquery:
        """The same as part of a query over pools: the id of the version, none before any has started."""
        of_seller = Q(seller_id=OuterRef("seller_id")) | Q(seller=None)
        found = self.filter(of_seller, starts_at__lte=now)
        return models.Subquery(found.order_by(models.F("seller_id").asc(nulls_last=True), "-version").values("pk")[:1])

    def default_at(self, at: datetime) -> "PricePolicy | None":
        """The market's default policy at that time; None before the first has started."""
        return self.filter(seller=None, starts_at__lte=at).order_by("-version").first()

    def current(self, now: datetime) -> "PricePolicyQuerySet":
        """In force: of the default and of each seller with a policy of its own, the newest version that has started."""
        newest = self.filter(starts_at__lte=now).order_by("seller_id", "-version").distinct("seller_id")
        return self.filter(pk__in=newest.values("pk"))

    def scheduled(self, now: datetime) -> "PricePolicyQuerySet":
        """Published and still to come: no later version starts before them, which would be in force instead."""
        sooner = PricePolicy.objects.filter(version__gt=OuterRef("version"), starts_at__lte=OuterRef("starts_at"))
        of_default = Exists(sooner.filter(seller=None))
        of_seller = Exists(sooner.filter(seller=OuterRef("seller")))
        return self.filter(starts_at__gt=now).exclude(Q(seller=None) & of_default).exclude(of_seller)


class PricePolicy(HoldRules):
    """The published rules by which a seller's prices are made. A change is a new version with a start."""

    public_id = models.CharField(max_length=40, unique=True, default=new_price_policy_id, editable=False)
    seller = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="policies",
    )
    version = models.PositiveIntegerField()
    published_at = models.DateTimeField(null=True, editable=False, help_text="Not known of the oldest")
    starts_at = models.DateTimeField()
    published_by = models.CharField(max_length=254)
    # Constants of docs/pricing.md; the defaults are those that did best and most robustly when tried.
    adder_over_floor = models.DecimalField(
        max_digits=6,
        decimal_places=4,
        default=Decimal("1.3333"),
        help_text="Scarcity adder at a full pool, in floors",
    )
    fill_steepness = models.DecimalField(max_digits=6, decimal_places=3, default=Decimal("8"))
    dual_steepness = models.DecimalField(max_digits=6, decimal_places=3, default=Decimal("0.5"))
    cap_over_floor = models.DecimalField(max_digits=6, decimal_places=3, default=Decimal("4"))
    premium_firm = models.DecimalField(
        max_digits=5,
        decimal_places=4,
        default=Decimal("0.08"),
        help_text="Part of the floor, added for the class",
    )
    premium_standard = models.DecimalField(max_digits=5, decimal_places=4, default=Decimal("0.03"))
    premium_standby = models.DecimalField(max_digits=5, decimal_places=4, default=Decimal("0"))
    hold_minutes = models.PositiveIntegerField(default=20)
    offer_minutes = models.PositiveIntegerField(default=15)
    tape_step_gpus = models.PositiveIntegerField(default=256, help_text="The public tape is rounded down to this")
    tape_tick_minutes = models.PositiveIntegerField(default=5)
    projection_max_age_hours = models.PositiveIntegerField(
        default=72, help_text="Past this age of the projection no new quote is made"
    )

    floor_markup = models.DecimalField(
        max_digits=5,
        decimal_places=4,
        default=Decimal("0"),
        help_text="Part of energy and capital cost, added to make a reserve price; 0 leaves the floor at cost",
    )
    reserve_prices = models.JSONField(
        default=dict,
        blank=True,
        help_text="Lowest list price in USD per GPU-hour by accelerator or pool, in place of the floor",
    )
    publishes = models.CharField(
        max_length=10,
        choices=PUBLISHED,
        default=FLOOR,
        help_text="A pool with a reserve price shows that in any case",
    )
    tenor = schedule_field(usual_tenor, "Discount by days of the block")
    lead_time = schedule_field(usual_lead_time, "Discount by days from the quote to each day of delivery")
    prepayment = schedule_field(usual_prepayment, "Discount by percent paid up front")
    volume = schedule_field(usual_volume, "Discount by GPU-hours of the block")
    most_discount = models.PositiveIntegerField(
        default=2500, help_text="All terms together give no more, in hundredths of a percent"
    )
    keeps_floor = models.BooleanField(default=True, help_text="No total after terms is below the block's floor")
    move_tolerance = models.DecimalField(
        max_digits=5,
        decimal_places=4,
        default=Decimal("0.02"),
        help_text="What a new solve may move a price by without one of its inputs having changed, per solve",
    )
    notice_days = models.PositiveIntegerField(
        default=14, help_text="A later policy that raises prices starts this long after it is published, or later"
    )
    reason = models.CharField(max_length=200, blank=True, help_text="Why; shown with the policy")

    objects = PricePolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "price policies"
        ordering = ["-starts_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "version"],
                name="one_policy_per_version",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=Q(cap_over_floor__gt=1), name="cap_above_floor"),
            models.CheckConstraint(
                condition=Q(tape_step_gpus__gt=0) & Q(tape_tick_minutes__gt=0),
                name="tape_has_step_and_tick",
            ),
            models.CheckConstraint(
                condition=Q(floor_markup__gte=0, move_tolerance__gte=0, most_discount__lt=WHOLE),
                name="policy_rates_in_range",
            ),
            *HoldRules.Meta.constraints,
        ]

    def __str__(self) -> str:
        return f"{self.seller or 'default'} v{self.version}"

    def premiums(self) -> tuple[Decimal, Decimal, Decimal]:
        return self.premium_firm, self.premium_standard, self.premium_standby

    def schedules(self) -> dict[str, list[list[int]]]:
        return {kind: getattr(self, kind) for kind in KINDS}

    def terms(self) -> Terms:
        """The schedules ready to be applied."""
        found = self.schedules()
        return terms_of(tuple(tuple((at, rate) for at, rate in found[kind]) for kind in KINDS), self.keeps_floor)

    @property
    def hold(self) -> timedelta:
        return timedelta(minutes=self.hold_minutes)


class PriceVersion(models.Model):
    """One solve of one seller's prices: the curve's parameters, with what they were made from. Never edited."""

    public_id = models.CharField(max_length=40, unique=True, default=new_price_version_id, editable=False)
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="price_versions")
    policy = models.ForeignKey(PricePolicy, on_delete=models.PROTECT, related_name="+")
    projection = models.ForeignKey(Projection, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=200)
    forecast = models.CharField(max_length=80, blank=True, help_text="The demand forecast that the duals came from")
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["seller", "-id"], name="version_of_seller")]

    def __str__(self) -> str:
        return f"{self.public_id} of {self.seller}"


class PoolCurve(models.Model):
    """A pool's curve in one version. Arrays have rows firm, standard, standby and a column a day from first_day."""

    version = models.ForeignKey(PriceVersion, on_delete=models.CASCADE, related_name="curves")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+")
    first_day = models.DateField()
    limits = NumberArray(NumberArray(models.IntegerField()), help_text="Class limits, GPUs")
    use = ArrayField(
        NumberArray(models.IntegerField()),
        help_text="Use at the solve (limit less headroom), GPUs",
    )
    dual = ArrayField(
        NumberArray(models.FloatField()),
        help_text="Dual of the capacity row, USD per GPU-hour",
    )
    energy = models.DecimalField(max_digits=12, decimal_places=6, help_text="USD per GPU-hour")
    capital = models.DecimalField(max_digits=12, decimal_places=6, help_text="USD per GPU-hour")
    reserve = models.DecimalField(
        max_digits=12, decimal_places=6, null=True, help_text="Lowest list price in place of energy and capital"
    )
    adder = models.DecimalField(max_digits=12, decimal_places=6, help_text="USD per GPU-hour at a full pool")
    cap = models.DecimalField(max_digits=12, decimal_places=6, help_text="USD per GPU-hour")
    premiums = ArrayField(
        models.DecimalField(max_digits=12, decimal_places=6),
        help_text="USD per GPU-hour, by class",
    )
    fill_steepness = models.FloatField()
    dual_steepness = models.FloatField()
    movements = models.JSONField(default=list, help_text="What moved against the version before, and why")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "pool"], name="one_curve_per_pool")]

    def __str__(self) -> str:
        return f"{self.pool} in {self.version}"


class Tape(models.Model):
    """What the market shows in public, as of a tick: the same for everybody, stepped, and silent in between."""

    tick = models.DateTimeField(unique=True)

    class Meta:
        ordering = ["-tick"]

    def __str__(self) -> str:
        return f"tape of {self.tick:%Y-%m-%d %H:%M}"


class TapePool(models.Model):
    """A pool on the tape. Arrays have a column a day; two-dimensional ones rows firm, standard, standby."""

    tape = models.ForeignKey(Tape, on_delete=models.CASCADE, related_name="pools")
    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="+")
    version = models.ForeignKey(PriceVersion, on_delete=models.PROTECT, related_name="+")
    first_day = models.DateField()
    supply = ArrayField(
        NumberArray(models.IntegerField()),
        help_text="Rows P90, P50, P10, mean; GPUs, stepped",
    )
    limits = NumberArray(NumberArray(models.IntegerField()), help_text="Class limits, GPUs, stepped")
    headroom = NumberArray(NumberArray(models.IntegerField()), help_text="GPUs, stepped")
    prices = ArrayField(
        NumberArray(models.FloatField()),
        help_text="USD per GPU-hour at the stepped headroom",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tape", "pool"], name="one_row_per_tape")]

    def __str__(self) -> str:
        return f"{self.pool} on {self.tape}"


class BuildSignalQuerySet(models.QuerySet["BuildSignal"]):
    def of_seller(self, organisation_id: int) -> "BuildSignalQuerySet":
        """The tenant's wall: what building is worth to a seller follows from its own bid prices, and is its own."""
        return self.filter(version__seller_id=organisation_id)

    def newest(self) -> "BuildSignalQuerySet":
        """Those of each seller's newest version that has any, the most valuable first."""
        latest = BuildSignal.objects.order_by("version__seller_id", "-version_id").distinct("version__seller_id")
        return self.filter(version_id__in=list(latest.values_list("version_id", flat=True))).order_by("-best", "pk")

    def with_projects(self) -> "BuildSignalQuerySet":
        return self.select_related("version", "project__pool__site", "project__pool__accelerator")


class BuildSignal(models.Model):
    """What building more or sooner at one project would be worth, at the bid prices of one version. Never edited."""

    version = models.ForeignKey(PriceVersion, on_delete=models.CASCADE, related_name="signals")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="signals")
    sooner = models.JSONField(help_text="Milestone kind -> USD if it came 30 days sooner, over the version's horizon")
    mw = models.DecimalField(max_digits=18, decimal_places=2, help_text="USD of one more MW with the GPUs it feeds")
    mw_alone = models.DecimalField(max_digits=18, decimal_places=2, help_text="USD of one more MW for what is there")
    best = models.DecimalField(max_digits=18, decimal_places=2, help_text="The largest of them, USD")

    objects = BuildSignalQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "project"], name="one_signal_per_project")]

    def __str__(self) -> str:
        return f"{self.project} in {self.version}"

    def soonest_first(self) -> list[tuple[str, Decimal]]:
        """Milestones by what 30 days are worth, the most first; those that are never the last are left out."""
        worth = ((kind, Decimal(str(usd))) for kind, usd in self.sooner.items())
        return sorted(((kind, usd) for kind, usd in worth if usd), key=lambda each: -each[1])
