from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from marketplace.catalogue.models import Pool, Site
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
                condition=Q(delay_days__gt=0) | Q(usable_share__isnull=False), name="disruption_has_an_effect"
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
