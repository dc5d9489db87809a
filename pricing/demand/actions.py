from collections.abc import Sized
from datetime import datetime
from typing import Any, Protocol

from pricing.demand.models import Enquiry


class Asked(Protocol):
    """A need that can be written down."""

    def as_json(self) -> dict[str, Any]: ...


class Refused(Protocol):
    @property
    def code(self) -> str: ...


class Answered(Protocol):
    """What this room knows of a search: searching lies above it."""

    @property
    def need(self) -> Asked: ...
    @property
    def offers(self) -> Sized: ...
    @property
    def refusal(self) -> Refused | None: ...


def record_enquiry(*, found: Answered, organisation_id: int | None, now: datetime) -> Enquiry:
    """Keeps what was asked for and whether the market had an answer."""
    return Enquiry.objects.create(
        organisation_id=organisation_id,
        need=found.need.as_json(),
        offers=len(found.offers),
        refusal=found.refusal.code if found.refusal else "",
        created_at=now,
    )
