"""The published rules by which prices are made: in force, and to come."""

from typing import Any

from django.db.models import Q
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.catalogue import SellerShape
from marketplace.api.fields import ObjectField, public_id
from marketplace.api.pagination import ListShape, PageParams, cursor_page
from marketplace.api.schema import problems
from marketplace.api.strict import Text
from marketplace.api.views import Door
from marketplace.units import clock
from pricing.curve.models import PUBLISHED, PricePolicy
from pricing.curve.terms import KINDS

IN_FORCE, SCHEDULED = "in_force", "scheduled"


class StepShape(serializers.Serializer[Any]):
    """A rate from a threshold on."""

    def get_fields(self) -> dict[str, Any]:
        return {
            "from": serializers.IntegerField(),
            "rate_percent": serializers.CharField(help_text="Off the list price, two decimals"),
        }


class TermsScheduleShape(serializers.Serializer[Any]):
    """Discounts on the list price; they add up."""

    tenor = StepShape(many=True, help_text="From so many days of the block")
    lead_time = StepShape(many=True, help_text="For each day of delivery, from so many days after the quote")
    prepayment = StepShape(many=True, help_text="From so many percent paid up front")
    volume = StepShape(many=True, help_text="From so many GPU-hours of the block")
    most_percent = serializers.CharField(help_text="All together give no more")
    keeps_floor = serializers.BooleanField(help_text="No total is below the floor (or reserve) of its GPU-hours")


class PremiumsShape(serializers.Serializer[Any]):
    """Parts of the floor, by class."""

    firm = serializers.CharField(source="premium_firm")
    standard = serializers.CharField(source="premium_standard")
    standby = serializers.CharField(source="premium_standby")


class HoldRulesShape(serializers.Serializer[Any]):
    """What one organisation may hold unbought, and what keeping a quote longer costs."""

    limit_gpu_hours = serializers.IntegerField(
        source="hold_limit_gpu_hours", allow_null=True, help_text="All its open quotes together; null: no limit"
    )
    lapses_to_cooldown = serializers.IntegerField(
        allow_null=True, help_text="So many lapses within the window begin a cool-down; null: never"
    )
    lapse_window_hours = serializers.IntegerField()
    cooldown_minutes = serializers.IntegerField()
    long_hold_days = serializers.IntegerField(help_text="A quote may be held longer, for so many days in all; 0: never")
    long_hold_percent_a_day = serializers.CharField(help_text="Fee, in percent of the total for each day")
    long_hold_minimum = serializers.CharField(help_text="No fee is below this, USD")
    long_holds_count = serializers.BooleanField(help_text="Long holds count against the limit")
    desk_hold_minutes = serializers.IntegerField(help_text="A hold is kept so long while sales answer, once")


class PolicyShape(serializers.Serializer[Any]):
    """The rules of one seller, or of the market where a seller has none of its own."""

    id = public_id()
    object = ObjectField("price_policy")
    created_at = serializers.DateTimeField(source="published_at", allow_null=True)
    seller = SellerShape(allow_null=True, help_text="Null: the market's default")
    version = serializers.IntegerField()
    status = serializers.SerializerMethodField(help_text="in_force or scheduled")
    starts_at = serializers.DateTimeField()
    reason = serializers.CharField(allow_blank=True)
    publishes = serializers.ChoiceField(choices=[key for key, _ in PUBLISHED])
    adder_over_floor = serializers.CharField(help_text="Scarcity adder at a full pool, in floors")
    cap_over_floor = serializers.CharField(help_text="Highest list price, in floors")
    fill_steepness = serializers.CharField()
    dual_steepness = serializers.CharField()
    premiums = PremiumsShape(source="*")
    terms = serializers.SerializerMethodField()
    move_tolerance = serializers.CharField(help_text="Part of a price by which a solve may move it without a reason")
    notice_days = serializers.IntegerField(help_text="A rise starts this long after it is published, or later")
    hold_minutes = serializers.IntegerField()
    offer_minutes = serializers.IntegerField()
    holds = HoldRulesShape(source="*")
    projection_max_age_hours = serializers.IntegerField()
    tape_step_gpus = serializers.IntegerField()
    tape_tick_minutes = serializers.IntegerField()
    floor_markup = serializers.SerializerMethodField(help_text="Null but for the seller itself")
    reserve_prices = serializers.SerializerMethodField(help_text="Null but for the seller itself")
    allowed_actions = serializers.ListField(child=serializers.CharField(), default=list, help_text="Staff change them")

    def get_status(self, policy: PricePolicy) -> str:
        return IN_FORCE if policy.starts_at <= self.context["now"] else SCHEDULED

    @extend_schema_field(TermsScheduleShape)
    def get_terms(self, policy: PricePolicy) -> dict[str, Any]:
        found = policy.schedules()
        steps = {
            kind: [{"from": start, "rate_percent": _percent(rate)} for start, rate in found[kind]] for kind in KINDS
        }
        return {**steps, "most_percent": _percent(policy.most_discount), "keeps_floor": policy.keeps_floor}

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_floor_markup(self, policy: PricePolicy) -> str | None:
        return str(policy.floor_markup) if self._is_own(policy) else None

    @extend_schema_field(serializers.DictField(child=serializers.CharField(), allow_null=True))
    def get_reserve_prices(self, policy: PricePolicy) -> dict[str, str] | None:
        return policy.reserve_prices if self._is_own(policy) else None

    def _is_own(self, policy: PricePolicy) -> bool:
        return policy.seller_id is not None and policy.seller_id == self.context["organisation_id"]


class PolicyList(ListShape):
    data = PolicyShape(many=True)


class PolicyParams(PageParams):
    seller = Text(required=False, help_text="Id of a seller; `default` for the market's own policy")
    status = serializers.ChoiceField(choices=[IN_FORCE, SCHEDULED], required=False)


class Policies(Door):
    params_shape = PolicyParams

    @extend_schema(
        operation_id="list_price_policies",
        summary="Price policies",
        tags=["market"],
        parameters=[PolicyParams],
        responses={200: PolicyList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """The rules in force and those that are published and still to come, newest first."""
        now = clock.now()
        context = {"now": now, "organisation_id": self.organisation_id}
        by_status = {IN_FORCE: PricePolicy.objects.current(now), SCHEDULED: PricePolicy.objects.scheduled(now)}
        chosen = [name for name in by_status if self.params.get("status", name) == name]
        wanted = Q(pk__in=[pk for name in chosen for pk in by_status[name].values_list("pk", flat=True)])
        if "seller" in self.params:
            seller = self.params["seller"]
            wanted &= Q(seller=None) if seller == "default" else Q(seller__public_id=seller)
        policies = PricePolicy.objects.select_related("seller")
        return Response(
            cursor_page(
                request,
                among=policies,
                chosen=policies.filter(wanted),
                params=self.params,
                render=lambda policy: PolicyShape(policy, context=context).data,
            )
        )


def _percent(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}"
