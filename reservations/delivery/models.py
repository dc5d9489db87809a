from django.db import models
from django.db.models import F, Q

from marketplace.catalogue.models import Pool
from marketplace.supply.models import Project, Projection
from marketplace.units.ids import new_id
from reservations.booking.models import Reservation

READY, HANDOVER, RESULTS = "ready", "handover", "results"
ACCEPTED, IN_PART, REJECTED, HANDED_BACK = "accepted", "in_part", "rejected", "handed_back"
KINDS = [
    (READY, "Ready notice"),
    (HANDOVER, "Handed over"),
    (RESULTS, "Test results"),
    (ACCEPTED, "Accepted"),
    (IN_PART, "Accepted in part"),
    (REJECTED, "Rejected"),
    (HANDED_BACK, "Handed back"),
]
PROVIDER, CUSTOMER = "provider", "customer"
SIDES = [(PROVIDER, "The provider"), (CUSTOMER, "The customer")]


def new_delivery_id() -> str:
    return new_id("dlv")


class Delivery(models.Model):
    """How one reservation is delivered: what the two sides have said so far, as it stands. How it came so: its acts."""

    public_id = models.CharField(max_length=40, unique=True, default=new_delivery_id, editable=False)
    reservation = models.OneToOneField(Reservation, on_delete=models.PROTECT, related_name="delivery")
    ready_on = models.DateField(null=True, help_text="When the provider says that it will hand over")
    contact = models.CharField(max_length=200, blank=True, help_text="Whom to ask at the provider")
    access_reference = models.CharField(
        max_length=200, blank=True, help_text="Where the access details are kept; never the details"
    )
    round = models.PositiveIntegerField(default=0, help_text="How often something was handed over")
    accepted_nodes = models.JSONField(default=list, help_text="Names of the nodes that were accepted in part")
    handed_back_on = models.DateField(null=True)
    free_from = models.DateField(null=True, help_text="The first day after hand-back and turnaround")

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.public_id


class DeliveryAct(models.Model):
    """One thing that a side did or reported: evidence, written once. A trigger in sql/ refuses every later edit.

    `digest` is the SHA-256 over the digest of the act before it and this one's own content, so that none can be taken
    out or changed without all later ones showing it.
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="acts")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=15, choices=KINDS)
    side = models.CharField(max_length=10, choices=SIDES)
    round = models.PositiveIntegerField()
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    by_user_id = models.BigIntegerField(null=True)
    by_key_id = models.BigIntegerField(null=True)
    said = models.JSONField(help_text="What was said: dates, contact, reference, nodes, tests, reason")
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["delivery_id", "number"]
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="one_act_a_number")]

    def __str__(self) -> str:
        return f"{self.number}: {self.get_kind_display()}"


class NodeResult(models.Model):
    """One figure of one node, or of the fabric as a whole (no node), as one side reported it. Written once."""

    act = models.ForeignKey(DeliveryAct, on_delete=models.PROTECT, related_name="results")
    node = models.CharField(max_length=80, blank=True)
    test = models.CharField(max_length=40)
    value = models.DecimalField(max_digits=14, decimal_places=4)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["act", "node", "test"], name="one_figure_of_a_test")]

    def __str__(self) -> str:
        return f"{self.node or 'fabric'} {self.test}: {self.value}"


class EndNotice(models.Model):
    """The holder was reminded of this end of its block. Another end is another notice."""

    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="end_notices")
    end = models.DateField()
    told_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reservation", "end"], name="one_notice_of_an_end")]

    def __str__(self) -> str:
        return f"{self.reservation_id} ends {self.end}"


class ServingRun(models.Model):
    """One time at which it was worked out which projects serve a pool's blocks: its inputs, and what changed."""

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+")
    projection = models.ForeignKey(Projection, on_delete=models.PROTECT, null=True, related_name="+")
    inputs = models.CharField(max_length=64, help_text="Digest of what it was worked out from")
    solved_at = models.DateTimeField()
    blocks = models.PositiveIntegerField()
    moved_blocks = models.PositiveIntegerField(help_text="Blocks that had a project and lost some of it")
    moved_gpus = models.PositiveIntegerField()
    unserved_gpus = models.PositiveIntegerField(help_text="GPUs for which no project is ready in time")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["pool", "-id"], name="serving_run_of_pool")]

    def __str__(self) -> str:
        return f"{self.pool_id} at {self.solved_at:%Y-%m-%d %H:%M}"


class ServingQuerySet(models.QuerySet["Serving"]):
    def current(self) -> "ServingQuerySet":
        return self.filter(until=None)


class Serving(models.Model):
    """GPUs of a project for a block over its days, from one run until another one said something else.

    Rows stay: which project would have served whom, and when that changed, can be read from them. No project: nothing
    is ready in time for these GPUs.
    """

    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="servings")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True, related_name="+")
    start = models.DateField()
    end = models.DateField()
    gpus = models.PositiveIntegerField()
    since = models.ForeignKey(ServingRun, on_delete=models.PROTECT, related_name="begun")
    until = models.ForeignKey(ServingRun, on_delete=models.PROTECT, null=True, related_name="ended")

    objects = ServingQuerySet.as_manager()

    class Meta:
        ordering = ["start", "id"]
        indexes = [models.Index(fields=["reservation"], condition=Q(until=None), name="serving_now")]
        constraints = [models.CheckConstraint(condition=Q(start__lt=F("end"), gpus__gt=0), name="serving_is_something")]

    def __str__(self) -> str:
        return f"{self.gpus} of {self.project or 'nothing yet'}"
