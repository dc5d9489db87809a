"""From a bundle of needs to one offer, all or none, or a refusal that names the part which binds.

Parts are placed one after the other, those that have fewest pools to go to first, each at its cheapest block beside
the others; where a part then finds no room, the parts before it are moved to their next best block (depth first, up to
MOST_TRIES searches). So the offer is one that fits, and cheap, but not proven the cheapest combination of all; the
total that it names is exact.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from marketplace.units.compute import gpu_hours
from marketplace.units.period import Period
from pricing.quotes.alternatives import Alternative
from pricing.quotes.asked_together import BundleNeed, TogetherNeed
from pricing.quotes.bundle_offers import MOST_PARTS, BundleOffer
from pricing.quotes.bundles import BUNDLE
from pricing.quotes.need import Need, Range
from pricing.quotes.ranking import CHEAPEST
from pricing.quotes.reach import Reach, reach
from pricing.quotes.refusals import Binding, Refusal, last_priced_day, refusal_on
from pricing.quotes.search import blocks_that_fit
from pricing.quotes.shelf import Shelf
from pricing.quotes.splits import cheapest_spots
from pricing.quotes.spots import Spot, after, list_cents, offer_together
from pricing.quotes.wishes import unmet

MOST_TRIES = 120
MOST_MOVES = 6  # blocks that are tried for one part
ALONE, BESIDE = "part", "together"


@dataclass(frozen=True)
class Instead:
    """Something that does fit: what to ask for instead, and the same in words."""

    kind: str
    asked: TogetherNeed
    text: str


@dataclass(frozen=True)
class RefusedTogether:
    """Why not all parts fit. `part`: the number of the one that binds, from 0; `binds`: whether it fits alone."""

    code: str
    detail: str
    part: int
    binds: str
    binding: Binding
    alternatives: tuple[Instead, ...]

    @property
    def nearest(self) -> tuple[TogetherNeed, ...]:
        return tuple(each.asked for each in self.alternatives)


@dataclass(frozen=True)
class Together:
    """The answer to a bundle or a ramp: offers, or a refusal."""

    asked: TogetherNeed
    offers: tuple[BundleOffer, ...]
    refusal: RefusedTogether | None


@dataclass
class _Placing:
    """Spots by part, while they are being found. `stuck`: the part that found none, and those placed before it, at the
    furthest that the search came."""

    needs: Sequence[Need]
    around: Reach
    tries: int = 0
    stuck: tuple[int, dict[int, list[Spot]]] = field(default_factory=lambda: (0, {}))

    def run(self, order: Sequence[int], placed: dict[int, list[Spot]]) -> dict[int, list[Spot]] | None:
        if not order:
            return placed
        number, *rest = order
        shelf = after(self.around.whole, [spot for spots in placed.values() for spot in spots])
        options = list(self._options(self.needs[number], Reach(shelf)))
        if not options and len(placed) >= len(self.stuck[1]):
            self.stuck = number, placed
        for spots in options[:MOST_MOVES]:
            if self.tries > MOST_TRIES:
                return None
            found = self.run(rest, {**placed, number: spots})
            if found is not None:
                return found
        return None

    def _options(self, need: Need, around: Reach) -> Iterator[list[Spot]]:
        """Where the part could go, the cheapest first."""
        self.tries += 1
        shelf = around.of(need)
        singles = list(_in_one_pool(need, shelf))
        if not need.divisible:
            yield from singles
            return
        most = MOST_PARTS // len(self.needs)
        several = [spots for spots in cheapest_spots(shelf, need) if 1 < len(spots) <= most]
        yield from sorted([*singles, *several], key=lambda spots: _per_hour(spots, shelf))


def _per_hour(spots: Sequence[Spot], shelf: Shelf) -> float:
    return list_cents(spots, shelf) / sum(gpu_hours(spot.quantity, spot.period.days) for spot in spots)


def _in_one_pool(need: Need, shelf: Shelf) -> Iterator[list[Spot]]:
    """The cheapest block in each pool."""
    seen: set[int] = set()
    for block, starts in blocks_that_fit(shelf, replace(need, sort=CHEAPEST)):
        if block.place not in seen:
            seen.add(block.place)
            period = Period.of(shelf.period.start + timedelta(days=block.offset), starts.days)
            asked = min(need.quantity.most, starts.quantity)
            yield [Spot(shelf.pools[block.place], need.firmness, period, starts.quantity, asked, need.prepayment)]


def place(needs: Sequence[Need], around: Reach) -> list[list[Spot]] | tuple[int, list[Spot]]:
    """The spots of every need, in their order; or the number of the one that finds none, and the spots beside it."""

    def pools(number: int) -> int:
        need = needs[number]
        return sum(not unmet(need, pool, around.documents) for pool in around.whole.pools)

    order = sorted(range(len(needs)), key=lambda number: (pools(number), -needs[number].quantity.least))
    placing = _Placing(needs, around)
    found = placing.run(order, {})
    if found is not None:
        return [found[number] for number in range(len(needs))]
    number, beside = placing.stuck
    return number, [spot for spots in beside.values() for spot in spots]


def answer_bundle(*, asked: BundleNeed, organisation_id: int, now: datetime) -> Together:
    """One offer of all the parts, or why there is none and the nearest that there is."""
    needs = asked.needs
    span = (min(need.start_from for need in needs), max(need.start_to for need in needs))
    around = reach(needs, span, now)
    found = place(needs, around)
    if isinstance(found, tuple):
        return Together(asked, (), _refused(asked, now))
    spots = [spot for each in found for spot in each]
    offer = offer_together(BUNDLE, spots, around.whole, organisation_id=organisation_id, now=now)
    return Together(asked, (offer,), None)


def widest(needs: Sequence[Need], now: datetime) -> tuple[Reach, tuple[date, date]]:
    """Everything on sale from tomorrow on, and the starts that it spans."""
    tomorrow = now.date() + timedelta(days=1)
    last = max(last_priced_day() - timedelta(days=1), tomorrow, *(need.start_to for need in needs))
    return reach(needs, (tomorrow, last), now), (tomorrow, last)


def _refused(asked: BundleNeed, now: datetime) -> RefusedTogether:
    around, span = widest(asked.needs, now)
    found = place(asked.needs, around)
    number, beside = found if isinstance(found, tuple) else (0, [])
    least = _least(asked.needs[number])
    alone = refusal_on(least, around, span) if _is_stuck(least, around) else None
    told = alone or refusal_on(least, Reach(after(around.whole, beside)), span)
    instead = tuple(_that_fit(asked, number, told.alternatives, around))
    return RefusedTogether(
        told.code,
        _detail(number, len(asked.needs), told, alone is not None, instead),
        number,
        ALONE if alone else BESIDE,
        told.binding,
        instead,
    )


def _least(need: Need) -> Need:
    return replace(need, duration=Range(need.duration.least, need.duration.least), relax=False)


def _is_stuck(need: Need, around: Reach) -> bool:
    """Whether the need finds no room even without the other parts."""
    return isinstance(place([need], around), tuple)


def _that_fit(asked: BundleNeed, number: int, found: Sequence[Alternative], around: Reach) -> Iterator[Instead]:
    """The bundle with that part replaced by something nearer to hand, wherever all of it then fits."""
    for each in found:
        tried = asked.with_part(number, each.need)
        if isinstance(place(tried.needs, around), list):
            yield Instead(each.kind, tried, f"part {number + 1} with {each.text}")


def _detail(number: int, parts: int, told: Refusal, alone: bool, instead: Sequence[Instead]) -> str:
    which = f"Part {number + 1} of {parts}"
    binds = f"{which} binds." if alone else f"{which} binds: it fits alone, but not beside the others."
    reason = told.detail.partition(" What fits: ")[0].partition(" Nothing else that is on sale")[0]
    fits = "What fits: " + "; ".join(each.text for each in instead) + "." if instead else "Nothing near fits either."
    return f"{binds} {reason} {fits} Nothing is held or charged."
