"""Plans: made once for what is short, stored with all that they were made of, and never rewritten.

Rows decide, not the queue: shortfalls that ask for a plan are locked, and whoever finds them locked leaves them. Killed
anywhere, nothing of the plan stands, and the next run makes the same one.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from marketplace.journal.actions import record
from marketplace.journal.actor import SYSTEM
from marketplace.supply.models import Projection
from marketplace.supply.versions import before
from reservations.allocation.gathering import Gathered, gather, to_plan
from reservations.allocation.lottery import tickets
from reservations.allocation.models import (
    PLANNED,
    AllocationPolicy,
    Plan,
    PlannedReservation,
    Shortfall,
)
from reservations.allocation.offering import Offering
from reservations.allocation.packing import digest_of, squeeze, unsqueeze
from reservations.allocation.planning import Planned, plan
from reservations.allocation.watching import watch_of

AT_ONCE = 1000  # rows written by one statement


def sellers_to_plan(*, now: datetime) -> list[int]:
    """Whose pools have a shortfall that asks for a plan."""
    return sorted(_due(Shortfall.objects.open(), now))


def _due(rows: QuerySet[Shortfall], now: datetime) -> dict[int, list[Shortfall]]:
    """Seller -> shortfalls that will probably not recover and have no plan yet, or one that is old by policy."""
    found: dict[int, list[Shortfall]] = defaultdict(list)
    policies: dict[int, AllocationPolicy] = {}
    for shortfall in rows.select_related("pool", "plan").defer("plan__inputs", "plan__result"):
        seller = shortfall.pool.seller_id
        if seller not in policies:
            policies[seller] = AllocationPolicy.objects.in_force(seller, now)
        if _asks(shortfall, policies[seller], now):
            found[seller].append(shortfall)
    return found


def _asks(shortfall: Shortfall, policy: AllocationPolicy, now: datetime) -> bool:
    return watch_of(policy, shortfall.rank).asks_for_plan(
        gpu_days=shortfall.gpu_days,
        confidence=shortfall.confidence,
        planned_gpu_days=shortfall.planned_gpu_days,
        days_since_plan=(now - shortfall.plan.made_at).days if shortfall.plan else 0,
        every_days=policy.days_between_plans,
    )


def make_plan(*, seller_id: int, projection: Projection, now: datetime) -> Plan | None:
    """Makes and stores the plan for all of a seller's shortfalls that ask for one. None where none does any more, or
    somebody else is at them."""
    rows = Shortfall.objects.open().of_seller(seller_id).select_for_update(of=("self",), skip_locked=True)
    due = _due(rows.order_by("pk"), now).get(seller_id, [])
    policy = AllocationPolicy.objects.in_force(seller_id, now)
    concerns = to_plan(due, policy)
    found = gather(concerns=concerns, policy=policy, projection=projection, now=now) if concerns else None
    if found is None:
        return None
    made = _stored(found, due, policy, projection, now)
    for shortfall in due:
        shortfall.state, shortfall.plan = PLANNED, made
        shortfall.planned_gpu_days = max(shortfall.gpu_days, shortfall.planned_gpu_days or 0)
        shortfall.save(update_fields=["state", "plan", "planned_gpu_days"])
    return made


def _stored(
    found: Gathered, due: Sequence[Shortfall], policy: AllocationPolicy, projection: Projection, now: datetime
) -> Plan:
    digest = digest_of(found.raw)
    known = Plan.objects.filter(digest=digest).first()
    if known is not None:
        return known  # the very same question was answered before
    seed = seed_of(digest)
    planned = plan(found.raw, seed=seed)
    result = planned.packed()
    since = min((each.since for each in due if each.since), key=lambda each: each.pk, default=None)
    made = Plan.objects.create(
        policy=policy if policy.version else None,
        sellers=sorted({each.pool.seller_id for each in due}),
        before=before(since, published=True) if since else None,
        after=projection,
        seed=seed,
        inputs=squeeze(found.raw),
        digest=digest,
        result=squeeze(result),
        result_digest=digest_of(result),
        summary=planned.summary(),
        touched=len(found.reservations),
        made_at=now,
    )
    _write_reservations(made, planned, found, projection)
    after = {"digest": digest, "result": made.result_digest, "shortfalls": [each.public_id for each in due]}
    record(by=SYSTEM, verb="plan.made", subject=made.public_id, now=now, after=after)
    return made


def seed_of(digest: str) -> int:
    """The lottery's seed comes from the inputs themselves, so that nobody can choose it."""
    return int.from_bytes(bytes.fromhex(digest)[:8], "big", signed=True)


def _write_reservations(made: Plan, planned: Planned, found: Gathered, projection: Projection) -> None:
    outcome = planned.outcome
    offering = Offering(planned, found, projection)
    chosen, fallback = planned.place(outcome.chosen).tolist(), planned.place(outcome.fallback).tolist()
    plain = planned.place(outcome.baseline.chosen).tolist()
    drawn, asks = tickets(made.seed, planned.question.key).tolist(), outcome.proposed.tolist()
    rows = zip(range(len(found.reservations)), found.reservations, map(offering.of, range(len(chosen))), strict=True)
    PlannedReservation.objects.bulk_create(
        (
            PlannedReservation(
                plan=made,
                reservation_id=reservation,
                place=place,
                offered=offered,
                announced_at=None if offered else made.made_at,  # who stays as contracted has nothing to choose
                chosen=chosen[place],
                fallback=fallback[place],
                plain=plain[place],
                is_proposed=asks[place],
                lottery=drawn[place],
            )
            for place, reservation, offered in rows
        ),
        batch_size=AT_ONCE,
    )


@dataclass(frozen=True)
class Replay:
    """A stored plan made again from what it stands on."""

    plan: Plan
    inputs_are_whole: bool
    result_digest: str

    @property
    def is_the_same(self) -> bool:
        return self.inputs_are_whole and self.result_digest == self.plan.result_digest


def replay(*, public_id: str) -> Replay:
    """Makes a plan again from its stored inputs and seed. Raises Plan.DoesNotExist."""
    stored = Plan.objects.get(public_id=public_id)
    raw = unsqueeze(bytes(stored.inputs))
    again = plan(raw, seed=stored.seed).packed()
    whole = digest_of(raw) == stored.digest and digest_of(unsqueeze(bytes(stored.result))) == stored.result_digest
    return Replay(stored, whole, digest_of(again))
