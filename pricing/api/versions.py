"""Price versions, with what moved against the version before and why: as seen from the tape, exactly for the seller."""

from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.catalogue import SellerShape
from marketplace.api.fields import ObjectField, firmness_choice, public_id
from marketplace.api.pagination import ListShape, PageParams, cursor_page
from marketplace.api.schema import problems
from marketplace.api.strict import Text
from marketplace.api.views import Door
from pricing.curve.continuity import CAUSES
from pricing.curve.models import PoolCurve, PriceVersion


class ExactMoveShape(serializers.Serializer[Any]):
    """Parts of the price before: mean of a year, and on the day that moved most."""

    mean = serializers.FloatField()
    most = serializers.FloatField()
    day = serializers.DateField()


class MovementShape(serializers.Serializer[Any]):
    """What one cause did to one class's prices in one pool, against the version before."""

    pool = serializers.CharField()
    firmness = firmness_choice()
    cause = serializers.ChoiceField(choices=CAUSES)
    reason = serializers.CharField()
    change_percent = serializers.CharField(help_text="Of the mean price of a year, at the headroom on the tape")
    exact = ExactMoveShape(allow_null=True, help_text="At the use of the solve; null but for the pool's own seller")


class VersionShape(serializers.Serializer[Any]):
    """One solve of a seller's prices. Never edited."""

    id = public_id()
    object = ObjectField("price_version")
    created_at = serializers.DateTimeField()
    seller = SellerShape()
    policy = public_id("policy.public_id")
    reason = serializers.CharField(help_text="Why prices were solved")
    movements = serializers.SerializerMethodField()
    allowed_actions = serializers.ListField(child=serializers.CharField(), default=list)

    @extend_schema_field(MovementShape(many=True))
    def get_movements(self, version: PriceVersion) -> list[dict[str, Any]]:
        own = version.seller_id == self.context["organisation_id"]
        return [
            {
                "pool": curve.pool.public_id,
                "firmness": move["firmness"],
                "cause": move["cause"],
                "reason": move["reason"],
                "change_percent": f"{move['public'] * 100:.2f}",
                "exact": move["exact"] if own else None,
            }
            for curve in version.curves.all()
            for move in curve.movements
            if own or move["public"]
        ]


class VersionList(ListShape):
    data = VersionShape(many=True)


class VersionParams(PageParams):
    seller = Text(required=False, help_text="Id of a seller")
    pool = Text(required=False, help_text="Id of a pool: the versions of its seller, with this pool's movements")


class Versions(Door):
    params_shape: ClassVar[type[VersionParams]] = VersionParams

    @extend_schema(
        operation_id="list_price_versions",
        summary="Price versions, with what moved and why",
        tags=["market"],
        parameters=[VersionParams],
        responses={200: VersionList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first. What moved between two versions has a cause here; within a version only use moves a price."""
        versions = PriceVersion.objects.select_related("seller", "policy")
        context = {"organisation_id": self.organisation_id}
        return Response(
            cursor_page(
                request,
                among=versions,
                chosen=versions.filter(**self._wanted()).prefetch_related(Prefetch("curves", self._curves())),
                params=self.params,
                render=lambda version: VersionShape(version, context=context).data,
            )
        )

    def _wanted(self) -> dict[str, Any]:
        names = {"seller": "seller__public_id", "pool": "seller__pools__public_id"}
        return {path: self.params[name] for name, path in names.items() if name in self.params}

    def _curves(self) -> QuerySet[PoolCurve]:
        """Without the arrays: a curve has thousands of days."""
        rows = PoolCurve.objects.select_related("pool").only("version_id", "movements", "pool__public_id")
        rows = rows.order_by("pool_id")
        return rows.filter(pool__public_id=self.params["pool"]) if "pool" in self.params else rows
