"""What a draft policy would have made of the newest plans: their stored questions, asked again with its figures."""

from dataclasses import dataclass
from typing import Any

from reservations.allocation.models import AllocationPolicy, Plan
from reservations.allocation.packing import pack, unpack, unsqueeze
from reservations.allocation.planning import plan
from reservations.allocation.policies import rules_of

TRIED = 3  # plans, the newest
MOST_TOUCHED = 2000  # a page is waited for: larger plans are left out


@dataclass(frozen=True)
class Trial:
    """A stored plan beside what the draft would have made of the same reservations and limits."""

    plan: Plan
    after: dict[str, Any]


def trials(draft: AllocationPolicy) -> list[Trial]:
    """The newest plans that the draft would have governed. Reads only; who is concerned at all is left as it was."""
    rows = Plan.objects.filter(touched__lte=MOST_TOUCHED)
    governed = rows.filter(sellers__contains=[draft.seller_id]) if draft.seller_id else rows
    return [Trial(each, _again(each, draft)) for each in governed[:TRIED]]


def _again(stored: Plan, draft: AllocationPolicy) -> dict[str, Any]:
    arrays, values = unpack(unsqueeze(bytes(stored.inputs)))
    changed = {**values, **rules_of(draft)}
    return plan(pack(arrays, changed), seed=stored.seed).summary()
