"""Bundles and ramps answered, whatever the door, and what fits in place of an offer that is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from marketplace.catalogue.models import Pool
from pricing.demand.actions import record_enquiry
from pricing.quotes.asked_together import BundleNeed, RampNeed, TogetherNeed
from pricing.quotes.bundle_offers import BundleOffer, BundleTerms, read_bundle_token
from pricing.quotes.bundles import BUNDLE, RAMP
from pricing.quotes.need import Need, Range
from pricing.quotes.offers import Offer, OfferTerms
from pricing.quotes.ramp_search import answer_ramp
from pricing.quotes.refusals import Refusal, refusal
from pricing.quotes.together import RefusedTogether, Together, answer_bundle


@dataclass(frozen=True)
class _Heard:
    """One of the needs of a bundle or ramp, as demand hears of it."""

    need: Need
    offers: tuple[Offer, ...]
    refusal: RefusedTogether | None
    splits: tuple[BundleOffer, ...] = ()


def answer_together(*, asked: TogetherNeed, organisation_id: int, now: datetime) -> Together:
    """Offers of all the blocks at once, or why there are none."""
    if isinstance(asked, BundleNeed):
        return answer_bundle(asked=asked, organisation_id=organisation_id, now=now)
    return answer_ramp(asked=asked, organisation_id=organisation_id, now=now)


def record_together(*, found: Together, organisation_id: int, now: datetime) -> None:
    """Demand hears of each block that was asked for."""
    parts = found.offers[0].parts if found.offers else ()
    for need in found.asked.needs:
        heard = _Heard(need, tuple(part for part in parts if _answers(part, need)), found.refusal)
        record_enquiry(found=heard, organisation_id=organisation_id, now=now)


def _answers(part: Offer, need: Need) -> bool:
    starts = need.start_from <= part.terms.period.start <= need.start_to
    return starts and part.terms.firmness == need.firmness


def instead_of_bundle(*, offer: str, organisation_id: int, now: datetime) -> RefusedTogether | Refusal | None:
    """The refusal of just those blocks, with the nearest that do fit; None where they fit again. Nothing is changed."""
    terms = read_bundle_token(offer, organisation_id=organisation_id)
    pools = {part.pool: Pool.objects.get(public_id=part.pool) for part in terms.parts}
    if terms.kind == BUNDLE:
        needs = tuple(_need([part], pools) for part in terms.parts)
        return answer_bundle(asked=BundleNeed(needs), organisation_id=organisation_id, now=now).refusal
    if terms.kind == RAMP:
        return answer_ramp(asked=_ramp(terms, pools), organisation_id=organisation_id, now=now).refusal
    return refusal(_need(terms.parts, pools), now)


def _need(parts: Sequence[OfferTerms], pools: dict[str, Pool]) -> Need:
    """Those blocks, which have the same dates, as one need."""
    first, quantity = parts[0], sum(part.quantity for part in parts)
    return Need(
        quantity=Range(quantity, quantity),
        duration=Range(first.period.days, first.period.days),
        start_from=first.period.start,
        start_to=first.period.start,
        firmness=first.firmness,
        accelerators=tuple(dict.fromkeys(pools[part.pool].accelerator.key for part in parts)),
        sites=tuple(dict.fromkeys(pools[part.pool].site.public_id for part in parts)),
        divisible=len(parts) > 1,
        prepayment=first.prepayment,
    )


def _ramp(terms: BundleTerms, pools: dict[str, Pool]) -> RampNeed:
    """The ramp that its layers make."""
    periods = [part.period for part in terms.parts]
    starts, end = min(period.start for period in periods), max(period.end for period in periods)
    edges = sorted({day for period in periods for day in (period.start, period.end)} - {end})
    quantities = [_on(terms.parts, day) for day in edges]
    wish = _need(terms.parts, pools)
    several = len(set(wish.sites)) > 1
    length = Range((end - starts).days, (end - starts).days)
    most = Range(max(quantities), max(quantities))
    whole = Need(
        most, length, starts, starts, wish.firmness, wish.accelerators, wish.sites,
        divisible=several, prepayment=wish.prepayment,
    )  # fmt: skip
    return RampNeed(tuple(edges), tuple(quantities), end, whole)


def _on(parts: Sequence[OfferTerms], day: date) -> int:
    return sum(part.quantity for part in parts if day in part.period)
