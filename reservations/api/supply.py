"""What is short: of one's own reservation for its holder, of one's own pools for their seller."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import ObjectField, firmness_choice, public_id
from marketplace.api.pagination import ListShape, PageParams, cursor_page
from marketplace.api.promises import ShareField
from marketplace.api.schema import problems
from marketplace.api.views import Door
from marketplace.units import clock
from reservations.allocation.models import STATES, Plan, Shortfall
from reservations.allocation.standing import STANDINGS, supply_standing
from reservations.booking.lifecycle import ReservationNotFound
from reservations.booking.models import Reservation


class SupplyStandingShape(serializers.Serializer[Any]):
    """Earlier contracts of the class are served first, firm before standard before standby."""

    object = ObjectField("supply_standing")
    state = serializers.ChoiceField(choices=STANDINGS, help_text="watching: it may still recover")
    first_day = serializers.DateField(allow_null=True, help_text="The first day on which GPUs of the block are short")
    days = serializers.IntegerField(help_text="Days of the block that are short")
    gpus = serializers.IntegerField(help_text="GPUs of the block that are short on the worst of them")
    gpu_days = serializers.IntegerField()
    confidence_before = ShareField(source="before", allow_null=True, help_text="Of delivery, before the slip")
    confidence = ShareField(source="now", allow_null=True, help_text="Of delivery, by the projection in force")
    since = serializers.DateTimeField(allow_null=True)


class ShortfallShape(serializers.Serializer[Any]):
    """A class of a pool of yours that has sold more than may be sold of it, until it has recovered."""

    id = public_id()
    object = ObjectField("shortfall")
    pool = public_id("pool.public_id")
    firmness = firmness_choice()
    state = serializers.ChoiceField(choices=[state for state, _ in STATES])
    first_day = serializers.DateField()
    last_day = serializers.DateField()
    worst_gpus = serializers.IntegerField(help_text="Short on the worst day")
    gpu_days = serializers.IntegerField()
    confidence = ShareField(help_text="Probability that nobody of the class is short on those days")
    reservations = serializers.IntegerField(help_text="Without all of their GPUs, earlier contracts served first")
    opened_at = serializers.DateTimeField()
    recovered_at = serializers.DateTimeField(allow_null=True)
    plan = serializers.CharField(source="plan.public_id", allow_null=True, default=None)


class ShortfallList(ListShape):
    data = ShortfallShape(many=True)


class RuleShape(serializers.Serializer[Any]):
    harm_usd = serializers.CharField()
    owed_usd = serializers.CharField()
    moved_buyers = serializers.IntegerField()
    short_gpu_days = serializers.DictField(child=serializers.IntegerField(), help_text="By class")


class PlanShape(serializers.Serializer[Any]):
    """A plan of least harm for pools of yours. Whom it touches is between Headroom and them."""

    id = public_id()
    object = ObjectField("plan")
    made_at = serializers.DateTimeField()
    projection = public_id("after.public_id")
    reservations = serializers.IntegerField(source="touched")
    digest = serializers.CharField(help_text="SHA-256 of its inputs")
    plan = serializers.SerializerMethodField()
    earliest_contract_first = serializers.SerializerMethodField(help_text="What the rule that it protects would do")
    bound_usd = serializers.SerializerMethodField(help_text="No plan does less harm")

    @extend_schema_field(RuleShape)
    def get_plan(self, plan: Plan) -> dict[str, Any]:
        return _rule(plan.summary["plan"])

    @extend_schema_field(RuleShape)
    def get_earliest_contract_first(self, plan: Plan) -> dict[str, Any]:
        return _rule(plan.summary["plain"])

    def get_bound_usd(self, plan: Plan) -> str:
        return _usd(plan.summary["bound_cents"])


class PlanList(ListShape):
    data = PlanShape(many=True)


def _rule(reckoned: dict[str, Any]) -> dict[str, Any]:
    short = dict(zip(("firm", "standard", "standby"), reckoned["short_gpu_days"], strict=True))
    harm, owed = _usd(reckoned["harm_cents"]), _usd(reckoned["owed_cents"])
    return {"harm_usd": harm, "owed_usd": owed, "moved_buyers": reckoned["moved_buyers"], "short_gpu_days": short}


def _usd(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


class ReservationSupply(Door):
    @extend_schema(
        operation_id="get_supply_standing",
        summary="Whether supply has slipped for a reservation",
        tags=["buy"],
        responses={200: SupplyStandingShape, **problems(401, 403, 404, 422)},
    )
    def get(self, request: Request, public_id: str) -> Response:
        """Shown as soon as supply is projected lower, before anything is decided."""
        found = Reservation.objects.of(self.organisation_id).filter(public_id=public_id).first()
        if found is None:
            raise ReservationNotFound
        return Response(SupplyStandingShape(supply_standing(found, now=clock.now())).data)


class Shortfalls(Door):
    params_shape: ClassVar[Any] = PageParams

    @extend_schema(
        operation_id="list_shortfalls",
        summary="What is short in your pools",
        tags=["supply"],
        parameters=[PageParams],
        responses={200: ShortfallList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first, those that have recovered among them."""
        own = Shortfall.objects.of_seller(self.organisation_id)
        chosen = own.with_counts().select_related("pool", "plan").defer("plan__inputs", "plan__result")
        return Response(
            cursor_page(
                request, among=own, chosen=chosen, params=self.params,
                render=lambda each: ShortfallShape(each).data,
            )
        )  # fmt: skip


class Plans(Door):
    params_shape: ClassVar[Any] = PageParams

    @extend_schema(
        operation_id="list_plans",
        summary="Plans that were made for your pools",
        tags=["supply"],
        parameters=[PageParams],
        responses={200: PlanList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        own = Plan.objects.of_seller(self.organisation_id).defer("inputs", "result")
        chosen = own.select_related("after").defer("inputs", "result", "after__inputs")
        return Response(
            cursor_page(request, among=own, chosen=chosen, params=self.params, render=lambda each: PlanShape(each).data)
        )
