"""The secret address of the organisation's calendar."""

from typing import ClassVar

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import ObjectField
from marketplace.api.schema import problems
from marketplace.api.strict import read
from marketplace.api.views import Door
from marketplace.change import change
from marketplace.units import clock
from pricing.api.views import Empty
from reservations.booking.feeds import close_feed, open_feed


class CalendarFeedShape(serializers.Serializer):
    """An iCalendar feed: first and last days of blocks, and the deadlines that wait for a decision."""

    object = ObjectField("calendar_feed")
    created_at = serializers.DateTimeField()
    url = serializers.CharField(help_text="Shown only this once; whoever knows it can read")


class CalendarFeedDoor(Door):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit", "DELETE": "commit"}
    http_method_names = ["post", "delete"]

    @extend_schema(
        operation_id="open_calendar_feed",
        summary="A new secret address for your calendar",
        tags=["buy"],
        request=Empty,
        responses={201: CalendarFeedShape, **problems(400, 401, 403, 415, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """Ends the address before it at once. Takes no Idempotency-Key: its answer is a secret, which is not kept."""
        read(Empty, request.data)
        by, organisation = self.key.as_actor(), self.key.organisation
        feed, secret = change.run(lambda: open_feed(organisation=organisation, by=by, now=clock.now()))
        url = request.build_absolute_uri(reverse("calendar-feed", args=[secret]))
        return Response(CalendarFeedShape({"created_at": feed.created_at, "url": url}).data, status=201)

    @extend_schema(
        operation_id="close_calendar_feed",
        summary="End the secret address of your calendar",
        tags=["buy"],
        request=None,
        responses={204: None, **problems(401, 403, 422, 503)},
    )
    def delete(self, request: Request) -> Response:
        """At once and for ever; where there is none, nothing happens."""
        by, organisation = self.key.as_actor(), self.key.organisation
        change.run(lambda: close_feed(organisation=organisation, by=by, now=clock.now()))
        return Response(status=204)
