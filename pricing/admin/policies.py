"""Price policies: published versions are read, a change is a new version."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.forms.models import model_to_dict
from django.http import HttpRequest

from marketplace.admin.base import StaffAdmin, author
from marketplace.celery import SOLVE_PRICES, wake
from marketplace.change import change as changes
from marketplace.units import clock
from pricing.curve.models import PricePolicy
from pricing.curve.policies import publish_policy

RULES: Any = (
    (None, {"fields": (("seller", "starts_at"),)}),
    ("The curve", {"fields": (("adder_over_floor", "cap_over_floor"), ("fill_steepness", "dual_steepness"))}),
    ("Class premiums", {"fields": (("premium_firm", "premium_standard", "premium_standby"),)}),
    ("Offers and quotes", {"fields": (("hold_minutes", "offer_minutes", "projection_max_age_hours"),)}),
    ("The public tape", {"fields": (("tape_step_gpus", "tape_tick_minutes"),)}),
)
LEAD = timedelta(minutes=10)  # time to read a copied policy through before it starts


class PolicyForm(forms.ModelForm):
    class Meta:
        model = PricePolicy
        fields = tuple(flatten_fieldsets(RULES))

    def clean_starts_at(self) -> Any:
        starts_at = self.cleaned_data["starts_at"]
        if starts_at < clock.now():
            raise forms.ValidationError("A policy cannot start before it is published.")
        return starts_at


@admin.register(PricePolicy)
class PricePolicyAdmin(StaffAdmin):
    """Published versions are read; a change is a new version that starts from a copy."""

    form = PolicyForm
    list_display = ("__str__", "seller", "version", "starts_at", "cap_over_floor", "hold_minutes", "published_by")
    list_filter = ("seller",)
    list_select_related = ("seller",)
    search_fields = ("seller__name",)
    autocomplete_fields = ("seller",)
    ordering = ("-starts_at", "-id")
    fieldsets = (*RULES, ("Record", {"fields": (("version", "published_by"),)}))
    add_fieldsets = RULES
    readonly_fields = ("version", "published_by")
    change_form_outer_before_template = "admin/pricing/pricepolicy/next.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        copied = request.GET.get("copy", "")
        policy = PricePolicy.objects.filter(pk=copied).first() if copied.isdigit() else None
        initial = model_to_dict(policy) if policy else {}
        return {**initial, "starts_at": clock.now().replace(second=0, microsecond=0) + LEAD}

    def save_model(self, request: HttpRequest, obj: PricePolicy, form: Any, change: bool) -> None:
        by = author(request)
        changes.run(lambda: publish_policy(policy=obj, by=by, now=clock.now()))
        wake(SOLVE_PRICES)
