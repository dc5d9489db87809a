"""Changing a reservation over REST: a quote first, which is accepted like any other; and what has happened so far."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import listed
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import Strict, Text, read
from pricing.api.shapes import QuoteShape
from pricing.api.views import Empty, shown
from pricing.quotes.exits import CAUSES, CONVENIENCE
from reservations.api.shapes import (
    ChangeList,
    ReservationChangeShape,
    ReservationShape,
    TransitionList,
    TransitionShape,
)
from reservations.api.views import ReservationDoor, shown_reservation
from reservations.booking.changes import quote_change
from reservations.booking.models import Reservation
from reservations.booking.plans import CHANGES, Wish
from reservations.booking.states import roles_of_key
from reservations.delivery.actions import accept


class ChangeRequest(Strict):
    """What to change. `end` to extend or end early, `quantity` (from `starting` on) to resize, `start` to move."""

    kind = serializers.ChoiceField(choices=CHANGES)
    start = serializers.DateField(required=False, help_text="The new first day")
    end_exclusive = serializers.DateField(required=False, help_text="The new end, not included")
    quantity = serializers.IntegerField(required=False, min_value=1, help_text="GPUs that the block shall have")
    starting = serializers.DateField(required=False, help_text="The first day with that quantity")
    cause = serializers.ChoiceField(
        choices=CAUSES, required=False, help_text="Of giving days back: convenience if left out"
    )
    reason = Text(required=False, max_length=2000)


class Changes(ReservationDoor):
    scopes: ClassVar[dict[str, str]] = {"GET": "read", "POST": "commit"}

    @extend_schema(
        operation_id="list_changes",
        summary="Changes asked for and made",
        tags=["buy"],
        responses={200: ChangeList, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        """Newest first, all of them. What the reservation's holder before you asked for is not among them."""
        reservation = self.own(public_id)
        made = reservation.changes.filter(quote__organisation_id=self.organisation_id).select_related("quote")
        return Response(listed([ReservationChangeShape(each).data for each in made]))

    @extend_schema(
        operation_id="quote_change",
        summary="A quote for a change: extend, resize, move, end early or cancel",
        tags=["buy"],
        parameters=keyed(),
        request=ChangeRequest,
        responses={201: QuoteShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Shows what the change would add, return, cost and refund, and holds what it adds until the quote expires.

        Nothing changes before POST /quotes/{id}/accept, which answers with the reservation as it is then.
        """
        body = read(ChangeRequest, request.data)
        wish = Wish(
            kind=body["kind"],
            start=body.get("start"),
            end=body.get("end_exclusive"),
            quantity=body.get("quantity"),
            starting=body.get("starting"),
            cause=body.get("cause", CONVENIENCE),
            reason=body.get("reason", ""),
        )
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: quote_change(
                reservation=public_id,
                wish=wish,
                by=self.key.as_actor(),
                organisation_id=self.organisation_id,
                roles=roles_of_key(self.key.scopes),
            ),
            render=lambda quote: (201, shown(quote)),
        )


class Transitions(ReservationDoor):
    @extend_schema(
        operation_id="list_transitions",
        summary="The reservation's life so far",
        tags=["buy"],
        responses={200: TransitionList, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        """From the first step after its acceptance to the last, as they were written down."""
        reservation = self.own(public_id)
        steps = reservation.transitions.all()
        if reservation.assigned_at is not None:
            steps = steps.filter(at__gte=reservation.assigned_at)
        return Response(listed([TransitionShape(each).data for each in steps]))


class AcceptDelivery(ReservationDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="accept_delivery",
        summary="Accept delivery: the term runs",
        tags=["buy"],
        parameters=keyed(),
        request=Empty,
        responses={200: ReservationShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Before it is deemed accepted. This cannot be undone."""
        read(Empty, request.data)

        def act() -> Reservation:
            return accept(
                reservation=public_id,
                by=self.key.as_actor(),
                organisation_id=self.organisation_id,
                roles=roles_of_key(self.key.scopes),
            ).reservation

        def render(reservation: Reservation) -> tuple[int, Any]:
            return 200, shown_reservation(reservation, self.seen_by())

        return answer_once(request, organisation_id=self.organisation_id, action=act, render=render)
