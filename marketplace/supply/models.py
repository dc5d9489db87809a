from django.db import models
from django.db.models import F, Q

from marketplace.catalogue.models import Pool
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

    class Meta:
        ordering = ["campus", "ordinal"]
        constraints = [models.UniqueConstraint(fields=["campus", "ordinal"], name="one_project_per_ordinal")]

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
