"""Negotiating a quote: counter-offers, trades to take, and sales for who insists."""

from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import firmness_choice
from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import PageParams, cursor_page
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import Day, Strict, Text, read
from marketplace.api.views import Door
from marketplace.units import clock
from pricing.api.negotiation_shapes import NegotiationList, NegotiationShape
from pricing.api.shapes import PriceChangedShape
from pricing.negotiation import actions
from pricing.negotiation.counters import LONGEST_SENTENCE, Wish
from pricing.negotiation.models import STATES, Negotiation

LONGEST_AMOUNT = 20  # characters
REFUSED = (400, 401, 403, 404, 409, 415, 422, 429, 503)


class Amount(Text):
    """A decimal amount as a string, such as "1234.50"."""

    def to_internal_value(self, data: Any) -> Decimal:  # type: ignore[override]
        text = super().to_internal_value(data)
        try:
            if len(text) > LONGEST_AMOUNT:
                raise InvalidOperation
            return Decimal(text)
        except InvalidOperation:
            raise serializers.ValidationError("Send an amount such as 1234.50.", code="invalid") from None


class USDollars(Strict):
    amount = Amount()
    currency = serializers.ChoiceField(choices=["USD"])


class WholeNumber(serializers.IntegerField):
    """A number, and nothing that could be turned into one."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class CounterRequest(Strict):
    """The terms that should be others, a price, or both. What is left out stays as it is."""

    quantity = WholeNumber(required=False, help_text="Physical GPUs, in whole lots")
    start = Day(required=False)
    duration_days = WholeNumber(required=False)
    firmness = firmness_choice(required=False)
    prepayment_percent = WholeNumber(required=False, help_text="Share paid up front")
    total = USDollars(required=False, help_text="The price that you want, in all")
    unit_price = Amount(required=False, help_text="Or USD per GPU-hour")
    sentence = Text(required=False, allow_blank=True, max_length=LONGEST_SENTENCE, help_text="Kept in the thread")


class Sentence(Strict):
    sentence = Text(required=False, allow_blank=True, max_length=LONGEST_SENTENCE)


class Said(Strict):
    sentence = Text(max_length=LONGEST_SENTENCE)


class TakeRequest(Strict):
    trade = Text(max_length=40, help_text="The id of a trade of the last answer")


class WithdrawRequest(Strict):
    release = serializers.BooleanField(required=False, help_text="Release the quote, too; it stands if left out")


class NegotiationParams(PageParams):
    status = serializers.ChoiceField(choices=STATES, required=False)
    quote = Text(required=False, help_text="The quote on the table, or the one that it began with")


def shown(negotiation: Negotiation) -> Any:
    """The thread as it stands now."""
    fresh = Negotiation.objects.select_related("quote", "opened_with").get(pk=negotiation.pk)
    return NegotiationShape(fresh, context={"now": clock.now()}).data


class CounterQuote(Door):
    scopes: ClassVar[dict[str, str]] = {"POST": "quote"}

    @extend_schema(
        operation_id="counter_quote",
        summary="Ask for other terms or another price",
        tags=["negotiate"],
        parameters=keyed(),
        request=CounterRequest,
        responses={201: NegotiationShape, **problems(*REFUSED)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Answered at once. The engine concedes against something given, at the published rates: agreed, the thread has
        a new `quote`; else the last step has `trades` to take. Other dates or sizes are held before the old are let go.
        """
        body = read(CounterRequest, request.data)
        if "total" in body:
            body["total"] = body["total"]["amount"]
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: actions.counter_quote(
                public_id=public_id, wish=Wish(**body), by=self.key.as_actor(), organisation_id=self.organisation_id
            ),
            render=lambda negotiation: (201, shown(negotiation)),
        )


class Negotiations(Door):
    params_shape = NegotiationParams

    @extend_schema(
        operation_id="list_negotiations",
        summary="Your negotiations",
        tags=["negotiate"],
        parameters=[NegotiationParams],
        responses={200: NegotiationList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        now = clock.now()
        own = Negotiation.objects.of(self.organisation_id)
        chosen = own.select_related("quote", "opened_with")
        if "status" in self.params:
            chosen = chosen.in_state(self.params["status"], now)
        if "quote" in self.params:
            chosen = chosen.about(self.params["quote"])
        return Response(
            cursor_page(
                request,
                among=own,
                chosen=chosen,
                params=self.params,
                render=lambda negotiation: NegotiationShape(negotiation, context={"now": now}).data,
            )
        )


class OneNegotiation(Door):
    @extend_schema(
        operation_id="get_negotiation",
        summary="One negotiation",
        tags=["negotiate"],
        responses={200: NegotiationShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        own = Negotiation.objects.of(self.organisation_id).filter(public_id=public_id).first()
        if own is None:
            raise actions.NegotiationNotFound
        return Response(shown(own))


class Verb(Door):
    """Something that a buyer does in a thread."""

    scopes: ClassVar[dict[str, str]] = {"POST": "quote"}

    def once(self, request: Request, action: Any, public_id: str, **more: Any) -> Response:
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: action(
                public_id=public_id, by=self.key.as_actor(), organisation_id=self.organisation_id, **more
            ),
            render=lambda negotiation: (200, shown(negotiation)),
        )


class TakeTrade(Verb):
    @extend_schema(
        operation_id="take_trade",
        summary="Take a trade of the last answer",
        tags=["negotiate"],
        parameters=keyed(),
        request=TakeRequest,
        responses={200: NegotiationShape, **problems(*REFUSED, of_409=PriceChangedShape)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """A new quote with its terms replaces the old one, and has its hold; accept it as any quote."""
        return self.once(request, actions.take, public_id, **read(TakeRequest, request.data))


class Insist(Verb):
    @extend_schema(
        operation_id="insist",
        summary="Ask sales for the price that you want",
        tags=["negotiate"],
        parameters=keyed(),
        request=Sentence,
        responses={200: NegotiationShape, **problems(*REFUSED)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """The hold is kept for them to answer, once, for as long as the seller's policy says."""
        said = read(Sentence, request.data).get("sentence", "")
        return self.once(request, actions.insist, public_id, sentence=said)


class Reply(Verb):
    @extend_schema(
        operation_id="reply",
        summary="Reply to a question of sales",
        tags=["negotiate"],
        parameters=keyed(),
        request=Said,
        responses={200: NegotiationShape, **problems(*REFUSED)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Back to sales."""
        return self.once(request, actions.reply, public_id, **read(Said, request.data))


class Withdraw(Verb):
    @extend_schema(
        operation_id="withdraw",
        summary="End a negotiation",
        tags=["negotiate"],
        parameters=keyed(),
        request=WithdrawRequest,
        responses={200: NegotiationShape, **problems(*REFUSED)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """The quote on the table stands until it expires, unless it is released with it."""
        return self.once(request, actions.withdraw, public_id, **read(WithdrawRequest, request.data))
