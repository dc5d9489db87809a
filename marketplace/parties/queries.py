from datetime import datetime

from django.db.models import QuerySet

from marketplace.parties.actions import digest_of
from marketplace.parties.models import ApiKey, Membership, User
from marketplace.units.compiled import Compiled, given
from marketplace.units.prepared import planned_once


@planned_once()
def live_key(*, secret: str) -> tuple[ApiKey, datetime] | None:
    """The key of that secret with the time, unless it is unknown, revoked or expired: the three cannot be told apart.

    The clock comes with the row: every request asks here first.
    """
    found = _not_revoked.first_at(digest=digest_of(secret))
    if found is None:
        return None
    key, now = found
    return None if key.expires_at is not None and key.expires_at <= now else (key, now)


@Compiled
def _not_revoked() -> QuerySet[ApiKey]:
    keys = ApiKey.objects.select_related("organisation")
    return keys.filter(digest=given("digest"), revoked_at=None).order_by()


def membership_of(*, user: User, chosen: str | None = None) -> Membership | None:
    """The organisation for which a signed-in person acts: the one they chose, else their first."""
    memberships = list(user.memberships.select_related("organisation").order_by("pk"))
    picked = [m for m in memberships if m.organisation.public_id == chosen]
    return next(iter(picked or memberships), None)
