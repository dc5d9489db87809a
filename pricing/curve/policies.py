from datetime import datetime

from django.db.models import Max

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from pricing.curve.models import PricePolicy


class PolicyInThePast(ValueError):
    """A policy starts when it is published or later: what was sold under another one stays so."""


def ensure_default_policy(*, now: datetime) -> PricePolicy:
    """The shipped defaults, in force for every seller that publishes no policy of its own."""
    shipped = {"starts_at": now, "published_by": "Headroom defaults"}
    policy, _ = PricePolicy.objects.get_or_create(seller=None, version=1, defaults=shipped)
    return policy


def publish_policy(*, policy: PricePolicy, by: Actor, now: datetime) -> PricePolicy:
    """Publishes an unsaved policy as the next version of its seller's (or of the market's default).

    Versions in force are never edited: the sweep that solves prices takes the newest one that has started.
    """
    if policy.starts_at < now:
        raise PolicyInThePast(f"A policy cannot start before it is published, at {now:%Y-%m-%d %H:%M} UTC.")
    # Two at once are told apart by the unique constraint: the second is refused, never a second version 3.
    last = PricePolicy.objects.filter(seller=policy.seller).aggregate(last=Max("version"))["last"] or 0
    policy.version, policy.published_by = last + 1, by.label
    policy.save(force_insert=True)
    record(
        by=by,
        verb="price_policy.published",
        subject=f"pricepolicy:{policy.pk}",
        now=now,
        after={"seller": policy.seller_id, "version": policy.version, "starts_at": policy.starts_at.isoformat()},
    )
    return policy
