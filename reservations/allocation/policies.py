"""By which rules plans are made, by published versions: none is ever edited, and none starts in the past."""

from datetime import datetime
from typing import Any

from django.db.models import Max
from django.forms.models import model_to_dict

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from reservations.allocation.models import AllocationPolicy

MOST_DAYS = 2557
PAIRS = ("firm", "standard", "standby")


class AllocationRefused(ValueError):
    """The policy is not published. `faults` says by field what was wrong and what would be right."""

    def __init__(self, found: dict[str, str]) -> None:
        super().__init__(" ".join(found.values()))
        self.faults = found


def check_allocation(policy: AllocationPolicy, *, now: datetime) -> None:
    """Raises what `publish_allocation` would raise; publishes nothing."""
    found: dict[str, str] = {}
    if policy.starts_at < now:
        found["starts_at"] = f"A policy cannot start before it is published, at {now:%Y-%m-%d %H:%M} UTC."
    for name in PAIRS:
        propose, recovered = getattr(policy, f"propose_{name}"), getattr(policy, f"recovered_{name}")
        if not 0 <= propose < recovered <= 1:
            found[f"recovered_{name}"] = f"Above {propose}, where a remedy is proposed, and at most 1: else plans flap."
    weights = [getattr(policy, f"short_usd_{name}") for name in PAIRS]
    if sorted(weights, reverse=True) != weights or weights[-1] < 0 or policy.moved_usd < 0:
        found["short_usd_firm"] = "No weight below 0; a GPU-day of a surer class weighs as much as the next or more."
    for name in ("share_cap_percent", "set_aside_percent"):
        value = getattr(policy, name)
        if value is not None and not 0 <= value <= 100:
            found[name] = "A share from 0 to 100 percent."
    if not 1 <= policy.horizon_days <= MOST_DAYS:
        found["horizon_days"] = f"From 1 to {MOST_DAYS} days."
    if not 1 <= policy.effort <= 100_000:
        found["effort"] = "From 1 to 100,000 iterations."
    if found:
        raise AllocationRefused(found)


def publish_allocation(*, policy: AllocationPolicy, by: Actor, now: datetime) -> AllocationPolicy:
    """Publishes an unsaved policy as the next version of its seller's (or of the market's). Plans keep theirs."""
    check_allocation(policy, now=now)
    last = AllocationPolicy.objects.filter(seller=policy.seller).aggregate(last=Max("version"))["last"] or 0
    policy.version, policy.published_by = last + 1, by.label
    policy.save(force_insert=True)
    record(
        by=by,
        verb="allocation_policy.published",
        subject=policy.public_id,
        now=now,
        after={"version": policy.version, "starts_at": policy.starts_at.isoformat(), **figures_of(policy)},
        reason=policy.reason,
    )
    return policy


def figures_of(policy: AllocationPolicy) -> dict[str, object]:
    """The rules as plain values: what is journalled, and what a plan keeps of the policy it was made under."""
    skip = {"id", "public_id", "version", "starts_at", "published_by", "reason"}
    values = model_to_dict(policy)
    plain = {name: value for name, value in values.items() if name not in skip}
    return {
        name: value if value is None or isinstance(value, int | str) else str(value) for name, value in plain.items()
    }


def rules_of(policy: AllocationPolicy) -> dict[str, Any]:
    """What of a policy the solver and the share rules read, as a question has it."""
    return {
        "horizon": policy.horizon_days,
        "moved_usd": float(policy.moved_usd),
        "short_usd": list(policy.short_usd),
        "effort": policy.effort,
        "share_cap": policy.share_cap_percent,
        "set_aside": policy.set_aside_percent,
    }
