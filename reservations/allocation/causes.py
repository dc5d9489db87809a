"""Why something is late, as somebody states and a second person confirms it; and what the buyer says against it."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from marketplace.catalogue.models import Site
from marketplace.supply.models import Disruption, Project
from marketplace.units.ids import new_id
from pricing.quotes.delays import CAUSES, in_words
from reservations.booking.models import Reservation

KINDS = [(cause, in_words(cause).capitalize()) for cause in CAUSES]


def new_cause_id() -> str:
    return new_id("dcs")


def new_dispute_id() -> str:
    return new_id("dsp")


class DelayCause(models.Model):
    """A cause of a slip at a site, of a project, or from a disruption. It excuses nothing before it is confirmed."""

    public_id = models.CharField(max_length=40, unique=True, default=new_cause_id, editable=False)
    kind = models.CharField(max_length=15, choices=KINDS)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    disruption = models.ForeignKey(Disruption, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    days = models.PositiveIntegerField(help_text="Days of delay that it caused")
    began = models.DateField(help_text="The day on which it began")
    notice_at = models.DateTimeField(help_text="When the customers were told of it")
    statement = models.TextField(help_text="What happened, in words that a buyer would understand")
    evidence = models.CharField(max_length=300, help_text="Where it can be checked")
    stated_by = models.CharField(max_length=254)
    stated_by_user_id = models.BigIntegerField(null=True)
    stated_at = models.DateTimeField()
    confirmed_by = models.CharField(max_length=254, blank=True)
    confirmed_by_user_id = models.BigIntegerField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(site__isnull=False, project=None, disruption=None)
                | Q(site=None, project__isnull=False, disruption=None)
                | Q(site=None, project=None, disruption__isnull=False),
                name="a_cause_has_one_scope",
            ),
            # Two people, always: who states a cause does not confirm it, and nobody confirms it unnamed.
            models.CheckConstraint(
                condition=Q(confirmed_at=None, confirmed_by="", confirmed_by_user_id=None)
                | (
                    Q(confirmed_at__isnull=False, confirmed_by_user_id__isnull=False)
                    & Q(stated_by_user_id__isnull=False)
                    & ~Q(confirmed_by_user_id=F("stated_by_user_id"))
                ),
                name="a_second_person_confirms_a_cause",
            ),
            models.CheckConstraint(condition=Q(days__gt=0), name="a_cause_has_days"),
            models.CheckConstraint(condition=~Q(evidence="") & ~Q(statement=""), name="a_cause_has_evidence"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.days} days, {self.scope}"

    @property
    def scope(self) -> str:
        return str(self.site or self.project or self.disruption)

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_at is not None


UPHELD, WITHDRAWN, REDUCED = "upheld", "withdrawn", "reduced"
OUTCOMES = [
    (UPHELD, "The cause stands"),
    (WITHDRAWN, "The cause excuses nothing here"),
    (REDUCED, "The cause excuses fewer days here"),
]


class DisputeQuerySet(models.QuerySet["CauseDispute"]):
    def of(self, organisation_id: int) -> "DisputeQuerySet":
        """The tenant's wall. A dispute stays with who opened it."""
        return self.filter(organisation_id=organisation_id)


class CauseDispute(models.Model):
    """A buyer says that a cause does not excuse the delay of its reservation: a thread, and its outcome."""

    public_id = models.CharField(max_length=40, unique=True, default=new_dispute_id, editable=False)
    cause = models.ForeignKey(DelayCause, on_delete=models.PROTECT, related_name="disputes")
    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="disputes")
    organisation = models.ForeignKey("marketplace.Organisation", on_delete=models.PROTECT, related_name="+")
    opened_by = models.CharField(max_length=254)
    opened_at = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=OUTCOMES, blank=True)
    days = models.PositiveIntegerField(null=True, blank=True, help_text="That the cause excuses here, once resolved")
    resolved_by = models.CharField(max_length=254, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = DisputeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["cause", "reservation"], name="one_dispute_per_cause_and_reservation"),
            models.CheckConstraint(
                condition=Q(resolved_at=None, outcome="") | (Q(resolved_at__isnull=False) & ~Q(outcome="")),
                name="a_resolved_dispute_has_an_outcome",
            ),
            models.CheckConstraint(
                condition=~Q(outcome__in=(REDUCED, WITHDRAWN)) | Q(days__isnull=False), name="an_outcome_has_its_days"
            ),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_open(self) -> bool:
        return self.resolved_at is None

    def excuses(self, stated: int) -> int:
        """Days that the cause excuses here: as stated, until an outcome says less."""
        return stated if self.days is None else min(stated, self.days)


class DisputePost(models.Model):
    """One entry of the thread. Never rewritten."""

    dispute = models.ForeignKey(CauseDispute, on_delete=models.PROTECT, related_name="posts")
    text = models.TextField()
    is_staff = models.BooleanField()
    by = models.CharField(max_length=254)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=~Q(text=""), name="a_post_says_something")]

    def __str__(self) -> str:
        return f"{self.by}, {self.at:%Y-%m-%d}"


def said_in_time(cause: DelayCause, notice_days: int) -> bool:
    """Whether the notice came within the contract's days from the day on which it began, that day included."""
    return (cause.notice_at.date() - cause.began).days <= notice_days


def known_before(cause: DelayCause, accepted_at: datetime) -> bool:
    """What had begun when the contract was made was known then, and excuses nothing."""
    return cause.began < accepted_at.date()
