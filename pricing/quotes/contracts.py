"""The rules of a contract around its price: payment, lock time, turnaround, changes and exits, by published versions.

They stand below the reservations that live by them because a quote names, when it is made, the version under which its
block will be paid, changed and left. Nobody rewrites a version: a trigger in sql/ refuses it.
"""

from copy import deepcopy
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import models
from django.db.models import Max, Q

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.parties.models import Organisation
from marketplace.units.ids import new_id
from pricing.quotes import delays, handover
from pricing.quotes.delays import DelayTerms
from pricing.quotes.exits import SHIPPED, Exit, exits_of, faults
from pricing.quotes.handover import Test, named_tests

VERSIONS_KEPT = 256  # in this process: a version is never rewritten
MOST_DAYS = 366
DAYS = (
    "payment_days", "acceptance_days", "turnaround_days", "first_call_days", "assignment_days", "ready_notice_days",
    "end_notice_days",
)  # fmt: skip


def new_contract_policy_id() -> str:
    return new_id("cpo")


def shipped_exits() -> dict[str, Any]:
    return deepcopy(SHIPPED)


def shipped_delay() -> dict[str, Any]:
    return deepcopy(delays.SHIPPED)


def shipped_tests() -> dict[str, Any]:
    return deepcopy(handover.SHIPPED)


class ContractPolicyQuerySet(models.QuerySet["ContractPolicy"]):
    def in_force(self, seller_id: int, now: datetime) -> "ContractPolicy":
        """The seller's latest version that has started, else the market's, else the shipped one, unsaved."""
        started = self.filter(Q(seller_id=seller_id) | Q(seller=None), starts_at__lte=now)
        found = started.order_by(models.F("seller_id").asc(nulls_last=True), "-version").first()
        return found or before_versions(starts_at=now)

    def id_in_force(self, now: models.Expression) -> models.Subquery:
        """The same as part of a query over pools: the id of the version, none where the shipped one is in force."""
        of_seller = Q(seller_id=models.OuterRef("seller_id")) | Q(seller=None)
        found = self.filter(of_seller, starts_at__lte=now)
        return models.Subquery(found.order_by(models.F("seller_id").asc(nulls_last=True), "-version").values("pk")[:1])


class ContractPolicy(models.Model):
    """What a seller's contracts say beside the price. Every figure is shown before a quote is accepted."""

    public_id = models.CharField(max_length=40, unique=True, default=new_contract_policy_id, editable=False)
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    version = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    published_by = models.CharField(max_length=254)
    reason = models.CharField(max_length=200, help_text="Shown beside the version, and journalled")
    payment_days = models.PositiveSmallIntegerField(
        default=7, help_text="Days to pay what is due up front; unpaid capacity goes back on sale then"
    )
    deposit_percent = models.PositiveSmallIntegerField(
        default=0, help_text="Least share of the total that is due up front, 0 to 100"
    )
    acceptance_days = models.PositiveSmallIntegerField(
        default=3,
        help_text="Days from hand-over, none before the first day, to test; silence then is acceptance",
    )
    lock_hours = models.PositiveSmallIntegerField(
        default=24, help_text="Hours before the start from which terms can no longer change"
    )
    turnaround_days = models.PositiveSmallIntegerField(
        default=0, help_text="Days after a block for cleaning and tests: claimed, not priced"
    )
    change_minutes = models.PositiveSmallIntegerField(default=20, help_text="How long a quote for a change stands")
    first_call_days = models.PositiveSmallIntegerField(
        default=30, help_text="Days before the end from which the holder is called to extend first"
    )
    first_call_hours = models.PositiveSmallIntegerField(
        default=0, help_text="Hours for which the days after the block are then kept for the holder; 0: told, not kept"
    )
    assignment_days = models.PositiveSmallIntegerField(
        default=5, help_text="Days within which an assignment is consented to and accepted"
    )
    exits = models.JSONField(default=shipped_exits, help_text="By cause: notice, fee by lead time, refund")
    delay = models.JSONField(
        default=shipped_delay,
        null=True,
        blank=True,
        help_text="If delivery is late: credit by the day, grace, cap, what excuses it, long stop, hours to choose. "
        "Empty: no terms on delay, as in versions from before there were any",
    )

    handover = models.CharField(
        max_length=10,
        choices=handover.HANDOVERS,
        default=handover.PROVIDER,
        help_text="Whose act delivery is. By the clock: as in versions from before providers handed over",
    )
    ready_notice_days = models.PositiveSmallIntegerField(
        default=7, help_text="Days before hand-over by which the provider says when it will be; 0: no notice"
    )
    end_notice_days = models.PositiveSmallIntegerField(
        default=14, help_text="Days before the end on which the customer is reminded of it; 0: not"
    )
    project_shown = models.BooleanField(
        default=True, help_text="Whether a customer sees which project's GPUs will serve it"
    )
    acceptance_tests = models.JSONField(
        default=shipped_tests,
        null=True,
        blank=True,
        help_text="By name: scope (node, fabric), rule (at_least, at_most) and threshold. Empty: no tests are named",
    )

    objects = ContractPolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "contract policies"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "version"], name="one_contract_policy_version"),
            models.UniqueConstraint(
                fields=["version"], condition=Q(seller=None), name="one_default_contract_policy_version"
            ),
            models.CheckConstraint(condition=Q(deposit_percent__lte=100), name="deposit_is_a_share"),
            models.CheckConstraint(condition=Q(change_minutes__gt=0), name="a_change_quote_stands_a_while"),
        ]

    def __str__(self) -> str:
        return f"{self.seller or 'market default'} contract v{self.version}"

    def exit(self, cause: str) -> Exit:
        return exits_of(self.exits)[cause]

    def all_exits(self) -> list[Exit]:
        return list(exits_of(self.exits).values())

    @property
    def delay_terms(self) -> DelayTerms | None:
        """What is owed when delivery is late; None in versions that were made without."""
        return delays.terms_of(self.delay)

    @property
    def tests(self) -> tuple[Test, ...]:
        """By what acceptance is decided; none in versions that were made without."""
        return named_tests(self.acceptance_tests)

    @property
    def by_provider(self) -> bool:
        """Whether delivery is an act of the provider, and not of the clock."""
        return self.handover == handover.PROVIDER

    @property
    def change_hold(self) -> timedelta:
        return timedelta(minutes=self.change_minutes)


def ensure_default_contract(*, now: datetime) -> ContractPolicy:
    """Publishes the shipped figures as the market's first version, so that a quote names what it was made under."""
    shipped = {"starts_at": now, "published_by": "Headroom defaults", "reason": "as shipped"}
    return ContractPolicy.objects.get_or_create(seller=None, version=1, defaults=shipped)[0]


class ContractRefused(ValueError):
    """The policy is not published. `faults` says by field what was wrong and what would be right."""

    def __init__(self, found: dict[str, str]) -> None:
        super().__init__(" ".join(found.values()))
        self.faults = found


def check_contract(policy: ContractPolicy, *, now: datetime) -> None:
    """Raises what `publish_contract` would raise; publishes nothing."""
    found: dict[str, str] = {}
    if policy.starts_at < now:
        found["starts_at"] = f"A policy cannot start before it is published, at {now:%Y-%m-%d %H:%M} UTC."
    if policy.deposit_percent > 100:
        found["deposit_percent"] = "A share from 0 to 100 percent."
    if policy.change_minutes < 1:
        found["change_minutes"] = "A change quote has to stand for a minute or more."
    if policy.handover not in dict(handover.HANDOVERS):
        found["handover"] = f"One of: {', '.join(dict(handover.HANDOVERS))}."
    for name in DAYS:
        if getattr(policy, name) > MOST_DAYS:
            found[name] = f"From 0 to {MOST_DAYS} days."
    wrong = list(faults(policy.exits))
    if wrong:
        found["exits"] = " ".join(wrong)
    late = list(delays.faults(policy.delay))
    if late:
        found["delay"] = " ".join(late)
    untestable = list(handover.faults(policy.acceptance_tests))
    if untestable:
        found["acceptance_tests"] = " ".join(untestable)
    if found:
        raise ContractRefused(found)


def publish_contract(*, policy: ContractPolicy, by: Actor, now: datetime) -> ContractPolicy:
    """Publishes an unsaved policy as the next version of its seller's (or of the market's default).

    Contracts keep the version that their quote named; the new one is named by quotes from its start on.
    """
    check_contract(policy, now=now)
    last = ContractPolicy.objects.filter(seller=policy.seller).aggregate(last=Max("version"))["last"] or 0
    policy.version, policy.published_by = last + 1, by.label
    policy.save(force_insert=True)
    record(
        by=by,
        verb="contract_policy.published",
        subject=policy.public_id,
        now=now,
        after={"seller": policy.seller_id, "version": policy.version, "starts_at": policy.starts_at.isoformat()},
        reason=policy.reason,
    )
    return policy


def contract_of(contract_id: int | None) -> ContractPolicy:
    """The version that a quote names; what was in force before there were versions, for a quote from then."""
    return _before_versions() if contract_id is None else _version(contract_id)


def before_versions(**fields: Any) -> ContractPolicy:
    """What was in force before anything was published: no terms on delay, hand-over by the clock, no tests, no notices.

    A quote that names no version was made under it, and what was in force then stays in force for it.
    """
    old = {"delay": None, "handover": handover.CLOCK, "acceptance_days": 1, "acceptance_tests": None}
    old["project_shown"] = False
    return ContractPolicy(version=0, ready_notice_days=0, end_notice_days=0, **old, **fields)


@lru_cache(maxsize=1)
def _before_versions() -> ContractPolicy:
    return before_versions()


@lru_cache(maxsize=VERSIONS_KEPT)
def _version(contract_id: int) -> ContractPolicy:
    return ContractPolicy.objects.select_related("seller").get(pk=contract_id)
