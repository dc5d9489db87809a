"""What an organisation owes and has paid."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.pagination import PageParams, cursor_page
from marketplace.api.schema import problems
from marketplace.api.strict import Text
from marketplace.api.views import Door
from reservations.api.shapes import DueList, DueShape, ReceiptList, ReceiptShape
from reservations.booking.money import REASONS, Due, Receipt


class DueParams(PageParams):
    reservation = Text(required=False)
    reason = serializers.ChoiceField(choices=REASONS, required=False)


class Dues(Door):
    params_shape = DueParams

    @extend_schema(
        operation_id="list_dues",
        summary="What you owe, and are owed",
        tags=["buy"],
        parameters=[DueParams],
        responses={200: DueList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first. Your balance is the sum of the dues less that of the receipts that were applied."""
        own = Due.objects.of(self.organisation_id)
        chosen = own.select_related("reservation").filter(**_wanted(self.params))
        return Response(
            cursor_page(request, among=own, chosen=chosen, params=self.params, render=lambda due: DueShape(due).data)
        )


class ReceiptParams(PageParams):
    reservation = Text(required=False)


class Receipts(Door):
    params_shape = ReceiptParams

    @extend_schema(
        operation_id="list_receipts",
        summary="Bank transfers that came in",
        tags=["buy"],
        parameters=[ReceiptParams],
        responses={200: ReceiptList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        own = Receipt.objects.of(self.organisation_id)
        chosen = own.select_related("reservation").filter(**_wanted(self.params))
        return Response(
            cursor_page(
                request, among=own, chosen=chosen, params=self.params, render=lambda row: ReceiptShape(row).data
            )
        )


def _wanted(params: dict[str, Any]) -> dict[str, Any]:
    columns = {"reservation": "reservation__public_id", "reason": "reason"}
    return {columns[name]: params[name] for name in columns if name in params}
