"""Delivery over REST: how it stands, for both sides; the provider's acts (scope `supply`) and the customer's."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import ObjectField, public_id
from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import ListShape, listed
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import Day, Strict, Text, read
from marketplace.api.views import Door
from marketplace.units import clock
from pricing.api.shapes import AcceptanceTestShape
from reservations.booking.lifecycle import ReservationNotFound, allowed_actions
from reservations.booking.models import Reservation
from reservations.booking.states import COMMITTED, PROVIDER, roles_of_key
from reservations.delivery import actions
from reservations.delivery.models import Delivery
from reservations.delivery.queries import MOST, Standing, deliveries_due, standing_of
from reservations.delivery.verdicts import FABRIC_NODE, Result

PROVIDES = frozenset({PROVIDER})
OF_DELIVERY = ("hand_over", "accept_delivery", "accept_part", "reject_delivery")


class ServedByShape(serializers.Serializer[Any]):
    project = serializers.CharField(allow_null=True, help_text="null: no project is ready in time for these GPUs")
    gpus = serializers.IntegerField()


class FailedNodeShape(serializers.Serializer[Any]):
    node = serializers.CharField()
    tests = serializers.ListField(child=serializers.CharField())


class VerdictShape(serializers.Serializer[Any]):
    """The results of the present round against the contract's tests."""

    passes = serializers.BooleanField()
    passed = serializers.ListField(child=serializers.CharField(), help_text="Nodes with every test, passed")
    failed = FailedNodeShape(many=True)
    open = serializers.ListField(child=serializers.CharField(), help_text="Nodes that lack a test")
    unseen = serializers.IntegerField(help_text="Nodes of which nothing was reported")
    fabric_failed = serializers.ListField(child=serializers.CharField())
    fabric_open = serializers.ListField(child=serializers.CharField())


class ActShape(serializers.Serializer[Any]):
    """What a side did or reported: evidence, sealed with the act before it."""

    number = serializers.IntegerField()
    kind = serializers.CharField()
    side = serializers.CharField()
    round = serializers.IntegerField()
    at = serializers.DateTimeField()
    digest = serializers.CharField(help_text="SHA-256 over the digest before and this act")


class DeliveryShape(serializers.Serializer[Any]):
    """How a reservation is delivered, as it stands."""

    id = public_id(allow_null=True)
    object = ObjectField("delivery")
    reservation = public_id()
    status = serializers.CharField(help_text="Of the reservation")
    allowed_actions = serializers.ListField(child=serializers.CharField())
    handover = serializers.CharField(help_text="provider, or clock: in contracts from before providers handed over")
    start = serializers.DateField()
    end_exclusive = serializers.DateField()
    quantity = serializers.IntegerField()
    nodes_open = serializers.IntegerField(help_text="Nodes that are not accepted yet")
    late_days = serializers.IntegerField(help_text="Of what is not accepted yet; credits run until acceptance")
    notice_by = serializers.DateField(allow_null=True)
    ready_on = serializers.DateField(allow_null=True)
    handed_over_on = serializers.DateField(allow_null=True)
    accept_until = serializers.DateField(allow_null=True, help_text="As this day begins, silence is acceptance")
    accepted_on = serializers.DateField(allow_null=True, help_text="The term runs from here")
    accepted_in_part = serializers.ListField(child=serializers.DictField())
    handed_back_on = serializers.DateField(allow_null=True)
    free_from = serializers.DateField(allow_null=True)
    contact = serializers.CharField(allow_blank=True)
    access_reference = serializers.CharField(allow_blank=True, help_text="Where access details are kept; no secrets")
    served_by = ServedByShape(many=True, help_text="Empty where the seller's contract does not show its projects")
    tests = AcceptanceTestShape(many=True)
    verdict = VerdictShape(allow_null=True)
    acts = ActShape(many=True)


class DeliveryList(ListShape):
    data = DeliveryShape(many=True)


def shown_delivery(standing: Standing, roles: frozenset[str]) -> dict[str, Any]:
    block, given, now = standing.reservation, standing.delivery, clock.now()
    over = standing.state in ("delivered", "ended")
    found = {
        "id": given.public_id if given else None,
        "reservation": block.public_id,
        "status": standing.state,
        "allowed_actions": [each for each in allowed_actions(block, roles, now) if each in OF_DELIVERY],
        "handover": block.handover,
        "start": block.start,
        "end_exclusive": block.end,
        "quantity": block.quantity,
        "nodes_open": 0 if over and block.delivered_on else standing.nodes,
        "late_days": standing.late_days,
        "notice_by": standing.notice_by,
        "handed_over_on": block.handed_over_on,
        "accept_until": standing.accept_until,
        "accepted_on": block.delivered_on if over else None,
        "accepted_in_part": block.accepted_parts,
        "served_by": [{"project": name or None, "gpus": gpus} for name, gpus in standing.served_by],
        "tests": block.quote.contract_terms.tests,
        "verdict": _verdict(standing),
        "acts": list(given.acts.order_by("number")) if given else [],
        **{name: getattr(given, name, None) for name in ("ready_on", "handed_back_on", "free_from")},
        **{name: getattr(given, name, "") for name in ("contact", "access_reference")},
    }
    return dict(DeliveryShape(found).data)


def _verdict(standing: Standing) -> dict[str, Any] | None:
    found = standing.verdict
    if found is None:
        return None
    failed = [{"node": node, "tests": tests} for node, tests in found.failed]
    names = ("passes", "passed", "open", "unseen", "fabric_failed", "fabric_open")
    return {**{name: getattr(found, name) for name in names}, "failed": failed}


class OfDelivery(Door):
    """Either side finds it; everybody else finds nothing."""

    def found(self, public_id: str) -> Reservation:
        mine = Q(organisation_id=self.organisation_id)
        sold = Q(pool__seller_id=self.organisation_id, status__in=COMMITTED)
        rows = Reservation.objects.filter(mine | sold).with_terms()
        reservation = rows.filter(public_id=public_id).first()
        if reservation is None:
            raise ReservationNotFound
        return reservation

    def shown(self, public_id: str) -> dict[str, Any]:
        reservation = self.found(public_id)
        sells = reservation.pool.seller_id == self.organisation_id
        roles = roles_of_key(self.key.scopes if reservation.organisation_id == self.organisation_id else ())
        if sells and "supply" in self.key.scopes:
            roles |= PROVIDES
        seen = sells or reservation.quote.contract_terms.project_shown
        return shown_delivery(standing_of(reservation, clock.now(), sees_project=seen), roles)

    def done(self, request: Request, public_id: str, act: Callable[[], Delivery]) -> Response:
        return answer_once(
            request, organisation_id=self.organisation_id, action=act, render=lambda _: self._answer(public_id)
        )

    def _answer(self, public_id: str) -> tuple[int, Any]:
        return 200, self.shown(public_id)

    def provider(self, public_id: str) -> dict[str, Any]:
        """Whose act it is: of the seller of the reservation's pool."""
        return {
            "reservation": public_id,
            "by": self.key.as_actor(),
            "roles": PROVIDES,
            "seller_id": self.organisation_id,
        }

    def customer(self, public_id: str) -> dict[str, Any]:
        return {
            "reservation": public_id,
            "by": self.key.as_actor(),
            "roles": roles_of_key(self.key.scopes),
            "organisation_id": self.organisation_id,
        }


ANSWERS: dict[Any, Any] = {200: DeliveryShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)}


class DeliveryDoor(OfDelivery):
    @extend_schema(
        operation_id="get_delivery",
        summary="How a reservation is delivered",
        tags=["deliver"],
        responses={200: DeliveryShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        """For the customer and for the seller: dates, contact, tests and results, and where access details are kept."""
        return Response(self.shown(public_id))


class Deliveries(Door):
    scopes: ClassVar[dict[str, str]] = {"GET": "supply"}

    @extend_schema(
        operation_id="list_deliveries",
        summary="What you have to deliver, or to take back",
        tags=["deliver"],
        responses={200: DeliveryList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Of your own pools: what starts within 30 days or is late, waits for an answer, or has ended."""
        now = clock.now()
        rows = deliveries_due(now, seller_id=self.organisation_id)[:MOST]
        found = [shown_delivery(standing_of(each, now, sees_project=True), PROVIDES) for each in rows]
        return Response(listed(found))


class ReadyRequest(Strict):
    ready_on = Day(help_text="The day on which you will hand over")
    contact = Text(required=False, max_length=200, allow_blank=True, help_text="Whom the customer asks")


class Ready(OfDelivery):
    scopes: ClassVar[dict[str, str]] = {"POST": "supply"}

    @extend_schema(
        operation_id="say_ready",
        summary="Say on which day you will hand over",
        tags=["deliver"],
        parameters=keyed(),
        request=ReadyRequest,
        responses=ANSWERS,
    )
    def post(self, request: Request, public_id: str) -> Response:
        """With the contract's notice, as long as the agreed day can be kept with it. A later notice replaces it."""
        body = read(ReadyRequest, request.data)
        return self.done(request, public_id, lambda: actions.say_ready(**body, **self.provider(public_id)))


class HandOverRequest(Strict):
    contact = Text(max_length=200, help_text="Whom the customer asks")
    access_reference = Text(max_length=200, help_text="Where the access details are kept: an id or an https address")


class HandOver(OfDelivery):
    scopes: ClassVar[dict[str, str]] = {"POST": "supply"}

    @extend_schema(
        operation_id="hand_over",
        summary="Hand over: the customer has access",
        tags=["deliver"],
        parameters=keyed(),
        request=HandOverRequest,
        responses=ANSWERS,
    )
    def post(self, request: Request, public_id: str) -> Response:
        """From a day before the first one. Send a reference, never a password or a key: what looks like one is refused
        and not kept."""
        body = read(HandOverRequest, request.data)
        return self.done(request, public_id, lambda: actions.hand_over(**body, **self.provider(public_id)))


class Figures(serializers.DictField):
    child = serializers.DecimalField(max_digits=14, decimal_places=4, min_value=Decimal(0))


class NodeFigures(Strict):
    node = Text(max_length=actions.LONGEST_NODE)
    results = Figures(help_text="Test -> figure")


class ResultsRequest(Strict):
    nodes = NodeFigures(many=True, required=False)
    fabric = Figures(required=False, help_text="Test of the fabric as a whole -> figure")


def results_in(body: dict[str, Any]) -> list[Result]:
    found = [
        Result(each["node"], test, value) for each in body.get("nodes", ()) for test, value in each["results"].items()
    ]
    return found + [Result(FABRIC_NODE, test, value) for test, value in body.get("fabric", {}).items()]


class Results(OfDelivery):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="post_results",
        summary="Report your test results, many nodes at once",
        tags=["deliver"],
        parameters=keyed(),
        request=ResultsRequest,
        responses=ANSWERS,
    )
    def post(self, request: Request, public_id: str) -> Response:
        """All of them or none. A later figure of the same node and test is a retest, and counts."""
        found = results_in(read(ResultsRequest, request.data))
        return self.done(request, public_id, lambda: actions.post_results(results=found, **self.customer(public_id)))


class ProviderResults(OfDelivery):
    scopes: ClassVar[dict[str, str]] = {"POST": "supply"}

    @extend_schema(
        operation_id="post_provider_results",
        summary="Report your test results as the provider",
        tags=["deliver"],
        parameters=keyed(),
        request=ResultsRequest,
        responses=ANSWERS,
    )
    def post(self, request: Request, public_id: str) -> Response:
        """As the customer's: who reported what is kept."""
        found = results_in(read(ResultsRequest, request.data))
        return self.done(request, public_id, lambda: actions.post_results(results=found, **self.provider(public_id)))


class AcceptHandoverRequest(Strict):
    nodes = serializers.ListField(
        child=Text(max_length=actions.LONGEST_NODE), required=False, help_text="These alone; all, if left out"
    )


class AcceptHandover(OfDelivery):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="accept_handover",
        summary="Accept what was handed over, all or some nodes of it",
        tags=["deliver"],
        parameters=keyed(),
        request=AcceptHandoverRequest,
        responses=ANSWERS,
    )
    def post(self, request: Request, public_id: str) -> Response:
        """The term runs from now. Of what is not accepted the provider stays late. This cannot be undone."""
        body = read(AcceptHandoverRequest, request.data)
        return self.done(request, public_id, lambda: actions.accept(**body, **self.customer(public_id)))


class RejectRequest(Strict):
    tests = serializers.ListField(child=Text(), help_text="Which failed, by the results that were reported")
    reason = Text(max_length=2000, help_text="Shown to the provider")


class RejectHandover(OfDelivery):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    @extend_schema(
        operation_id="reject_handover",
        summary="Reject what was handed over",
        tags=["deliver"],
        parameters=keyed(),
        request=RejectRequest,
        responses=ANSWERS,
    )
    def post(self, request: Request, public_id: str) -> Response:
        """It counts as not handed over: late from the agreed day on, until what is handed over again is accepted."""
        body = read(RejectRequest, request.data)
        return self.done(request, public_id, lambda: actions.reject(**body, **self.customer(public_id)))


class HandBackRequest(Strict):
    note = Text(required=False, max_length=500, allow_blank=True)


class HandBack(OfDelivery):
    scopes: ClassVar[dict[str, str]] = {"POST": "supply"}

    @extend_schema(
        operation_id="hand_back",
        summary="Record that you have the GPUs back",
        tags=["deliver"],
        parameters=keyed(),
        request=HandBackRequest,
        responses=ANSWERS,
    )
    def post(self, request: Request, public_id: str) -> Response:
        """After the last day. They are free again after the contract's turnaround."""
        body = read(HandBackRequest, request.data)
        return self.done(request, public_id, lambda: actions.hand_back(**body, **self.provider(public_id)))
