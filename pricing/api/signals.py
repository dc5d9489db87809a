"""What building more, or sooner, would be worth to a seller: its own projects only."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import MoneyShape, ObjectField, public_id
from marketplace.api.pagination import ListShape, listed
from marketplace.api.schema import problems
from marketplace.api.views import Door
from marketplace.units.money import Money, rounded
from pricing.curve.models import BuildSignal
from pricing.curve.signals import SOONER_DAYS


class SoonerShape(serializers.Serializer[Any]):
    milestone = serializers.CharField(help_text="power, shell, cooling, racks, chips, crew or commissioning")
    days = serializers.IntegerField(help_text="How many days sooner")
    worth = MoneyShape()


class BuildSignalShape(serializers.Serializer[Any]):
    """Over the horizon of the price version, at its bid prices, everything else as it is."""

    object = ObjectField("build_signal")
    project = public_id("project.public_id")
    name = serializers.CharField(source="project.name")
    site = public_id("project.pool.site.public_id")
    accelerator = serializers.CharField(source="project.pool.accelerator.key")
    price_version = public_id("version.public_id")
    sooner = serializers.SerializerMethodField(help_text="Milestones that can be the last one, the most valuable first")
    one_mw = serializers.SerializerMethodField(help_text="One more MW, with the GPUs that it feeds")
    one_mw_alone = serializers.SerializerMethodField(help_text="One more MW for the GPUs that are there already")

    def get_sooner(self, signal: BuildSignal) -> SoonerShape(many=True):  # type: ignore[valid-type]
        return [
            {"milestone": kind, "days": SOONER_DAYS, "worth": rounded(usd).as_json()}
            for kind, usd in signal.soonest_first()
        ]

    def get_one_mw(self, signal: BuildSignal) -> MoneyShape:
        return Money(signal.mw).as_json()  # type: ignore[return-value]

    def get_one_mw_alone(self, signal: BuildSignal) -> MoneyShape:
        return Money(signal.mw_alone).as_json()  # type: ignore[return-value]


class BuildSignalList(ListShape):
    data = BuildSignalShape(many=True)


class BuildSignals(Door):
    @extend_schema(
        operation_id="list_build_signals",
        summary="What building more, or sooner, would be worth to you",
        tags=["supply"],
        responses={200: BuildSignalList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Your open projects, the most valuable first; empty for whoever sells nothing, and until prices are solved."""
        own = BuildSignal.objects.of_seller(self.organisation_id).newest().with_projects()
        return Response(listed([BuildSignalShape(signal).data for signal in own]))
