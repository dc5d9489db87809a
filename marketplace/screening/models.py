"""Who may be sold to: end customers, clearances with two persons behind each, listed names, and the policy."""

from datetime import date, datetime

from django.db import models
from django.db.models import F, Q

from marketplace.parties.models import Organisation
from marketplace.screening.matrix import COMMERCIAL, END_USES, UNKNOWN, Rule
from marketplace.units.ids import new_id

PENDING, CLEARED, BLOCKED = "pending", "cleared", "blocked"
STATUSES = [(PENDING, "Pending"), (CLEARED, "Cleared"), (BLOCKED, "Blocked")]
END_USE_CHOICES = [(use, use.replace("_", " ").capitalize()) for use in END_USES]


def new_end_customer_id() -> str:
    return new_id("ecu")


class EndCustomerQuerySet(models.QuerySet["EndCustomer"]):
    def of(self, organisation_id: int) -> "EndCustomerQuerySet":
        """The tenant's wall."""
        return self.filter(organisation_id=organisation_id)


class EndCustomer(models.Model):
    """For whom a reseller buys. Its name and countries are never edited: somebody else is another end customer."""

    public_id = models.CharField(max_length=40, unique=True, default=new_end_customer_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="end_customers")
    name = models.CharField(max_length=200, help_text="Its legal name")
    country = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2, such as DE")
    ultimate_parent = models.CharField(max_length=200, blank=True)
    ultimate_parent_country = models.CharField(max_length=2, blank=True)
    end_use = models.CharField(max_length=20, choices=END_USE_CHOICES, default=COMMERCIAL, help_text="As declared")
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = EndCustomerQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name", "country"],
                condition=Q(archived_at=None),
                name="one_end_customer_a_name",
            ),
            models.CheckConstraint(condition=Q(country__regex=r"^[A-Z]{2}$"), name="end_customer_has_a_country"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.country}"


class Clearance(models.Model):
    """Where an organisation, or one of its end customers, stands. No row is the same as pending."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="clearances")
    end_customer = models.ForeignKey(
        EndCustomer, on_delete=models.PROTECT, related_name="clearances", null=True, blank=True
    )
    status = models.CharField(max_length=10, choices=STATUSES, default=PENDING)
    cleared_until = models.DateField(null=True, blank=True, help_text="Not included")
    end_use = models.CharField(max_length=20, choices=END_USE_CHOICES, default=UNKNOWN, help_text="As established")
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["organisation__name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "end_customer"], nulls_distinct=False, name="one_clearance_a_party"
            ),
            models.CheckConstraint(
                condition=~Q(status=CLEARED) | Q(cleared_until__isnull=False), name="cleared_until_a_date"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.end_customer or self.organisation}: {self.status}"

    def state(self, day: date) -> str:
        """Its status by the date: a clearance that has run out is pending again."""
        if self.status == CLEARED and self.cleared_until is not None and self.cleared_until <= day:
            return PENDING
        return self.status


class ClearanceProposal(models.Model):
    """One person of the staff asks to clear a party, with a reason; another one confirms it, or rejects it."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    end_customer = models.ForeignKey(EndCustomer, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    end_use = models.CharField(max_length=20, choices=END_USE_CHOICES, default=COMMERCIAL)
    cleared_until = models.DateField(help_text="Not included")
    reason = models.CharField(max_length=2000)
    proposed_at = models.DateTimeField()
    proposed_by = models.CharField(max_length=254)
    proposed_by_user_id = models.BigIntegerField()
    confirmed = models.BooleanField(null=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=254, blank=True)
    decided_by_user_id = models.BigIntegerField(null=True, blank=True)

    class Meta:
        verbose_name = "screening request"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "end_customer"],
                condition=Q(decided_at=None),
                nulls_distinct=False,
                name="one_open_proposal_a_party",
            ),
            models.CheckConstraint(
                condition=Q(decided_by_user_id=None) | ~Q(decided_by_user_id=F("proposed_by_user_id")),
                name="two_persons_clear",
            ),
        ]

    def __str__(self) -> str:
        return f"clear {self.end_customer or self.organisation} until {self.cleared_until}"


class ListedName(models.Model):
    """A name that is sold to by nobody: on a sanctions list, or on one of our own. Never edited; it is taken off."""

    name = models.CharField(max_length=200)
    source = models.CharField(max_length=120, help_text="Which list, and its date")
    listed_at = models.DateTimeField()
    listed_by = models.CharField(max_length=254)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ScreeningPolicyQuerySet(models.QuerySet["ScreeningPolicy"]):
    def in_force(self, now: datetime) -> "ScreeningPolicy":
        """The newest version that has started; the shipped one, switched off and unsaved, until one is published."""
        return self.filter(starts_at__lte=now).order_by("-version").first() or ScreeningPolicy(version=0, starts_at=now)


class ScreeningPolicy(models.Model):
    """Whether deals are screened, and by which rules. A change is a new version; a trigger refuses later edits."""

    version = models.PositiveIntegerField(unique=True)
    starts_at = models.DateTimeField()
    published_by = models.CharField(max_length=254)
    reason = models.CharField(max_length=200)
    is_on = models.BooleanField(default=False, help_text="Switched on, whatever is not allowed is denied")
    rules = models.JSONField(default=list, help_text="Rows of the table, the first that fits decides")

    objects = ScreeningPolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "screening policies"
        ordering = ["-version"]

    def __str__(self) -> str:
        return f"screening policy v{self.version}"

    def table(self) -> tuple[Rule, ...]:
        return tuple(Rule(*row) for row in self.rules)
