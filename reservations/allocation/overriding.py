"""Staff may decide otherwise than a plan for one reservation, with a reason: a row of its own, and journalled."""

from datetime import datetime

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from reservations.allocation.models import PlannedReservation, PlanOverride

SHORTEST_REASON = 10


class PlannedNotFound(Exception):
    """The plan says nothing of such a reservation."""


class OverrideReasonMissing(ValueError):
    """An override stands in the plan's list with the reason for it."""

    def __init__(self) -> None:
        super().__init__(f"Say why, in {SHORTEST_REASON} characters or more: the reason stands in the plan's list.")


class NotOffered(ValueError):
    """What staff chose is not among what the plan can keep for this reservation."""

    def __init__(self, kinds: list[str]) -> None:
        named = ", ".join(kinds) or "nothing"
        super().__init__(f"The plan can keep {named} for this reservation: choose one that is not proposed already.")


def override(*, plan: str, reservation: str, kind: str, reason: str, by: Actor, now: datetime) -> PlanOverride:
    """Proposes another of the ways that the plan has room for. The default of silence stays: waiting.

    Raises PlannedNotFound, OverrideReasonMissing or NotOffered.
    """
    rows = PlannedReservation.objects.select_for_update(of=("self",))
    named = rows.filter(plan__public_id=plan, reservation__public_id=reservation)
    planned = named.select_related("reservation").first()
    if planned is None:
        raise PlannedNotFound
    if len(reason.strip()) < SHORTEST_REASON:
        raise OverrideReasonMissing
    before = next((each["kind"] for each in planned.offered if each["is_chosen"]), "now")
    if kind == before or kind not in {each["kind"] for each in planned.offered}:
        raise NotOffered([each["kind"] for each in planned.offered if each["kind"] != before])
    planned.offered = [{**each, "is_chosen": each["kind"] == kind} for each in planned.offered]
    planned.save(update_fields=["offered"])
    made = PlanOverride.objects.create(
        planned=planned, before=before, after=kind, reason=reason.strip(), by=by.label, by_user_id=by.user_id, at=now
    )
    record(
        by=by, verb="plan.overridden", subject=plan, now=now, before={"reservation": reservation, "proposed": before},
        after={"proposed": kind}, reason=made.reason,
    )  # fmt: skip
    return made
