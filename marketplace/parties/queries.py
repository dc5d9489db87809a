from datetime import datetime

from marketplace.parties.actions import digest_of
from marketplace.parties.models import ApiKey, Membership, User
from marketplace.units import clock
from marketplace.units.prepared import planned_once


@planned_once()
def live_key(*, secret: str) -> tuple[ApiKey, datetime] | None:
    """The key of that secret with the time, unless it is unknown, revoked or expired: the three cannot be told apart.

    The clock comes with the row: every request asks here first.
    """
    keys = ApiKey.objects.select_related("organisation").annotate(read_at=clock.EXPRESSION)
    key = next(iter(keys.filter(digest=digest_of(secret), revoked_at=None).order_by()), None)
    if key is None:
        return None
    now = clock.seen(key.read_at)
    return None if key.expires_at is not None and key.expires_at <= now else (key, now)


def membership_of(*, user: User, chosen: str | None = None) -> Membership | None:
    """The organisation for which a signed-in person acts: the one they chose, else their first."""
    memberships = list(user.memberships.select_related("organisation").order_by("pk"))
    picked = [m for m in memberships if m.organisation.public_id == chosen]
    return next(iter(picked or memberships), None)
