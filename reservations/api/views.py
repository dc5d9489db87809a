"""What an organisation holds."""

from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
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
from marketplace.units import clock
from marketplace.units.compiled import Compiled, given
from marketplace.units.prepared import planned_once
from reservations.api.shapes import ReservationList, ReservationShape
from reservations.booking.actions import accept_quote
from reservations.booking.lifecycle import ReservationNotFound
from reservations.booking.models import Reservation
from reservations.booking.states import STATES, roles_of_key


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

    def own(self, public_id: str) -> Reservation:
        """The tenant's wall: a stranger's reservation is like none."""
        found = Reservation.objects.of(self.organisation_id).with_terms().filter(public_id=public_id).first()
        if found is None:
            raise ReservationNotFound
        return found


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
        return Response(ReservationShape(self.own(public_id), context=self.seen_by()).data)


class AcceptRequest(Strict):
    cost_centre = Text(required=False, help_text="The id of a cost centre of yours; without it the default one pays")
    purchase_order = Text(required=False, max_length=80, allow_blank=True, help_text="Your number for this purchase")


class AcceptQuote(ReservationDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="accept_quote",
        summary="Accept a quote: binding",
        tags=["buy"],
        parameters=keyed(),
        request=AcceptRequest,
        responses={201: ReservationShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Makes a reservation at the quote's price, once. With an Idempotency-Key a repeat hears the same answer.

        Where your organisation's rules ask for an approval, its `status` is `pending_approval` until `deadline`.
        """
        body = read(AcceptRequest, request.data)
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: accept_quote(
                public_id=public_id, by=self.key.as_actor(), organisation_id=self.organisation_id, **body
            ),
            render=lambda reservation: (201, shown_reservation(reservation, self.seen_by(reservation.accepted_at))),
        )


@planned_once()
def shown_reservation(reservation: Reservation, context: dict[str, Any]) -> Any:
    return shown_as(ReservationShape, _with_terms.get(pk=reservation.pk), context)


@Compiled
def _with_terms() -> QuerySet[Reservation]:
    return Reservation.objects.with_terms().filter(pk=given("pk")).order_by()
