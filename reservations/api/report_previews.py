"""What a provider's report would do, before it is sent: its own pools, and nobody's name."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import ObjectField, firmness_choice, public_id
from marketplace.api.provider_shapes import DisruptionRequest, ReportRequest
from marketplace.api.providers import own_project, said_of
from marketplace.api.schema import problems
from marketplace.api.strict import read
from marketplace.api.views import Door
from marketplace.change import change
from marketplace.supply.models import Disruption
from marketplace.supply.providing import (
    enter_own_disruption,
    own_pools,
    own_projects,
    own_row,
    own_sites,
    report_own_milestone,
)
from marketplace.units import clock
from reservations.allocation.preview import Preview, preview


class QuantilesShape(serializers.Serializer[Any]):
    p90 = serializers.IntegerField()
    p50 = serializers.IntegerField()
    p10 = serializers.IntegerField()


class PoolMovedShape(serializers.Serializer[Any]):
    pool = public_id("pool.public_id")
    first_day = serializers.DateField(source="first")
    last_day = serializers.DateField(source="last")
    largest_on = serializers.DateField(source="on")
    before = serializers.SerializerMethodField()
    after = serializers.SerializerMethodField()

    def get_before(self, moved: Any) -> QuantilesShape:
        return _quantiles(moved.before)

    def get_after(self, moved: Any) -> QuantilesShape:
        return _quantiles(moved.after)


def _quantiles(values: tuple[int, int, int]) -> Any:
    return dict(zip(("p90", "p50", "p10"), values, strict=True))


class ShortShape(serializers.Serializer[Any]):
    pool = public_id("pool.public_id")
    firmness = firmness_choice()
    first_day = serializers.DateField(source="first")
    last_day = serializers.DateField(source="last")
    worst_gpus = serializers.IntegerField()
    gpu_days = serializers.IntegerField()
    gpu_days_now = serializers.IntegerField(help_text="Short already, without the report")


class ReportPreviewShape(serializers.Serializer[Any]):
    object = ObjectField("report_preview")
    changes_supply = serializers.BooleanField(source="is_supply")
    pools = PoolMovedShape(many=True)
    shortfalls = ShortShape(many=True, source="shorts")
    reservations_touched = serializers.SerializerMethodField(help_text="How many; whose they are is not said")

    def get_reservations_touched(self, found: Preview) -> int:
        return len(found.touched) + found.left_out


class PreviewDoor(Door):
    scopes: ClassVar[dict[str, str]] = {"POST": "supply"}

    def previewed(self, apply: Callable[[datetime], object]) -> Response:
        """In one transaction, of which nothing stays."""
        now = clock.now()
        found = change.run(lambda: preview(apply=lambda: apply(now), now=now, seller_id=self.organisation_id))
        return Response(ReportPreviewShape(found).data)


class PreviewMilestone(PreviewDoor):
    @extend_schema(
        operation_id="preview_milestone_report",
        summary="What a milestone's report would do",
        tags=["supply"],
        request=ReportRequest,
        responses={200: ReportPreviewShape, **problems(400, 401, 403, 404, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """The body is that of the report. Changes nothing."""
        own_project(self, public_id)
        body = read(ReportRequest, request.data)
        by, whose = self.key.as_actor(), self.organisation_id
        return self.previewed(
            lambda now: report_own_milestone(provider_id=whose, project=public_id, said=said_of(body), by=by, now=now)
        )


class PreviewDisruption(PreviewDoor):
    @extend_schema(
        operation_id="preview_disruption",
        summary="What a disruption or a power cut would do",
        tags=["supply"],
        request=DisruptionRequest,
        responses={200: ReportPreviewShape, **problems(400, 401, 403, 404, 415, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """The body is that of the report. Changes nothing."""
        body = read(DisruptionRequest, request.data)
        by, whose = self.key.as_actor(), self.organisation_id
        rows: dict[str, Any] = {"site": own_sites(whose), "pool": own_pools(whose), "project": own_projects(whose)}
        scope = {name: own_row(found, name, body[name]) for name, found in rows.items() if name in body}
        return self.previewed(
            lambda now: enter_own_disruption(
                provider_id=whose, disruption=Disruption(**{**body, **scope}), by=by, now=now
            )
        )
