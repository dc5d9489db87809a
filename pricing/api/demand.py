"""Demand forecast for a seller's own pools, one row a week. For anybody else there is no such pool."""

from datetime import date, timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import firmness_choice
from marketplace.api.pagination import ListShape, listed
from marketplace.api.problems import Invalid, error
from marketplace.api.schema import problems
from marketplace.api.strict import Day
from marketplace.api.views import Door
from marketplace.units import clock
from marketplace.units.firmness import FIRM
from marketplace.units.instants import rfc3339
from pricing.api.market import FURTHEST_DAYS, MOST_DAYS, DayParams
from pricing.demand.forecast import WEEK
from pricing.demand.queries import Weekly, own_pool, weekly_demand

USUAL_DAYS = 13 * WEEK


class DemandParams(DayParams):
    firmness = firmness_choice(default=FIRM)

    def get_fields(self) -> dict[str, Any]:
        first = Day(required=False, help_text="Weeks that end after this day; today if left out")
        last = Day(required=False, help_text="Weeks that begin before this day; 13 weeks after the first if left out")
        return {**super().get_fields(), "from": first, "to": last}


class DemandRow(serializers.Serializer[Any]):
    """A delivery week: what is expected to be asked for on top of what is on the books."""

    week = serializers.DateField(help_text="Its Monday")
    end_exclusive = serializers.DateField()
    expected = serializers.FloatField(help_text="New GPU-days")
    low = serializers.FloatField(help_text="Exceeded with 90 % probability")
    high = serializers.FloatField(help_text="Exceeded with 10 % probability")
    on_the_books = serializers.IntegerField(help_text="GPU-days sold and held when it was made")


class SeenShape(serializers.Serializer[Any]):
    """GPU-days of the four weeks before the forecast, all classes."""

    quoted = serializers.IntegerField()
    taken = serializers.IntegerField()
    lost = serializers.IntegerField(help_text="Quotes released or expired")
    refused = serializers.IntegerField(
        allow_null=True, help_text="Asked for and not to be had; null where fewer than three organisations asked"
    )


class DemandList(ListShape):
    pool = serializers.CharField()
    firmness = firmness_choice()
    forecast = serializers.CharField(allow_null=True, help_text="Version; null until the first is made")
    as_of = serializers.DateTimeField(allow_null=True)
    volume_over_assumed = serializers.FloatField(allow_null=True)
    seen = SeenShape(allow_null=True)
    data = DemandRow(many=True)


class Demand(Door):
    params_shape = DemandParams

    @extend_schema(
        operation_id="list_demand",
        summary="Demand forecast by week, for your own pools",
        tags=["market"],
        parameters=[DemandParams],
        responses={200: DemandList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """New GPU-days that are expected to be asked for, with an interval, beside what is on the books.

        Only a pool's own seller sees them; other pools are like pools that do not exist.
        """
        first, last = self._days()
        pool = own_pool(public_id=self.params["pool"], organisation_id=self.organisation_id)
        if pool is None:
            raise Invalid([error("/pool", "unknown", "There is no such pool. GET /api/v1/pools lists them.")])
        found = weekly_demand(pool=pool, firmness=self.params["firmness"], now=clock.now())
        head = _head(found) if found else dict.fromkeys(("forecast", "as_of", "volume_over_assumed", "seen"))
        rows = _rows(found, first, last) if found else []
        return Response(listed(rows, pool=pool.public_id, firmness=self.params["firmness"], **head))

    def _days(self) -> tuple[date, date]:
        today = clock.today()
        first = self.params.get("from", today)
        if abs((first - today).days) > FURTHEST_DAYS:
            raise Invalid([error("/from", "too_far", f"At most {FURTHEST_DAYS} days from today.")])
        last = self.params.get("to", first + timedelta(days=USUAL_DAYS))
        if not 0 < (last - first).days <= MOST_DAYS:
            raise Invalid([error("/to", "invalid", f"After the first day, {first}, and at most {MOST_DAYS} days on.")])
        return first, last


def _head(found: Weekly) -> dict[str, Any]:
    return {
        "forecast": found.forecast.public_id,
        "as_of": rfc3339(found.forecast.created_at),
        "volume_over_assumed": round(found.volume, 4),
        "seen": found.seen,
    }


def _rows(found: Weekly, first: date, last: date) -> list[dict[str, Any]]:
    weeks = zip(found.dates, found.expected, found.low, found.high, found.on_the_books, strict=True)
    return [
        {
            "week": week.isoformat(),
            "end_exclusive": (week + timedelta(days=WEEK)).isoformat(),
            "expected": round(float(expected), 1),
            "low": round(float(low), 1),
            "high": round(float(high), 1),
            "on_the_books": int(books),
        }
        for week, expected, low, high, books in weeks
        if week < last and week + timedelta(days=WEEK) > first
    ]
