"""The answer to a search as JSON text. A calendar has hundreds of days: they go from arrays to text without an object
or a serializer for each, in the very form that `CalendarShape` describes (a test compares the two)."""

import json
from datetime import timedelta
from typing import Any

import numpy as np
from rest_framework import serializers

from pricing.api.shapes import BundleOfferShape, RefusalShape, SearchShape
from pricing.quotes.blocks import Ints
from pricing.quotes.calendar import Calendar
from pricing.quotes.relax import Answer
from pricing.quotes.together import Together

JSON = "application/json"
TEN_THOUSANDTHS = 100  # of a dollar in a cent: unit prices have four decimals

_DAY = '{"start":"%s","unit_price":"%d.%04d","total":{"amount":"%d.%02d","currency":"USD"}}'
# Made once: DRF copies every field for each new serializer, which takes longer than to fill it in.
_shape, _bundle = SearchShape(), BundleOfferShape()


def search_json(found: Answer) -> str:
    """What `SearchShape` describes, field by field."""
    texts = (f'"{name}":{_field_json(name, field, found)}' for name, field in _shape.fields.items())
    return "{" + ",".join(texts) + "}"


def _field_json(name: str, field: serializers.Field[Any, Any, Any, Any], found: Answer) -> str:
    if name == "calendar":
        return calendar_json(found.calendar)
    value = field.get_attribute(found)
    return json.dumps(None if value is None else field.to_representation(value), separators=(",", ":"))


def together_json(found: Together) -> str:
    """The answer to a bundle or a ramp, in the same form: it has no calendar and no relaxations."""
    return json.dumps(
        {
            "object": "search",
            "offers": [_bundle.to_representation(offer) for offer in found.offers],
            "calendar": [],
            "refusal": RefusalShape(found.refusal).data if found.refusal else None,
            "relaxations": None,
            "notes": [],
        },
        separators=(",", ":"),
    )


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
