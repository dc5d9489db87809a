from datetime import datetime
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from marketplace.catalogue.models import Pool, Site
from marketplace.parties.models import Organisation
from marketplace.units.arrays import NumberArray
from marketplace.units.ids import new_id

POWER, SHELL, COOLING, RACKS, CHIPS, CREW, COMMISSIONING = (
    "power",
    "shell",
    "cooling",
    "racks",
    "chips",
    "crew",
    "commissioning",
)
MILESTONE_KINDS = [(kind, kind.capitalize()) for kind in (POWER, SHELL, COOLING, RACKS, CHIPS, CREW, COMMISSIONING)]


def new_project_id() -> str:
    return new_id("prj")


def new_projection_id() -> str:
    return new_id("pjn")


class Project(models.Model):
    """A phase of build-out that adds GPUs to a pool, or retires them. Its GPUs become sellable together."""

    public_id = models.CharField(max_length=40, unique=True, default=new_project_id, editable=False)
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="projects")
    campus = models.CharField(max_length=200, help_text="The campus's handle in the file it came from")
    ordinal = models.PositiveIntegerField(help_text="Its place among the campus's rises and falls, from 1")
    name = models.CharField(max_length=200)
    gpus = models.IntegerField(help_text="GPUs added to what is on sale; negative when it retires them")
    mw = models.DecimalField(max_digits=9, decimal_places=2, help_text="Facility power that comes with it")
    h100_equivalents = models.FloatField(help_text="As the source counts the whole phase, before the share on sale")
    is_withdrawn = models.BooleanField(default=False, help_text="No longer in the source: it adds nothing.")
    source = models.TextField(blank=True)
    retires_on = models.DateField(null=True, blank=True, help_text="The first day on which its GPUs are gone again")

    class Meta:
        ordering = ["campus", "ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "ordinal"], name="one_project_per_ordinal"),
            models.CheckConstraint(
                condition=Q(retires_on=None) | Q(gpus__gt=0),
                name="only_gpus_that_came_retire",
                violation_error_message="A project that retires GPUs has none of its own to retire.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Milestone(models.Model):
    """One thing that a project waits for. A project is ready when its last milestone is."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="milestones")
    kind = models.CharField(max_length=15, choices=MILESTONE_KINDS)
    planned = models.DateField(help_text="As first announced; slips are counted from here")
    forecast = models.DateField(null=True, blank=True, help_text="As its owner expects it now")
    actual = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["project_id", "planned"]
        constraints = [models.UniqueConstraint(fields=["project", "kind"], name="one_milestone_per_kind")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.project}"


class MilestoneNote(models.Model):
    """What the source said on a day on which no capacity changed: progress without a date of its own."""

    milestone = models.ForeignKey(Milestone, on_delete=models.CASCADE, related_name="notes")
    date = models.DateField()
    text = models.TextField()

    class Meta:
        ordering = ["milestone_id", "date"]
        constraints = [models.UniqueConstraint(fields=["milestone", "date"], name="one_note_per_day")]

    def __str__(self) -> str:
        return f"{self.date}: {self.text[:60]}"


class Projection(models.Model):
    """One run of the scenarios: a version that is never edited, and from which every limit can be traced."""

    public_id = models.CharField(max_length=40, unique=True, default=new_projection_id, editable=False)
    first_day = models.DateField()
    days = models.PositiveIntegerField()
    scenarios = models.PositiveIntegerField()
    seed = models.BigIntegerField()
    inputs = models.JSONField(help_text="Slip and derate parameters, and the world used")
    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_index=True)
    published_at = models.DateTimeField(null=True, blank=True, help_text="When its limits were in force in every pool")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.reason})"


class PoolOutlook(models.Model):
    """A pool's projected supply: usable GPUs per day from the projection's first day on. P90 <= P50 <= P10."""

    projection = models.ForeignKey(Projection, on_delete=models.CASCADE, related_name="pools")
    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="outlooks")
    p90 = NumberArray(models.IntegerField())
    p50 = NumberArray(models.IntegerField())
    p10 = NumberArray(models.IntegerField())
    mean = NumberArray(models.FloatField())
    limits = NumberArray(
        NumberArray(models.IntegerField()),
        null=True,
        help_text="What may be sold: rows firm, standard, standby, under the promises in force. Null: made before any",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["projection", "pool"], name="one_outlook_per_pool")]

    def __str__(self) -> str:
        return f"{self.pool} in {self.projection}"


class ProjectOutlook(models.Model):
    """When a project will be ready: its day in every scenario, and what was last in how many of them."""

    projection = models.ForeignKey(Projection, on_delete=models.CASCADE, related_name="projects")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="outlooks")
    ready_days = models.BinaryField(help_text="int16, little endian, one a scenario: days from the first day")
    p10 = models.DateField()
    p50 = models.DateField()
    p90 = models.DateField()
    expected = models.DateField()
    bottlenecks = models.JSONField(help_text="Milestone kind -> share of scenarios")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["projection", "project"], name="one_outlook_per_project"),
            models.CheckConstraint(
                condition=Q(p10__lte=F("p50")) & Q(p50__lte=F("p90")),
                name="dates_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project} in {self.projection}"

    def ranked_bottlenecks(self) -> list[tuple[str, float]]:
        """(kind, share of the scenarios in which it was the last), the most frequent first."""
        return sorted(self.bottlenecks.items(), key=lambda found: (-found[1], found[0]))


class ProjectionDue(models.Model):
    """Something changed that a projection must take in: the row that a sweep drains."""

    reason = models.CharField(max_length=200)
    requested_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    projection = models.ForeignKey(Projection, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name_plural = "projections due"
        indexes = [
            models.Index(
                fields=["requested_at"],
                condition=Q(done_at=None),
                name="projection_due_open",
            )
        ]

    def __str__(self) -> str:
        return self.reason


WEATHER, OUTAGE, SUPPLY_CHAIN, LABOUR, PERMIT = "weather", "outage", "supply_chain", "labour", "permit"
DISRUPTION_KINDS = [
    (kind, kind.replace("_", " ").capitalize()) for kind in (WEATHER, OUTAGE, SUPPLY_CHAIN, LABOUR, PERMIT)
]
WORK_DAYS = 90  # an assumption: for how long the work on a milestone can be held up before its date
LONGEST_DAYS = 3650


def new_disruption_id() -> str:
    return new_id("dis")


def new_maintenance_id() -> str:
    return new_id("mnt")


class Stated(models.Model):
    """Something that will happen over [starts, ends), as somebody stated it. Withdrawn with a reason, never deleted."""

    public_id: "models.CharField[str, str]"
    starts = models.DateField(help_text="The first day")
    ends = models.DateField(help_text="The day after the last one")
    reason = models.TextField(help_text="What happens, in words that a buyer would understand")
    source = models.TextField(blank=True, help_text="Where it is known from")
    entered_by = models.CharField(max_length=254, editable=False)
    provider = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        help_text="Whose statement it is; none: the market's staff",
    )
    entered_at = models.DateTimeField(editable=False)
    withdrawn_by = models.CharField(max_length=254, blank=True, editable=False)
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False)
    withdrawn_reason = models.TextField(blank=True, editable=False)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(condition=Q(starts__lt=F("ends")), name="%(class)s_ends_after_it_starts"),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None, withdrawn_by="", withdrawn_reason="")
                | (Q(withdrawn_at__isnull=False) & ~Q(withdrawn_by="") & ~Q(withdrawn_reason="")),
                name="%(class)s_withdrawn_by_somebody_for_a_reason",
            ),
        ]


class Disruption(Stated):
    """A dated event that moves milestones, or derates a pool or a site for the time that it lasts.

    It is about a site, a pool or a project, or about a kind of milestone wherever it stands.
    """

    public_id = models.CharField(max_length=40, unique=True, default=new_disruption_id, editable=False)
    kind = models.CharField(max_length=15, choices=DISRUPTION_KINDS)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    milestone_kinds = ArrayField(
        models.CharField(max_length=15, choices=MILESTONE_KINDS), default=list, blank=True, help_text="What it holds up"
    )
    delay_days = models.PositiveIntegerField(
        default=0, help_text="Days by which open milestones of those kinds come later"
    )
    work_days = models.PositiveIntegerField(
        default=WORK_DAYS,
        help_text="A milestone is hit if it would come on the first day or later, and at most this many days after the "
        "end: its work is under way. The 90 days are an assumption.",
    )
    usable_share = models.DecimalField(
        max_digits=5,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="Share of the GPUs of the pool or site that can be used meanwhile, 0 to below 1; empty: all of them",
    )

    mw_available = models.DecimalField(
        max_digits=9,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="MW that the whole site has meanwhile (grid limit, heat), cooling in; empty: all of its power",
    )

    class Meta(Stated.Meta):
        ordering = ["-id"]
        constraints = [
            *Stated.Meta.constraints,
            models.CheckConstraint(
                condition=Q(site=None, pool=None) | Q(site=None, project=None) | Q(pool=None, project=None),
                name="disruption_has_one_scope",
            ),
            models.CheckConstraint(
                condition=Q(delay_days=0, milestone_kinds=[])
                | (Q(delay_days__range=(1, LONGEST_DAYS)) & ~Q(milestone_kinds=[])),
                name="disruption_delays_named_milestones",
            ),
            models.CheckConstraint(condition=Q(work_days__lte=LONGEST_DAYS), name="disruption_work_in_bounds"),
            models.CheckConstraint(
                condition=Q(usable_share=None)
                | (Q(usable_share__gte=0, usable_share__lt=1) & (Q(site__isnull=False) | Q(pool__isnull=False))),
                name="disruption_derates_a_pool_or_site",
            ),
            models.CheckConstraint(
                condition=Q(mw_available=None) | Q(mw_available__gte=0, site__isnull=False),
                name="disruption_cuts_a_sites_power",
            ),
            models.CheckConstraint(
                condition=Q(delay_days__gt=0) | Q(usable_share__isnull=False) | Q(mw_available__isnull=False),
                name="disruption_has_an_effect",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.scope}, {self.starts} to {self.ends}"

    @property
    def scope(self) -> str:
        named = self.site or self.pool or self.project
        return str(named) if named else "everywhere"

    @property
    def effect(self) -> str:
        """What it does, in words: power, chips 30 days later; 75 % usable."""
        said = [f"{', '.join(self.milestone_kinds)} {self.delay_days} days later"] if self.delay_days else []
        said += [f"{self.usable_share * 100:.0f} % usable"] if self.usable_share is not None else []
        said += [f"{self.mw_available.normalize():f} MW left"] if self.mw_available is not None else []
        return "; ".join(said)


class MaintenanceWindow(Stated):
    """Work on a pool that is planned: for its time, only a share of the pool's GPUs can be used."""

    public_id = models.CharField(max_length=40, unique=True, default=new_maintenance_id, editable=False)
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+")
    usable_share = models.DecimalField(
        max_digits=5, decimal_places=4, help_text="Share of the pool's GPUs that can be used meanwhile, 0 to below 1"
    )

    class Meta(Stated.Meta):
        ordering = ["-id"]
        constraints = [
            *Stated.Meta.constraints,
            models.CheckConstraint(
                condition=Q(usable_share__gte=0, usable_share__lt=1), name="maintenance_leaves_a_share"
            ),
        ]

    def __str__(self) -> str:
        return f"Maintenance of {self.pool}, {self.starts} to {self.ends}"


class SupplyPolicyQuerySet(models.QuerySet["SupplyPolicy"]):
    def in_force(self, now: datetime) -> "SupplyPolicy":
        """The newest version that has started; the shipped one, unsaved, where none has been published."""
        return self.filter(starts_at__lte=now).order_by("-version").first() or SupplyPolicy(version=0, starts_at=now)


class SupplyPolicy(models.Model):
    """What each class promises, and at what exposure selling at a site stops. A change is a new version with a start.

    The promises are public. A trigger in sql/ refuses every later edit.
    """

    version = models.PositiveIntegerField(unique=True)
    starts_at = models.DateTimeField()
    published_by = models.CharField(max_length=254)
    promise_firm = models.DecimalField(
        max_digits=5,
        decimal_places=4,
        default=Decimal("0.95"),
        help_text="Least probability that a whole firm block is delivered in full and on time, 0 to 0.9999",
    )
    promise_standard = models.DecimalField(max_digits=5, decimal_places=4, default=Decimal("0.75"))
    promise_standby = models.DecimalField(
        max_digits=5, decimal_places=4, default=Decimal("0"), help_text="0: nothing is promised"
    )
    most_late_gpu_days = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        help_text="Selling at a site stops once its worst-in-20 late GPU-days reach this. Empty: no such limit",
    )
    most_late_share = models.DecimalField(
        max_digits=5,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="The same as a share of the GPU-days sold there, 0 to 1. Empty: no such limit",
    )

    objects = SupplyPolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "supply policies"
        ordering = ["-version"]
        constraints = [
            models.CheckConstraint(
                condition=Q(promise_firm__lt=1)
                & Q(promise_firm__gte=F("promise_standard"))
                & Q(promise_standard__gte=F("promise_standby"))
                & Q(promise_standby__gte=0),
                name="surer_class_promises_more",
                violation_error_message="A surer class promises as much as the next or more, and less than 1.",
            ),
            models.CheckConstraint(
                condition=Q(most_late_gpu_days=None) | Q(most_late_gpu_days__gt=0),
                name="late_gpu_days_above_zero",
                violation_error_message="At 0 late GPU-days nothing could be sold: leave it empty for no limit.",
            ),
            models.CheckConstraint(
                condition=Q(most_late_share=None) | Q(most_late_share__gt=0, most_late_share__lte=1),
                name="late_share_is_a_share",
                violation_error_message="A share lies above 0 and is at most 1; leave it empty for no limit.",
            ),
        ]

    def __str__(self) -> str:
        return f"supply policy v{self.version}"

    def promises(self) -> tuple[Decimal, Decimal, Decimal]:
        return self.promise_firm, self.promise_standard, self.promise_standby


class SiteExposure(models.Model):
    """What a seller may come to owe at a site: GPU-days sold or held there that may be late, over the scenarios.

    Its own pools only, so that two sellers on one site never read each other's sales. One row, brought up to date.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    seller = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    projection = models.ForeignKey(Projection, on_delete=models.CASCADE, related_name="+")
    as_of = models.DateTimeField(help_text="When it was worked out; it holds until supply or sales change")
    inputs = models.CharField(max_length=64, help_text="Digest of what it was worked out from")
    sold_gpu_days = models.BigIntegerField(help_text="GPU-days sold and held from today to the horizon")
    expected_gpu_days = models.FloatField(help_text="Late GPU-days on average over the scenarios")
    worst_gpu_days = models.BigIntegerField(help_text="Late GPU-days that 19 scenarios in 20 do not exceed")
    pools = models.JSONField(help_text="The same figures of each pool, by its public id")

    stop: "SellingStop | None"  # the one in force, on rows from queries.exposures_of

    class Meta:
        ordering = ["site__name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["site", "seller"], name="one_exposure_per_site"),
            models.CheckConstraint(
                condition=Q(worst_gpu_days__gte=0, expected_gpu_days__gte=0)
                & Q(worst_gpu_days__lte=F("sold_gpu_days")),
                name="late_is_part_of_sold",
            ),
        ]

    def __str__(self) -> str:
        return f"exposure of {self.seller} at {self.site}"

    @property
    def worst_share(self) -> float:
        """Worst-in-20 late GPU-days as a share of those sold; 0 where nothing is."""
        return self.worst_gpu_days / self.sold_gpu_days if self.sold_gpu_days else 0.0


class SellingStop(models.Model):
    """A seller's site at which nothing more is sold, because too much of what is sold may be late.

    Between `lifted_at` and `settled_at` its pools' limits are being written back: a sweep that was killed goes on.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    seller = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    policy = models.ForeignKey(SupplyPolicy, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_because = models.CharField(max_length=200, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When every pool had its limits back")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["site", "seller"], condition=Q(lifted_at=None), name="one_stop_at_a_time"),
            models.CheckConstraint(
                condition=Q(settled_at=None) | Q(lifted_at__isnull=False, settled_at__gte=F("lifted_at")),
                name="settled_after_lifted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seller} at {self.site}: {self.reason}"


STAFF, PROVIDER, IMPORT = "staff", "provider", "import"
SOURCES = [(STAFF, "Staff"), (PROVIDER, "The provider"), (IMPORT, "An import")]


class MilestoneReport(models.Model):
    """What somebody said of a milestone, and when: its dates after the report. Append-only, so that every change of a
    forecast is on record and can be held against what came."""

    milestone = models.ForeignKey(Milestone, on_delete=models.CASCADE, related_name="reports")
    forecast = models.DateField(null=True, blank=True)
    actual = models.DateField(null=True, blank=True)
    note = models.TextField(blank=True)
    source = models.CharField(max_length=10, choices=SOURCES)
    reported_by = models.CharField(max_length=254)
    organisation_id = models.BigIntegerField(null=True, help_text="The provider that said so")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        verbose_name = "milestone report"
        indexes = [models.Index(fields=["milestone", "at"], name="report_by_milestone")]

    def __str__(self) -> str:
        return f"{self.milestone}: {self.actual or self.forecast}"


NOBODY, HOLDERS, EVERYBODY = "nobody", "holders", "everybody"
AUDIENCES = [
    (NOBODY, "Nobody else"),
    (HOLDERS, "Buyers with reservations there"),
    (EVERYBODY, "Everybody"),
]


class DisclosureQuerySet(models.QuerySet["DisclosurePolicy"]):
    def in_force(self, provider_id: int, now: datetime) -> "DisclosurePolicy":
        """The provider's newest version that has started; where there is none, the shipped one, unsaved."""
        found = self.filter(provider_id=provider_id, starts_at__lte=now).order_by("-version").first()
        return found or DisclosurePolicy(provider_id=provider_id, version=0, starts_at=now)


class DisclosurePolicy(models.Model):
    """Who sees a provider's milestones and causes, and from when. A change is a new version; none is ever edited.

    Dates, choices and confidence of a buyer's own reservations are no part of it: those a buyer always sees.
    """

    provider = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="disclosures")
    version = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    milestones_to = models.CharField(max_length=10, choices=AUDIENCES, default=NOBODY)
    causes_to = models.CharField(max_length=10, choices=AUDIENCES, default=EVERYBODY)
    after_days = models.PositiveIntegerField(default=0, help_text="Days from a report until others see it")
    published_by = models.CharField(max_length=254)

    objects = DisclosureQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "disclosure policies"
        constraints = [
            models.UniqueConstraint(fields=["provider", "version"], name="one_disclosure_per_version"),
            models.CheckConstraint(condition=Q(after_days__lte=365), name="disclosure_within_a_year"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} v{self.version}"
