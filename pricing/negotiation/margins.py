"""What staff may grant: the walk-away price, and each one's limits. Nothing that answers a buyer reads this file.

The engine, its trades and every face of the buyer are kept from it by a contract in pyproject.toml; a test plays a
buyer under two margins and sees no difference (docs/decisions/0014).
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Max, Q

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.parties.models import Organisation, User
from marketplace.units.compute import HOURS_PER_DAY
from marketplace.units.money import Money, rounded
from pricing.curve.queries import PoolPrices, current_versions, pool_prices
from pricing.negotiation.deals import Deal

CENT = Decimal("0.01")
PERCENT = Decimal(100)


class NegotiationPolicyQuerySet(models.QuerySet["NegotiationPolicy"]):
    def in_force(self, seller: Organisation, now: datetime) -> "NegotiationPolicy":
        """The seller's newest version that has started, else the market's; the shipped one, unsaved, without any."""
        started = self.filter(starts_at__lte=now).filter(Q(seller=seller) | Q(seller=None))
        newest = {policy.seller_id: policy for policy in started.order_by("version")}
        shipped = NegotiationPolicy(version=0, starts_at=now)
        return newest.get(seller.pk) or newest.get(None) or shipped


class NegotiationPolicy(models.Model):
    """A seller's margin above its bid price, below which nothing is granted. For staff alone. A change is a version."""

    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    version = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True, editable=False)
    published_by = models.CharField(max_length=254)
    reason = models.CharField(max_length=200, blank=True)
    margin_percent = models.DecimalField(
        max_digits=6,
        decimal_places=3,
        default=Decimal("3"),
        help_text="Walk-away price: the bid price and so many percent of it. The default is an assumption",
    )

    objects = NegotiationPolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "negotiation policies"
        ordering = ["-starts_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "version"], name="one_negotiation_policy_per_version", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(margin_percent__gte=0, margin_percent__lt=1000), name="margin_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seller or 'default'} v{self.version}"


class PolicyRefused(ValueError):
    """The policy is not published. `faults` says by field what was wrong and what would be right."""

    def __init__(self, found: dict[str, str]) -> None:
        super().__init__(" ".join(found.values()))
        self.faults = found


def publish_negotiation_policy(*, policy: NegotiationPolicy, by: Actor, now: datetime) -> NegotiationPolicy:
    """Publishes an unsaved policy as the next version of its seller's, or of the market's. Raises PolicyRefused."""
    check_negotiation_policy(policy, now=now)
    # Two at once are told apart by the unique constraint.
    last = NegotiationPolicy.objects.filter(seller=policy.seller).aggregate(last=Max("version"))["last"] or 0
    policy.version, policy.published_by, policy.published_at = last + 1, by.label, now
    policy.save(force_insert=True)
    record(
        by=by,
        verb="negotiation_policy.published",
        subject=f"negotiationpolicy:{policy.pk}",
        now=now,
        after={"seller": policy.seller_id, "version": policy.version, "starts_at": policy.starts_at.isoformat()},
        reason=policy.reason,
    )
    return policy


def check_negotiation_policy(policy: NegotiationPolicy, *, now: datetime) -> None:
    """Raises what `publish_negotiation_policy` would raise; publishes nothing."""
    found: dict[str, str] = {}
    if policy.starts_at < now:
        found["starts_at"] = f"A policy cannot start before it is published, at {now:%Y-%m-%d %H:%M} UTC."
    if not 0 <= policy.margin_percent < 1000:
        found["margin_percent"] = "A margin lies between 0 and 999 percent of the bid price."
    if found:
        raise PolicyRefused(found)


class SalesLimit(models.Model):
    """What one person, or everybody in a staff group, may grant on their own. A person's own row goes first."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    group = models.OneToOneField(Group, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    most_discount_percent = models.DecimalField(
        max_digits=5, decimal_places=2, help_text="Below the published price of the terms that are granted"
    )
    below_walk_away = models.BooleanField(default=False, help_text="May grant less than the walk-away price")

    class Meta:
        ordering = ["-most_discount_percent", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, group=None) | Q(user=None, group__isnull=False),
                name="a_limit_is_of_a_person_or_a_group",
                violation_error_message="Name a person or a group, one of the two.",
            ),
            models.CheckConstraint(
                condition=Q(most_discount_percent__gte=0, most_discount_percent__lte=100), name="discount_is_a_share"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.group}: {self.most_discount_percent} %"

    def allows(self, *, discount_percent: Decimal, is_below_walk_away: bool) -> bool:
        within = discount_percent <= self.most_discount_percent
        return within and (self.below_walk_away or not is_below_walk_away)


def limit_of(user: User) -> SalesLimit | None:
    """The person's own limit, else the widest of their groups'; None where nobody gave them one."""
    own = SalesLimit.objects.filter(user=user).first()
    return own or SalesLimit.objects.filter(group__in=user.groups.all()).first()


def who_may(*, discount_percent: Decimal, is_below_walk_away: bool) -> list[str]:
    """Names of the staff whose limit is wide enough for that."""
    staff = User.objects.filter(is_staff=True, is_active=True).order_by("name")
    found = [(user, limit_of(user)) for user in staff]
    return [
        str(user)
        for user, limit in found
        if limit and limit.allows(discount_percent=discount_percent, is_below_walk_away=is_below_walk_away)
    ]


@dataclass(frozen=True)
class WalkAway:
    """Totals of a deal that only staff see, USD: what it costs, what its capacity is worth, the least to grant."""

    floor: Money
    bid: Money
    margin_percent: Decimal
    least: Money


def walk_away(*, deal: Deal, pool_id: int, seller: Organisation, now: datetime) -> WalkAway:
    """At the seller's newest price version: bid price = floor + dual of each day, and the margin of policy on top."""
    prices = pool_prices([current_versions()[seller.pk]])[pool_id]
    policy = NegotiationPolicy.objects.in_force(seller, now)
    bid = _bid_total(deal, prices)
    least = (bid.amount * (1 + policy.margin_percent / PERCENT)).quantize(CENT, rounding=ROUND_CEILING)
    floor = rounded(prices.constants.floor * deal.gpu_hours)
    return WalkAway(floor, bid, policy.margin_percent, Money(least))


def _bid_total(deal: Deal, prices: PoolPrices) -> Money:
    """Floor and dual of every day of the deal, USD: dual is float64 per GPU-hour, rounded once, here."""
    duals = prices.curve(deal.firmness, deal.period).dual.sum() * deal.quantity * HOURS_PER_DAY
    return rounded(prices.constants.floor * deal.gpu_hours + Decimal(str(duals)))
