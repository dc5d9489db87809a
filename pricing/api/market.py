"""The market as data: one row a day, as on the board. A pool's own seller sees exact figures in the same fields."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import numpy as np
from drf_spectacular.utils import extend_schema
from numpy.typing import NDArray
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import firmness_choice
from marketplace.api.pagination import ListShape, listed
from marketplace.api.problems import Invalid, error
from marketplace.api.schema import problems
from marketplace.api.strict import Day, Strict, Text
from marketplace.api.views import Door
from marketplace.catalogue.models import Pool
from marketplace.units import clock
from marketplace.units.firmness import FIRM
from marketplace.units.instants import rfc3339
from marketplace.units.period import Period
from pricing.curve.figures import Figures, figures

USUAL_DAYS = 30
MOST_DAYS = 2557
FURTHEST_DAYS = 7300  # from today, either way

Row = dict[str, Any]


class DayParams(Strict):
    """A pool, and the days of the list."""

    pool = Text(help_text="Id of a pool")

    def get_fields(self) -> dict[str, Any]:
        first = Day(required=False, help_text="First day, included; today if left out")
        last = Day(required=False, help_text="Last day, not included; 30 days after the first if left out")
        return {**super().get_fields(), "from": first, "to": last}


class PriceParams(DayParams):
    firmness = firmness_choice(default=FIRM)


class DayListShape(ListShape):
    """Rows by day, with what they are figures of."""

    pool = serializers.CharField()
    exact = serializers.BooleanField(help_text="False: the public tape, stepped; true for the pool's own seller")
    as_of = serializers.DateTimeField(allow_null=True, help_text="Null until the first tape is published")


class SupplyRow(serializers.Serializer[Any]):
    """GPUs projected for a day; null where nothing is known."""

    date = serializers.DateField()
    p90 = serializers.IntegerField(allow_null=True, help_text="Exceeded with 90 % probability")
    p50 = serializers.IntegerField(allow_null=True)
    p10 = serializers.IntegerField(allow_null=True)
    mean = serializers.IntegerField(allow_null=True)


class HeadroomRow(serializers.Serializer[Any]):
    """GPUs that each class can still sell on a day."""

    date = serializers.DateField()
    firm = serializers.IntegerField()
    standard = serializers.IntegerField()
    standby = serializers.IntegerField()


class PriceRow(serializers.Serializer[Any]):
    """What the next GPU costs on a day; null where nothing is sold."""

    date = serializers.DateField()
    unit_price = serializers.CharField(allow_null=True, help_text="USD per GPU-hour, four decimals")


class SupplyList(DayListShape):
    data = SupplyRow(many=True)


class HeadroomList(DayListShape):
    data = HeadroomRow(many=True)


class PriceList(DayListShape):
    firmness = firmness_choice()
    price_version = serializers.CharField(allow_null=True)
    data = PriceRow(many=True)


class ByDay(Door):
    """A list of rows by day of one pool."""

    params_shape: ClassVar[type[Strict]] = DayParams

    def answer(self, rows: Callable[[Figures], list[Row]], **more: Callable[[Figures], Any]) -> Response:
        now = clock.now()
        pool = Pool.objects.filter(public_id=self.params["pool"]).first()
        if pool is None:
            raise Invalid([error("/pool", "unknown", "There is no such pool. GET /api/v1/pools lists them.")])
        found = figures(pool=pool, period=self._period(), organisation_id=self.organisation_id, now=now)
        as_of = rfc3339(found.as_of) if found.as_of else None
        extra = {name: value(found) for name, value in more.items()}
        return Response(listed(rows(found), pool=pool.public_id, exact=found.exact, as_of=as_of, **extra))

    def _period(self) -> Period:
        today = clock.today()
        first = self.params.get("from", today)
        if abs((first - today).days) > FURTHEST_DAYS:
            raise Invalid([error("/from", "too_far", f"At most {FURTHEST_DAYS} days from today.")])
        last = self.params.get("to", first + timedelta(days=USUAL_DAYS))
        if not 0 < (last - first).days <= MOST_DAYS:
            raise Invalid([error("/to", "invalid", f"After the first day, {first}, and at most {MOST_DAYS} days on.")])
        return Period(first, last)


class Supply(ByDay):
    @extend_schema(
        operation_id="list_supply",
        summary="Projected supply by day",
        tags=["market"],
        parameters=[DayParams],
        responses={200: SupplyList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """GPUs that the pool will have: P90 is exceeded with 90 % probability."""
        return self.answer(lambda found: _rows(found, ("p90", "p50", "p10", "mean"), found.supply, _whole))


class Headroom(ByDay):
    @extend_schema(
        operation_id="list_headroom",
        summary="Headroom by day",
        tags=["market"],
        parameters=[DayParams],
        responses={200: HeadroomList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """GPUs that each class can still sell. A day of which nothing is known has none."""
        names = ("firm", "standard", "standby")
        return self.answer(lambda found: _rows(found, names, np.nan_to_num(found.headroom), _whole))


class Prices(ByDay):
    params_shape = PriceParams

    @extend_schema(
        operation_id="list_prices",
        summary="Prices by day",
        tags=["market"],
        parameters=[PriceParams],
        responses={200: PriceList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """The forward curve: what the next GPU costs per GPU-hour, by day of delivery."""
        firmness = self.params["firmness"]
        return self.answer(
            lambda found: _rows(found, ("unit_price",), found.price(firmness)[None], _price),
            firmness=lambda found: firmness,
            price_version=lambda found: found.price_version,
        )


def _rows(
    found: Figures, names: tuple[str, ...], values: NDArray[np.float64], shown: Callable[[float], Any]
) -> list[Row]:
    """One row a day; what is not a number is null."""
    columns = zip(*values.tolist(), strict=True)
    return [
        {"date": day.isoformat(), **{name: shown(value) for name, value in zip(names, column, strict=True)}}
        for day, column in zip(found.period, columns, strict=True)
    ]


def _whole(value: float) -> int | None:
    return None if np.isnan(value) else int(value)


def _price(value: float) -> str | None:
    return None if np.isnan(value) else f"{value:.4f}"
