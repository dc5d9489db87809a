"""The market for a buyer: offers, and quotes made of them."""

from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.idempotency import answer_once
from marketplace.api.kept_shapes import shown_as
from marketplace.api.pagination import PageParams, cursor_page
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import Strict, Text, read
from marketplace.api.views import Door
from marketplace.capacity.ledger import InsufficientHeadroom
from marketplace.change import change
from marketplace.units import clock
from marketplace.units.compiled import Compiled, given
from marketplace.units.prepared import planned_once
from pricing.api.answers import JSON, search_json, together_json
from pricing.api.bundles import take_whole
from pricing.api.empty import Empty as Empty
from pricing.api.problems import NothingThere
from pricing.api.shapes import AnyNeed, PriceChangedShape, QuoteList, QuoteOrBundle, QuoteShape, SearchShape
from pricing.demand.actions import record_enquiry
from pricing.quotes.actions import QuoteNotFound, release_quote, take_quote
from pricing.quotes.answers import answer_together, record_together
from pricing.quotes.asked_together import is_together, parse_together
from pricing.quotes.bundle_offers import is_bundle_token
from pricing.quotes.instead import instead_of
from pricing.quotes.models import STATUSES, Quote
from pricing.quotes.need import parse_need
from pricing.quotes.queries import known_names
from pricing.quotes.relax import Answer, answer
from pricing.quotes.together import Together

MOST_METADATA = 20
MOST_TOKEN = 12_000  # characters: an offer of many blocks names each


class Metadata(serializers.DictField):
    """Up to 20 texts under names of your own."""

    child = Text(max_length=500, allow_blank=True)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        found: dict[str, str] = super().to_internal_value(data)
        if len(found) > MOST_METADATA or any(not 1 <= len(name) <= 40 for name in found):
            raise serializers.ValidationError("At most 20 entries, with names of 1 to 40 characters.", code="invalid")
        return found


class QuoteRequest(Strict):
    offer = Text(help_text="The id of an offer", max_length=MOST_TOKEN)
    client_reference = Text(required=False, max_length=120, help_text="Yours; unique in your organisation")
    metadata = Metadata(required=False, help_text="Yours; kept, and filterable")
    on_behalf_of = Text(required=False, help_text="The id of an end customer of yours, if you buy for one")


class QuoteParams(PageParams):
    status = serializers.ChoiceField(choices=STATUSES, required=False)
    pool = Text(required=False)
    client_reference = Text(required=False)
    metadata = Metadata(required=False, help_text="metadata[name]=value, each as it was sent")


class Offers(Door):
    scopes: ClassVar[dict[str, str]] = {"POST": "read"}

    @extend_schema(
        operation_id="search_offers",
        summary="Need in, ranked offers out",
        tags=["buy"],
        request=AnyNeed,
        responses={200: SearchShape, **problems(400, 401, 403, 415, 422)},
    )
    def post(self, request: Request) -> HttpResponse:
        """Changes nothing but the record of the enquiry. An offer is good until its `valid_until`, and holds nothing.

        Where nothing fits, `offers` is empty and `refusal` says what bound and which needs do fit. Send `parts` for a
        bundle or `ramp` for a quantity by date: their offers are taken all or none.
        """
        now = clock.now()
        if is_together(request.data):
            return HttpResponse(together_json(self._together(request.data, now)), content_type=JSON)
        need = parse_need(request.data, today=now.date(), known=known_names())

        def asked() -> Answer:
            found = answer(need=need, organisation_id=self.organisation_id, now=now)
            record_enquiry(found=found, organisation_id=self.organisation_id, now=now)
            return found

        return HttpResponse(search_json(change.run(asked)), content_type=JSON)

    def _together(self, body: Any, now: datetime) -> Together:
        asked = parse_together(body, today=now.date(), known=known_names())
        found = answer_together(asked=asked, organisation_id=self.organisation_id, now=now)
        change.run(lambda: record_together(found=found, organisation_id=self.organisation_id, now=now))
        return found


class Quotes(Door):
    scopes: ClassVar[dict[str, str]] = {"GET": "read", "POST": "quote"}
    params_shape = QuoteParams

    @extend_schema(
        operation_id="list_quotes",
        summary="Your quotes",
        tags=["buy"],
        parameters=[QuoteParams],
        responses={200: QuoteList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        now = clock.now()
        own = Quote.objects.of(self.organisation_id)
        return Response(
            cursor_page(
                request,
                among=own,
                chosen=own.with_terms().matching(now=now, **_filters(self.params)),
                params=self.params,
                render=lambda quote: QuoteShape(quote, context={"now": now}).data,
            )
        )

    @extend_schema(
        operation_id="create_quote",
        summary="Turn an offer into a quote that holds its capacity",
        tags=["buy"],
        parameters=keyed(),
        request=QuoteRequest,
        responses={201: QuoteOrBundle, **problems(400, 401, 403, 409, 415, 422, 429, 503, of_409=PriceChangedShape)},
    )
    def post(self, request: Request) -> Response:
        """The price is computed again at the use found under the lock: never dearer than the offer, cheaper if it fell.

        Dearer: 409 `price_changed`, nothing is held, the new one is in `offer`. Gone: 409 `insufficient_headroom` with
        `nearest`. Of an offer of several blocks (a bundle, a ramp or a split) it makes a bundle, all or none.
        """
        body = read(QuoteRequest, request.data)
        if is_bundle_token(body["offer"]):
            return take_whole(self, request, body)
        try:
            return answer_once(
                request,
                organisation_id=self.organisation_id,
                action=lambda: take_quote(organisation=self.key.organisation, by=self.key.as_actor(), **body),
                render=lambda quote: (201, shown(quote, quote.created_at)),
            )
        except InsufficientHeadroom as failure:
            now = clock.now()
            refused = instead_of(offer=body["offer"], organisation_id=self.organisation_id, now=now)
            raise NothingThere(refused) from failure


class OneQuote(Door):
    @extend_schema(
        operation_id="get_quote",
        summary="One quote",
        tags=["buy"],
        responses={200: QuoteShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        quote = Quote.objects.of(self.organisation_id).with_terms().filter(public_id=public_id).first()
        if quote is None:
            raise QuoteNotFound
        return Response(QuoteShape(quote, context={"now": clock.now()}).data)


class ReleaseQuote(Door):
    scopes: ClassVar[dict[str, str]] = {"POST": "quote"}

    @extend_schema(
        operation_id="release_quote",
        summary="Give the hold back",
        tags=["buy"],
        parameters=keyed(),
        request=Empty,
        responses={200: QuoteShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Frees the capacity before the quote expires. This cannot be undone; the block may be asked for again."""
        read(Empty, request.data)
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: release_quote(
                public_id=public_id, by=self.key.as_actor(), organisation_id=self.organisation_id
            ),
            render=lambda quote: (200, shown(quote)),
        )


@planned_once()
def shown(quote: Quote, now: datetime | None = None) -> Any:
    """The quote as it stands (at its making: no need to ask for the time), read back with all that it names."""
    return shown_as(QuoteShape, _with_terms.get(pk=quote.pk), {"now": now or clock.now()})


@Compiled
def _with_terms() -> QuerySet[Quote]:
    return Quote.objects.with_terms().filter(pk=given("pk")).order_by()


def _filters(params: dict[str, Any]) -> dict[str, Any]:
    return {name: params[name] for name in ("status", "pool", "client_reference", "metadata") if name in params}
