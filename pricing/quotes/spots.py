"""Spots: where the parts of a bundle go, and the offer that they make."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from marketplace.catalogue.models import Pool
from marketplace.units.firmness import rank
from marketplace.units.period import Period
from pricing.curve.queries import Price
from pricing.quotes.blocks import Ints
from pricing.quotes.bundle_offers import BundleOffer
from pricing.quotes.offers import Offer, make_offer
from pricing.quotes.parts import Part, price_together
from pricing.quotes.shelf import Shelf, with_taken


@dataclass(frozen=True)
class Spot:
    """A block that is found for a part. `asked`: GPUs before rounding up to whole lots."""

    pool: Pool
    firmness: str
    period: Period
    quantity: int
    asked: int
    prepaid: int = 0


def after(shelf: Shelf, spots: Iterable[Spot]) -> Shelf:
    """The shelf as those spots leave it."""
    for spot in spots:
        shelf = with_taken(shelf, spot.pool.pk, spot.firmness, spot.period, spot.quantity)
    return shelf


def offer_together(
    kind: str,
    spots: Sequence[Spot],
    shelf: Shelf,
    *,
    organisation_id: int,
    now: datetime,
    wanted: int | None = None,
) -> BundleOffer:
    """The offer of those spots, in their order, at the use that the shelf has without them."""
    parts = _priced_in_turn(spots, shelf)
    prices = price_together(kind, parts, quoted_on=shelf.today)
    left = after(shelf, spots)
    offers = [
        _offer(spot, part, price, left, organisation_id, now)
        for spot, part, price in zip(spots, parts, prices, strict=True)
    ]
    return BundleOffer(kind, tuple(offers), wanted)


def list_cents(spots: Sequence[Spot], shelf: Shelf) -> int:
    """The list price of those spots together."""
    return sum(int(part.cents.sum()) for part in _priced_in_turn(spots, shelf))


def _priced_in_turn(spots: Sequence[Spot], shelf: Shelf) -> list[Part]:
    """Each part at the use that those before it leave, in the order in which the ledger will claim them."""
    found: dict[int, Part] = {}
    for number in sorted(range(len(spots)), key=lambda at: (spots[at].pool.pk, spots[at].period.start)):
        spot = spots[number]
        place = shelf.places[spot.pool.pk]
        room = shelf.rooms[place, rank(spot.firmness), _days(shelf, spot.period)]
        prices = shelf.prices[place]
        cents = prices.day_cents(spot.firmness, spot.period, room, spot.quantity)
        found[number] = Part(prices, spot.pool.pk, spot.firmness, spot.period, spot.quantity, cents, spot.prepaid)
        shelf = after(shelf, [spot])
    return [found[number] for number in range(len(spots))]


def _offer(spot: Spot, part: Part, price: Price, left: Shelf, organisation_id: int, now: datetime) -> Offer:
    place = left.places[spot.pool.pk]
    required: Ints = left.nested[place, rank(spot.firmness), _days(left, spot.period)]
    return make_offer(
        pool=spot.pool,
        prices=part.prices,
        policy=left.policies[spot.pool.seller_id],
        projection=left.projection,
        quantity=spot.quantity,
        asked_quantity=spot.asked,
        period=spot.period,
        firmness=spot.firmness,
        total=price.total,
        price_lines=lambda: price.lines,
        prepayment=spot.prepaid,
        required=required,
        organisation_id=organisation_id,
        now=now,
    )


def _days(shelf: Shelf, period: Period) -> slice:
    return slice((period.start - shelf.period.start).days, (period.end - shelf.period.start).days)
