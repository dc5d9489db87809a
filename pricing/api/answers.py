"""The answer to a search as JSON text. A calendar has hundreds of days: they go from arrays to text without an object
or a serializer for each, in the very form that `CalendarShape` describes (a test compares the two)."""

import json
from datetime import timedelta

import numpy as np

from pricing.api.shapes import OfferShape, RefusalShape
from pricing.quotes.blocks import Ints
from pricing.quotes.calendar import Calendar
from pricing.quotes.search import Search

JSON = "application/json"
TEN_THOUSANDTHS = 100  # of a dollar in a cent: unit prices have four decimals

_DAY = '{"start":"%s","unit_price":"%d.%04d","total":{"amount":"%d.%02d","currency":"USD"}}'
# Made once: DRF copies every field for each new serializer, which takes longer than to fill it in.
_offer, _refusal = OfferShape(), RefusalShape()


def search_json(found: Search) -> str:
    """What `SearchShape` describes."""
    offers = json.dumps([_offer.to_representation(offer) for offer in found.offers], separators=(",", ":"))
    refusal = json.dumps(found.refusal and _refusal.to_representation(found.refusal), separators=(",", ":"))
    return f'{{"object":"search","offers":{offers},"calendar":{calendar_json(found.calendar)},"refusal":{refusal}}}'


def calendar_json(calendar: Calendar) -> str:
    starts = [(calendar.first + timedelta(days=offset)).isoformat() for offset in calendar.offsets.tolist()]
    columns = (*np.divmod(_unit_prices(calendar), 10_000), *np.divmod(calendar.cents, 100))
    return "[" + ",".join(map(_DAY.__mod__, zip(starts, *(column.tolist() for column in columns), strict=True))) + "]"


def _unit_prices(calendar: Calendar) -> Ints:
    """Total over GPU-hours in ten-thousandths of a dollar, half to even as `money.unit_price` has it, shape (days,)."""
    whole, rest = np.divmod(calendar.cents * TEN_THOUSANDTHS, calendar.hours)
    rounds_up = (2 * rest > calendar.hours) | ((2 * rest == calendar.hours) & (whole % 2 == 1))
    found: Ints = whole + rounds_up
    return found
