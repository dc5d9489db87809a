"""Remedies: what is offered when supply slips, until when, what was chosen and what became of it.

What was announced never gets worse: triggers in sql/ refuse a shorter deadline, a smaller credit, other lines or
another default. A choice may be added, a deadline extended, a credit raised.
"""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q

from marketplace.units.ids import new_id
from marketplace.units.money import Money
from reservations.allocation.deciding import DECIDED, OPEN, SETTLED, stands_at
from reservations.booking.models import Reservation

WAIT, SUBSTITUTE, MOVE, REDUCE, EXIT = "wait", "substitute", "move", "reduce", "exit"
KINDS = [
    (WAIT, "Wait, with credit"),
    (SUBSTITUTE, "Take GPUs elsewhere"),
    (MOVE, "Move to other dates"),
    (REDUCE, "Take fewer GPUs"),
    (EXIT, "Leave, with a full refund"),
]
STATES = [(OPEN, "Needs a choice"), (DECIDED, "Decided"), (SETTLED, "Settled")]


def new_remedy_id() -> str:
    return new_id("rmd")


def new_choice_id() -> str:
    return new_id("rmc")


class RemedyQuerySet(models.QuerySet["Remedy"]):
    def of(self, organisation_id: int) -> "RemedyQuerySet":
        """The tenant's wall. Of what an earlier holder was offered a new one sees nothing."""
        return self.filter(reservation__organisation_id=organisation_id).filter(
            Q(reservation__assigned_at=None) | Q(announced_at__gte=F("reservation__assigned_at"))
        )

    def in_state(self, state: str, now: datetime) -> "RemedyQuerySet":
        """Those whose `state(now)` is this one, whether or not a sweep has written it down."""
        if state == OPEN:
            return self.filter(settled_at=None, deadline__gt=now, settles_at__gt=now)
        if state == DECIDED:
            return self.filter(settled_at=None, deadline__lte=now, settles_at__gt=now)
        return self.filter(Q(settled_at__isnull=False) | Q(settles_at__lte=now))

    def due(self, now: datetime) -> "RemedyQuerySet":
        """Those that the clock has settled and no sweep has written down yet."""
        return self.filter(settled_at=None, settles_at__lte=now)

    def shown(self) -> "RemedyQuerySet":
        return self.select_related("reservation__pool__site", "reservation__pool__accelerator").prefetch_related(
            models.Prefetch("choices", RemedyChoice.objects.select_related("pool__site", "pool__accelerator"))
        )


class Remedy(models.Model):
    """What a buyer is told when a block will not come as agreed, and what can be chosen until the deadline."""

    public_id = models.CharField(max_length=40, unique=True, default=new_remedy_id, editable=False)
    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="remedies")
    plan = models.CharField(max_length=40, blank=True, help_text="Public id of the plan that proposed it")
    happened = models.TextField(help_text="What happened, in words that a buyer would understand")
    bottleneck = models.TextField(blank=True, help_text="Why: what decides the date")
    confidence = models.DecimalField(
        max_digits=5, decimal_places=4, null=True, blank=True, help_text="That the block comes whole and on time, now"
    )
    confidence_before = models.DecimalField(max_digits=5, decimal_places=4, null=True, blank=True)
    outlook = models.JSONField(
        default=dict,
        blank=True,
        help_text="{dates: equally likely first days, milestones: [{name, planned, forecast}]}",
    )
    agreed_start = models.DateField(help_text="The first day by the contract: late days count from it")
    total = models.DecimalField(max_digits=18, decimal_places=2, help_text="Of the contract when this was announced")
    days = models.PositiveIntegerField(help_text="Of the block then: a day costs total / days")
    revision = models.PositiveIntegerField(help_text="Of the reservation; it holds only while that is the same")
    announced_at = models.DateTimeField()
    deadline = models.DateTimeField(help_text="Until then a choice can be made and changed; silence means to wait")
    settles_at = models.DateTimeField(help_text="When what was chosen takes effect, by time")
    chosen = models.ForeignKey(
        "RemedyChoice", on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="None: silence"
    )
    chosen_at = models.DateTimeField(null=True, blank=True)
    chosen_by = models.CharField(max_length=254, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When it was written down")
    settled_as = models.ForeignKey(
        "RemedyChoice", on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="What took effect"
    )
    note = models.CharField(max_length=300, blank=True, help_text="Why something else took effect than was chosen")

    objects = RemedyQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "remedies"
        indexes = [
            models.Index(fields=["settles_at"], condition=Q(settled_at=None), name="remedy_settles_at"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["reservation"], condition=Q(settled_at=None), name="one_open_remedy"),
            models.CheckConstraint(condition=Q(announced_at__lt=F("deadline")), name="a_remedy_leaves_time_to_choose"),
            models.CheckConstraint(
                condition=Q(settled_at=None) | Q(settled_as__isnull=False), name="a_settled_remedy_says_as_what"
            ),
            models.CheckConstraint(condition=Q(days__gt=0), name="a_remedy_is_for_a_block_with_days"),
        ]

    def __str__(self) -> str:
        return self.public_id

    def state(self, now: datetime) -> str:
        """Its state by the clock, whether or not a sweep has written it down."""
        return stands_at(deadline=self.deadline, settles_at=self.settles_at, settled_at=self.settled_at, now=now)

    @property
    def default(self) -> "RemedyChoice":
        return next(choice for choice in self.choices.all() if choice.is_default)

    @property
    def standing(self) -> "RemedyChoice":
        """What took effect, or would if nobody said anything more."""
        decided = self.settled_as_id or self.chosen_id
        return next((choice for choice in self.choices.all() if choice.pk == decided), self.default)

    @property
    def money(self) -> Money:
        return Money(self.total, self.reservation.currency)


class RemedyChoice(models.Model):
    """One way to go on. A hold keeps what it adds, until the deadline; `wait` as agreed adds nothing and needs none."""

    public_id = models.CharField(max_length=40, unique=True, default=new_choice_id, editable=False)
    remedy = models.ForeignKey(Remedy, on_delete=models.CASCADE, related_name="choices")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=KINDS)
    is_default = models.BooleanField(default=False)
    pool = models.ForeignKey("marketplace.Pool", on_delete=models.PROTECT, related_name="+", help_text="Where it is")
    lines = models.JSONField(help_text="The block afterwards: [{start, end_exclusive, quantity}]; none after an exit")
    changes_days = models.BooleanField(help_text="Whether choosing it makes the reservation another block")
    claim_id = models.BigIntegerField(null=True, unique=True, help_text="The hold that keeps what it adds")
    late_from = models.DateField(null=True, blank=True, help_text="The first day that is not served as agreed")
    late_until = models.DateField(null=True, blank=True, help_text="The day on which it is served again, or expected")
    credit = models.DecimalField(max_digits=18, decimal_places=2, help_text="For those days, by the contract's formula")
    refund = models.DecimalField(max_digits=18, decimal_places=2, help_text="By which the price falls")
    confidence = models.DecimalField(max_digits=5, decimal_places=4, null=True, blank=True)
    comparison = models.JSONField(
        null=True, help_text="Of a substitute: field by field, [{field, has, offers, verdict}]"
    )
    opens_on = models.DateField(null=True, blank=True, help_text="Of an exit: the long-stop date")

    class Meta:
        ordering = ["remedy_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["remedy", "position"], name="one_choice_a_place"),
            models.UniqueConstraint(fields=["remedy"], condition=Q(is_default=True), name="one_default_choice"),
            models.CheckConstraint(condition=Q(is_default=False) | Q(kind=WAIT), name="the_default_is_to_wait"),
            models.CheckConstraint(condition=Q(credit__gte=0, refund__gte=0), name="a_choice_costs_nothing"),
            models.CheckConstraint(
                condition=~Q(kind=SUBSTITUTE) | Q(comparison__isnull=False), name="a_substitute_is_compared"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.remedy})"

    def money(self, amount: str) -> Money:
        return Money(getattr(self, amount), self.remedy.reservation.currency)

    @property
    def credit_money(self) -> Money:
        return self.money("credit")

    @property
    def refund_money(self) -> Money:
        return self.money("refund")

    @property
    def hold(self) -> int:
        """The hold of a choice that has one."""
        assert self.claim_id is not None
        return self.claim_id

    @property
    def late_days(self) -> int:
        return (self.late_until - self.late_from).days if self.late_from and self.late_until else 0

    @property
    def takes_effect_at_once(self) -> bool:
        """Its days begin before the deadline: there is no time to think again."""
        first = min((line["start"] for line in self.lines), default=None)
        begins_now = first is not None and first <= self.remedy.deadline.date().isoformat()
        return self.changes_days and begins_now and self.kind != WAIT

    def as_json(self) -> dict[str, Any]:
        """For events: what an organisation's own programs hear."""
        return {
            "choice": self.public_id,
            "kind": self.kind,
            "is_default": self.is_default,
            "credit": self.credit_money.as_json(),
            "refund": self.refund_money.as_json(),
            "lines": self.lines,
        }


EXTENDED, CHOSEN_FOR = "extended", "chosen"
OVERRIDES = [(EXTENDED, "More time to choose"), (CHOSEN_FOR, "Chosen for the customer")]


class RemedyOverride(models.Model):
    """What staff did with a remedy beside the rules, and why. Written once; all of them are listed."""

    remedy = models.ForeignKey(Remedy, on_delete=models.PROTECT, related_name="overrides")
    what = models.CharField(max_length=10, choices=OVERRIDES)
    before = models.CharField(max_length=120, blank=True)
    after = models.CharField(max_length=120)
    reason = models.CharField(max_length=2000)
    by = models.CharField(max_length=254)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="an_override_has_a_reason")]

    def __str__(self) -> str:
        return f"{self.get_what_display()}: {self.remedy}"
