"""A slip never hides: what is short is looked for after every projection, written down, and watched until it recovers.

One pool a transaction. The same claims under the same limits are looked at once: the digest of what was seen is kept.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from marketplace.capacity.precedence import Served, served
from marketplace.capacity.queries import Inventory, inventory
from marketplace.catalogue.models import Pool
from marketplace.outbox.actions import emit
from marketplace.outbox.models import Event
from marketplace.supply.models import Projection
from marketplace.supply.queries import delivery_confidences
from marketplace.supply.versions import before
from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.period import Period
from reservations.allocation.models import RECOVERED, AllocationPolicy, Concern, PoolWatch, Shortfall
from reservations.allocation.shortage import Ints, Short, Watch, in_figures, short_by_class, short_of_block
from reservations.booking.models import Reservation
from reservations.booking.states import DELIVERED, DELIVERING, SCHEDULED

SOLD = (SCHEDULED, DELIVERING, DELIVERED)
MOST_HISTORY = 200  # entries kept of one shortfall, the newest


@dataclass(frozen=True)
class Seen:
    """One pool from `today` on: limits and nested use (3, days) and what each class is short of."""

    pool: Pool
    projection: Projection
    found: Inventory
    short: Ints

    @property
    def today(self) -> date:
        return self.found.period.start

    @property
    def digest(self) -> str:
        told = hashlib.sha256(f"{self.projection.pk}|{self.today}|".encode())
        told.update(self.found.limits.tobytes())
        told.update(self.found.nested.tobytes())
        return told.hexdigest()

    def days_of(self, first: int, last: int) -> Period:
        return Period(self.today + timedelta(days=first), self.today + timedelta(days=last + 1))


def pools_to_watch(*, projection: Projection, now: datetime) -> list[Pool]:
    """Pools in which something is short, or was when they were last looked at. One look at all days of all pools."""
    pools = list(Pool.objects.select_related("site", "accelerator", "seller").order_by("pk"))
    watched = set(Shortfall.objects.open().values_list("pool_id", flat=True))
    if not pools:
        return []
    short = np.any(_look(pools, projection, now).shortfall(), axis=(1, 2))
    return [pool for place, pool in enumerate(pools) if short[place] or pool.pk in watched]


def _look(pools: Sequence[Pool], projection: Projection, now: datetime) -> Inventory:
    end = max(projection.first_day + timedelta(days=projection.days), now.date() + timedelta(days=1))
    return inventory(pool_ids=[pool.pk for pool in pools], period=Period(now.date(), end), now=now)


def watch_pool(*, pool: Pool, projection: Projection, now: datetime) -> list[Shortfall] | None:
    """Opens, updates and ends the shortfalls of one pool; those that changed. None where somebody else is at it."""
    PoolWatch.objects.get_or_create(pool=pool)
    watch = PoolWatch.objects.select_for_update(skip_locked=True).filter(pool=pool).first()
    if watch is None:
        return None
    found = _look([pool], projection, now)
    seen = Seen(pool, projection, found, short_by_class(found.limits[0], found.nested[0]))
    if watch.seen == seen.digest:
        return []
    policy = AllocationPolicy.objects.in_force(pool.seller_id, now)
    opened = {each.firmness: each for each in Shortfall.objects.open().filter(pool=pool)}
    changed = [
        shortfall
        for firmness in FIRMNESS
        if (shortfall := _watch_class(seen, firmness, opened.get(firmness), policy, now)) is not None
    ]
    watch.seen, watch.at = seen.digest, now
    watch.save(update_fields=["seen", "at"])
    return changed


def _watch_class(
    seen: Seen, firmness: str, shortfall: Shortfall | None, policy: AllocationPolicy, now: datetime
) -> Shortfall | None:
    short = in_figures(seen.short[rank(firmness)])
    if short is None and shortfall is None:
        return None
    if shortfall is None:
        assert short is not None
        shortfall = _open(seen, firmness, short, now)
    _write_down(shortfall, seen, short, policy, now)
    _write_concerns(shortfall, seen, now)
    return shortfall


def _open(seen: Seen, firmness: str, short: Short, now: datetime) -> Shortfall:
    period = seen.days_of(short.first, short.last)
    return Shortfall(
        pool=seen.pool, firmness=firmness, first_day=period.start, last_day=period.end, worst_gpus=0, gpu_days=0,
        confidence=1, since=seen.projection, opened_at=now, seen_at=now,
    )  # fmt: skip


def _write_down(shortfall: Shortfall, seen: Seen, short: Short | None, policy: AllocationPolicy, now: datetime) -> None:
    """What is short now, how sure it is that nobody will be, and whether the watch is over."""
    is_new = shortfall.pk is None
    if short is not None:
        period = seen.days_of(short.first, short.last)
        shortfall.first_day, shortfall.last_day = period.start, period.end - timedelta(days=1)
    shortfall.worst_gpus, shortfall.gpu_days = (short.worst, short.gpu_days) if short else (0, 0)
    shortfall.confidence = _confidence(seen, shortfall)
    shortfall.projection, shortfall.seen_at = seen.projection, now
    if watch_of(policy, shortfall.rank).ends(is_short=short is not None, confidence=shortfall.confidence):
        shortfall.state, shortfall.recovered_at = RECOVERED, now
    shortfall.history = [*shortfall.history, _as_seen(shortfall)][-MOST_HISTORY:]
    shortfall.save()
    if is_new or shortfall.state == RECOVERED:
        _tell(shortfall, "shortfall.opened" if is_new else "shortfall.recovered", now)


def _confidence(seen: Seen, shortfall: Shortfall) -> float:
    """The probability that all of the class and firmer ones are served on every day of the shortfall that is left."""
    first = max((shortfall.first_day - seen.today).days, 0)
    end = min((shortfall.last_day - seen.today).days + 1, seen.found.period.days)
    if end <= first:
        return 1.0  # its days are over
    period = seen.days_of(first, end - 1)
    required = seen.found.nested[0, shortfall.rank, first:end]
    (odds,) = delivery_confidences(pool_id=seen.pool.pk, blocks=[(period, required)], projection=seen.projection)
    return 0.0 if odds is None else odds  # what no projection covers is not known to recover


def watch_of(policy: AllocationPolicy, place: int) -> Watch:
    return Watch(policy.propose_below[place], policy.recovered_above[place])


def _as_seen(shortfall: Shortfall) -> dict[str, Any]:
    return {
        "at": shortfall.seen_at.isoformat(),
        "projection": shortfall.projection.public_id if shortfall.projection else None,
        "worst_gpus": shortfall.worst_gpus,
        "gpu_days": shortfall.gpu_days,
        "confidence": round(shortfall.confidence, 4),
        "state": shortfall.state,
    }


def _tell(shortfall: Shortfall, name: str, now: datetime) -> None:
    """To the seller; of buyers each hears of its own reservation alone."""
    data = {
        "shortfall": shortfall.public_id,
        "pool": shortfall.pool.public_id,
        "firmness": shortfall.firmness,
        "first_day": shortfall.first_day.isoformat(),
        "last_day": shortfall.last_day.isoformat(),
        "worst_gpus": shortfall.worst_gpus,
    }
    emit(name=name, subject=shortfall.public_id, organisation_id=shortfall.pool.seller_id, data=data, now=now)


# Whom it concerns


def _write_concerns(shortfall: Shortfall, seen: Seen, now: datetime) -> None:
    """The rows are made anew: they say how it stands, and the shortfall's history how it came. Who was not among them
    before is told."""
    known = set(Concern.objects.filter(shortfall=shortfall).values_list("reservation_id", flat=True))
    Concern.objects.filter(shortfall=shortfall).delete()
    if shortfall.state == RECOVERED:
        return
    concerns = Concern.objects.bulk_create(_concerns(shortfall, seen, now), batch_size=2000)
    _tell_holders([each for each in concerns if each.reservation_id not in known], now)


def _tell_holders(concerns: Sequence[Concern], now: datetime) -> None:
    """`reservation.endangered`, to each holder of a block that earlier contracts leave without GPUs."""
    ids = [each.reservation_id for each in concerns]
    rows = Reservation.objects.filter(pk__in=ids).values_list("pk", "public_id", "organisation_id")
    names = {pk: (public_id, organisation) for pk, public_id, organisation in rows}
    Event.objects.bulk_create(
        (
            Event(
                name="reservation.endangered",
                subject=names[each.reservation_id][0],
                organisation_id=names[each.reservation_id][1],
                data={
                    "reservation": names[each.reservation_id][0],
                    "first_day": each.first_day.isoformat(),
                    "days": each.days,
                    "gpus": each.gpus,
                    "delivery_confidence": None if each.now is None else f"{each.now:.4f}",
                },
                created_at=now,
            )
            for each in concerns
        ),
        batch_size=2000,
    )


def _concerns(shortfall: Shortfall, seen: Seen, now: datetime) -> Iterator[Concern]:
    owner = _claims(shortfall)
    limit = seen.found.limits[0, shortfall.rank]
    blocks: dict[int, list[tuple[Served, Ints]]] = defaultdict(list)
    for block in served(pool_id=seen.pool.pk, claim_ids=list(owner), first_day=seen.today, now=now):
        first = (block.period.start - seen.today).days
        room = limit[first : first + block.period.days]
        # Beyond the projection there are no limits to be short of.
        short = short_of_block(block.required[: len(room)], room, block.gpus)
        if short.any():
            blocks[owner[block.claim_id]].append((block, short))
    earlier = before(shortfall.since, published=True) if shortfall.since else None
    then, now_ = (_sureness(seen, blocks, projection) for projection in (earlier, seen.projection))
    for reservation, found in blocks.items():
        yield _concern(shortfall, reservation, found, then[reservation], now_[reservation])


def _claims(shortfall: Shortfall) -> dict[int, int]:
    """Claim -> reservation of the class, of those that meet the short days: by pool and date, from the index."""
    rows = Reservation.objects.filter(
        pool_id=shortfall.pool_id,
        firmness=shortfall.firmness,
        start__lte=shortfall.last_day,
        end__gt=shortfall.first_day,
        status__in=SOLD,
    ).values_list("pk", "claim_id", "more_claims")
    return {claim: pk for pk, own, more in rows for claim in (own, *more)}


def _concern(
    shortfall: Shortfall,
    reservation: int,
    found: Sequence[tuple[Served, Ints]],
    then: float | None,
    now: float | None,
) -> Concern:
    first = min(block.period.start + timedelta(days=int(np.flatnonzero(short)[0])) for block, short in found)
    return Concern(
        shortfall=shortfall,
        reservation_id=reservation,
        first_day=first,
        days=max(int((short > 0).sum()) for _, short in found),
        gpus=max(int(short.max()) for _, short in found),
        gpu_days=sum(int(short.sum()) for _, short in found),
        before=then,
        now=now,
    )


def _sureness(
    seen: Seen, blocks: dict[int, list[tuple[Served, Ints]]], projection: Projection | None
) -> dict[int, float | None]:
    """By reservation, the delivery confidence of the least sure of its blocks, as far as the projection reaches; None
    where it does not. All of a pool's are worked out together: its scenarios are gone through once."""
    if projection is None or not blocks:
        return dict.fromkeys(blocks)
    until = projection.first_day + timedelta(days=projection.days)
    owners = [reservation for reservation, found in blocks.items() for _ in found]
    asked = [_as_far_as(block, until) for found in blocks.values() for block, _ in found]
    answers = delivery_confidences(pool_id=seen.pool.pk, blocks=asked, projection=projection)
    odds: dict[int, list[float | None]] = defaultdict(list)
    for reservation, answer in zip(owners, answers, strict=True):
        odds[reservation].append(answer)
    return {pk: None if None in each else min(one for one in each if one is not None) for pk, each in odds.items()}


def _as_far_as(block: Served, until: date) -> tuple[Period, Ints]:
    """A block that begins beyond what is projected is asked about whole, and so has no answer."""
    if block.period.start >= until:
        return block.period, block.required
    period = Period(block.period.start, min(block.period.end, until))
    return period, block.required[: period.days]
