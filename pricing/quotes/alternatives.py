"""The nearest needs that do fit: fewer, other dates, shorter, less sure, elsewhere, other accelerators."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.period import in_days, in_words
from pricing.quotes.need import MOST_GPUS, Need, Range
from pricing.quotes.reach import Reach, fits, fits_somewhere, most, starts_that_fit
from pricing.quotes.splits import most_together
from pricing.quotes.wishes import PLACE, SERVICE, wishes_of, without

FEWER, SPLIT, LATER, SOONER, SHORTER, LESS_SURE, ELSEWHERE, OTHER_ACCELERATOR, OTHER_SERVICE, ANYTHING = (
    "fewer",
    "split",
    "later",
    "sooner",
    "shorter",
    "less_sure",
    "elsewhere",
    "other_accelerator",
    "other_service",
    "anything",
)
IN_WORDS = {"sites": "site", "jurisdictions": "country", "sellers": "seller"}


@dataclass(frozen=True)
class Alternative:
    """A need that fits, what it gives up (`kind`), and the same in words."""

    kind: str
    need: Need
    text: str


def alternatives(need: Need, around: Reach) -> Iterator[Alternative]:
    """The nearest that fit now, each giving up as little as it can; of one length, the need's shortest.

    In each direction that is the whole quantity; where that fits nowhere, the most of it that does, if it is more than
    what fits as asked.
    """
    here = most(around.of(need), need)
    found = [
        *_fewer(need, max(here, most_together(around.of(need), need)) if need.divisible else here),
        *_split(need, around),
        *_other_dates(need, around, here),
        *_shorter(need, around),
        *_less_sure(need, around, here),
        *_fewer_wishes(need, around, here),
    ]
    yield from found or _anything(need, around)


def _fewer(need: Need, here: int) -> Iterator[Alternative]:
    if here:
        yield Alternative(FEWER, replace(need, quantity=Range(here, here)), f"{here:,} GPUs, the most in these dates")


def _split(need: Need, around: Reach) -> Iterator[Alternative]:
    """All of it, over several pools, where the need did not say that it may be."""
    if not need.divisible and most_together(around.of(need), need) >= need.quantity.least:
        text = f"all {need.quantity.least:,} split over several pools"
        yield Alternative(SPLIT, replace(need, divisible=True), text)


def _other_dates(need: Need, around: Reach, here: int) -> Iterator[Alternative]:
    """The nearest start after the window, and the nearest before it, at which the whole quantity fits."""
    offsets = _starts(need, around)
    begin = around.whole.period.start
    first, last = (need.start_from - begin).days, (need.start_to - begin).days
    for kind, at in ((LATER, offsets[offsets > last][:1]), (SOONER, offsets[offsets < first][-1:])):
        for offset in at.tolist():
            start = begin + timedelta(days=offset)
            yield Alternative(kind, _from(need, start), f"all {need.quantity.least:,} from {in_words(start)}")
    if not offsets.size:
        yield from _most_on_other_dates(need, around, here)


def _most_on_other_dates(need: Need, around: Reach, here: int) -> Iterator[Alternative]:
    """The largest block on any date, on the first start that has it."""
    largest = _largest(need, around)
    if largest is not None and largest[0] > here:
        quantity, start = largest
        kind = LATER if start > need.start_to else SOONER
        wished = replace(need, start_from=start, start_to=start, quantity=Range(quantity, quantity))
        yield Alternative(kind, wished, f"{quantity:,} from {in_words(start)}, the most on any date")


def _starts(need: Need, around: Reach) -> np.ndarray:
    """Offsets of every start of the whole span at which the least that is wanted fits."""
    whole = around.whole.period
    shelf = around.of(need, (whole.start, whole.end - timedelta(days=need.duration.most)))
    return starts_that_fit(shelf, need)


def _from(need: Need, start: date) -> Need:
    fixed = Range(need.quantity.least, need.quantity.least)
    return replace(need, start_from=start, start_to=start, quantity=fixed)


def _shorter(need: Need, around: Reach) -> Iterator[Alternative]:
    """The longest that fits in the window: what fits for some days fits for fewer, so halving finds it."""
    low, high = 0, need.duration.least
    while high - low > 1:
        middle = (low + high) // 2
        tried = replace(need, duration=Range(middle, middle))
        low, high = (middle, high) if fits_somewhere(around.of(tried), tried) else (low, middle)
    if low:
        text = f"all {need.quantity.least:,} for {in_days(low)}"
        yield Alternative(SHORTER, replace(need, duration=Range(low, low)), text)


def _less_sure(need: Need, around: Reach, here: int) -> Iterator[Alternative]:
    wishes = [
        Alternative(LESS_SURE, replace(need, firmness=firmness), f"as {firmness}")
        for firmness in FIRMNESS[rank(need.firmness) + 1 :]
    ]
    whole = [each for each in wishes if fits_somewhere(around.of(each.need), each.need)]
    yield from map(_all_of, whole[:1])
    if wishes and not whole:
        yield from _most_of(wishes[-1], around, here)


def _fewer_wishes(need: Need, around: Reach, here: int) -> Iterator[Alternative]:
    """Each wish for a pool dropped on its own; where no single one will do, all of them."""
    wishes = list(_one_wish_fewer(need))
    whole = [each for each in wishes if fits_somewhere(around.of(each.need), each.need)]
    yield from map(_all_of, whole)
    if whole or not wishes:
        return
    every = Alternative(ANYTHING, without(need, wishes_of(need)), "with no wish for accelerator, place or service")
    if len(wishes) > 1 and fits_somewhere(around.of(every.need), every.need):
        yield _all_of(every)
        return
    more = [found for each in wishes for found in _most_of(each, around, here)]
    yield from more or _most_of(every, around, here)


def _one_wish_fewer(need: Need) -> Iterator[Alternative]:
    for name in wishes_of(need):
        wished = without(need, [name])
        if name in PLACE:
            yield Alternative(ELSEWHERE, wished, f"at any {IN_WORDS[name]}")
        elif name.startswith(SERVICE):
            yield Alternative(OTHER_SERVICE, wished, f"without the wish for {name.removeprefix(SERVICE)}")
        else:
            yield Alternative(OTHER_ACCELERATOR, wished, "on any accelerator")


def _all_of(found: Alternative) -> Alternative:
    return replace(found, text=f"all {found.need.quantity.least:,} {found.text}")


def _most_of(found: Alternative, around: Reach, here: int) -> Iterator[Alternative]:
    """The most that fits of it, if it is more than fits as asked."""
    quantity = most(around.of(found.need), found.need)
    if quantity > here:
        fewer = replace(found.need, quantity=Range(quantity, quantity))
        yield Alternative(found.kind, fewer, f"{quantity:,} {found.text}, the most there")


def _anything(need: Need, around: Reach) -> Iterator[Alternative]:
    """Where nothing near fits: the largest block of that length, or of one day, anywhere, on any date, surest first."""
    free = without(need, wishes_of(need))
    for days in sorted({need.duration.least, 1}, reverse=True):
        for firmness in FIRMNESS[rank(need.firmness) :]:
            wished = replace(free, firmness=firmness, duration=Range(days, days))
            found = _largest(wished, around)
            if found is not None:
                yield _anywhere(wished, *found)
                return


def _anywhere(need: Need, quantity: int, start: date) -> Alternative:
    wished = replace(need, quantity=Range(quantity, quantity), start_from=start, start_to=start)
    days = in_days(need.duration.least)
    text = f"{quantity:,} GPUs for {days} as {need.firmness} from {in_words(start)}, anywhere"
    return Alternative(ANYTHING, wished, text)


def _largest(need: Need, around: Reach) -> tuple[int, date] | None:
    """The largest quantity of the whole span, at most what is wanted, and the first start that has it."""
    whole = around.whole.period
    shelf = around.of(need, (whole.start, whole.end - timedelta(days=need.duration.most)))
    best = fits(shelf, need.firmness, need.duration.least).max(axis=0, initial=0)
    if not best.size:
        return None
    quantity, offset = int(best.max()), int(np.argmax(best))
    if not quantity:
        return None
    return min(quantity, MOST_GPUS), whole.start + timedelta(days=offset)
