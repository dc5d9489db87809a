"""What each class promises, for everybody; and what a seller may come to owe, for that seller alone."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import ObjectField, firmness_choice
from marketplace.api.pagination import ListShape, listed
from marketplace.api.schema import problems
from marketplace.api.views import Door
from marketplace.supply.models import SellingStop, SiteExposure, SupplyPolicy
from marketplace.supply.queries import exposures_of, published_promises
from marketplace.units import clock
from marketplace.units.firmness import FIRMNESS


@extend_schema_field({"type": ["string", "null"], "example": "0.9500"})
class ShareField(serializers.Field[Any, Any, Any, Any]):
    """A probability or share from 0 to 1, a decimal string with four decimals."""

    def to_representation(self, value: Decimal | float) -> str:
        return f"{value:.4f}"


class PromiseShape(serializers.Serializer[Any]):
    firmness = firmness_choice()
    delivery_confidence = ShareField(
        allow_null=True, help_text="Least probability of a whole block in full and on time; null: nothing is promised"
    )


class PromisesVersion(serializers.Serializer[Any]):
    version = serializers.IntegerField(help_text="0: the shipped promises, until the first is published")
    starts_at = serializers.DateTimeField(allow_null=True, help_text="From when limits are made under it")
    classes = PromiseShape(many=True, help_text="Surest first")


class PromisesShape(PromisesVersion):
    object = ObjectField("promises")
    ahead = PromisesVersion(many=True, help_text="Published versions that have not started")


class LateShape(serializers.Serializer[Any]):
    """From today to the horizon, in GPU-days."""

    sold_gpu_days = serializers.IntegerField(help_text="Sold and held")
    expected_late_gpu_days = serializers.FloatField(help_text="Late on average over the projection's scenarios")
    worst_in_20_late_gpu_days = serializers.IntegerField(help_text="19 scenarios in 20 are no later than this")


class PoolLateShape(LateShape):
    pool = serializers.CharField()


class StopShape(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    reason = serializers.CharField()


class ExposureShape(LateShape):
    object = ObjectField("exposure")
    site = serializers.CharField()
    as_of = serializers.DateTimeField(help_text="When it was worked out; it holds until supply or sales change")
    projection = serializers.CharField()
    worst_share = ShareField(help_text="Worst-in-20 late GPU-days as a share of those sold")
    most_late_gpu_days = serializers.IntegerField(allow_null=True, help_text="Selling stops here; null: no such limit")
    most_late_share = ShareField(allow_null=True, help_text="Selling stops here; null: no such limit")
    pools = PoolLateShape(many=True, help_text="Yours at this site; their worsts do not add up to the site's")
    stop = StopShape(allow_null=True, help_text="Why nothing more of yours is sold here; null: selling goes on")


class ExposureList(ListShape):
    data = ExposureShape(many=True)


class PublishedPromises(Door):
    @extend_schema(
        operation_id="get_promises",
        summary="What each class promises",
        tags=["market"],
        responses={200: PromisesShape, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """The least probability at which a block of each class is sold: of the whole block, in full and on time."""
        found = published_promises(clock.now())
        body = _version(found.in_force) | {"ahead": [_version(each) for each in found.ahead]}
        return Response(PromisesShape(body).data)


def _version(policy: SupplyPolicy) -> dict[str, Any]:
    classes = zip(FIRMNESS, policy.promises(), strict=True)
    return {
        "version": policy.version,
        "starts_at": policy.starts_at if policy.version else None,
        "classes": [{"firmness": name, "delivery_confidence": promise or None} for name, promise in classes],
    }


class Exposures(Door):
    @extend_schema(
        operation_id="list_exposure",
        summary="What you may come to owe",
        tags=["supply"],
        responses={200: ExposureList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """For each site at which you sell: GPU-days sold that may be late, and whether selling has stopped there.

        Nobody else sees it, and whoever sells nothing has an empty list.
        """
        policy = SupplyPolicy.objects.in_force(clock.now())
        rows = [_exposure(row, policy) for row in exposures_of(self.key.organisation)]
        return Response(listed([ExposureShape(row).data for row in rows]))


def _exposure(row: SiteExposure, policy: SupplyPolicy) -> dict[str, Any]:
    stop: SellingStop | None = row.stop
    return {
        "site": row.site.public_id,
        "as_of": row.as_of,
        "projection": row.projection.public_id,
        **_late(row.sold_gpu_days, row.expected_gpu_days, row.worst_gpu_days),
        "worst_share": row.worst_share,
        "most_late_gpu_days": policy.most_late_gpu_days,
        "most_late_share": policy.most_late_share,
        "pools": [
            {"pool": pool, **_late(each["sold"], each["expected"], each["worst"])} for pool, each in row.pools.items()
        ],
        "stop": stop and {"since": stop.started_at, "reason": stop.reason},
    }


def _late(sold: int, expected: float, worst: int) -> dict[str, Any]:
    return {"sold_gpu_days": sold, "expected_late_gpu_days": expected, "worst_in_20_late_gpu_days": worst}
