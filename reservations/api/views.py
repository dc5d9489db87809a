"""What an organisation holds."""

from datetime import datetime
from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.catalogue import SpecShape
from marketplace.api.fields import ObjectField, public_id
from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import ListShape, PageParams, cursor_page
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import Text, read
from marketplace.api.views import Door
from marketplace.units import clock
from pricing.api.empty import Empty
from pricing.api.shapes import AmountShape, BlockShape, TermsShape
from reservations.booking.actions import accept_quote
from reservations.booking.lifecycle import allowed_actions
from reservations.booking.models import Reservation
from reservations.booking.states import STATES, roles_of_key


class ReservationShape(BlockShape):
    """An accepted block. What was agreed is its quote's, and frozen."""

    id = public_id()
    object = ObjectField("reservation")
    created_at = serializers.DateTimeField(source="accepted_at")
    status = serializers.SerializerMethodField(help_text=", ".join(state for state, _ in STATES))
    allowed_actions = serializers.SerializerMethodField()
    quote = public_id("quote.public_id")
    bundle = public_id(
        "quote.bundle.public_id", default=None, allow_null=True, help_text="What its quote was a part of, if it was"
    )
    breakdown = AmountShape(source="quote.breakdown", many=True)
    price_version = public_id("quote.price_version.public_id")
    delivery_confidence = serializers.CharField(source="quote.delivery_confidence", help_text="As quoted")
    service_spec = SpecShape(source="quote.spec")
    terms = TermsShape(source="quote.terms")
    accepted_by = serializers.CharField(help_text="The person or key that accepted")
    client_reference = serializers.CharField(source="quote.client_reference", allow_null=True)
    metadata = serializers.DictField(source="quote.metadata", child=serializers.CharField())

    def get_status(self, reservation: Reservation) -> str:
        return reservation.state(self.context["now"])

    def get_allowed_actions(self, reservation: Reservation) -> list[str]:
        return allowed_actions(reservation, self.context["roles"], self.context["now"])


class ReservationList(ListShape):
    data = ReservationShape(many=True)


class ReservationParams(PageParams):
    status = serializers.ChoiceField(choices=STATES, required=False)
    pool = Text(required=False)
    quote = Text(required=False)
    client_reference = Text(required=False, help_text="As its quote has it")
    bundle = Text(required=False, help_text="The bundle whose parts they were")


# Parameter -> the column that it filters.
FILTERS = {
    "pool": "pool__public_id",
    "quote": "quote__public_id",
    "client_reference": "quote__client_reference",
    "bundle": "quote__bundle__public_id",
}


class ReservationDoor(Door):
    def seen_by(self, now: datetime | None = None) -> dict[str, Any]:
        """What a reservation's looks depend on: the time, and what the caller may do."""
        return {"now": now or clock.now(), "roles": roles_of_key(self.key.scopes)}


class Reservations(ReservationDoor):
    params_shape = ReservationParams

    @extend_schema(
        operation_id="list_reservations",
        summary="Your reservations",
        tags=["buy"],
        parameters=[ReservationParams],
        responses={200: ReservationList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        context = self.seen_by()
        own = Reservation.objects.of(self.organisation_id)
        chosen = own.with_terms().filter(
            **{FILTERS[name]: self.params[name] for name in FILTERS if name in self.params}
        )
        if "status" in self.params:
            chosen = chosen.in_state(self.params["status"], context["now"])
        return Response(
            cursor_page(
                request,
                among=own,
                chosen=chosen,
                params=self.params,
                render=lambda reservation: ReservationShape(reservation, context=context).data,
            )
        )


class OneReservation(ReservationDoor):
    @extend_schema(
        operation_id="get_reservation",
        summary="One reservation",
        tags=["buy"],
        responses={200: ReservationShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        reservation = Reservation.objects.of(self.organisation_id).with_terms().filter(public_id=public_id).first()
        if reservation is None:
            raise Http404
        return Response(ReservationShape(reservation, context=self.seen_by()).data)


class AcceptQuote(ReservationDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="accept_quote",
        summary="Accept a quote: binding",
        tags=["buy"],
        parameters=keyed(),
        request=Empty,
        responses={201: ReservationShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Makes a reservation at the quote's price, once. With an Idempotency-Key a repeat hears the same answer."""
        read(Empty, request.data)
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: accept_quote(
                public_id=public_id, by=self.key.as_actor(), organisation_id=self.organisation_id
            ),
            render=lambda reservation: (201, _shown(reservation, self.seen_by(reservation.accepted_at))),
        )


def _shown(reservation: Reservation, context: dict[str, Any]) -> Any:
    fresh = Reservation.objects.with_terms().get(pk=reservation.pk)
    return ReservationShape(fresh, context=context).data
