"""The nearest needs that do fit: fewer, other dates, shorter, less sure, elsewhere, other accelerators."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.period import in_words
from pricing.quotes.blocks import round_up
from pricing.quotes.need import Need, Range
from pricing.quotes.reach import Reach, fits, fits_somewhere, most
from pricing.quotes.wishes import PLACE, SERVICE, wishes_of, without

FEWER, LATER, SOONER, SHORTER, LESS_SURE, ELSEWHERE, OTHER_ACCELERATOR, OTHER_SERVICE, ANYTHING = (
    "fewer",
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
    """The nearest that fit now, each giving up as little as it can; of one length, the need's shortest."""
    found = [
        *_fewer(need, around),
        *_other_dates(need, around),
        *_shorter(need, around),
        *_less_sure(need, around),
        *_fewer_wishes(need, around),
    ]
    yield from found or _anything(need, around)


def _fewer(need: Need, around: Reach) -> Iterator[Alternative]:
    quantity = most(around.of(need), need)
    if quantity:
        text = f"{quantity:,} GPUs, the most in these dates"
        yield Alternative(FEWER, replace(need, quantity=Range(quantity, quantity)), text)


def _other_dates(need: Need, around: Reach) -> Iterator[Alternative]:
    """The nearest start after the window, and the nearest before it, at which the whole quantity fits."""
    offsets = _starts(need, around)
    begin = around.whole.period.start
    first, last = (need.start_from - begin).days, (need.start_to - begin).days
    for kind, at in ((LATER, offsets[offsets > last][:1]), (SOONER, offsets[offsets < first][-1:])):
        for offset in at.tolist():
            start = begin + timedelta(days=offset)
            yield Alternative(kind, _from(need, start), f"all {need.quantity.least:,} from {in_words(start)}")


def _starts(need: Need, around: Reach) -> np.ndarray:
    """Offsets of every start of the whole span at which the least that is wanted fits."""
    whole = around.whole.period
    shelf = around.of(need, (whole.start, whole.end - timedelta(days=need.duration.most)))
    fitting = [
        np.flatnonzero(each >= round_up(need.quantity.least, pool.lot))
        for pool, each in fits(shelf, need.firmness, need.duration.least)
    ]
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *fitting]))


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
        text = f"all {need.quantity.least:,} for {low:,} day{'s' if low > 1 else ''}"
        yield Alternative(SHORTER, replace(need, duration=Range(low, low)), text)


def _less_sure(need: Need, around: Reach) -> Iterator[Alternative]:
    for firmness in FIRMNESS[rank(need.firmness) + 1 :]:
        wished = replace(need, firmness=firmness)
        if fits_somewhere(around.of(wished), wished):
            yield Alternative(LESS_SURE, wished, f"all {need.quantity.least:,} as {firmness}")
            return


def _fewer_wishes(need: Need, around: Reach) -> Iterator[Alternative]:
    """Each wish for a pool dropped on its own; where no single one will do, all of them."""
    found = [each for each in _one_wish_fewer(need) if fits_somewhere(around.of(each.need), each.need)]
    if found or len(wishes_of(need)) < 2:
        yield from found
        return
    free = without(need, wishes_of(need))
    if fits_somewhere(around.of(free), free):
        yield Alternative(ANYTHING, free, f"all {need.quantity.least:,} with no wish for accelerator, place or service")


def _one_wish_fewer(need: Need) -> Iterator[Alternative]:
    all_of = f"all {need.quantity.least:,}"
    for name in wishes_of(need):
        wished = without(need, [name])
        if name in PLACE:
            yield Alternative(ELSEWHERE, wished, f"{all_of} at any {IN_WORDS[name]}")
        elif name.startswith(SERVICE):
            yield Alternative(OTHER_SERVICE, wished, f"{all_of} without the wish for {name.removeprefix(SERVICE)}")
        else:
            yield Alternative(OTHER_ACCELERATOR, wished, f"{all_of} on any accelerator")


def _anything(need: Need, around: Reach) -> Iterator[Alternative]:
    """Where nothing near fits: the largest block of that length, or of one day, anywhere, on any date, surest first."""
    free = without(need, wishes_of(need))
    for days in sorted({need.duration.least, 1}, reverse=True):
        for firmness in FIRMNESS[rank(need.firmness) :]:
            wished = replace(free, firmness=firmness, duration=Range(days, days))
            found = _largest(wished, around)
            if found is not None:
                yield found
                return


def _largest(need: Need, around: Reach) -> Alternative | None:
    whole = around.whole.period
    shelf = around.of(need, (whole.start, whole.end - timedelta(days=need.duration.most)))
    by_start = [each for _, each in fits(shelf, need.firmness, need.duration.least) if each.size]
    best = np.maximum.reduce(by_start) if by_start else np.zeros(1, dtype=np.int64)
    quantity, offset = min(int(best.max()), need.quantity.most), int(np.argmax(best))
    if not quantity:
        return None
    start = whole.start + timedelta(days=offset)
    wished = replace(need, quantity=Range(quantity, quantity), start_from=start, start_to=start)
    text = f"{quantity:,} GPUs for {need.duration.least:,} days as {need.firmness} from {in_words(start)}, anywhere"
    return Alternative(ANYTHING, wished, text)
