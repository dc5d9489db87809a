"""Several needs as one bundle that is ready to quote: its parts as they are posted, and the offer of all of them."""

from collections.abc import Sequence
from typing import Any

from pricing.quotes.answers import answer_together
from pricing.quotes.asked_together import MOST_NEEDS, BundleNeed
from pricing.quotes.need import Need
from reservations.continuity.documents import offered_together, together_not_found
from reservations.continuity.holdings import Holdings


def ready_bundle(needs: Sequence[Need], found: Holdings) -> dict[str, Any] | None:
    """None where there is nothing to ask for. As many as one bundle takes; the others are counted in `left_out`."""
    if not needs:
        return None
    asked = BundleNeed(tuple(needs[:MOST_NEEDS]))
    answered = answer_together(asked=asked, organisation_id=found.organisation_id, now=found.now)
    return {
        **asked.as_json(),
        "left_out": max(len(needs) - MOST_NEEDS, 0),
        "together": offered_together(answered.offers[0]) if answered.offers else None,
        "refusal": together_not_found(answered),
    }
