"""How well projections kept, for everybody: shares with their numbers of cases, never without."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import ObjectField
from marketplace.api.promises import ShareField
from marketplace.api.schema import problems
from marketplace.api.strict import Strict
from marketplace.api.views import Door
from marketplace.supply.calibration import BEFOREHAND, calibration, public_backtest
from marketplace.supply.learning.kept import PROMISED
from marketplace.units import clock


class CalibrationParams(Strict):
    days_before = serializers.ChoiceField(
        choices=BEFOREHAND, default=90, help_text="Projections count that were made at least so many days beforehand"
    )


class KeptShape(serializers.Serializer[Any]):
    cases = serializers.IntegerField(help_text="Projects that became ready and were projected beforehand")
    inside = serializers.IntegerField(help_text="Of them, ready between their P10 and P90 dates, both included")
    share = ShareField(allow_null=True, help_text="Null: no cases")
    low = ShareField(allow_null=True, help_text="Lower end of a 95 % interval that counts cases of one site as fewer")
    high = ShareField(allow_null=True, help_text="Upper end of it")
    is_enough = serializers.BooleanField(help_text="False: too few cases to say whether the bands keep their promise")


class NamedKept(KeptShape):
    name = serializers.CharField()


class OriginShape(serializers.Serializer[Any]):
    as_of = serializers.DateField(help_text="Fitted on what was known on this day")
    until = serializers.DateField(help_text="Scored on what was known on this day")
    scored = serializers.IntegerField()
    coverage_80 = ShareField()
    standard_error = ShareField(help_text="Of coverage_80, clustered by county and by report quarter")
    pinball_ratio = ShareField(help_text="Loss over that of the dates as announced; under 1 is better than those")


class PublicShape(serializers.Serializer[Any]):
    source = serializers.CharField()
    overall = OriginShape(help_text="Every origin together")
    origins = OriginShape(many=True)


class CalibrationShape(KeptShape):
    object = ObjectField("calibration")
    days_before = serializers.IntegerField()
    promised = ShareField(help_text="What the band from P10 to P90 should hold")
    open_beyond = serializers.IntegerField(
        help_text="Projects still not ready past the P90 date of their first projection: no cases yet, but outside"
    )
    by_kind = NamedKept(many=True, help_text="By the kind of milestone that was last")
    by_lead = NamedKept(many=True, help_text="By days from the projection to the middle date that it gave")
    public_backtest = PublicShape(help_text="The method on public power projects; figures of ours")


class CalibrationDoor(Door):
    params_shape = CalibrationParams

    @extend_schema(
        operation_id="get_calibration",
        summary="How well projections kept",
        tags=["market"],
        parameters=[CalibrationParams],
        responses={200: CalibrationShape, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """How often projects became ready within the band projected beforehand, and the same method on public data."""
        found = calibration(days_before=self.params["days_before"], today=clock.today())
        body = vars(found.overall) | {
            "is_enough": found.overall.is_enough,
            "days_before": found.days_before,
            "promised": PROMISED,
            "open_beyond": found.open_beyond,
            "by_kind": found.kinds,
            "by_lead": found.leads,
            "public_backtest": public_backtest(),
        }
        return Response(CalibrationShape(body).data)
