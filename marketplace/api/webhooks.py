"""Webhook endpoints and what became of each delivery: for keys with the scope admin."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import ObjectField, public_id
from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import ListShape, PageParams, cursor_page
from marketplace.api.problems import Problem, error, explain
from marketplace.api.schema import keyed, problems
from marketplace.api.spending import AdminDoor, Nothing
from marketplace.api.strict import Strict, Text, read
from marketplace.outbox import schedule
from marketplace.outbox.addresses import AddressRefused
from marketplace.outbox.models import DELIVERY_STATUSES, ENABLED, ENDPOINT_STATUSES, WebhookDelivery, WebhookEndpoint
from marketplace.outbox.subscribing import (
    LONGEST_OVERLAP,
    OVERLAP,
    Made,
    WebhookRefused,
    change_endpoint,
    create_endpoint,
    newest_secret,
    ping,
    reachable,
    redeliver,
    remove_endpoint,
    replay,
    rotate_secret,
)
from marketplace.units import clock

CHANGED = (400, 401, 403, 404, 409, 415, 422, 503)


@explain.register
def _(failure: AddressRefused) -> Problem:
    return Problem("invalid", errors=[error("/url", "invalid", str(failure))])


@explain.register
def _(failure: WebhookRefused) -> Problem:
    return Problem("invalid", errors=[error(f"/{failure.field}", "invalid", str(failure))])


class EndpointShape(serializers.Serializer[Any]):
    id = public_id()
    object = ObjectField("webhook_endpoint")
    created_at = serializers.DateTimeField()
    url = serializers.CharField()
    description = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField(), help_text="Empty: every event")
    status = serializers.ChoiceField(choices=ENDPOINT_STATUSES)
    disabled_because = serializers.CharField()
    failing_since = serializers.DateTimeField(allow_null=True, help_text="The first failure since the last delivery")
    retries = serializers.SerializerMethodField(help_text="How long each try waits after the one before")
    secret_fingerprint = serializers.SerializerMethodField(help_text="The start of the newest secret's SHA-256")
    secret = serializers.CharField(required=False, help_text="Only where it was made or rotated: shown this once")
    allowed_actions = serializers.SerializerMethodField()

    def get_retries(self, endpoint: WebhookEndpoint) -> list[str]:
        return schedule.in_words()

    def get_secret_fingerprint(self, endpoint: WebhookEndpoint) -> str:
        return _fingerprint(endpoint)

    def get_allowed_actions(self, endpoint: WebhookEndpoint) -> list[str]:
        always = ["change", "rotate_secret", "remove"]
        return [*always, "ping", "replay"] if endpoint.status == ENABLED else always


class EndpointList(ListShape):
    data = EndpointShape(many=True)


class EndpointRequest(Strict):
    url = Text(max_length=500, help_text="https, a public host, port 443 or 8443")
    events = serializers.ListField(
        child=Text(max_length=60), required=False, help_text="quote.accepted, or quote.* for all; none: every event"
    )
    description = Text(max_length=200, required=False, allow_blank=True)


class EndpointChange(Strict):
    url = Text(max_length=500, required=False)
    events = serializers.ListField(child=Text(max_length=60), required=False)
    description = Text(max_length=200, required=False, allow_blank=True)
    enabled = serializers.BooleanField(required=False)


class RotateRequest(Strict):
    overlap_hours = serializers.IntegerField(
        default=int(OVERLAP.total_seconds() // 3600),
        min_value=0,
        max_value=LONGEST_OVERLAP.days * 24,
        help_text="How long the old secret signs as well; 0 if somebody else may have it",
    )


class ReplayRequest(Strict):
    start = serializers.DateTimeField(help_text="From here, included")
    end = serializers.DateTimeField(help_text="To here, not included")


class ReplayShape(serializers.Serializer[Any]):
    object = ObjectField("webhook_replay")
    events = serializers.IntegerField(help_text="How many are sent again")


class AttemptShape(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    milliseconds = serializers.IntegerField()
    status = serializers.IntegerField(allow_null=True, help_text="HTTP status; null where nothing was answered")
    error = serializers.CharField()
    answer = serializers.CharField(help_text="The first 1,024 bytes")


class WebhookDeliveryShape(serializers.Serializer[Any]):
    id = public_id()
    object = ObjectField("webhook_delivery")
    created_at = serializers.DateTimeField()
    endpoint = public_id("endpoint.public_id")
    event = serializers.CharField(source="event_public_id", help_text="Also the header webhook-id, on every try")
    event_name = serializers.CharField()
    event_at = serializers.DateTimeField()
    status = serializers.ChoiceField(choices=DELIVERY_STATUSES)
    next_try_at = serializers.SerializerMethodField()
    finished_at = serializers.DateTimeField(allow_null=True)
    attempts = AttemptShape(many=True, source="attempts.all", help_text="The newest first")
    allowed_actions = serializers.SerializerMethodField()

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_try_at(self, delivery: WebhookDelivery) -> str | None:
        if delivery.finished_at:
            return None
        return serializers.DateTimeField().to_representation(delivery.next_at)

    def get_allowed_actions(self, delivery: WebhookDelivery) -> list[str]:
        return ["redeliver"] if delivery.endpoint.status == ENABLED else []


class WebhookDeliveryList(ListShape):
    data = WebhookDeliveryShape(many=True)


class DeliveryParams(PageParams):
    endpoint = Text(required=False, help_text="Only to this endpoint")
    status = serializers.ChoiceField(choices=DELIVERY_STATUSES, required=False)
    event = Text(required=False, help_text="Only of this event")


class WebhookDoor(AdminDoor):
    """Endpoints belong to the organisation of the key; a stranger's is like none."""

    def endpoint(self, public_id: str) -> WebhookEndpoint:
        found = WebhookEndpoint.objects.of(self.organisation_id).filter(public_id=public_id).first()
        if found is None:
            raise NotFound
        return found

    def once(self, request: Request, action: Callable[[], Any], render: Callable[[Any], tuple[int, Any]]) -> Response:
        return answer_once(request, organisation_id=self.organisation_id, action=action, render=render)

    def with_secret(self, response: Response, status: int) -> Response:
        """Adds the secret to the answer that goes out, unless there is a newer one: none is kept for a repeat."""
        own = WebhookEndpoint.objects.of(self.organisation_id)
        endpoint = own.filter(public_id=response.data.get("id")).first()
        if endpoint is None or response.status_code != status:
            return response
        if _fingerprint(endpoint) == response.data["secret_fingerprint"]:
            response.data = {**response.data, "secret": newest_secret(endpoint)}
        return response


def _fingerprint(endpoint: WebhookEndpoint) -> str:
    return endpoint.secrets.order_by("-pk")[0].fingerprint[:12]


def shown(endpoint: WebhookEndpoint) -> Any:
    return EndpointShape(endpoint).data


def _made(made: Made) -> Any:
    return shown(made.endpoint)


class WebhookEndpoints(WebhookDoor):
    params_shape = PageParams

    @extend_schema(
        operation_id="list_webhook_endpoints",
        summary="Your webhook endpoints",
        tags=["webhooks"],
        parameters=[PageParams],
        responses={200: EndpointList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first. Secrets are not among what is listed."""
        own = WebhookEndpoint.objects.of(self.organisation_id)
        return Response(cursor_page(request, among=own, chosen=own, params=self.params, render=shown))

    @extend_schema(
        operation_id="create_webhook_endpoint",
        summary="Have events sent to an address",
        tags=["webhooks"],
        parameters=keyed(),
        request=EndpointRequest,
        responses={201: EndpointShape, **problems(400, 401, 403, 409, 415, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """From now on, signed as Standard Webhooks has it. `secret` is shown in this answer and in no other."""
        body = read(EndpointRequest, request.data)
        target, by = reachable(body.pop("url")), self.key.as_actor()
        answer = self.once(
            request,
            lambda: create_endpoint(
                organisation_id=self.organisation_id, target=target, by=by, now=clock.now(), **body
            ),
            lambda made: (201, _made(made)),
        )
        return self.with_secret(answer, 201)


class WebhookEndpointDoor(WebhookDoor):
    scopes: ClassVar[dict[str, str]] = {"GET": "admin", "PATCH": "admin", "DELETE": "admin"}
    http_method_names = ["get", "head", "patch", "delete"]

    @extend_schema(
        operation_id="get_webhook_endpoint",
        summary="One webhook endpoint",
        tags=["webhooks"],
        responses={200: EndpointShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        """With how long each try waits after the one before, and since when nothing has arrived."""
        return Response(shown(self.endpoint(public_id)))

    @extend_schema(
        operation_id="change_webhook_endpoint",
        summary="Change a webhook endpoint",
        tags=["webhooks"],
        parameters=keyed(),
        request=EndpointChange,
        responses={200: EndpointShape, **problems(*CHANGED)},
    )
    def patch(self, request: Request, public_id: str) -> Response:
        """What is not named stays. What was missed while it was disabled is not sent by itself: replay it."""
        found = self.endpoint(public_id)
        body = read(EndpointChange, request.data)
        target, by = reachable(body.pop("url")) if "url" in body else None, self.key.as_actor()
        return self.once(
            request,
            lambda: change_endpoint(endpoint=found, target=target, by=by, now=clock.now(), **body),
            lambda changed: (200, shown(changed)),
        )

    @extend_schema(
        operation_id="remove_webhook_endpoint",
        summary="Remove a webhook endpoint",
        tags=["webhooks"],
        parameters=keyed(),
        request=None,
        responses={200: EndpointShape, **problems(401, 403, 404, 409, 422, 503)},
    )
    def delete(self, request: Request, public_id: str) -> Response:
        """For ever: nothing more is sent there, and what was cannot be sent again."""
        found, by = self.endpoint(public_id), self.key.as_actor()
        return self.once(
            request,
            lambda: remove_endpoint(endpoint=found, by=by, now=clock.now()),
            lambda removed: (200, shown(removed)),
        )


class RotateWebhookSecret(WebhookDoor):
    @extend_schema(
        operation_id="rotate_webhook_secret",
        summary="A new secret for an endpoint",
        tags=["webhooks"],
        parameters=keyed(),
        request=RotateRequest,
        responses={200: EndpointShape, **problems(*CHANGED)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Until the overlap is over, messages carry a signature of each of the two. `secret` is shown only here."""
        found = self.endpoint(public_id)
        body = read(RotateRequest, request.data)
        by, overlap = self.key.as_actor(), timedelta(hours=body["overlap_hours"])
        answer = self.once(
            request,
            lambda: rotate_secret(endpoint=found, overlap=overlap, by=by, now=clock.now()),
            lambda made: (200, _made(made)),
        )
        return self.with_secret(answer, 200)


class PingWebhook(WebhookDoor):
    @extend_schema(
        operation_id="ping_webhook_endpoint",
        summary="Send a test event",
        tags=["webhooks"],
        parameters=keyed(),
        request=Nothing,
        responses={201: WebhookDeliveryShape, **problems(*CHANGED)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """`webhook_endpoint.pinged`, to this endpoint alone. The delivery that is answered tells whether it arrived."""
        found, by = self.endpoint(public_id), self.key.as_actor()
        read(Nothing, request.data)
        return self.once(
            request,
            lambda: ping(endpoint=found, by=by, now=clock.now()),
            lambda delivery: (201, WebhookDeliveryShape(delivery).data),
        )


class ReplayWebhook(WebhookDoor):
    @extend_schema(
        operation_id="replay_webhook_endpoint",
        summary="Send the events of a time again",
        tags=["webhooks"],
        parameters=keyed(),
        request=ReplayRequest,
        responses={200: ReplayShape, **problems(*CHANGED)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """All that the endpoint wants, whether they had arrived or not, each with the id that it had."""
        found, by = self.endpoint(public_id), self.key.as_actor()
        body = read(ReplayRequest, request.data)
        return self.once(
            request,
            lambda: replay(endpoint=found, by=by, now=clock.now(), **body),
            lambda events: (200, ReplayShape({"events": events}).data),
        )


class WebhookDeliveries(WebhookDoor):
    params_shape = DeliveryParams

    @extend_schema(
        operation_id="list_webhook_deliveries",
        summary="What was sent, and what came of it",
        tags=["webhooks"],
        parameters=[DeliveryParams],
        responses={200: WebhookDeliveryList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first, each with every attempt."""
        own = WebhookDelivery.objects.of(self.organisation_id)
        columns = {"endpoint": "endpoint__public_id", "status": "status", "event": "event_public_id"}
        wanted = {column: self.params[name] for name, column in columns.items() if name in self.params}
        return Response(
            cursor_page(
                request,
                among=own,
                chosen=own.filter(**wanted).select_related("endpoint").prefetch_related("attempts"),
                params=self.params,
                render=lambda row: WebhookDeliveryShape(row).data,
            )
        )


class WebhookDeliveryDoor(WebhookDoor):
    @extend_schema(
        operation_id="get_webhook_delivery",
        summary="One delivery with its attempts",
        tags=["webhooks"],
        responses={200: WebhookDeliveryShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        """Status, milliseconds and the first bytes of the answer of every attempt."""
        return Response(WebhookDeliveryShape(delivery_of(self, public_id)).data)


def delivery_of(door: WebhookDoor, public_id: str) -> WebhookDelivery:
    own = WebhookDelivery.objects.of(door.organisation_id).select_related("endpoint")
    found = own.filter(public_id=public_id).first()
    if found is None:
        raise NotFound
    return found


class RedeliverWebhook(WebhookDoor):
    scopes: ClassVar[dict[str, str]] = {"POST": "admin"}

    @extend_schema(
        operation_id="redeliver_webhook",
        summary="Send one event again",
        tags=["webhooks"],
        parameters=keyed(),
        request=Nothing,
        responses={200: WebhookDeliveryShape, **problems(*CHANGED)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """With the same id, at once, on a schedule that begins anew."""
        found, by = delivery_of(self, public_id), self.key.as_actor()
        read(Nothing, request.data)
        return self.once(
            request,
            lambda: redeliver(delivery=found, by=by, now=clock.now()),
            lambda delivery: (200, WebhookDeliveryShape(delivery).data),
        )
