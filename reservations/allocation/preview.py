"""What a slip would do, before anybody saves it: the new projection, what would be short, and whom it would touch.

The change is made inside a savepoint, read, and taken back: nothing of it stays, and the scenarios are those that the
projection after saving will run. `preview` is the one function for the cockpit and for the providers' doors.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar

import numpy as np
from django.db import transaction

from marketplace.capacity.precedence import Served, served
from marketplace.capacity.queries import inventory
from marketplace.catalogue.models import Pool
from marketplace.supply.actions import HORIZON_DAYS, SCENARIOS, SEED, Asked, Run, asked, run_scenarios
from marketplace.supply.delivery import Delivery, deliveries
from marketplace.supply.models import PoolOutlook, Projection, ProjectionDue
from marketplace.supply.queries import delivery_confidence, latest_projection
from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.period import Period
from reservations.allocation.shortage import Ints, in_figures, short_by_class, short_of_block
from reservations.allocation.watching import SOLD
from reservations.booking.models import Reservation

MOST_A_POOL = 200  # reservations shown of one pool, those that start first: a page for people
Made = TypeVar("Made")


@dataclass(frozen=True)
class PoolMoved:
    """`on` is the day on which P50, or else P90, moves most; the quantiles (P90, P50, P10) of that day."""

    pool: Pool
    first: date
    last: date
    on: date
    before: tuple[int, int, int]
    after: tuple[int, int, int]


@dataclass(frozen=True)
class WouldBeShort:
    """A class that would be short; GPU-days short now and then, and the confidence that nobody of it is."""

    pool: Pool
    firmness: str
    first: date
    last: date
    worst_gpus: int
    gpu_days: int
    gpu_days_now: int
    confidence: float


@dataclass(frozen=True)
class WouldTouch:
    reservation: Reservation
    first: date
    days: int
    gpus: int
    before: float | None
    after: float


@dataclass(frozen=True)
class Preview:
    """`is_supply` is False for a change that asks for no projection. `left_out`: reservations that are not listed."""

    is_supply: bool
    pools: tuple[PoolMoved, ...] = ()
    shorts: tuple[WouldBeShort, ...] = ()
    touched: tuple[WouldTouch, ...] = ()
    left_out: int = 0


class _TakenBack(Exception):
    """Ends the savepoint in which a change was tried."""


def tried(apply: Callable[[], Made], *, now: datetime) -> tuple[Made, Asked | None]:
    """Makes a change, reads what the scenarios would be run over, and takes the change back. None where it asks for no
    projection. What `apply` raises comes out, and nothing stays either."""
    made: list[Made] = []
    read: list[Asked] = []
    try:
        with transaction.atomic():
            last = ProjectionDue.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
            made.append(apply())
            if ProjectionDue.objects.filter(pk__gt=last).exists():
                read.append(asked(now=now))
            raise _TakenBack
    except _TakenBack:
        return made[0], read[0] if read else None


def preview(*, apply: Callable[[], object], now: datetime, seller_id: int | None = None) -> Preview:
    """What `apply` (the action that would be saved) would do; with `seller_id` as far as that seller's pools go."""
    _, known = tried(apply, now=now)
    return Preview(is_supply=False) if known is None else previewed(known, now=now, seller_id=seller_id)


def previewed(known: Asked, *, now: datetime, seller_id: int | None = None) -> Preview:
    """The same for what was tried already."""
    in_force = latest_projection()
    days, scenarios = (in_force.days, in_force.scenarios) if in_force else (HORIZON_DAYS, SCENARIOS)
    run = run_scenarios(known, scenarios=scenarios, days=days, seed=SEED)
    looks = [
        _Look(known, run, place, in_force, now)
        for place, pool in enumerate(known.found.pools)
        if seller_id is None or pool.seller_id == seller_id
    ]
    touched = [each for look in looks for each in look.touched()]
    return Preview(
        is_supply=True,
        pools=tuple(moved for look in looks if (moved := look.moved()) is not None),
        shorts=tuple(short for look in looks for short in look.shorts()),
        touched=tuple(sorted(touched, key=lambda each: (each.after, each.reservation.pk))),
        left_out=sum(look.left_out for look in looks),
    )


class _Look:
    """At one pool, from today on, over the days that the run covers."""

    def __init__(self, known: Asked, run: Run, place: int, in_force: Projection | None, now: datetime) -> None:
        self.known, self.run, self.place, self.in_force, self.now = known, run, place, in_force, now
        self.pool, self.today = known.found.pools[place], now.date()
        self.limits: Ints = np.asarray(run.limits[place], dtype=np.int64)
        self.period = Period(self.today, self.today + timedelta(days=self.limits.shape[1]))
        self.found = inventory(pool_ids=[self.pool.pk], period=self.period, now=now)
        self.short = short_by_class(self.limits, self.found.nested[0])
        self.left_out = 0
        self._kept: Delivery | None = None

    def _day(self, offset: int) -> date:
        return self.today + timedelta(days=offset)

    def moved(self) -> PoolMoved | None:
        """Where its quantiles differ from the projection in force; None where they do not."""
        row = PoolOutlook.objects.filter(projection=self.in_force, pool=self.pool).first() if self.in_force else None
        if row is None or self.in_force is None:
            return None
        passed = (self.today - self.in_force.first_day).days
        was = np.array([row.p90, row.p50, row.p10], dtype=np.int64)[:, passed:]
        result = self.run.result
        will = np.stack([each[self.place] for each in (result.p90, result.p50, result.p10)]).astype(np.int64)
        count = min(was.shape[1], will.shape[1])
        difference = np.abs(will[:, :count] - was[:, :count])
        where = np.flatnonzero(difference[:2].any(axis=0))
        if not len(where):
            return None
        on = int((difference[1] if difference[1].any() else difference[0]).argmax())
        first, last = self._day(int(where[0])), self._day(int(where[-1]))
        return PoolMoved(self.pool, first, last, self._day(on), _quantiles(was, on), _quantiles(will, on))

    def shorts(self) -> Iterator[WouldBeShort]:
        now = short_by_class(self.found.limits[0], self.found.nested[0])
        for place, firmness in enumerate(FIRMNESS):
            short = in_figures(self.short[place])
            if short is not None:
                required = self.found.nested[0, place, short.first : short.last + 1]
                yield WouldBeShort(
                    self.pool, firmness, self._day(short.first), self._day(short.last), short.worst, short.gpu_days,
                    int(now[place].sum()), self._delivery().confidence(short.first, required),
                )  # fmt: skip

    def touched(self) -> Iterator[WouldTouch]:
        for firmness in FIRMNESS:
            short = in_figures(self.short[rank(firmness)])
            if short is not None:
                yield from self._touched(firmness, self._day(short.first), self._day(short.last))

    def _touched(self, firmness: str, first: date, last: date) -> Iterator[WouldTouch]:
        rows = Reservation.objects.filter(pool=self.pool, firmness=firmness, start__lte=last, end__gt=first)
        named = rows.filter(status__in=SOLD).select_related("organisation", "pool__site", "pool__accelerator")
        owner = {claim: each for each in named.order_by("start", "pk") for claim in each.claim_ids}
        blocks = served(pool_id=self.pool.pk, claim_ids=list(owner), first_day=self.today, now=self.now)
        found = [(block, short) for block in blocks if (short := self._short(block, firmness)).any()]
        self.left_out += max(len(found) - MOST_A_POOL, 0)
        for block, short in found[:MOST_A_POOL]:
            yield self._would_touch(owner[block.claim_id], block, short)

    def _short(self, block: Served, firmness: str) -> Ints:
        first = (block.period.start - self.today).days
        room = self.limits[rank(firmness), first : first + block.period.days]
        return short_of_block(block.required[: len(room)], room, block.gpus)

    def _would_touch(self, reservation: Reservation, block: Served, short: Ints) -> WouldTouch:
        first, required = (block.period.start - self.today).days, block.required[: len(short)]
        return WouldTouch(
            reservation,
            block.period.start + timedelta(days=int(np.flatnonzero(short)[0])),
            int((short > 0).sum()),
            int(short.max()),
            self._before(block.period.start, required),
            self._delivery().confidence(first, required),
        )

    def _before(self, start: date, required: Ints) -> float | None:
        if self.in_force is None or self.pool.pk not in _known(self.in_force):
            return None
        end = min(start + timedelta(days=len(required)), self.in_force.first_day + timedelta(days=self.in_force.days))
        if end <= start:
            return None
        period = Period(start, end)
        return delivery_confidence(
            pool_id=self.pool.pk, period=period, required=required[: period.days], projection=self.in_force
        )

    def _delivery(self) -> Delivery:
        if self._kept is None:
            world, ready, days = self.known.found.world, self.run.result.ready.days, self.limits.shape[1]
            policy = self.known.learned.policy
            self._kept = deliveries(world, ready, policy, seed=SEED, pool=self.place, days=days)[self.place]
        return self._kept


def _quantiles(rows: Ints, on: int) -> tuple[int, int, int]:
    p90, p50, p10 = rows[:, on].tolist()
    return p90, p50, p10


def _known(projection: Projection) -> Sequence[int]:
    """Pools that a projection knows of."""
    return list(PoolOutlook.objects.filter(projection=projection).values_list("pool_id", flat=True))
