from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from unfold.admin import TabularInline

from marketplace.admin.base import JournalledAdmin, StaffAdmin, author
from marketplace.admin.capacity import capacity_page
from marketplace.catalogue.actions import set_service_spec
from marketplace.change import change as changes
from marketplace.journal.actions import record
from marketplace.models import Accelerator, Pool, ServiceSpec, Site
from marketplace.units import clock

AGREED = ("site", "accelerator", "fabric", "seller", "role")


@admin.register(Accelerator)
class AcceleratorAdmin(JournalledAdmin):
    list_display = ("name", "key", "all_in_kw", "memory_gb", "bf16_tflops", "h100_weight", "capital_usd_per_gpu_hour")
    search_fields = ("name", "key")
    ordering = ("h100_weight", "key")


@admin.register(Site)
class SiteAdmin(JournalledAdmin):
    list_display = ("name", "operator", "region", "jurisdiction", "facility_mw", "pue", "share_on_sale", "is_demo")
    list_filter = ("jurisdiction", "is_demo")
    search_fields = ("name", "key", "operator", "public_id")
    ordering = ("name",)
    readonly_fields = ("public_id",)
    fieldsets = (
        (None, {"fields": (("name", "public_id"), "key", ("operator", "is_demo"))}),
        ("Place", {"fields": (("region", "jurisdiction"), ("latitude", "longitude"))}),
        (
            "Power",
            {"fields": (("facility_mw", "share_on_sale"), ("pue", "carbon_g_per_kwh", "energy_usd_per_kwh"))},
        ),
        ("Where the figures come from", {"fields": ("source", "assumptions")}),
    )


class SpecInline(TabularInline):
    """The versions of a pool's service spec, newest first: read here, published on the spec's own page."""

    model = ServiceSpec
    fields = ("version", "digest", "created_at")
    readonly_fields = fields
    show_change_link = True
    extra = 0
    can_delete = False
    ordering = ("-version",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Pool)
class PoolAdmin(JournalledAdmin):
    list_display = ("__str__", "fabric", "seller", "role", "lot", "public_id")
    list_filter = ("accelerator", "role", "seller")
    list_select_related = ("site", "accelerator", "seller")
    search_fields = ("site__name", "accelerator__name", "public_id")
    autocomplete_fields = ("site", "accelerator", "seller")
    inlines = (SpecInline,)
    fieldsets = (
        (None, {"fields": (("site", "accelerator"), ("fabric", "lot"), "public_id")}),
        ("Who sells", {"fields": (("seller", "role"),)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Contracts name the pool: what it is and who sells it stays once it exists.
        return ("public_id", *(AGREED if obj else ()))

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.capacity_view)
        return [path("capacity/", page, name="capacity"), *super().get_urls()]

    def capacity_view(self, request: HttpRequest) -> HttpResponse:
        return capacity_page(request, self.admin_site.each_context(request))


class SpecForm(forms.ModelForm):
    class Meta:
        model = ServiceSpec
        fields = ("pool", "document")

    def clean_document(self) -> dict[str, Any]:
        document = self.cleaned_data["document"]
        if not isinstance(document, dict):
            raise forms.ValidationError('A service spec is an object: {"fabric": …, "nvlink_domain": …}.')
        return document


@admin.register(ServiceSpec)
class ServiceSpecAdmin(StaffAdmin):
    """Versions are read; publishing adds the next one and starts from the one in force."""

    form = SpecForm
    list_display = ("pool", "version", "digest", "created_at")
    list_filter = ("pool",)
    list_select_related = ("pool__site", "pool__accelerator")
    search_fields = ("pool__site__name", "digest")
    autocomplete_fields = ("pool",)
    add_fieldsets = ((None, {"fields": ("pool", "document")}),)
    fields = ("pool", "version", "document", "digest", "created_at")
    readonly_fields = ("version", "digest", "created_at")
    change_form_outer_before_template = "admin/marketplace/servicespec/next.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        pool = str(initial.get("pool", ""))
        current = ServiceSpec.objects.filter(pool_id=pool).first() if pool.isdigit() else None
        return {**initial, "document": current.document} if current else initial

    def save_model(self, request: HttpRequest, obj: ServiceSpec, form: Any, change: bool) -> None:
        spec = changes.run(lambda: self._publish(request, obj))
        obj.__dict__.update(spec.__dict__)

    def _publish(self, request: HttpRequest, wanted: ServiceSpec) -> ServiceSpec:
        now = clock.now()
        spec = set_service_spec(pool=wanted.pool, document=wanted.document, now=now)
        by = author(request)
        after = {"version": spec.version, "digest": spec.digest}
        record(by=by, verb="service_spec.published", subject=wanted.pool.public_id, now=now, after=after)
        return spec
