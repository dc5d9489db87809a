"""What waits for an approval, the steps that are taken on it, and the order form that comes of it."""

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import MoneyField, ObjectField, public_id
from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import ListShape, PageParams, cursor_page
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import Strict, Text, read
from marketplace.change import change
from pricing.api.views import Empty
from reservations.api.shapes import ReservationShape
from reservations.api.views import ReservationDoor, shown_reservation
from reservations.booking.approvals import ApprovalStage
from reservations.booking.approving import approve, decline, is_turn_of, waiting, withdraw
from reservations.booking.lifecycle import ReservationNotFound
from reservations.booking.models import Reservation
from reservations.booking.ordering import customers_order_form


class StageShape(serializers.Serializer[Any]):
    position = serializers.IntegerField()
    role = serializers.CharField(allow_null=True, help_text="approver or admin; null where a person is named")
    person = serializers.EmailField(source="user.email", allow_null=True, default=None)
    decision = serializers.CharField(allow_null=True, help_text="approved, declined, or null while it waits")
    decided_by = serializers.SerializerMethodField()
    decided_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField()

    def get_decided_by(self, stage: ApprovalStage) -> str | None:
        return stage.decided_by or None


class ApprovalShape(serializers.Serializer[Any]):
    """A request of your organisation that waits. Its id is the reservation's."""

    id = public_id()
    object = ObjectField("approval")
    created_at = serializers.DateTimeField(source="accepted_at")
    reservation = public_id()
    requested_by = serializers.CharField(source="accepted_by")
    deadline = serializers.DateTimeField(help_text="From then on capacity and budget are free again")
    pool = public_id("pool.public_id")
    quantity = serializers.IntegerField()
    start = serializers.DateField()
    end_exclusive = serializers.DateField(source="end")
    total = MoneyField(source="money")
    cost_centre = serializers.CharField(source="cost_centre.public_id", allow_null=True, default=None)
    purchase_order = serializers.CharField()
    steps = StageShape(many=True, source="stages.all")
    allowed_actions = serializers.SerializerMethodField()

    def get_allowed_actions(self, reservation: Reservation) -> list[str]:
        key = self.context["key"]
        mine = is_turn_of(reservation, user_id=None, key_id=key.pk, roles=self.context["roles"])
        return ["approve", "decline"] if mine else []


class ApprovalList(ListShape):
    data = ApprovalShape(many=True)


class ApproveRequest(Strict):
    note = Text(required=False, max_length=2000, allow_blank=True, help_text="Kept with the step")


class DeclineRequest(Strict):
    reason = Text(max_length=2000, help_text="Kept with the step, and shown to who asked")


class Approvals(ReservationDoor):
    params_shape = PageParams

    @extend_schema(
        operation_id="list_approvals",
        summary="What waits for an approval",
        tags=["authority"],
        parameters=[PageParams],
        responses={200: ApprovalList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first. `allowed_actions` says which of them this key may decide."""
        context = self.seen_by() | {"key": self.key}
        own = Reservation.objects.of(self.organisation_id)
        return Response(
            cursor_page(
                request,
                among=own,
                chosen=waiting(self.organisation_id, context["now"]),
                params=self.params,
                render=lambda reservation: ApprovalShape(reservation, context=context).data,
            )
        )


class Approve(ReservationDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="approve_reservation",
        summary="Take the next step of an approval; the last one is binding",
        tags=["authority"],
        parameters=keyed(),
        request=ApproveRequest,
        responses={200: ReservationShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Needs the scopes “commit” and “admin”, and not the key (or person) that asked."""
        body = read(ApproveRequest, request.data)
        context = self.seen_by()
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: approve(
                public_id=public_id,
                by=self.key.as_actor(),
                roles=context["roles"],
                organisation_id=self.organisation_id,
                note=body.get("note", ""),
            ),
            render=lambda found: (200, shown_reservation(found, context)),
        )


class Decline(ReservationDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="decline_reservation",
        summary="Decline a purchase",
        tags=["authority"],
        parameters=keyed(),
        request=DeclineRequest,
        responses={200: ReservationShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Final: capacity and budget are free again. Nothing was charged."""
        body = read(DeclineRequest, request.data)
        context = self.seen_by()
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: decline(
                public_id=public_id,
                by=self.key.as_actor(),
                roles=context["roles"],
                organisation_id=self.organisation_id,
                reason=body["reason"],
            ),
            render=lambda found: (200, shown_reservation(found, context)),
        )


class Withdraw(ReservationDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="withdraw_reservation",
        summary="Take a request for approval back",
        tags=["authority"],
        parameters=keyed(),
        request=Empty,
        responses={200: ReservationShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Final, before it is decided: capacity and budget are free again. Nothing was charged."""
        read(Empty, request.data)
        context = self.seen_by()
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: withdraw(
                public_id=public_id,
                by=self.key.as_actor(),
                roles=context["roles"],
                organisation_id=self.organisation_id,
            ),
            render=lambda found: (200, shown_reservation(found, context)),
        )


class OrderFormDoor(ReservationDoor):
    @extend_schema(
        operation_id="get_order_form",
        summary="The order form as PDF",
        tags=["buy"],
        responses={
            (200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY),
            **problems(401, 403, 404, 409, 422),
        },
    )
    def get(self, request: Request, public_id: str) -> HttpResponse:
        """The same bytes every time; their SHA-256 is `order_form_digest` of the reservation. There is none for a block
        that was taken over from another organisation."""
        ordered = Reservation.objects.of(self.organisation_id).filter(assigned_at=None)
        found = ordered.filter(public_id=public_id).first()
        if found is None:
            raise ReservationNotFound
        form = change.run(lambda: customers_order_form(reservation=found))
        answer = HttpResponse(bytes(form.pdf), content_type="application/pdf")
        answer["Content-Disposition"] = f'attachment; filename="{found.public_id}.pdf"'
        return answer
