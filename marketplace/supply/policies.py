"""What the market promises, by published versions: none is ever edited, and none starts in the past."""

from datetime import datetime

from django.db.models import Max

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.supply.models import Projection, ProjectionDue, SupplyPolicy
from marketplace.supply.promises import Promises
from marketplace.supply.reporting import request_projection

PROMISES, POLICY = "promises", "supply_policy"  # what a projection's inputs say of the policy it was made under


class PolicyInThePast(ValueError):
    """A policy starts when it is published or later: what was sold under another one stays so."""


def ensure_default_policy(*, now: datetime) -> SupplyPolicy:
    """The version in force, and where none was ever published, the shipped defaults as version 1."""
    found = SupplyPolicy.objects.in_force(now)
    if found.version:
        return found
    shipped = {"starts_at": now, "published_by": "Headroom defaults"}
    # Where version 1 starts later than now, somebody published it as it stands: until then the defaults hold, unsaved.
    made, created = SupplyPolicy.objects.get_or_create(version=1, defaults=shipped)
    return made if created else found


def publish_policy(*, policy: SupplyPolicy, by: Actor, now: datetime) -> SupplyPolicy:
    """Publishes an unsaved policy as the next version. Limits follow once it has started: see `request_if_changed`."""
    if policy.starts_at < now:
        raise PolicyInThePast(f"A policy cannot start before it is published, at {now:%Y-%m-%d %H:%M} UTC.")
    # Two at once are told apart by the unique version: the second is refused, never a second version 3.
    last = SupplyPolicy.objects.aggregate(last=Max("version"))["last"] or 0
    policy.version, policy.published_by = last + 1, by.label
    policy.save(force_insert=True)
    record(
        by=by,
        verb="supply_policy.published",
        subject=f"supplypolicy:{policy.pk}",
        now=now,
        after={
            "version": policy.version,
            "starts_at": policy.starts_at.isoformat(),
            "promises": [str(promise) for promise in policy.promises()],
            "most_late_gpu_days": policy.most_late_gpu_days,
            "most_late_share": None if policy.most_late_share is None else str(policy.most_late_share),
        },
    )
    request_if_changed(now=now)
    return policy


def request_if_changed(*, now: datetime) -> bool:
    """Asks for a projection where the newest was made under other promises than those in force, and none is asked for.

    A policy may start while nobody does anything: the sweep that projects supply asks here first.
    """
    newest = Projection.objects.first()
    if newest is None or newest.inputs.get(PROMISES) == promises_of(SupplyPolicy.objects.in_force(now)).as_json():
        return False
    if ProjectionDue.objects.filter(done_at=None).exists():
        return False
    policy = SupplyPolicy.objects.in_force(now)
    request_projection(reason=f"{policy}: limits under its promises", now=now)
    return True


def promises_of(policy: SupplyPolicy) -> Promises:
    return Promises(*map(float, policy.promises()))
