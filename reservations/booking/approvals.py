"""The steps of an approval: frozen when it is asked for, each decided once, in order."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from marketplace.journal.actor import Actor
from marketplace.parties.models import ADMIN, APPROVER, User
from reservations.booking.models import Reservation

APPROVED, DECLINED = "approved", "declined"


class ApprovalStage(models.Model):
    """One step of a reservation's approval chain, as the chain was when it was asked for."""

    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="stages")
    position = models.PositiveSmallIntegerField()
    role = models.CharField(max_length=10, choices=[(APPROVER, "An approver"), (ADMIN, "An administrator")], null=True)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True)
    decision = models.CharField(max_length=10, choices=[(d, d) for d in (APPROVED, DECLINED)], null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=254, blank=True)
    decided_by_user_id = models.BigIntegerField(null=True)
    decided_by_key_id = models.BigIntegerField(null=True)
    note = models.CharField(max_length=2000, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["reservation", "position"], name="one_approval_stage_a_position"),
            models.CheckConstraint(
                condition=Q(role__isnull=True, user__isnull=False) | Q(role__isnull=False, user__isnull=True),
                name="approval_stage_by_role_or_person",
            ),
            models.CheckConstraint(
                condition=Q(decision__isnull=True, decided_at__isnull=True)
                | Q(decision__isnull=False, decided_at__isnull=False),
                name="approval_is_decided_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.who}"

    @property
    def who(self) -> str:
        """`An approver`, or a person's name."""
        return str(self.user) if self.user_id else self.get_role_display()

    def decide(self, decision: str, *, by: Actor, now: datetime, note: str) -> None:
        self.decision, self.decided_at, self.decided_by, self.note = decision, now, by.label, note
        self.decided_by_user_id, self.decided_by_key_id = by.user_id, by.key_id
        self.save()
