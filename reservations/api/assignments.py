"""Assigning a reservation to another organisation over REST."""

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import PageParams, cursor_page
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import Strict, Text, read
from marketplace.api.views import Door
from marketplace.units import clock
from pricing.api.views import Empty
from reservations.api.shapes import AssignmentList, AssignmentShape
from reservations.booking.amendments import GROUNDS, Assignment
from reservations.booking.assigning import (
    AssignmentNotFound,
    accept_assignment,
    decline_assignment,
    offer_assignment,
    withdraw_assignment,
)
from reservations.booking.states import roles_of_key


class AssignmentRequest(Strict):
    receiver = Text(max_length=40, help_text="Id of the other organisation: org_…")
    grounds = serializers.ChoiceField(choices=GROUNDS)
    note = Text(required=False, max_length=500, help_text="For the seller, who consents or not")


class AssignmentDoor(Door):
    def seen_by(self) -> dict[str, Any]:
        roles = roles_of_key(self.key.scopes)
        return {"now": clock.now(), "roles": roles, "organisation_id": self.organisation_id}

    def shown(self, assignment: Assignment) -> Any:
        return AssignmentShape(Assignment.objects.with_names().get(pk=assignment.pk), context=self.seen_by()).data

    def decided(
        self, request: Request, public_id: str, action: Callable[..., Assignment], shape: type[Strict] = Empty
    ) -> Response:
        body = read(shape, request.data)
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: action(
                assignment=public_id,
                by=self.key.as_actor(),
                organisation_id=self.organisation_id,
                roles=roles_of_key(self.key.scopes),
                **body,
            ),
            render=lambda assignment: (200, self.shown(assignment)),
        )


class Assignments(AssignmentDoor):
    params_shape = PageParams

    @extend_schema(
        operation_id="list_assignments",
        summary="Reservations offered to and by others",
        tags=["buy"],
        parameters=[PageParams],
        responses={200: AssignmentList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first. What is offered to you is listed once the seller has consented."""
        own, context = Assignment.objects.of(self.organisation_id), self.seen_by()
        return Response(
            cursor_page(
                request,
                among=own,
                chosen=own.with_names(),
                params=self.params,
                render=lambda each: AssignmentShape(each, context=context).data,
            )
        )


class OneAssignment(AssignmentDoor):
    @extend_schema(
        operation_id="get_assignment",
        summary="One assignment",
        tags=["buy"],
        responses={200: AssignmentShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        found = Assignment.objects.of(self.organisation_id).filter(public_id=public_id).first()
        if found is None:
            raise AssignmentNotFound
        return Response(self.shown(found))


class OfferAssignment(AssignmentDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="offer_assignment",
        summary="Offer a reservation to another organisation",
        tags=["buy"],
        parameters=keyed(),
        request=AssignmentRequest,
        responses={201: AssignmentShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """The seller consents first, then the receiver accepts: until then nothing changes, and you may withdraw it."""
        body = read(AssignmentRequest, request.data)
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: offer_assignment(
                reservation=public_id,
                receiver=body["receiver"],
                grounds=body["grounds"],
                note=body.get("note", ""),
                by=self.key.as_actor(),
                organisation_id=self.organisation_id,
                roles=roles_of_key(self.key.scopes),
            ),
            render=lambda assignment: (201, self.shown(assignment)),
        )


class TakeOverRequest(Strict):
    """Which of your cost centres pays for it; your default one where you name none."""

    cost_centre = Text(required=False)


ANSWERS: dict[Any, Any] = {200: AssignmentShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)}


class AcceptAssignment(AssignmentDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="accept_assignment",
        summary="Take over a reservation: binding",
        tags=["buy"],
        parameters=keyed(),
        request=TakeOverRequest,
        responses=ANSWERS,
    )
    def post(self, request: Request, public_id: str) -> Response:
        """From now on you hold the block and owe for it. This cannot be undone."""
        return self.decided(request, public_id, accept_assignment, TakeOverRequest)


class DeclineAssignment(AssignmentDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="decline_assignment",
        summary="Decline a reservation that is offered to you",
        tags=["buy"],
        parameters=keyed(),
        request=Empty,
        responses=ANSWERS,
    )
    def post(self, request: Request, public_id: str) -> Response:
        """It stays with who holds it."""
        return self.decided(request, public_id, decline_assignment)


class WithdrawAssignment(AssignmentDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="withdraw_assignment",
        summary="Withdraw the offer of a reservation",
        tags=["buy"],
        parameters=keyed(),
        request=Empty,
        responses=ANSWERS,
    )
    def post(self, request: Request, public_id: str) -> Response:
        """As long as it stands."""
        return self.decided(request, public_id, withdraw_assignment)
