"""What the market promises, how much of what is sold may be late, and where selling has stopped."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from marketplace.admin.base import FrozenAdmin, author
from marketplace.admin.versions import VersionAdmin
from marketplace.celery import PROJECT_SUPPLY, WATCH_EXPOSURE, wake
from marketplace.change import change as changes
from marketplace.models import Pool, SellingStop, SiteExposure, SupplyPolicy
from marketplace.supply.policies import publish_policy
from marketplace.supply.queries import open_stops
from marketplace.units import clock
from marketplace.web import formats

RULES: Any = (
    (None, {"fields": ("starts_at",)}),
    ("Promised to every buyer", {"fields": (("promise_firm", "promise_standard", "promise_standby"),)}),
    ("Where selling at a site stops", {"fields": (("most_late_gpu_days", "most_late_share"),)}),
)


class PolicyForm(forms.ModelForm):
    class Meta:
        model = SupplyPolicy
        fields = tuple(flatten_fieldsets(RULES))
        labels = {"promise_firm": "Firm", "promise_standard": "Standard", "promise_standby": "Standby"} | {
            "most_late_gpu_days": "Worst-in-20 late GPU-days",
            "most_late_share": "Share of GPU-days sold",
        }

    def clean_starts_at(self) -> Any:
        starts_at = self.cleaned_data["starts_at"]
        if starts_at < clock.now():
            raise forms.ValidationError("A policy cannot start before it is published.")
        return starts_at


@admin.register(SupplyPolicy)
class SupplyPolicyAdmin(VersionAdmin):
    """Published versions are read; a change is a new version that starts from a copy."""

    form = PolicyForm
    list_display = (
        ("__str__", "starts_at", "promise_firm", "promise_standard", "promise_standby")
        + ("most_late_gpu_days", "most_late_share")
        + ("published_by",)
    )
    fieldsets = (*RULES, ("Record", {"fields": (("version", "published_by"),)}))
    add_fieldsets = RULES
    readonly_fields = ("version", "published_by")
    change_form_outer_before_template = "admin/marketplace/supplypolicy/next.html"

    def first_draft(self) -> SupplyPolicy:
        return SupplyPolicy.objects.in_force(clock.now())

    def save_model(self, request: HttpRequest, obj: SupplyPolicy, form: Any, change: bool) -> None:
        by = author(request)
        changes.run(lambda: publish_policy(policy=obj, by=by, now=clock.now()))
        wake(PROJECT_SUPPLY)
        wake(WATCH_EXPOSURE)


@admin.register(SiteExposure)
class SiteExposureAdmin(FrozenAdmin):
    """From today to the horizon. In money once contracts say what a day of delay costs."""

    list_display = ("site", "seller", "sold", "late_on_average", "late_at_worst", "share", "selling", "as_of")
    list_filter = ("seller",)
    list_select_related = ("site", "seller")
    search_fields = ("site__name", "seller__name")
    readonly_fields = ("sold", "late_on_average", "late_at_worst", "share", "selling", "by_pool")
    fields = (
        ("site", "seller"),
        ("sold", "selling"),
        ("late_on_average", "late_at_worst", "share"),
        "by_pool",
        ("projection", "as_of"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SiteExposure]:
        stopped = open_stops().filter(site=OuterRef("site"), seller=OuterRef("seller"))
        return super().get_queryset(request).annotate(stopped=Exists(stopped))

    @admin.display(description="Sold, GPU-days", ordering="sold_gpu_days")
    def sold(self, row: SiteExposure) -> str:
        return formats.count(row.sold_gpu_days)

    @admin.display(description="Late on average", ordering="expected_gpu_days")
    def late_on_average(self, row: SiteExposure) -> str:
        return formats.count(row.expected_gpu_days)

    @admin.display(description="Worst in 20", ordering="worst_gpu_days")
    def late_at_worst(self, row: SiteExposure) -> str:
        return formats.count(row.worst_gpu_days)

    @admin.display(description="Share")
    def share(self, row: SiteExposure) -> str:
        return formats.percent(row.worst_share, digits=1)

    @display(description="Selling", label={"stopped": "danger", "goes on": "success"})
    def selling(self, row: SiteExposure) -> str:
        return "stopped" if row.stopped else "goes on"  # type: ignore[attr-defined]

    @admin.display(description="By pool")
    def by_pool(self, row: SiteExposure) -> str:
        names = {pool.public_id: str(pool) for pool in Pool.objects.filter(site=row.site, seller=row.seller)}
        return "; ".join(
            f"{names.get(pool, pool)}: {formats.count(each['sold'])} sold, late {formats.count(each['expected'])} on "
            f"average and {formats.count(each['worst'])} worst in 20"
            for pool, each in row.pools.items()
        )


@admin.register(SellingStop)
class SellingStopAdmin(FrozenAdmin):
    """Begun and lifted by the sweep over exposures alone; the policy says at what figure."""

    list_display = ("site", "seller", "reason", "started_at", "lifted_at", "lifted_because", "policy")
    list_filter = (("lifted_at", admin.EmptyFieldListFilter), "seller")
    list_select_related = ("site", "seller", "policy")
    search_fields = ("site__name", "seller__name")
    fields = (
        ("site", "seller"),
        ("reason", "policy"),
        ("started_at", "lifted_at"),
        ("lifted_because", "settled_at"),
    )
