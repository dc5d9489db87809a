"""Cost centres with their budgets, and approval chains: for keys with the scope admin."""

from decimal import Decimal
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import MoneyField, MoneyShape, ObjectField, public_id
from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import ListShape, PageParams, cursor_page
from marketplace.api.problems import Invalid, error
from marketplace.api.schema import keyed, problems
from marketplace.api.strict import Day, Strict, Text, read
from marketplace.api.views import Door
from marketplace.parties.budget_periods import CHOICES
from marketplace.parties.budgets import close_cost_centre, open_cost_centre, set_budget
from marketplace.parties.chains import Step, set_chain, withdraw_chain
from marketplace.parties.models import ADMIN, APPROVER, Membership
from marketplace.parties.spending import ApprovalChain, CostCentre
from marketplace.units import clock
from marketplace.units.money import CURRENCIES, USD, Money


class Amount(serializers.DecimalField):
    """A decimal string such as "1234.50", 0 or more."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=18, decimal_places=2, min_value=Decimal(0), **options)

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class MoneyIn(Strict):
    amount = Amount(help_text="Decimal string such as 1234.50")
    currency = serializers.ChoiceField(choices=CURRENCIES, default=USD)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {"money": Money(attrs["amount"], attrs["currency"])}


class BudgetShape(serializers.Serializer[Any]):
    start = serializers.DateField()
    end_exclusive = serializers.DateField(source="end")
    amount = serializers.DecimalField(max_digits=18, decimal_places=2)
    reserved = serializers.DecimalField(max_digits=18, decimal_places=2, help_text="Waits for an approval")
    spent = serializers.DecimalField(max_digits=18, decimal_places=2)
    left = MoneyField(help_text="Below zero where the amount was cut afterwards")


class CostCentreShape(serializers.Serializer[Any]):
    id = public_id()
    object = ObjectField("cost_centre")
    created_at = serializers.DateTimeField()
    code = serializers.CharField()
    name = serializers.CharField()
    period = serializers.ChoiceField(choices=CHOICES)
    currency = serializers.CharField()
    is_default = serializers.BooleanField(help_text="Charged where a purchase names none")
    closed_at = serializers.DateTimeField(allow_null=True)
    budgets = BudgetShape(many=True)
    allowed_actions = serializers.SerializerMethodField()

    def get_allowed_actions(self, centre: CostCentre) -> list[str]:
        return [] if centre.closed_at else ["set_budget", "close"]


class CostCentreList(ListShape):
    data = CostCentreShape(many=True)


class CostCentreRequest(Strict):
    code = Text(max_length=40, help_text="Your own")
    name = Text(max_length=120)
    period = serializers.ChoiceField(choices=CHOICES, help_text="Budgets are by calendar month, quarter or year")
    currency = serializers.ChoiceField(choices=CURRENCIES, default=USD)
    is_default = serializers.BooleanField(default=False)


class BudgetRequest(Strict):
    start = Day(help_text="The first day of a period")
    amount = Amount(help_text="Decimal string, in the cost centre's currency")


class Nothing(Strict):
    """No fields: the address says it all. Send nothing, or {}."""


class AdminDoor(Door):
    """Rules of the organisation: changed with the scope admin."""

    scopes: ClassVar[dict[str, str]] = {"GET": "admin", "POST": "admin"}


def centre_of(door: Door, public_id: str) -> CostCentre:
    """The tenant's wall: a stranger's cost centre is like none."""
    found = CostCentre.objects.filter(organisation_id=door.organisation_id, public_id=public_id).first()
    if found is None:
        raise NotFound
    return found


def shown_centre(centre: CostCentre) -> Any:
    fresh = CostCentre.objects.prefetch_related("budgets__cost_centre").get(pk=centre.pk)
    return CostCentreShape(fresh).data


class CostCentres(AdminDoor):
    params_shape = PageParams
    scopes: ClassVar[dict[str, str]] = {"GET": "read", "POST": "admin"}

    @extend_schema(
        operation_id="list_cost_centres",
        summary="Your cost centres, with what is left of their budgets",
        tags=["authority"],
        parameters=[PageParams],
        responses={200: CostCentreList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first, closed ones too."""
        own = CostCentre.objects.filter(organisation_id=self.organisation_id)
        chosen = own.prefetch_related("budgets__cost_centre")
        return Response(
            cursor_page(
                request, among=own, chosen=chosen, params=self.params, render=lambda row: CostCentreShape(row).data
            )
        )

    @extend_schema(
        operation_id="open_cost_centre",
        summary="Open a cost centre",
        tags=["authority"],
        parameters=keyed(),
        request=CostCentreRequest,
        responses={201: CostCentreShape, **problems(400, 401, 403, 409, 415, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """From the first one on, every purchase is charged to a cost centre, and its budgets bind."""
        body = read(CostCentreRequest, request.data)
        organisation, by = self.key.organisation, self.key.as_actor()
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: open_cost_centre(organisation=organisation, by=by, now=clock.now(), **body),
            render=lambda made: (201, shown_centre(made)),
        )


class CloseCostCentre(AdminDoor):
    @extend_schema(
        operation_id="close_cost_centre",
        summary="Close a cost centre",
        tags=["authority"],
        parameters=keyed(),
        request=Nothing,
        responses={200: CostCentreShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Nothing more is charged to it; what was stays."""
        read(Nothing, request.data)
        by = self.key.as_actor()
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: close_cost_centre(cost_centre=centre_of(self, public_id), by=by, now=clock.now()),
            render=lambda found: (200, shown_centre(found)),
        )


class Budgets(AdminDoor):
    @extend_schema(
        operation_id="set_budget",
        summary="Set the budget of a period",
        tags=["authority"],
        parameters=keyed(),
        request=BudgetRequest,
        responses={200: CostCentreShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """It may be less than is spent already: then nothing more fits."""
        body = read(BudgetRequest, request.data)
        by = self.key.as_actor()
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: set_budget(cost_centre=centre_of(self, public_id), by=by, now=clock.now(), **body),
            render=lambda budget: (200, shown_centre(budget.cost_centre)),
        )


class ApprovalStepShape(serializers.Serializer[Any]):
    role = serializers.CharField(allow_null=True, help_text="approver or admin; null where a person is named")
    person = serializers.EmailField(source="user.email", allow_null=True, default=None)


class ChainShape(serializers.Serializer[Any]):
    id = public_id()
    object = ObjectField("approval_chain")
    created_at = serializers.DateTimeField()
    above = serializers.SerializerMethodField()
    steps = ApprovalStepShape(many=True, source="steps.all")
    allowed_actions = serializers.SerializerMethodField()

    def get_above(self, chain: ApprovalChain) -> MoneyShape:
        return Money(chain.above, chain.currency).as_json()  # type: ignore[return-value]

    def get_allowed_actions(self, chain: ApprovalChain) -> list[str]:
        return [] if chain.withdrawn_at else ["withdraw"]


class ChainList(ListShape):
    data = ChainShape(many=True)


class StepIn(Strict):
    role = serializers.ChoiceField(choices=[APPROVER, ADMIN], required=False)
    person = serializers.EmailField(required=False, help_text="An approver or administrator of yours")


class ChainRequest(Strict):
    above = MoneyIn(help_text="For totals above this")
    steps = StepIn(many=True, help_text="In order; each a role or a person")


class ApprovalChains(AdminDoor):
    params_shape = PageParams
    scopes: ClassVar[dict[str, str]] = {"GET": "read", "POST": "admin"}

    @extend_schema(
        operation_id="list_approval_chains",
        summary="Who has to agree to a purchase above an amount",
        tags=["authority"],
        parameters=[PageParams],
        responses={200: ChainList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Those in force, newest first. Of several below a total, the one with the highest amount applies."""
        own = ApprovalChain.objects.filter(organisation_id=self.organisation_id)
        chosen = own.filter(withdrawn_at=None).prefetch_related("steps__user")
        return Response(
            cursor_page(request, among=own, chosen=chosen, params=self.params, render=lambda row: ChainShape(row).data)
        )

    @extend_schema(
        operation_id="set_approval_chain",
        summary="Set who has to agree above an amount",
        tags=["authority"],
        parameters=keyed(),
        request=ChainRequest,
        responses={201: ChainShape, **problems(400, 401, 403, 409, 415, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """Replaces the chain for the same amount. Requests under way keep the steps with which they began."""
        body = read(ChainRequest, request.data)
        steps = [self._step(number, step) for number, step in enumerate(body["steps"])]
        organisation, by, above = self.key.organisation, self.key.as_actor(), body["above"]["money"]
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: set_chain(organisation=organisation, above=above, steps=steps, by=by, now=clock.now()),
            render=lambda chain: (201, ChainShape(chain).data),
        )

    def _step(self, number: int, step: dict[str, Any]) -> Step:
        if "person" not in step:
            return Step(role=step.get("role"))
        members = Membership.objects.filter(organisation_id=self.organisation_id, user__email=step["person"].lower())
        found = members.values_list("user_id", flat=True).first()
        if found is None:
            raise Invalid([error(f"/steps/{number}/person", "unknown", "Name a member of your organisation.")])
        return Step(role=step.get("role"), user_id=found)


class WithdrawChain(AdminDoor):
    @extend_schema(
        operation_id="withdraw_approval_chain",
        summary="Withdraw an approval chain",
        tags=["authority"],
        parameters=keyed(),
        request=Nothing,
        responses={200: ChainShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Nobody is asked by it any more; requests under way go on."""
        read(Nothing, request.data)
        found = ApprovalChain.objects.filter(organisation_id=self.organisation_id, public_id=public_id).first()
        if found is None:
            raise NotFound
        by = self.key.as_actor()
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: withdraw_chain(chain=found, by=by, now=clock.now()),
            render=lambda chain: (200, ChainShape(chain).data),
        )
