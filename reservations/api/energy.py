"""Energy and CO2 of what an organisation has reserved."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import ObjectField, public_id
from marketplace.api.problems import Problem, error, explain
from marketplace.api.schema import problems
from marketplace.api.strict import Day, Strict
from marketplace.api.views import Door
from marketplace.units import clock
from reservations.booking.energy import PeriodRefused, asked_period, energy


@explain.register
def _(failure: PeriodRefused) -> Problem:
    return Problem("invalid", errors=[error("/to", "invalid", str(failure))])


class EnergyParams(Strict):
    def get_fields(self) -> dict[str, Any]:
        # `from` is no name that a class can give a field.
        first = Day(required=False, help_text="The first day; without it the first of this calendar year")
        return {"from": first, "to": Day(required=False, help_text="The first day that no longer counts")}


class DrawnShape(serializers.Serializer[Any]):
    reservation = public_id("reservation.public_id")
    pool = public_id("reservation.pool.public_id")
    gpu_hours = serializers.IntegerField()
    pue = serializers.DecimalField(4, 2, source="footprint.pue")
    energy_kwh = serializers.IntegerField(source="footprint.facility_kwh", help_text="With cooling")
    grams_per_kwh = serializers.DecimalField(6, 1, source="footprint.grams_per_kwh")
    co2_kg = serializers.IntegerField(source="footprint.carbon_kg")


class EnergyShape(serializers.Serializer[Any]):
    object = ObjectField("energy")
    start = serializers.DateField(source="period.start")
    end_exclusive = serializers.DateField(source="period.end")
    gpu_hours = serializers.IntegerField()
    energy_kwh = serializers.IntegerField(source="kwh", help_text="The sum of the rows")
    co2_kg = serializers.IntegerField(source="carbon_kg")
    rows = DrawnShape(many=True)


class EnergyDoor(Door):
    params_shape = EnergyParams

    @extend_schema(
        operation_id="get_energy",
        summary="Energy and CO2 of your reservations",
        tags=["buy"],
        parameters=[EnergyParams],
        responses={200: EnergyShape, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """What is reserved within the time, at full load: rated figures of accelerators and sites."""
        now = clock.now()
        period = asked_period(self.params.get("from"), self.params.get("to"), now.date())
        return Response(EnergyShape(energy(organisation_id=self.organisation_id, period=period, now=now)).data)
