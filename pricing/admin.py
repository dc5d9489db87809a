"""Prices, offers' quotes and enquiries, as staff see them: nearly all of it is frozen and only read."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import DateTimeField, QuerySet, Value
from django.forms.models import model_to_dict
from django.http import HttpRequest
from unfold.admin import TabularInline

from marketplace.admin.base import FrozenAdmin, LongAdmin, StaffAdmin, author
from marketplace.celery import SOLVE_PRICES, wake
from marketplace.change import change as changes
from marketplace.units import clock
from marketplace.web import formats
from pricing.curve.models import PoolCurve, PricePolicy, PriceVersion, Tape, TapePool
from pricing.curve.policies import publish_policy
from pricing.demand.models import Enquiry
from pricing.quotes.actions import QuoteClosed, QuoteExpired, release_quote
from pricing.quotes.models import Quote, TermsDocument

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


class CurveInline(TabularInline):
    model = PoolCurve
    fields = ("pool", "first_day", "energy", "capital", "adder", "cap")
    readonly_fields = fields
    extra = 0
    max_num = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PoolCurve]:
        rows = super().get_queryset(request).select_related("pool__site", "pool__accelerator")
        return rows.defer("limits", "use", "dual")


@admin.register(PriceVersion)
class PriceVersionAdmin(FrozenAdmin):
    list_display = ("public_id", "seller", "reason", "policy", "projection", "created_at")
    list_filter = ("seller",)
    list_select_related = ("seller", "policy__seller", "projection")
    search_fields = ("public_id__exact", "seller__name")
    inlines = (CurveInline,)
    fields = (("public_id", "seller"), ("policy", "projection"), ("reason", "created_at"))


class TapePoolInline(TabularInline):
    model = TapePool
    fields = ("pool", "version", "first_day", "headroom_firm", "headroom_standard", "headroom_standby")
    readonly_fields = fields
    extra = 0
    max_num = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[TapePool]:
        related = ("pool__site", "pool__accelerator", "version__seller")
        return super().get_queryset(request).select_related(*related)

    @admin.display(description="Firm headroom, first day")
    def headroom_firm(self, row: TapePool) -> int:
        return row.headroom[0][0]

    @admin.display(description="Standard")
    def headroom_standard(self, row: TapePool) -> int:
        return row.headroom[1][0]

    @admin.display(description="Standby")
    def headroom_standby(self, row: TapePool) -> int:
        return row.headroom[2][0]


@admin.register(Tape)
class TapeAdmin(FrozenAdmin):
    list_display = ("tick",)
    inlines = (TapePoolInline,)
    fields = ("tick",)


@admin.register(TermsDocument)
class TermsDocumentAdmin(FrozenAdmin):
    list_display = ("title", "version", "in_force_from", "digest")
    fields = (("title", "version"), ("in_force_from", "digest"), "text")


@admin.register(Enquiry)
class EnquiryAdmin(LongAdmin):
    list_display = ("public_id", "organisation", "need", "offers", "refusal", "created_at")
    list_select_related = ("organisation",)
    search_fields = ("public_id__exact",)
    search_help_text = "The enquiry's whole id"
    fields = (("public_id", "organisation"), "need", ("offers", "refusal"), "created_at")


@admin.register(Quote)
class QuoteAdmin(LongAdmin):
    list_display = ("public_id", "organisation", "pool", "block", "price", "state", "expires_at", "created_by")
    list_filter = ("status", "firmness", "pool")
    list_select_related = ("organisation", "pool__site", "pool__accelerator")
    search_fields = ("public_id__exact",)
    search_help_text = "The quote's whole id"
    actions = ("release_hold",)
    change_form_outer_before_template = "admin/pricing/quote/open.html"
    readonly_fields = ("block", "state")
    fieldsets = (
        (None, {"fields": (("public_id", "state"), ("organisation", "pool"), ("block", "asked_quantity"))}),
        ("Price", {"fields": (("total", "currency"), "breakdown", ("price_version", "delivery_confidence"))}),
        ("Terms", {"fields": (("terms", "terms_digest"), ("spec", "claim_id"))}),
        (
            "Record",
            {"fields": (("created_at", "expires_at"), ("created_by", "client_reference"), "metadata")},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Quote]:
        at = Value(clock.now(), output_field=DateTimeField())
        return super().get_queryset(request).annotate(at=at)

    @admin.display(description="Block")
    def block(self, quote: Quote) -> str:
        return f"{quote.quantity:,} {quote.firmness}, {quote.start} to {quote.end}"

    @admin.display(description="Total")
    def price(self, quote: Quote) -> str:
        return formats.money(quote.total, quote.currency)

    @admin.display(description="State")
    def state(self, quote: Quote) -> str:
        return quote.state(quote.at)  # type: ignore[attr-defined]

    def has_release_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("pricing.change_quote")

    @admin.action(description="Release the hold", permissions=["release"])
    def release_hold(self, request: HttpRequest, quotes: QuerySet[Quote]) -> None:
        for quote in quotes:
            self._release(request, quote)

    def _release(self, request: HttpRequest, quote: Quote) -> None:
        whose = quote.organisation_id
        by = author(request, whose)
        try:
            changes.run(lambda: release_quote(public_id=quote.public_id, by=by, organisation_id=whose))
        except (QuoteClosed, QuoteExpired) as refused:
            messages.error(request, f"{quote.public_id}: {refused or 'its time is over already.'}")
        else:
            messages.success(request, f"{quote.public_id}: its capacity is free again.")
