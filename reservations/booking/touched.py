"""Which reservations a projection touches: those that it leaves short, and those that it makes less likely."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import QuerySet

from marketplace.capacity.precedence import Served, served
from marketplace.capacity.queries import Inventory, inventory
from marketplace.catalogue.models import Pool
from marketplace.supply.comparison import PoolMove
from marketplace.supply.queries import delivery_confidences
from marketplace.supply.versions import Comparison
from marketplace.units.firmness import rank
from marketplace.units.period import Period
from reservations.booking.models import Reservation

LESS_LIKELY = 0.01  # a fall of the delivery confidence by more than a point touches a reservation
MOST_A_POOL = 500  # reservations looked at, those that start first: a page for people, not a list of everything


@dataclass(frozen=True)
class Touched:
    """`short_days` of the block on which its class's claims are above the limit in force, by at most `short_gpus`; the
    delivery confidence in the earlier and the later version, None where one of them does not cover the block."""

    reservation: Reservation
    short_days: int
    short_gpus: int
    first_short: date | None
    before: float | None
    after: float | None

    @property
    def fall(self) -> float:
        return 0.0 if self.before is None or self.after is None else self.before - self.after

    @property
    def is_less_likely(self) -> bool:
        return self.fall > LESS_LIKELY

    @property
    def is_touched(self) -> bool:
        return self.short_days > 0 or self.is_less_likely


@dataclass(frozen=True)
class Found:
    """`left_out`: reservations that overlap what moved and were not looked at."""

    touched: tuple[Touched, ...]
    left_out: int


def touched(*, comparison: Comparison, now: datetime) -> Found:
    """The reservations that overlap the days on which a pool's supply moved, if they are short or less likely now."""
    found: list[Touched] = []
    left_out = 0
    for pool, move in comparison.pools:
        meeting = _meeting(pool, move, comparison.after.first_day)
        chosen = list(meeting[:MOST_A_POOL])
        left_out += meeting.count() - len(chosen) if len(chosen) == MOST_A_POOL else 0
        found += [each for each in _looked_at(pool, chosen, comparison, now) if each.is_touched]
    return Found(tuple(sorted(found, key=lambda each: (-each.short_days, -each.fall))), left_out)


def _meeting(pool: Pool, move: PoolMove, first_day: date) -> QuerySet[Reservation]:
    changes = [change for change in (move.p90, move.p50) if change]
    first, last = min(change.first for change in changes), max(change.last for change in changes)
    rows = Reservation.objects.filter(pool=pool, start__lte=last, end__gt=max(first, first_day))
    return rows.select_related("organisation", "pool__site", "pool__accelerator").order_by("start", "pk")


def _looked_at(pool: Pool, reservations: list[Reservation], comparison: Comparison, now: datetime) -> Iterator[Touched]:
    """A reservation that was changed has several blocks, each served in its own turn: the least sure of them counts."""
    first_day, claims = comparison.after.first_day, [claim for each in reservations for claim in each.claim_ids]
    blocks = served(pool_id=pool.pk, claim_ids=claims, first_day=first_day, now=now)
    if not blocks:
        return
    asked = [(block.period, block.required) for block in blocks]
    then, later = (
        list(delivery_confidences(pool_id=pool.pk, blocks=asked, projection=projection))
        for projection in (comparison.before, comparison.after)
    )
    short = _shortfall(pool, blocks, now)
    for each in reservations:
        own = [place for place, block in enumerate(blocks) if block.claim_id in each.claim_ids]
        if own:
            periods = [blocks[place].period for place in own]
            whole = Period(min(period.start for period in periods), max(period.end for period in periods))
            yield Touched(each, *_days_short(short, each.firmness, whole), _least(then, own), _least(later, own))


def _least(odds: list[float | None], places: list[int]) -> float | None:
    known = [odds[place] for place in places]
    return None if None in known else min(value for value in known if value is not None)


def _shortfall(pool: Pool, blocks: Iterable[Served], now: datetime) -> Inventory:
    periods = [block.period for block in blocks]
    whole = Period(min(period.start for period in periods), max(period.end for period in periods))
    return inventory(pool_ids=[pool.pk], period=whole, now=now)


def _days_short(found: Inventory, firmness: str, period: Period) -> tuple[int, int, date | None]:
    """(days, most GPUs, first day) on which the class's claims, with firmer ones, are above its limit."""
    first = (period.start - found.period.start).days
    short = found.shortfall()[0, rank(firmness), first : first + period.days]
    days = int((short > 0).sum())
    return days, int(short.max()), period.start + timedelta(days=int((short > 0).argmax())) if days else None
