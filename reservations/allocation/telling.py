"""From a plan to its buyers: what it has room for becomes choices that are kept, in batches that each stand alone.

Rows decide: what a plan has not told yet stands in its rows, whoever tells a batch locks it, and a second worker takes
the next one. Killed half-way, a batch is told as a whole or not at all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from marketplace.capacity.ledger import Line
from marketplace.catalogue.models import Pool
from marketplace.supply.disclosing import tells_causes
from marketplace.supply.models import ProjectOutlook
from marketplace.supply.versions import compare
from marketplace.units.period import Period, in_days, in_words
from reservations.allocation.announcing import Announced, Announcement, Proposed, Why, announce_all
from reservations.allocation.models import Concern, Plan, PlannedReservation
from reservations.allocation.remedies import WAIT

A_BATCH = 250  # reservations told in one transaction: their days are locked for a second, not for a minute
LONGEST_TOLD = 300


def announce_due(*, now: datetime, most: int = A_BATCH) -> int:
    """Tells the next batch, firm and earlier contracts first as the plan has them; how many rows are done. 0: none."""
    rows = PlannedReservation.objects.filter(announced_at=None).select_for_update(of=("self",), skip_locked=True)
    batch = list(rows.order_by("plan_id", "place").select_related("reservation__pool__site")[:most])
    if not batch:
        return 0
    plans = (
        Plan.objects.defer("inputs", "result")
        .select_related("before", "after")
        .in_bulk({each.plan_id for each in batch})
    )
    found = announce_all(announcements=list(_announcements(batch, plans)), now=now)
    said = _said(found)
    for each in batch:
        each.announced_at, each.told = now, said.get(each.reservation_id, "")[:LONGEST_TOLD]
    PlannedReservation.objects.bulk_update(batch, ["announced_at", "told"], batch_size=1000)
    return len(batch)


def _announcements(batch: Sequence[PlannedReservation], plans: dict[int, Plan]) -> Iterable[Announcement]:
    pools = dict(Pool.objects.values_list("public_id", "pk"))
    concerns = {
        each.reservation_id: each
        for each in Concern.objects.filter(reservation__in=[row.reservation_id for row in batch]).order_by("-now")
    }
    reasons: dict[tuple[int, int], Reason] = {}
    for row in batch:
        key = (row.plan_id, row.reservation.pool_id)
        if key not in reasons:
            reasons[key] = reason_of(plans[row.plan_id], row.reservation.pool)
        why = _why(row, concerns.get(row.reservation_id), reasons[key])
        proposed = [_proposed(each, pools) for each in row.offered]
        yield Announcement(row.reservation, proposed, why, plans[row.plan_id].public_id)


def _proposed(offered: dict[str, Any], pools: dict[str, int]) -> Proposed:
    """A wait without a date promises nothing: it is to wait as agreed."""
    undated = offered["kind"] == WAIT and offered["late_days"] is None
    confidence = offered["confidence"]
    return Proposed(
        kind=offered["kind"],
        lines=() if undated else tuple(_line(line, pools) for line in offered["lines"]),
        credit_usd=Decimal(offered["credit_usd"]),
        confidence=None if confidence is None else Decimal(str(confidence)),
        is_default=offered["is_default"],
    )


def _line(line: dict[str, Any], pools: dict[str, int]) -> Line:
    start, end, occupied = (date.fromisoformat(line[name]) for name in ("start", "end", "occupied_end"))
    return Line(pools[line["pool"]], Period(start, end), line["gpus"], occupied)


@dataclass(frozen=True)
class Reason:
    """Why a pool has less, in words: what changed, and which kind of milestone decides the date now."""

    changed: str
    bottleneck: str


def reason_of(plan: Plan, pool: Pool) -> Reason:
    """From the two projections of the plan: their causes for this pool, and its next project's bottleneck."""
    if not tells_causes(pool.seller_id, plan.made_at):
        return Reason("", "")
    said: list[str] = []
    if plan.before is not None and plan.before.pk < plan.after.pk:
        moved = next((move for each, move in compare(plan.after, plan.before).pools if each.pk == pool.pk), None)
        said = [words for cause in moved.causes for words in cause.said] if moved else []
    return Reason("; ".join(said), _bottleneck(plan, pool))


def _bottleneck(plan: Plan, pool: Pool) -> str:
    """Of the pool's projects that are still awaited the one that comes first: what it waits for most often."""
    rows = ProjectOutlook.objects.filter(projection=plan.after, project__pool=pool, p90__gt=plan.after.first_day)
    outlook = rows.exclude(bottlenecks={}).select_related("project").defer("ready_days").order_by("p50").first()
    if outlook is None:
        return ""
    kind, share = outlook.ranked_bottlenecks()[0]
    return f"{kind.capitalize()} decides the date: it comes last in {share:.0%} of the projected cases"


def _why(row: PlannedReservation, concern: Concern | None, reason: Reason) -> Why:
    pool = row.reservation.pool
    happened = f"Less will be there at {pool.site.name} than was projected"
    if concern is not None:
        short = f"up to {concern.gpus:,} of your GPUs on {in_days(concern.days)} from {in_words(concern.first_day)}"
        happened += f": {short} will probably be missing"
    happened += f". What changed: {reason.changed}." if reason.changed else "."
    return Why(
        happened=happened,
        bottleneck=reason.bottleneck,
        confidence=_share(concern.now if concern else None),
        confidence_before=_share(concern.before if concern else None),
    )


def _share(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(f"{value:.4f}")


def _said(found: Announced) -> dict[int, str]:
    """By reservation, what of it was not announced."""
    said: dict[int, list[str]] = {}
    for reservation, refused in found.refused:
        said.setdefault(reservation.pk, []).append(str(refused))
    for reservation, kind in found.full:
        said.setdefault(reservation.pk, []).append(f"“{kind}” could not be kept: others had the days.")
    for reservation in found.skipped:
        said.setdefault(reservation.pk, []).append("It has an open remedy, or is not to be served any more.")
    return {pk: " ".join(words) for pk, words in said.items()}
