"""What sales may grant: negotiation policies, published as versions, and each one's limit."""

from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from marketplace.admin.base import JournalledAdmin, StaffAdmin, author
from marketplace.admin.versions import CheckedForm
from marketplace.change import change as changes
from marketplace.models import User
from marketplace.units import clock
from pricing.negotiation.margins import (
    NegotiationPolicy,
    PolicyRefused,
    SalesLimit,
    check_negotiation_policy,
    publish_negotiation_policy,
)
from pricing.negotiation.models import own_sellers

LEAD = timedelta(minutes=5)  # time to read a draft through before it starts


class NegotiationPolicyForm(CheckedForm):
    refusal = PolicyRefused

    class Meta:
        model = NegotiationPolicy
        fields = ("seller", "starts_at", "margin_percent", "reason")

    def check(self, draft: Any, now: datetime) -> None:
        check_negotiation_policy(draft, now=now)


@admin.register(NegotiationPolicy)
class NegotiationPolicyAdmin(StaffAdmin):
    """Published versions are read; a change is a new version."""

    form = NegotiationPolicyForm
    list_display = ("__str__", "seller", "margin_percent", "starts_at", "reason", "published_by")
    list_select_related = ("seller",)
    ordering = ("-starts_at", "-id")
    fields = ("seller", "starts_at", "margin_percent", "reason")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[NegotiationPolicy]:
        """A seller's own staff see that seller's, and the market's default."""
        own = own_sellers(cast(User, request.user))
        rows = super().get_queryset(request)
        return rows.filter(Q(seller_id__in=own) | Q(seller=None)) if own else rows

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"starts_at": clock.now().replace(second=0, microsecond=0) + LEAD}

    def save_model(self, request: HttpRequest, obj: NegotiationPolicy, form: Any, change: bool) -> None:
        by = author(request)
        changes.run(lambda: publish_negotiation_policy(policy=obj, by=by, now=clock.now()))


@admin.register(SalesLimit)
class SalesLimitAdmin(JournalledAdmin):
    """Who may grant how much. A person's own limit goes before that of their groups."""

    list_display = ("__str__", "user", "group", "most_discount_percent", "below_walk_away")
    list_select_related = ("user", "group")
    fields = (("user", "group"), ("most_discount_percent", "below_walk_away"))
