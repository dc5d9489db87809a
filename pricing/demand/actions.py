from datetime import datetime

from pricing.demand.models import Enquiry
from pricing.quotes.search import Search


def record_enquiry(*, found: Search, organisation_id: int | None, now: datetime) -> Enquiry:
    """Keeps what was asked for and whether the market had an answer."""
    return Enquiry.objects.create(
        organisation_id=organisation_id,
        need=found.need.as_json(),
        offers=len(found.offers),
        refusal=found.refusal.code if found.refusal else "",
        created_at=now,
    )
