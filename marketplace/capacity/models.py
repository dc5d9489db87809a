"""The ledger's rows. Only `marketplace.capacity` writes them: a contract in pyproject.toml keeps it so."""

from django.db import models
from django.db.models import F, Q

from marketplace.catalogue.models import Pool
from marketplace.units.firmness import CHOICES

HELD, COMMITTED, RELEASED = "held", "committed", "released"


class CapacityDay(models.Model):
    """What a pool can sell and has sold on one day: the row that is locked.

    Limits are nested sums: firm <= limit_firm, firm + standard <= limit_standard, all three <= limit_standby. They
    may fall below what is claimed (that is a shortfall); no change may raise a nested sum above its limit (a
    trigger in sql/ refuses it). Totals always equal the sum of the entries.
    """

    pk = models.CompositePrimaryKey("pool_id", "day")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    limit_firm = models.IntegerField(default=0)
    limit_standard = models.IntegerField(default=0)
    limit_standby = models.IntegerField(default=0)
    firm_held = models.IntegerField(default=0)
    firm_committed = models.IntegerField(default=0)
    standard_held = models.IntegerField(default=0)
    standard_committed = models.IntegerField(default=0)
    standby_held = models.IntegerField(default=0)
    standby_committed = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(firm_held__gte=0, firm_committed__gte=0, standard_held__gte=0)
                & Q(
                    standard_committed__gte=0,
                    standby_held__gte=0,
                    standby_committed__gte=0,
                ),
                name="nothing_negative",
            ),
            models.CheckConstraint(
                condition=Q(limit_firm__gte=0)
                & Q(limit_firm__lte=F("limit_standard"))
                & Q(limit_standard__lte=F("limit_standby")),
                name="limits_are_nested",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pool_id} {self.day}"


class Claim(models.Model):
    """A hold or a commitment on capacity: who holds it, at which class, and until when."""

    holder = models.CharField(max_length=40, help_text="Public id of the quote or reservation it stands for")
    firmness = models.CharField(max_length=10, choices=CHOICES)
    status = models.CharField(max_length=10, choices=[(s, s) for s in (HELD, COMMITTED, RELEASED)])
    expires_at = models.DateTimeField(null=True, help_text="A hold ends here, whoever is down.")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(status=HELD), name="claim_held_until"),
            models.Index(fields=["holder"], name="claim_holder"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status=HELD) | Q(expires_at__isnull=False),
                name="a_hold_expires",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} for {self.holder}"


class ClaimLine(models.Model):
    """A quantity in one pool over [start, end); `occupied_end` adds the turnaround, which is claimed, not priced."""

    # No constraints of their own. A line is written in one statement with its claim, on days of its pool, whose own
    # constraint holds the pool: checking again would lock the pool's one row for all claims on it together, and take a
    # seventh of a claim's time (docs/decisions/0001).
    claim = models.ForeignKey(Claim, on_delete=models.CASCADE, related_name="lines", db_constraint=False)
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    start = models.DateField()
    end = models.DateField()
    occupied_end = models.DateField()
    quantity = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="line_ends_after_start"),
            models.CheckConstraint(condition=Q(end__lte=F("occupied_end")), name="turnaround_after_end"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="line_has_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} in {self.pool_id}, {self.start}..{self.end}"


class LedgerEntry(models.Model):
    """One movement over [start, end): append-only, plain ids so that it can be partitioned by time."""

    claim_id = models.BigIntegerField()
    pool_id = models.BigIntegerField()
    start = models.DateField()
    end = models.DateField()
    firmness = models.CharField(max_length=10)
    held = models.IntegerField(help_text="Change of what is held, GPUs")
    committed = models.IntegerField(help_text="Change of what is committed, GPUs")
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "ledger entries"
        indexes = [models.Index(fields=["claim_id"], name="entry_claim")]

    def __str__(self) -> str:
        return f"{self.claim_id}: {self.held:+d} held, {self.committed:+d} committed"


class LimitsWritten(models.Model):
    """The one row that names the transaction which last wrote limits: a trigger in sql/ keeps it (see kept.py)."""

    by_transaction = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "limits written"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_row_of_limits_written")]

    def __str__(self) -> str:
        return f"by transaction {self.by_transaction}"
