from datetime import datetime

from marketplace.parties.actions import digest_of
from marketplace.parties.models import ApiKey, Membership, User


def live_key(*, secret: str, now: datetime) -> ApiKey | None:
    """The key of that secret, unless it is unknown, revoked or expired: the three cannot be told apart."""
    key = ApiKey.objects.select_related("organisation").filter(digest=digest_of(secret), revoked_at=None).first()
    if key is None or (key.expires_at is not None and key.expires_at <= now):
        return None
    return key


def membership_of(*, user: User, chosen: str | None = None) -> Membership | None:
    """The organisation for which a signed-in person acts: the one they chose, else their first."""
    memberships = list(user.memberships.select_related("organisation").order_by("pk"))
    picked = [m for m in memberships if m.organisation.public_id == chosen]
    return next(iter(picked or memberships), None)
