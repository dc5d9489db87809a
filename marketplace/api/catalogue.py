"""What is traded: accelerators, sites and pools. The same for everybody."""

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
from marketplace.catalogue.models import Accelerator, Pool, Site
from marketplace.catalogue.queries import pools_with_specs


class AcceleratorShape(serializers.Serializer[Any]):
    id = public_id("key", help_text="As a need names it: h100")
    object = ObjectField("accelerator")
    name = serializers.CharField()
    all_in_kw = serializers.DecimalField(6, 3, help_text="kW per GPU, its host and network in")
    memory_gb = serializers.DecimalField(8, 1)
    bf16_tflops = serializers.DecimalField(10, 1)
    fp8_tflops = serializers.DecimalField(10, 1, allow_null=True)
    h100_weight = serializers.DecimalField(8, 4, help_text="H100 equivalents of one GPU")
    source = serializers.CharField()
    assumptions = serializers.ListField(child=serializers.CharField(), help_text="Which fields are assumptions")


class SiteShape(serializers.Serializer[Any]):
    id = public_id()
    object = ObjectField("site")
    name = serializers.CharField()
    operator = serializers.CharField()
    region = serializers.CharField()
    jurisdiction = serializers.CharField(help_text="ISO 3166-1 alpha-2")
    latitude = serializers.FloatField(allow_null=True)
    longitude = serializers.FloatField(allow_null=True)
    pue = serializers.DecimalField(4, 2)
    carbon_g_per_kwh = serializers.DecimalField(6, 1)
    facility_mw = serializers.DecimalField(9, 2)
    is_demo = serializers.BooleanField(help_text="Invented for the demo market")
    source = serializers.CharField()
    assumptions = serializers.ListField(child=serializers.CharField(), help_text="Which fields are assumptions")


class SpecShape(serializers.Serializer[Any]):
    """What a GPU comes with, as of a version."""

    version = serializers.IntegerField()
    digest = serializers.CharField(help_text="SHA-256 of the document's canonical JSON")
    document = serializers.DictField()


class SellerShape(serializers.Serializer[Any]):
    """Who contracts."""

    id = public_id()
    name = serializers.CharField()
    legal_name = serializers.CharField()


class PoolShape(serializers.Serializer[Any]):
    id = public_id()
    object = ObjectField("pool")
    accelerator = serializers.CharField(source="accelerator.key")
    site = serializers.CharField(source="site.public_id")
    fabric = serializers.CharField()
    lot = serializers.IntegerField(help_text="Quantities are whole multiples of this")
    seller = SellerShape()
    role = serializers.CharField(help_text="principal or agent: how Headroom sells it")
    service_spec = serializers.SerializerMethodField()

    def get_service_spec(self, pool: Pool) -> SpecShape(allow_null=True):  # type: ignore[valid-type]
        newest = next(iter(pool.specs.all()), None)
        return SpecShape(newest).data if newest else None


class AcceleratorList(ListShape):
    data = AcceleratorShape(many=True)


class SiteList(ListShape):
    data = SiteShape(many=True)


class PoolList(ListShape):
    data = PoolShape(many=True)


class PoolParams(PageParams):
    accelerator = Text(required=False, help_text="Only pools of this accelerator")
    site = Text(required=False, help_text="Only pools at this site")


class Accelerators(Door):
    params_shape = PageParams

    @extend_schema(
        operation_id="list_accelerators",
        summary="GPU types",
        tags=["market"],
        parameters=[PageParams],
        responses={200: AcceleratorList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Every type of GPU, with its power, memory and weight in H100 equivalents."""
        rows = Accelerator.objects.all()
        return Response(
            cursor_page(
                request,
                among=rows,
                chosen=rows,
                params=self.params,
                render=lambda row: AcceleratorShape(row).data,
                order="pk",
                handle="key",
            )
        )


class Sites(Door):
    params_shape = PageParams

    @extend_schema(
        operation_id="list_sites",
        summary="Campuses",
        tags=["market"],
        parameters=[PageParams],
        responses={200: SiteList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Every campus with something on sale."""
        rows = Site.objects.filter(pools__isnull=False).distinct()
        return Response(
            cursor_page(
                request, among=rows, chosen=rows, params=self.params, render=lambda row: SiteShape(row).data, order="pk"
            )
        )


class Pools(Door):
    params_shape = PoolParams

    @extend_schema(
        operation_id="list_pools",
        summary="Pools",
        tags=["market"],
        parameters=[PoolParams],
        responses={200: PoolList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Every pool: the unit in which capacity is counted and priced."""
        return Response(
            cursor_page(
                request,
                among=Pool.objects.all(),
                chosen=pools_with_specs(accelerator=self.params.get("accelerator"), site=self.params.get("site")),
                params=self.params,
                render=lambda row: PoolShape(row).data,
                order="pk",
            )
        )
