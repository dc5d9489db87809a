from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import ObjectField, public_id
from marketplace.api.pagination import ListShape, PageParams, cursor_page
from marketplace.api.schema import problems
from marketplace.api.strict import Text
from marketplace.api.views import Door
from marketplace.outbox.models import Event


class EventShape(serializers.Serializer[Any]):
    id = public_id()
    object = ObjectField("event")
    name = serializers.CharField(help_text="noun.past_participle, such as quote.accepted")
    subject = serializers.CharField(help_text="Id of the object that changed")
    data = serializers.DictField()
    created_at = serializers.DateTimeField()


class EventList(ListShape):
    data = EventShape(many=True)


class EventParams(PageParams):
    name = Text(required=False, help_text="Only events of this name")
    subject = Text(required=False, help_text="Only events about this object")


class Events(Door):
    params_shape = EventParams

    @extend_schema(
        operation_id="list_events",
        summary="Events",
        tags=["events"],
        parameters=[EventParams],
        responses={200: EventList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """What changed for your organisation, newest first. An event is written with its change, or not at all."""
        own = Event.objects.visible_to(self.organisation_id)
        wanted = {name: self.params[name] for name in ("name", "subject") if name in self.params}
        return Response(
            cursor_page(
                request,
                among=own,
                chosen=own.filter(**wanted),
                params=self.params,
                render=lambda event: EventShape(event).data,
            )
        )
