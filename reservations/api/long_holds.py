"""Holding a quote for days, at a published fee."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import MoneyField, ObjectField
from marketplace.api.idempotency import answer_once
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import Strict, read
from marketplace.api.views import Door
from marketplace.units import clock
from marketplace.units.money import Money
from pricing.api.negotiation import USDollars, WholeNumber
from pricing.api.shapes import QuoteShape
from pricing.api.views import shown
from pricing.quotes.actions import QuoteClosed, QuoteExpired, QuoteNotFound
from pricing.quotes.long_holds import LongHold, preview
from pricing.quotes.models import EXPIRED, OPEN, Quote
from reservations.booking.long_holds import take_long_hold


class HoldRequest(Strict):
    days = WholeNumber(help_text="Whole days more, from now, or from the end of the long hold that it has")
    fee = USDollars(required=False, help_text="The most that it may cost; as the preview showed it")


class LongHoldShape(serializers.Serializer[Any]):
    """What holding the quote longer costs: owed once it is taken, credited when the quote is accepted."""

    object = ObjectField("long_hold")
    days = serializers.IntegerField()
    expires_at = serializers.DateTimeField()
    fee = MoneyField()


class PreviewHold(Door):
    scopes: ClassVar[dict[str, str]] = {"POST": "read"}

    @extend_schema(
        operation_id="preview_long_hold",
        summary="What holding a quote longer would cost",
        tags=["buy"],
        request=HoldRequest,
        responses={200: LongHoldShape, **problems(400, 401, 403, 404, 409, 415, 422)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Changes nothing."""
        body, now = read(HoldRequest, request.data), clock.now()
        quote = Quote.objects.of(self.organisation_id).with_terms().filter(public_id=public_id).first()
        if quote is None:
            raise QuoteNotFound
        state = quote.state(now)
        if state != OPEN:
            raise QuoteExpired if state == EXPIRED else QuoteClosed(state)
        return Response(LongHoldShape(preview(quote=quote, days=body["days"], now=now)).data)


class HoldQuote(Door):
    scopes: ClassVar[dict[str, str]] = {"POST": "quote"}

    @extend_schema(
        operation_id="hold_quote",
        summary="Hold a quote for days more, for its fee",
        tags=["buy"],
        parameters=keyed(),
        request=HoldRequest,
        responses={200: QuoteShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """The fee is owed at once (a due), and credited when the quote is accepted."""
        body = read(HoldRequest, request.data)
        fee = Money(body["fee"]["amount"], body["fee"]["currency"]) if "fee" in body else None

        def taken() -> LongHold:
            by, whose = self.key.as_actor(), self.organisation_id
            return take_long_hold(public_id=public_id, days=body["days"], by=by, organisation_id=whose, agreed_fee=fee)

        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=taken,
            render=lambda kept: (200, shown(kept.quote)),
        )
