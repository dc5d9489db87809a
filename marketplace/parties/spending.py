"""What an organisation lets itself spend, and who has to agree: cost centres, budgets, approval chains."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from marketplace.parties.budget_periods import CHOICES, MONTH, QUARTER, YEAR
from marketplace.parties.models import ADMIN, APPROVER, Organisation, User
from marketplace.units.ids import new_id
from marketplace.units.money import USD, Money

APPROVAL_HOURS = 24  # an assumption of ours: the working day after, in every time zone
APPROVAL_HOURS = 24  # an assumption of ours: the next working day, in every time zone
RESERVED, SPENT, RELEASED = "reserved", "spent", "released"


def new_cost_centre_id() -> str:
    return new_id("cst")


def new_chain_id() -> str:
    return new_id("chn")


class CostCentre(models.Model):
    """What a purchase is charged to. Its row is the lock under which its budgets change (docs/authority.md)."""

    public_id = models.CharField(max_length=40, unique=True, default=new_cost_centre_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="cost_centres")
    code = models.CharField(max_length=40, help_text="The organisation's own, such as “4711”")
    name = models.CharField(max_length=120)
    period = models.CharField(max_length=10, choices=CHOICES, default=QUARTER)
    currency = models.CharField(max_length=3, default=USD)
    is_default = models.BooleanField(default=False, help_text="Charged where a purchase names none")
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "code"], name="one_cost_centre_per_code"),
            models.UniqueConstraint(
                fields=["organisation"], condition=Q(is_default=True, closed_at=None), name="one_default_cost_centre"
            ),
            models.CheckConstraint(condition=Q(period__in=(MONTH, QUARTER, YEAR)), name="known_budget_period"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Budget(models.Model):
    """What a cost centre may spend in one period. `reserved` waits for an approval, `spent` is committed.

    Both are sums of the entries. They may stand above the amount where that was cut afterwards; no change raises them
    above it (a trigger in sql/ refuses it).
    """

    cost_centre = models.ForeignKey(CostCentre, on_delete=models.PROTECT, related_name="budgets")
    start = models.DateField()
    end = models.DateField(help_text="Not included")
    amount = models.DecimalField(max_digits=18, decimal_places=2)
    reserved = models.DecimalField(max_digits=18, decimal_places=2, default=0)
    spent = models.DecimalField(max_digits=18, decimal_places=2, default=0)

    class Meta:
        ordering = ["start"]
        constraints = [
            models.UniqueConstraint(fields=["cost_centre", "start"], name="one_budget_a_period"),
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="budget_ends_after_start"),
            models.CheckConstraint(
                condition=Q(amount__gte=0, reserved__gte=0, spent__gte=0), name="budget_is_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cost_centre}, {self.start} to {self.end}"

    @property
    def left(self) -> Money:
        """What a purchase may still take; below zero where the amount was cut afterwards."""
        return Money(self.amount - self.reserved - self.spent, self.cost_centre.currency)


class BudgetClaim(models.Model):
    """What one purchase takes of its cost centre's budgets: reserved, spent, or given back."""

    cost_centre = models.ForeignKey(CostCentre, on_delete=models.PROTECT, related_name="claims")
    holder = models.CharField(max_length=40, help_text="Public id of the reservation")
    status = models.CharField(max_length=10, choices=[(s, s) for s in (RESERVED, SPENT, RELEASED)])
    expires_at = models.DateTimeField(null=True, help_text="What is reserved ends here, whoever is down.")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["holder"], condition=~Q(status=RELEASED), name="one_live_budget_claim_per_holder"
            ),
            models.CheckConstraint(
                condition=~Q(status=RESERVED) | Q(expires_at__isnull=False), name="a_reserved_budget_expires"
            ),
        ]
        indexes = [
            models.Index(
                fields=["cost_centre", "expires_at"], condition=Q(status=RESERVED), name="budget_reserved_until"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} for {self.holder}"


class BudgetEntry(models.Model):
    """One movement of one budget: append-only, plain ids."""

    claim_id = models.BigIntegerField()
    budget_id = models.BigIntegerField()
    reserved = models.DecimalField(max_digits=18, decimal_places=2, help_text="Change of what is reserved")
    spent = models.DecimalField(max_digits=18, decimal_places=2, help_text="Change of what is spent")
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "budget entries"
        indexes = [
            models.Index(fields=["claim_id"], name="budget_entry_claim"),
            models.Index(fields=["budget_id"], name="budget_entry_budget"),
        ]

    def __str__(self) -> str:
        return f"{self.claim_id}: {self.reserved:+} reserved, {self.spent:+} spent"


class ApprovalChain(models.Model):
    """Who has to agree to a purchase above an amount. Of several that apply, the one with the highest amount does."""

    public_id = models.CharField(max_length=40, unique=True, default=new_chain_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="approval_chains")
    above = models.DecimalField(max_digits=18, decimal_places=2, help_text="For totals above this; 0 for every one")
    currency = models.CharField(max_length=3, default=USD)
    created_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["above"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "above", "currency"],
                condition=Q(withdrawn_at=None),
                name="one_approval_chain_an_amount",
            ),
            models.CheckConstraint(condition=Q(above__gte=0), name="approval_from_an_amount"),
        ]

    def __str__(self) -> str:
        return f"above {Money(self.above, self.currency)}"


class ApprovalStep(models.Model):
    """One step of a chain: a role, or a person by name."""

    chain = models.ForeignKey(ApprovalChain, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    role = models.CharField(max_length=10, choices=[(APPROVER, "Approver"), (ADMIN, "Administrator")], null=True)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["chain", "position"], name="one_approval_step_a_position"),
            models.CheckConstraint(
                condition=Q(role__isnull=True, user__isnull=False) | Q(role__isnull=False, user__isnull=True),
                name="approval_step_by_role_or_person",
            ),
        ]

    def __str__(self) -> str:
        return str(self.user or self.get_role_display())


class ApprovalPolicyQuerySet(models.QuerySet["ApprovalPolicy"]):
    def in_force(self, now: datetime) -> "ApprovalPolicy":
        """The newest version that has started; the shipped one, unsaved, where none has been published."""
        return self.filter(starts_at__lte=now).order_by("-version").first() or ApprovalPolicy(version=0, starts_at=now)


class ApprovalPolicy(models.Model):
    """How long capacity waits for an approval. A change is a new version: a trigger refuses edits."""

    version = models.PositiveIntegerField(unique=True)
    starts_at = models.DateTimeField()
    published_by = models.CharField(max_length=254)
    hours = models.PositiveSmallIntegerField(
        default=APPROVAL_HOURS, help_text="From the acceptance; never past the block's first day"
    )

    objects = ApprovalPolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "approval policies"
        ordering = ["-version"]
        constraints = [
            models.CheckConstraint(
                condition=Q(hours__gte=1, hours__lte=24 * 14),
                name="approval_within_two_weeks",
                violation_error_message="An approval waits for 1 to 336 hours.",
            )
        ]

    def __str__(self) -> str:
        return f"approval policy v{self.version}"
