"""When supply slips, over REST: remedies and their choices, the causes that excuse, and the threads about them."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import MoneyField, ObjectField, public_id
from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import ListShape, PageParams, cursor_page, listed
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import Strict, Text, read
from marketplace.api.views import Door
from marketplace.units import clock
from pricing.api.views import Empty
from reservations.allocation.causes import OUTCOMES, CauseDispute, DelayCause
from reservations.allocation.choosing import RemedyNotFound, choose
from reservations.allocation.deciding import OPEN
from reservations.allocation.leaving import leave_at_long_stop
from reservations.allocation.remedies import KINDS, STATES, Remedy
from reservations.allocation.stating import DisputeNotFound, causes_of, open_dispute, post_to_dispute
from reservations.api.shapes import ReservationShape
from reservations.api.views import ReservationDoor, shown_reservation
from reservations.booking.models import Reservation
from reservations.booking.states import CUSTOMER, roles_of_key


class RemedyLineShape(serializers.Serializer[Any]):
    start = serializers.DateField()
    end_exclusive = serializers.DateField()
    quantity = serializers.IntegerField()


class ComparedFieldShape(serializers.Serializer[Any]):
    """One field of the service spec: what was agreed, what is offered in its place."""

    field = serializers.CharField()
    has = serializers.JSONField()
    offers = serializers.JSONField()
    verdict = serializers.CharField(help_text="equal or better")


class RemedyChoiceShape(serializers.Serializer[Any]):
    """One way to go on. What it adds is held until the deadline."""

    id = public_id()
    kind = serializers.CharField(help_text=", ".join(kind for kind, _ in KINDS))
    is_default = serializers.BooleanField(help_text="What silence means")
    pool = public_id("pool.public_id")
    lines = RemedyLineShape(many=True, help_text="The block afterwards; none after an exit")
    changes_days = serializers.BooleanField(help_text="Whether the reservation becomes another block")
    takes_effect_at_once = serializers.BooleanField(help_text="It begins before the deadline, so it cannot be undone")
    late_from = serializers.DateField(allow_null=True, help_text="The first day that is not served as agreed")
    late_until = serializers.DateField(allow_null=True, help_text="The day on which it is served again, or expected")
    credit = MoneyField(source="credit_money", help_text="For being late, by the contract's formula")
    refund = MoneyField(source="refund_money", help_text="By which the price falls")
    confidence = serializers.CharField(allow_null=True)
    comparison = ComparedFieldShape(many=True, allow_null=True, help_text="Of a substitute")
    opens_on = serializers.DateField(allow_null=True, help_text="Of an exit: the long-stop date")


class MilestoneOutlookShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    planned = serializers.DateField()
    forecast = serializers.DateField()


class RemedyOutlookShape(serializers.Serializer[Any]):
    dates = serializers.ListField(child=serializers.DateField(), help_text="Equally likely first days")
    milestones = MilestoneOutlookShape(many=True)


class RemedyShape(serializers.Serializer[Remedy]):
    """What happened to a reservation, why, and what can be chosen until the deadline."""

    id = public_id()
    object = ObjectField("remedy")
    created_at = serializers.DateTimeField(source="announced_at")
    status = serializers.SerializerMethodField(help_text=", ".join(state for state, _ in STATES))
    allowed_actions = serializers.SerializerMethodField()
    reservation = public_id("reservation.public_id")
    happened = serializers.CharField()
    bottleneck = serializers.CharField(help_text="What decides the date")
    confidence = serializers.CharField(allow_null=True, help_text="That the block comes whole and on time, now")
    confidence_before = serializers.CharField(allow_null=True)
    outlook = RemedyOutlookShape()
    agreed_start = serializers.DateField()
    deadline = serializers.DateTimeField(help_text="Silence means to wait")
    settles_at = serializers.DateTimeField(help_text="When what stands takes effect")
    choices = RemedyChoiceShape(many=True, source="choices.all")
    standing = public_id("standing.public_id", help_text="The choice that took effect, or would")
    chosen_at = serializers.DateTimeField(allow_null=True)
    chosen_by = serializers.CharField()
    settled_at = serializers.DateTimeField(allow_null=True, help_text="When it was written down")
    note = serializers.CharField(help_text="Why something else took effect than was chosen")

    def get_status(self, remedy: Remedy) -> str:
        return remedy.state(self.context["now"])

    def get_allowed_actions(self, remedy: Remedy) -> list[str]:
        may = not CUSTOMER.isdisjoint(self.context["roles"])
        return ["choose"] if may and remedy.state(self.context["now"]) == OPEN else []


class RemedyList(ListShape):
    data = RemedyShape(many=True)


class RemedyParams(PageParams):
    status = serializers.ChoiceField(choices=STATES, required=False)
    reservation = Text(required=False)


class RemedyDoor(Door):
    def seen_by(self) -> dict[str, Any]:
        return {"now": clock.now(), "roles": roles_of_key(self.key.scopes)}

    def shown(self, remedy: Remedy) -> Any:
        return RemedyShape(Remedy.objects.shown().get(pk=remedy.pk), context=self.seen_by()).data


class Remedies(RemedyDoor):
    params_shape = RemedyParams

    @extend_schema(
        operation_id="list_remedies",
        summary="Slips of your reservations, and your choices",
        tags=["buy"],
        parameters=[RemedyParams],
        responses={200: RemedyList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        context, own = self.seen_by(), Remedy.objects.of(self.organisation_id)
        chosen = own.shown()
        if "status" in self.params:
            chosen = chosen.in_state(self.params["status"], context["now"])
        if "reservation" in self.params:
            chosen = chosen.filter(reservation__public_id=self.params["reservation"])
        return Response(
            cursor_page(
                request,
                among=own,
                chosen=chosen,
                params=self.params,
                render=lambda each: RemedyShape(each, context=context).data,
            )
        )


class OneRemedy(RemedyDoor):
    @extend_schema(
        operation_id="get_remedy",
        summary="One remedy",
        tags=["buy"],
        responses={200: RemedyShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        found = Remedy.objects.of(self.organisation_id).filter(public_id=public_id).first()
        if found is None:
            raise RemedyNotFound
        return Response(self.shown(found))


class ChooseRequest(Strict):
    choice = Text(max_length=40, help_text="Id of one of its choices: rmc_…")


class ChooseRemedy(RemedyDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="choose_remedy",
        summary="Choose how to go on",
        tags=["buy"],
        parameters=keyed(),
        request=ChooseRequest,
        responses={200: RemedyShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Until the deadline another choice can be made. Silence means to wait, with the credit."""
        body = read(ChooseRequest, request.data)
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: choose(
                remedy=public_id,
                choice=body["choice"],
                by=self.key.as_actor(),
                organisation_id=self.organisation_id,
                roles=roles_of_key(self.key.scopes),
            ),
            render=lambda remedy: (200, self.shown(remedy)),
        )


class LeaveReservation(ReservationDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="leave_reservation",
        summary="Leave a contract that is late beyond its long-stop date",
        tags=["buy"],
        parameters=keyed(),
        request=Empty,
        responses={200: ReservationShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Everything that was due comes back, and the credits stay. This cannot be undone."""
        read(Empty, request.data)

        def act() -> Reservation:
            return leave_at_long_stop(
                reservation=public_id,
                by=self.key.as_actor(),
                organisation_id=self.organisation_id,
                roles=roles_of_key(self.key.scopes),
            )

        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=act,
            render=lambda reservation: (200, shown_reservation(reservation, self.seen_by())),
        )


class DisputePostShape(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    by = serializers.CharField()
    is_staff = serializers.BooleanField()
    text = serializers.CharField()


class DisputeShape(serializers.Serializer[CauseDispute]):
    """A thread about whether a cause excuses the delay of a reservation."""

    id = public_id()
    object = ObjectField("dispute")
    created_at = serializers.DateTimeField(source="opened_at")
    allowed_actions = serializers.SerializerMethodField()
    cause = public_id("cause.public_id")
    reservation = public_id("reservation.public_id")
    outcome = serializers.SerializerMethodField(help_text="null while open; " + ", ".join(name for name, _ in OUTCOMES))
    days = serializers.IntegerField(allow_null=True, help_text="That the cause excuses here, if not as stated")
    resolved_at = serializers.DateTimeField(allow_null=True)
    posts = DisputePostShape(many=True, source="posts.all")

    def get_outcome(self, dispute: CauseDispute) -> str | None:
        return dispute.outcome or None

    def get_allowed_actions(self, dispute: CauseDispute) -> list[str]:
        may = not CUSTOMER.isdisjoint(self.context["roles"])
        return ["post"] if may and dispute.is_open else []


class DisputeList(ListShape):
    data = DisputeShape(many=True)


class DelayCauseShape(serializers.Serializer[DelayCause]):
    """Why a site, a project or what a disruption hits is late: stated by one person, confirmed by another."""

    id = public_id()
    object = ObjectField("cause")
    created_at = serializers.DateTimeField(source="stated_at")
    kind = serializers.CharField()
    days = serializers.IntegerField()
    began = serializers.DateField()
    notice_at = serializers.DateTimeField()
    statement = serializers.CharField()
    evidence = serializers.CharField()
    confirmed_at = serializers.DateTimeField()
    dispute = serializers.SerializerMethodField(help_text="Yours about it, or null")

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_dispute(self, cause: DelayCause) -> str | None:
        found: dict[int, str] = self.context["disputes"]
        return found.get(cause.pk)


class DelayCauseList(ListShape):
    data = DelayCauseShape(many=True)


class Causes(ReservationDoor):
    @extend_schema(
        operation_id="list_causes",
        summary="Confirmed causes that excuse late days of a reservation",
        tags=["buy"],
        responses={200: DelayCauseList, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        """How many days each excuses, at most and together, is in `contract.delay_terms`."""
        reservation = self.own(public_id)
        own = CauseDispute.objects.of(self.organisation_id).filter(reservation=reservation)
        context = {"disputes": dict(own.values_list("cause_id", "public_id"))}
        return Response(listed([DelayCauseShape(each, context=context).data for each in causes_of(reservation)]))


class DisputeRequest(Strict):
    cause = Text(max_length=40, help_text="Id of a confirmed cause: dcs_…")
    text = Text(max_length=5000, help_text="Why it does not excuse the delay")


class DisputePostRequest(Strict):
    text = Text(max_length=5000)


class DisputeDoor(ReservationDoor):
    def shown(self, dispute: CauseDispute) -> Any:
        return DisputeShape(dispute, context={"roles": roles_of_key(self.key.scopes)}).data

    def mine(self) -> Any:
        rows = CauseDispute.objects.of(self.organisation_id).select_related("cause", "reservation")
        return rows.prefetch_related("posts")


class Disputes(DisputeDoor):
    scopes: ClassVar[dict[str, str]] = {"GET": "read", "POST": "commit"}

    @extend_schema(
        operation_id="list_disputes",
        summary="Your disputes about causes",
        tags=["buy"],
        responses={200: DisputeList, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        """Those about this reservation, newest first."""
        reservation = self.own(public_id)
        return Response(listed([self.shown(each) for each in self.mine().filter(reservation=reservation)]))

    @extend_schema(
        operation_id="open_dispute",
        summary="Dispute a cause",
        tags=["buy"],
        parameters=keyed(),
        request=DisputeRequest,
        responses={201: DisputeShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Until it is resolved the cause stands; what the outcome changes is credited at once."""
        body = read(DisputeRequest, request.data)
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: open_dispute(
                reservation=public_id,
                by=self.key.as_actor(),
                organisation_id=self.organisation_id,
                roles=roles_of_key(self.key.scopes),
                **body,
            ),
            render=lambda dispute: (201, self.shown(self.mine().get(pk=dispute.pk))),
        )


class OneDispute(DisputeDoor):
    @extend_schema(
        operation_id="get_dispute",
        summary="One dispute, with its thread",
        tags=["buy"],
        responses={200: DisputeShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        found = self.mine().filter(public_id=public_id).first()
        if found is None:
            raise DisputeNotFound
        return Response(self.shown(found))


class PostToDispute(DisputeDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="post_to_dispute",
        summary="Say one more thing",
        tags=["buy"],
        parameters=keyed(),
        request=DisputePostRequest,
        responses={201: DisputeShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """As long as the dispute is open."""
        body = read(DisputePostRequest, request.data)
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: post_to_dispute(
                dispute=public_id,
                text=body["text"],
                by=self.key.as_actor(),
                organisation_id=self.organisation_id,
                roles=roles_of_key(self.key.scopes),
            ),
            render=lambda dispute: (201, self.shown(self.mine().get(pk=dispute.pk))),
        )
