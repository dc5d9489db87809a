"""How a quote's price was made, computed again from what is stored."""

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import MoneyShape, firmness_choice
from marketplace.api.schema import problems
from marketplace.api.views import Door
from marketplace.units.firmness import rank
from marketplace.units.money import usd_from_cents
from pricing.api.shapes import AmountShape
from pricing.curve.terms import WHOLE
from pricing.quotes.actions import QuoteNotFound
from pricing.quotes.explain import Explanation, explain_quote
from pricing.quotes.models import BUY, Quote

FORMULA = (
    "p(x) = floor + premium + dual * exp(dual_steepness * max(0, x - x0) / max(limit - x0, lot)) "
    "+ adder * exp(fill_steepness * (x / limit - 1)), at most cap, and cap from limit on; a day costs "
    "F(x + quantity) - F(x), F(x) being 24 hours times the integral of p from 0 to x, rounded to cents"
)


class ConstantsShape(serializers.Serializer[Any]):
    """USD per GPU-hour. Energy and capital are null where a reserve price is published in their place."""

    floor = serializers.CharField()
    energy = serializers.CharField(allow_null=True)
    capital = serializers.CharField(allow_null=True)
    premium = serializers.CharField()
    adder = serializers.CharField()
    cap = serializers.CharField()
    fill_steepness = serializers.FloatField()
    dual_steepness = serializers.FloatField()
    lot = serializers.IntegerField()


class ExplainedDayShape(serializers.Serializer[Any]):
    """One day of the block. Limit, use, x0 and dual are the pool's exact figures: null but for its own seller."""

    date = serializers.DateField()
    list_amount = MoneyShape()
    lead_time_rate_percent = serializers.CharField()
    limit = serializers.IntegerField(allow_null=True)
    use = serializers.IntegerField(allow_null=True)
    use_at_solve = serializers.IntegerField(allow_null=True)
    dual = serializers.FloatField(allow_null=True)


class ExplainedTermShape(serializers.Serializer[Any]):
    code = serializers.CharField()
    at = serializers.CharField(help_text="What the schedule looks at")
    rate_percent = serializers.CharField(help_text="Of the list price")
    amount = MoneyShape()


class ExplanationShape(serializers.Serializer[Any]):
    """Every step from the curve to the total."""

    object = serializers.CharField()
    quote = serializers.CharField()
    price_version = serializers.CharField()
    price_policy = serializers.CharField()
    firmness = firmness_choice()
    quantity = serializers.IntegerField()
    formula = serializers.CharField()
    constants = ConstantsShape()
    days = ExplainedDayShape(many=True)
    list_total = MoneyShape(help_text="The sum of the days")
    terms = ExplainedTermShape(many=True)
    breakdown = AmountShape(many=True, help_text="Adds up to the total")
    total = MoneyShape(help_text="Computed now")
    stored_total = MoneyShape(help_text="As the quote says")
    matches = serializers.BooleanField(help_text="Every stored amount is the one computed now")
    differences = serializers.ListField(child=serializers.CharField())


class QuotePrice(Door):
    @extend_schema(
        operation_id="explain_quote_price",
        summary="A quote's price, computed again step by step",
        tags=["buy"],
        responses={200: ExplanationShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        """From what was stored when the quote was made; nothing of today is read. A quote for a change has `lines`
        instead."""
        own = Quote.objects.of(self.organisation_id).with_terms()
        quote = own.filter(public_id=public_id, kind=BUY).first()
        if quote is None:
            raise QuoteNotFound
        return Response(_shown(explain_quote(quote), exact=quote.pool.seller_id == self.organisation_id))


def _shown(found: Explanation, *, exact: bool) -> dict[str, Any]:
    quote = found.quote
    return {
        "object": "price_explanation",
        "quote": quote.public_id,
        "price_version": found.version.public_id,
        "price_policy": found.version.policy.public_id,
        "firmness": quote.firmness,
        "quantity": quote.quantity,
        "formula": FORMULA,
        "constants": _constants(found),
        "days": _days(found, exact),
        "list_total": found.price.listed.as_json(),
        "terms": [
            {"code": line.code, "at": line.at, "rate_percent": f"{line.rate_percent}", "amount": line.amount.as_json()}
            for line in found.terms
        ],
        "breakdown": [{"code": code, "amount": amount.as_json()} for code, amount in found.price.lines],
        "total": found.price.total.as_json(),
        "stored_total": quote.money.as_json(),
        "matches": found.matches,
        "differences": list(found.differences),
    }


def _constants(found: Explanation) -> dict[str, Any]:
    of, hidden = found.constants, found.constants.reserve is not None
    return {
        "floor": str(of.floor),
        "energy": None if hidden else str(of.energy),
        "capital": None if hidden else str(of.capital),
        "premium": str(of.premiums[rank(found.quote.firmness)]),
        "adder": str(of.adder),
        "cap": str(of.cap),
        "fill_steepness": of.fill_steepness,
        "dual_steepness": of.dual_steepness,
        "lot": found.quote.pool.lot,
    }


def _days(found: Explanation, exact: bool) -> list[dict[str, Any]]:
    days = found.days
    columns = zip(
        *(each.tolist() for each in (days.cents, days.lead_rate, days.limit, days.use, days.use_at_solve, days.dual)),
        strict=True,
    )
    return [
        {
            "date": (days.first + timedelta(days=at)).isoformat(),
            "list_amount": usd_from_cents(cents).as_json(),
            "lead_time_rate_percent": f"{rate * 100 / WHOLE:.2f}",
            "limit": int(limit) if exact else None,
            "use": int(use) if exact else None,
            "use_at_solve": int(x0) if exact else None,
            "dual": dual if exact else None,
        }
        for at, (cents, rate, limit, use, x0, dual) in enumerate(columns)
    ]
