from datetime import datetime
from typing import Any

from marketplace.outbox.models import Event


def emit(
    *,
    name: str,
    subject: str,
    organisation_id: int | None,
    data: dict[str, Any],
    now: datetime,
) -> Event:
    """Writes an event (`noun.past_participle`) in the transaction of the change that it tells of."""
    return Event.objects.create(
        name=name,
        subject=subject,
        organisation_id=organisation_id,
        data=data,
        created_at=now,
    )
