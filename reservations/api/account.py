"""An organisation's account on the ledger of money: what it owes, and how that came about."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.fields import MoneyField, ObjectField, public_id
from marketplace.api.pagination import ListShape, PageParams, cursor_page, listed
from marketplace.api.schema import problems
from marketplace.api.views import Door
from reservations.billing.models import KINDS
from reservations.billing.queries import account_of, balances


class BalanceShape(serializers.Serializer[Any]):
    """What you owe one seller in one currency; below zero it is owed to you."""

    object = ObjectField("balance")
    seller = serializers.CharField()
    seller_name = serializers.CharField()
    amount = MoneyField(source="money")


class BalanceList(ListShape):
    data = BalanceShape(many=True)


class AccountEntryShape(serializers.Serializer[Any]):
    """One posting, as it changed what you owe."""

    id = public_id()
    object = ObjectField("account_entry")
    created_at = serializers.DateTimeField(source="posted_at")
    occurred_at = serializers.DateTimeField()
    kind = serializers.CharField(help_text=", ".join(kind for kind, _ in KINDS))
    subject = serializers.CharField(help_text="Id of the due or receipt that was posted")
    reservation = public_id("reservation.public_id", allow_null=True, default=None)
    seller = public_id("seller.public_id")
    amount = MoneyField(source="money", help_text="Below zero it lowers what you owe")
    balance = MoneyField(source="owed_after", help_text="What you owe in this currency after it, in all")


class AccountEntryList(ListShape):
    data = AccountEntryShape(many=True)


class Balances(Door):
    @extend_schema(
        operation_id="list_balances",
        summary="What you owe now",
        tags=["buy"],
        responses={200: BalanceList, **problems(401, 403)},
    )
    def get(self, request: Request) -> Response:
        """By seller and currency; settled ones are left out."""
        return Response(listed([BalanceShape(each).data for each in balances(self.organisation_id)]))


class AccountEntries(Door):
    params_shape = PageParams

    @extend_schema(
        operation_id="list_account_entries",
        summary="Your account, entry by entry",
        tags=["buy"],
        parameters=[PageParams],
        responses={200: AccountEntryList, **problems(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Newest first. Each entry stands on the ledger of money once, and is never changed."""
        own = account_of(self.organisation_id)
        return Response(
            cursor_page(
                request, among=own, chosen=own, params=self.params, render=lambda row: AccountEntryShape(row).data
            )
        )
