from datetime import datetime
from typing import Any

from marketplace.journal.actor import Actor
from marketplace.journal.models import Entry


def record(
    *,
    by: Actor,
    verb: str,
    subject: str,
    now: datetime,
    before: Any = None,
    after: Any = None,
    reason: str = "",
) -> Entry:
    """Writes who did what, in the transaction of the change itself."""
    return Entry.objects.create(
        at=now,
        actor=by.label,
        user_id=by.user_id,
        key_id=by.key_id,
        organisation_id=by.organisation_id,
        verb=verb,
        subject=subject,
        before=before,
        after=after,
        reason=reason,
    )
