"""Price policies: published versions are read; a change is a new version, previewed before it is published."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from marketplace.admin.base import author
from marketplace.admin.versions import CheckedForm, PreviewedVersionAdmin, Sent
from marketplace.celery import SOLVE_PRICES, wake
from marketplace.change import change as changes
from marketplace.units import clock
from pricing.admin.preview import preview_of
from pricing.admin.schedules import ReserveField, ScheduleField, schedule_text
from pricing.curve.models import PricePolicy
from pricing.curve.policies import (
    NothingToRollBack,
    PolicyRefused,
    check_policy,
    publish_policy,
    roll_back_policy,
    rolled_back,
)
from pricing.curve.terms import KINDS, UNIT

RULES: Any = (
    (None, {"fields": ("seller", "starts_at", "reason")}),
    ("The curve", {"fields": (("adder_over_floor", "cap_over_floor"), ("fill_steepness", "dual_steepness"))}),
    ("Floor", {"fields": (("floor_markup", "publishes"), "reserve_prices")}),
    ("Class premiums", {"fields": (("premium_firm", "premium_standard", "premium_standby"),)}),
    ("Terms", {"fields": (*KINDS, ("most_discount", "keeps_floor"))}),
    ("From solve to solve", {"fields": (("move_tolerance", "notice_days"),)}),
    ("Offers and quotes", {"fields": (("hold_minutes", "offer_minutes", "projection_max_age_hours"),)}),
    (
        "What may be held unbought",
        {
            "fields": (
                "hold_limit_gpu_hours",
                ("lapses_to_cooldown", "lapse_window_hours", "cooldown_minutes"),
                ("long_hold_days", "long_hold_percent_a_day", "long_hold_minimum"),
                ("long_holds_count", "desk_hold_minutes"),
            )
        },
    ),
    ("The public tape", {"fields": (("tape_step_gpus", "tape_tick_minutes"),)}),
)


class PolicyForm(CheckedForm):
    refusal = PolicyRefused

    tenor = ScheduleField("Discount by length of the block", UNIT["tenor"])
    lead_time = ScheduleField("Discount by lead time of each day", UNIT["lead_time"])
    prepayment = ScheduleField("Discount for prepayment", UNIT["prepayment"])
    volume = ScheduleField("Discount by volume", UNIT["volume"])
    reserve_prices = ReserveField()

    class Meta:
        model = PricePolicy
        fields = tuple(flatten_fieldsets(RULES))

    def check(self, draft: Any, now: datetime) -> None:
        check_policy(draft, now=now)


@admin.register(PricePolicy)
class PricePolicyAdmin(PreviewedVersionAdmin):
    """Published versions are read; a change is a new version that starts from a copy, seen before it is published."""

    form = PolicyForm
    list_display = ("__str__", "seller", "version", "starts_at", "cap_over_floor", "reason", "published_by")
    list_filter = ("seller",)
    list_select_related = ("seller",)
    search_fields = ("seller__name",)
    autocomplete_fields = ("seller",)
    ordering = ("-starts_at", "-id")
    add_fieldsets = RULES
    readonly_fields = ("version", "public_id", "published_by", "published_at", *(f"{kind}_steps" for kind in KINDS))
    change_form_outer_before_template = "admin/pricing/pricepolicy/next.html"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A published version reads its schedules in words."""
        if obj is None:
            return RULES
        steps = tuple(f"{kind}_steps" for kind in KINDS)
        read = {"fields": (*steps, ("most_discount", "keeps_floor"))}
        found = [(name, read if name == "Terms" else options) for name, options in RULES]
        return [*found, ("Record", {"fields": (("version", "public_id"), ("published_by", "published_at"))})]

    def get_urls(self) -> Any:
        name = "pricing_pricepolicy_roll_back"
        own = [path("<int:policy_id>/roll-back/", self.admin_site.admin_view(self.roll_back), name=name)]
        return own + super().get_urls()

    def save_model(self, request: HttpRequest, obj: PricePolicy, form: Any, change: bool) -> None:
        by = author(request)
        changes.run(lambda: publish_policy(policy=obj, by=by, now=clock.now()))
        wake(SOLVE_PRICES)

    def roll_back(self, request: HttpRequest, policy_id: int) -> HttpResponse:
        """Asks for a reason, shows what going back would do, and publishes it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        policy = get_object_or_404(PricePolicy.objects.select_related("seller"), pk=policy_id)
        reason, now = request.POST.get("reason", ""), clock.now()
        try:
            draft = rolled_back(policy.seller, reason=reason, now=now)
            if request.method == "POST" and "_publish" in request.POST:
                by = author(request)
                made = changes.run(
                    lambda: roll_back_policy(seller=policy.seller, reason=reason, by=by, now=clock.now())
                )
                wake(SOLVE_PRICES)
                messages.success(request, f"{made} starts at {made.starts_at:%Y-%m-%d %H:%M} UTC.")
                return redirect("admin:pricing_pricepolicy_change", made.pk)
        except (PolicyRefused, NothingToRollBack) as refused:
            messages.error(request, str(refused))
            return redirect("admin:pricing_pricepolicy_change", policy.pk)
        return self.preview(request, draft, [("reason", reason)])

    def preview(self, request: HttpRequest, draft: PricePolicy, kept: Sent) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "What this policy would do",
            "draft": draft,
            "kept": kept,
            "back": reverse("admin:pricing_pricepolicy_changelist"),
            **preview_of(draft, now=clock.now()),
        }
        return TemplateResponse(request, "admin/pricing/pricepolicy/preview.html", context)

    @admin.display(description="By length of the block")
    def tenor_steps(self, policy: PricePolicy) -> str:
        return schedule_text(policy.tenor, UNIT["tenor"])

    @admin.display(description="By lead time of each day")
    def lead_time_steps(self, policy: PricePolicy) -> str:
        return schedule_text(policy.lead_time, UNIT["lead_time"])

    @admin.display(description="For prepayment")
    def prepayment_steps(self, policy: PricePolicy) -> str:
        return schedule_text(policy.prepayment, UNIT["prepayment"])

    @admin.display(description="By volume")
    def volume_steps(self, policy: PricePolicy) -> str:
        return schedule_text(policy.volume, UNIT["volume"])
