"""What relaxing each wish of a need would save: one reading of the market, then arithmetic on its arrays.

Like is compared with like (`compared_by`): a relaxation that leaves size, length and accelerators alone by the total of
the block, one that changes size or length per GPU-hour, one that takes other accelerators per H100-equivalent hour.
Wishes are relaxed one at a time, so savings do not add up. Splitting over pools (`divisible`) is not among them: it has
offers of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from marketplace.catalogue.models import Pool
from marketplace.units.compute import gpu_hours
from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.money import Money, unit_price, usd_from_cents
from marketplace.units.period import in_days
from pricing.quotes.need import LATEST_START_DAYS, LONGEST_BLOCK_DAYS, WIDEST_WINDOW_DAYS, Need, Range
from pricing.quotes.ranking import CHEAPEST, MOST_COMPUTE
from pricing.quotes.reach import Reach, reach
from pricing.quotes.search import Search, blocks_that_fit, search
from pricing.quotes.shelf import Shelf
from pricing.quotes.wishes import PLACE, SERVICE, without

WIDER_DAYS = (7, 28)  # before the first start and after the last
PREPAID = (50, 100)  # percent
BY_TOTAL, BY_GPU_HOUR, BY_H100_HOUR = "total", "gpu_hour", "h100_equivalent_hour"
SMALLEST = Decimal("0.0005")  # below this part of the price a saving reads as 0.0 %
ALL_OR_NONE = "A split has the same dates in every pool and is taken as one: all of its parts or none."
IN_WORDS = {
    "accelerators": "accelerator",
    "sites": "site",
    "jurisdictions": "country",
    "sellers": "seller",
}


@dataclass(frozen=True)
class Priced:
    """The best block of a need, without confidence or token: where, when and what it costs."""

    pool: Pool
    quantity: int
    start: date
    days: int
    total: Money

    @property
    def unit_price(self) -> Decimal:
        return unit_price(self.total, gpu_hours(self.quantity, self.days))

    @property
    def h100_unit_price(self) -> Decimal:
        return unit_price(self.total, gpu_hours(self.quantity, self.days) * self.pool.accelerator.h100_weight)

    def measured(self, by: str) -> Decimal:
        """What is compared: the total, or the price per hour to all its digits."""
        if by == BY_TOTAL:
            return self.total.amount
        weight = self.pool.accelerator.h100_weight if by == BY_H100_HOUR else Decimal(1)
        return self.total.amount / (gpu_hours(self.quantity, self.days) * weight)


@dataclass(frozen=True)
class Relaxation:
    """One wish relaxed: the need to post instead, its best block, and what that saves. `change` is below zero."""

    wish: str
    title: str
    need: Need
    block: Priced
    compared_by: str
    change: Decimal  # of what is compared: -0.08 is 8 % less
    saved: Money  # total against total; below zero where more compute costs more in all
    saved_per_hour: Decimal  # per GPU-hour, or per H100-equivalent hour if that is what is compared

    @property
    def total(self) -> Money:
        return self.block.total

    @property
    def unit_price(self) -> Decimal:
        return self.block.unit_price


@dataclass(frozen=True)
class Answer(Search):
    """A search with what relaxing each wish would save; None where that was not asked for."""

    relaxations: tuple[Relaxation, ...] | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        return notes(self)


def notes(found: Search) -> tuple[str, ...]:
    """What to know of an answer, in words."""
    return (ALL_OR_NONE,) if found.splits else ()


def answer(*, need: Need, organisation_id: int, now: datetime) -> Answer:
    """What every door answers to a need: the search, and the relaxations if the need asks for them."""
    found = search(need=need, organisation_id=organisation_id, now=now)
    relaxed = (relaxations(need=need, now=now) if found.offers else ()) if need.relax else None
    return Answer(**vars(found), relaxations=relaxed)


def relaxations(*, need: Need, now: datetime) -> tuple[Relaxation, ...]:
    """Every relaxation that saves something against the need's best block, the largest saving first."""
    plain = replace(need, sort=CHEAPEST, relax=False)
    tries = list(_tries(plain, now.date()))
    span = (min(each.need.start_from for each in tries), max(each.need.start_to for each in tries))
    around = reach([plain, *(each.need for each in tries)], span, now)
    base = {sort: best_block(around.of(plain), replace(plain, sort=sort)) for sort in (CHEAPEST, MOST_COMPUTE)}
    found = [_saving(each, around, base[each.need.sort]) for each in tries]
    return tuple(sorted(_worth_it(found), key=lambda each: each.change))


def best_block(shelf: Shelf, need: Need) -> Priced | None:
    """The block that a search of the need would put first."""
    chosen = blocks_that_fit(shelf, need)
    if not chosen:
        return None
    best, starts = chosen[0]
    return Priced(
        shelf.pools[best.place],
        starts.quantity,
        shelf.period.start + timedelta(days=best.offset),
        starts.days,
        usd_from_cents(starts.cents_at(best.offset)),
    )


def priced(needs: Sequence[Need], now: datetime) -> list[Priced | None]:
    """The best block of each of several needs, from one reading of the market."""
    if not needs:
        return []
    span = (min(need.start_from for need in needs), max(need.start_to for need in needs))
    around = reach(needs, span, now)
    return [best_block(around.of(need), need) for need in needs]


@dataclass(frozen=True)
class _Try:
    wish: str
    title: str
    need: Need
    compared_by: str = BY_TOTAL


def _tries(need: Need, today: date) -> Iterator[_Try]:
    yield from _other_starts(need, today)
    yield from _other_sizes(need)
    for firmness in FIRMNESS[rank(need.firmness) + 1 :]:
        yield _Try("firmness", f"Take {firmness} instead of {need.firmness}", replace(need, firmness=firmness))
    for percent in PREPAID:
        if percent > need.prepayment:
            yield _Try("prepayment_percent", f"Pay {percent} % up front", replace(need, prepayment=percent))
    if need.accelerators:
        any_kind = replace(without(need, ["accelerators"]), sort=MOST_COMPUTE)
        yield _Try("accelerators", "Take any accelerator", any_kind, BY_H100_HOUR)
    yield from _other_places(need)
    for wish in need.service:
        yield _Try(SERVICE + wish.field, f"Do without {wish}", without(need, [SERVICE + wish.field]))


def _other_starts(need: Need, today: date) -> Iterator[_Try]:
    first, last = today + timedelta(days=1), today + timedelta(days=LATEST_START_DAYS)
    for days in WIDER_DAYS:
        wider = timedelta(days=days)
        wished = replace(
            need, start_from=max(need.start_from - wider, first), start_to=min(need.start_to + wider, last)
        )
        if (wished.start_to - wished.start_from).days <= WIDEST_WINDOW_DAYS:
            yield _Try("start", f"Start up to {days} days sooner or later", wished)


def _other_sizes(need: Need) -> Iterator[_Try]:
    for days in (max(1, need.duration.least // 2), min(LONGEST_BLOCK_DAYS, need.duration.most * 2)):
        if not need.duration.least <= days <= need.duration.most:
            title = f"Take {in_days(days)} instead of {_range(need.duration)}"
            yield _Try("duration_days", title, replace(need, duration=Range(days, days)), BY_GPU_HOUR)
    half = need.quantity.least // 2
    if half:
        title = f"Take {half:,} GPUs instead of {_range(need.quantity)}"
        yield _Try("quantity", title, replace(need, quantity=Range(half, half)), BY_GPU_HOUR)


def _range(of: Range) -> str:
    return f"{of.least:,}" if of.least == of.most else f"{of.least:,} to {of.most:,}"


def _other_places(need: Need) -> Iterator[_Try]:
    named = [name for name in PLACE if getattr(need, name)]
    for name in named:
        yield _Try(name, f"Take any {IN_WORDS[name]}", without(need, [name]))
    if len(named) > 1:
        yield _Try("place", f"Take any {' and '.join(IN_WORDS[name] for name in named)}", without(need, named))


def _saving(tried: _Try, around: Reach, base: Priced | None) -> Relaxation | None:
    block = best_block(around.of(tried.need), tried.need)
    if block is None or base is None:
        return None
    # Of a need that may be larger or smaller the best blocks differ in size: their totals are no likes.
    by = BY_GPU_HOUR if tried.compared_by == BY_TOTAL and tried.need.is_range else tried.compared_by
    before, after = base.measured(by), block.measured(by)
    per_hour = BY_GPU_HOUR if by == BY_TOTAL else by
    return Relaxation(
        wish=tried.wish,
        title=tried.title,
        need=tried.need,
        block=block,
        compared_by=by,
        change=after / before - 1 if before else Decimal(0),
        saved=Money(base.total.amount - block.total.amount),
        saved_per_hour=base.measured(per_hour) - block.measured(per_hour),
    )


def _worth_it(found: Sequence[Relaxation | None]) -> Iterator[Relaxation]:
    """Those that save something, and of one wish a further step only where it saves more than the one before."""
    best: dict[tuple[str, Any], Decimal] = {}
    for each in found:
        if each is None or each.change > -SMALLEST:
            continue
        step = (each.wish, each.need.firmness)
        if each.change < best.get(step, Decimal(0)):
            best[step] = each.change
            yield each
