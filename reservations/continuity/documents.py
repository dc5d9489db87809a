"""The small parts of which the answers to all three questions are made, as JSON: shown, stored and compared alike."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from marketplace.units.instants import rfc3339
from marketplace.units.money import Money
from pricing.quotes.asked_together import TogetherNeed
from pricing.quotes.bundle_offers import BundleOffer
from pricing.quotes.need import Need
from pricing.quotes.offers import Offer
from pricing.quotes.search import Search
from pricing.quotes.together import Together
from reservations.booking.models import Reservation
from reservations.continuity.coverage import Floats, Ints, changes
from reservations.continuity.holdings import Holdings

TOKEN = "offer"  # the key under which a signed offer stands: it ends in minutes, so it is never stored
ONE_PLACE = 1


def figure(code: str, value: Any, unit: str) -> dict[str, Any]:
    """One number that the answer is judged by. `unit`: gpus, gpu_days, reservations, percent, date, USD, days."""
    return {"code": code, "value": value, "unit": unit}


def steps(found: Holdings, name: str, before: Ints | Floats, after: Ints | Floats) -> dict[str, Any]:
    """Two series (days,) as the dates on which either changes; each value holds until the next date, the last until
    `end_exclusive`."""
    days = changes(before, after)
    return {
        "name": name,
        "dates": [found.day(day).isoformat() for day in days.tolist()],
        "end_exclusive": found.day(before.shape[-1]).isoformat(),
        "before": _plain(before[days]),
        "after": _plain(after[days]),
    }


def _plain(values: Ints | Floats) -> list[float]:
    return np.round(values, ONE_PLACE).tolist()


def held(each: Reservation, state: str) -> dict[str, Any]:
    """A reservation as the planner names it."""
    return {
        "reservation": each.public_id,
        "status": state,
        "bundle": each.quote.bundle.public_id if each.quote.bundle else None,
        "accelerator": each.pool.accelerator.key,
        "site": each.pool.site.public_id,
        "site_name": each.pool.site.name,
        "country": each.pool.site.jurisdiction,
        "firmness": each.firmness,
        "quantity": each.quantity,
        "start": each.start.isoformat(),
        "end_exclusive": each.end.isoformat(),
    }


def offered(offer: Offer) -> dict[str, Any]:
    """An offer with its price, its date and how sure it is."""
    terms = offer.terms
    return {
        TOKEN: offer.id,
        "valid_until": rfc3339(terms.valid_until),
        "pool": terms.pool,
        "accelerator": offer.pool.accelerator.key,
        "site": offer.pool.site.public_id,
        "site_name": offer.pool.site.name,
        "country": offer.pool.site.jurisdiction,
        "ranks": list(offer.ranks),
        "quantity": terms.quantity,
        "start": terms.period.start.isoformat(),
        "end_exclusive": terms.period.end.isoformat(),
        "firmness": terms.firmness,
        "unit_price": f"{offer.unit_price:.4f}",
        "total": terms.total.as_json(),
        "delivery_confidence": str(offer.delivery_confidence),
        "price_version": terms.price_version,
    }


def offered_together(offer: BundleOffer) -> dict[str, Any]:
    return {
        TOKEN: offer.id,
        "valid_until": rfc3339(offer.valid_until),
        "total": offer.total.as_json(),
        "parts": [{name: value for name, value in offered(part).items() if name != TOKEN} for part in offer.parts],
    }


def refused(code: str, detail: str, nearest: Sequence[tuple[str, Need | TogetherNeed]] = ()) -> dict[str, Any]:
    """Why nothing fits, and the nearest needs that do: in words and ready to post."""
    return {
        "code": code,
        "detail": detail,
        "nearest": [{"text": text, "need": need.as_json()} for text, need in nearest],
    }


def not_found(answered: Search) -> dict[str, Any] | None:
    """Why a search found nothing; None where it did."""
    told = answered.refusal
    if told is None:
        return None
    return refused(told.code, told.detail, [(each.text, each.need) for each in told.alternatives])


def together_not_found(answered: Together) -> dict[str, Any] | None:
    told = answered.refusal
    if told is None:
        return None
    return refused(told.code, told.detail, [(each.text, each.asked) for each in told.alternatives])


def without_tokens(document: Any) -> Any:
    """The same without signed offers: what is stored and shared."""
    if isinstance(document, dict):
        return {name: without_tokens(value) for name, value in document.items() if name not in (TOKEN, "valid_until")}
    return [without_tokens(each) for each in document] if isinstance(document, list) else document


def summed(amounts: Sequence[Money]) -> Money:
    """All are in USD: offers and forward prices are."""
    return Money(sum((each.amount for each in amounts), Decimal(0)))


def next_day(found: Holdings) -> int:
    """Offset of the first day that can be bought."""
    return found.offset(found.today + timedelta(days=1))
