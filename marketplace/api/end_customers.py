"""For whom a reseller buys, and where everybody's screening stands."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import ObjectField, public_id
from marketplace.api.idempotency import answer_once
from marketplace.api.pagination import ListShape, PageParams, cursor_page
from marketplace.api.schema import keyed, problems
from marketplace.api.spending import AdminDoor, Nothing
from marketplace.api.strict import Strict, Text, read
from marketplace.api.views import Door
from marketplace.screening.actions import archive_end_customer, register_end_customer
from marketplace.screening.models import END_USE_CHOICES, PENDING, STATUSES, Clearance, EndCustomer
from marketplace.screening.queries import standing_of
from marketplace.units import clock


class ScreeningShape(serializers.Serializer[Any]):
    object = ObjectField("screening")
    status = serializers.ChoiceField(choices=STATUSES)
    cleared_until = serializers.DateField(allow_null=True, help_text="Not included")


def screening(clearance: Clearance | None) -> dict[str, Any]:
    """How a clearance looks to the party itself: no row is the same as pending, and so is one that has run out."""
    status = clearance.state(clock.today()) if clearance else PENDING
    until = clearance.cleared_until if clearance and status == "cleared" else None
    return {"object": "screening", "status": status, "cleared_until": until.isoformat() if until else None}


class EndCustomerShape(serializers.Serializer[Any]):
    id = public_id()
    object = ObjectField("end_customer")
    created_at = serializers.DateTimeField()
    name = serializers.CharField()
    country = serializers.CharField()
    ultimate_parent = serializers.CharField()
    ultimate_parent_country = serializers.CharField()
    end_use = serializers.ChoiceField(choices=END_USE_CHOICES)
    archived_at = serializers.DateTimeField(allow_null=True)
    screening = serializers.SerializerMethodField()
    allowed_actions = serializers.SerializerMethodField()

    def get_screening(self, customer: EndCustomer) -> ScreeningShape:
        return screening(self.context["standing"].get(customer.pk))  # type: ignore[return-value]

    def get_allowed_actions(self, customer: EndCustomer) -> list[str]:
        return [] if customer.archived_at else ["archive"]


class EndCustomerList(ListShape):
    data = EndCustomerShape(many=True)


class EndCustomerRequest(Strict):
    name = Text(max_length=200, help_text="Its legal name")
    country = Text(max_length=2, help_text="ISO 3166-1 alpha-2")
    ultimate_parent = Text(max_length=200, required=False, allow_blank=True)
    ultimate_parent_country = Text(max_length=2, required=False, allow_blank=True)
    end_use = serializers.ChoiceField(choices=END_USE_CHOICES, required=False)


def shown_customer(customer: EndCustomer) -> Any:
    return EndCustomerShape(customer, context={"standing": standing_of(customer.organisation_id)}).data


class EndCustomers(Door):
    params_shape = PageParams
    scopes: ClassVar[dict[str, str]] = {"GET": "read", "POST": "quote"}

    @extend_schema(
        operation_id="list_end_customers",
        summary="For whom you buy",
        tags=["authority"],
        parameters=[PageParams],
        responses={200: EndCustomerList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first, archived ones too, each with where its screening stands."""
        own = EndCustomer.objects.of(self.organisation_id)
        context = {"standing": standing_of(self.organisation_id)}
        return Response(
            cursor_page(
                request,
                among=own,
                chosen=own,
                params=self.params,
                render=lambda row: EndCustomerShape(row, context=context).data,
            )
        )

    @extend_schema(
        operation_id="register_end_customer",
        summary="Register an end customer",
        tags=["authority"],
        parameters=keyed(),
        request=EndCustomerRequest,
        responses={201: EndCustomerShape, **problems(400, 401, 403, 409, 415, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """Its screening is pending. Name it as `on_behalf_of` of a quote; what you say of it is never edited."""
        body = read(EndCustomerRequest, request.data)
        organisation, by = self.key.organisation, self.key.as_actor()
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: register_end_customer(organisation=organisation, by=by, now=clock.now(), **body),
            render=lambda made: (201, shown_customer(made)),
        )


class ArchiveEndCustomer(AdminDoor):
    @extend_schema(
        operation_id="archive_end_customer",
        summary="Archive an end customer",
        tags=["authority"],
        parameters=keyed(),
        request=Nothing,
        responses={200: EndCustomerShape, **problems(400, 401, 403, 404, 409, 415, 422, 503)},
    )
    def post(self, request: Request, public_id: str) -> Response:
        """Nothing more is bought for it; what was stays."""
        read(Nothing, request.data)
        found = EndCustomer.objects.of(self.organisation_id).filter(public_id=public_id).first()
        if found is None:
            raise NotFound
        by = self.key.as_actor()
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: archive_end_customer(customer=found, by=by, now=clock.now()),
            render=lambda customer: (200, shown_customer(customer)),
        )


class OwnScreening(Door):
    @extend_schema(
        operation_id="get_screening",
        summary="Where your own screening stands",
        tags=["authority"],
        responses={200: ScreeningShape, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """A clearance that runs out is pending again. Nothing more is said of it."""
        return Response(screening(standing_of(self.organisation_id).get(None)))
