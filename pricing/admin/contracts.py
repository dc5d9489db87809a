"""Contract policies: published versions are read; a change is a new version that starts from a copy."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.http import HttpRequest
from django.utils.html import format_html_join

from marketplace.admin.base import author
from marketplace.admin.versions import CheckedForm, VersionAdmin
from marketplace.change import change as changes
from marketplace.units import clock
from pricing.quotes.contracts import ContractPolicy, ContractRefused, check_contract, publish_contract

RULES: Any = (
    (None, {"fields": ("seller", "starts_at", "reason")}),
    ("Payment", {"fields": (("payment_days", "deposit_percent"),)}),
    (
        "Delivery",
        {
            "fields": (
                ("handover", "ready_notice_days"),
                ("acceptance_days", "turnaround_days", "end_notice_days", "project_shown"),
                "acceptance_tests",
            )
        },
    ),
    (
        "Changes",
        {"fields": (("lock_hours", "change_minutes"), ("first_call_days", "first_call_hours"), "assignment_days")},
    ),
    ("Exits", {"fields": ("exits",)}),
    ("If delivery is late", {"fields": ("delay",)}),
)


RECORD: Any = ("Record", {"fields": (("version", "public_id"), "published_by")})


class ContractForm(CheckedForm):
    refusal = ContractRefused

    class Meta:
        model = ContractPolicy
        fields = tuple(flatten_fieldsets(RULES))

    def check(self, draft: Any, now: datetime) -> None:
        check_contract(draft, now=now)


@admin.register(ContractPolicy)
class ContractPolicyAdmin(VersionAdmin):
    form = ContractForm
    list_display = (
        "__str__",
        "starts_at",
        "payment_days",
        "deposit_percent",
        "lock_hours",
        "turnaround_days",
        "reason",
    )
    list_filter = ("seller",)
    list_select_related = ("seller",)
    autocomplete_fields = ("seller",)
    fieldsets = (*RULES, ("In words", {"fields": ("delay_in_words",)}), RECORD)
    add_fieldsets = RULES
    readonly_fields = ("version", "public_id", "published_by", "delay_in_words")
    change_form_outer_before_template = "admin/pricing/contractpolicy/next.html"

    @admin.display(description="If delivery is late")
    def delay_in_words(self, policy: ContractPolicy) -> str:
        """As the customer reads it on the quote and the order form."""
        terms = policy.delay_terms
        if terms is None:
            return "No terms on delay"
        return format_html_join("", "<p><b>{}</b>: {}.</p>", terms.in_words())

    def first_draft(self) -> ContractPolicy:
        return ContractPolicy(version=0)

    def save_model(self, request: HttpRequest, obj: ContractPolicy, form: Any, change: bool) -> None:
        by = author(request)
        changes.run(lambda: publish_contract(policy=obj, by=by, now=clock.now()))
