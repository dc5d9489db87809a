"""The waitlist as staff see it: the one queue with what was offered and why others were passed over. Read only."""

from typing import Any

from django.contrib import admin
from unfold.admin import TabularInline

from marketplace.admin.base import FrozenAdmin, LongAdmin
from marketplace.units import clock
from marketplace.web import formats
from pricing.quotes.bundles import Bundle
from reservations.booking.waitlist.models import WaitlistEntry, WaitlistOffer, WaitlistPass


class ReadOnlyRows(TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False


class OffersMade(ReadOnlyRows):
    model = WaitlistOffer
    fields = readonly_fields = ("quote", "bundle", "made_at", "outcome")


class PassedOver(ReadOnlyRows):
    model = WaitlistPass
    fields = readonly_fields = ("reason", "detail", "since", "until")


@admin.register(WaitlistEntry)
class WaitlistAdmin(FrozenAdmin):
    """In the order of the queue: who joined first comes first."""

    ordering = ("joined_at", "id")
    list_display = ("public_id", "organisation", "wish", "max_unit_price", "standing", "joined_at", "last_reason")
    list_filter = ("status", "organisation")
    list_select_related = ("organisation",)
    search_fields = ("public_id__exact",)
    inlines = (OffersMade, PassedOver)

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).prefetch_related("passes", "offers__quote", "offers__bundle__parts")

    @admin.display(description="Wish")
    def wish(self, entry: WaitlistEntry) -> str:
        size, kinds = entry.need["quantity"], entry.need.get("accelerators") or ["any GPU"]
        gpus = f"{size['min']:,} to {size['max']:,}" if isinstance(size, dict) else f"{size:,}"
        return f"{gpus} {' or '.join(kinds)}, {entry.need['firmness']}, until {entry.last_start}"

    @admin.display(description="State")
    def standing(self, entry: WaitlistEntry) -> str:
        return entry.state(clock.now())

    @admin.display(description="Passed over because")
    def last_reason(self, entry: WaitlistEntry) -> str:
        return next((each.get_reason_display() for each in entry.passes.all()), "")


@admin.register(Bundle)
class BundleAdmin(LongAdmin):
    """Bundles, ramps and splits. Read only: selling has pages of its own."""

    list_display = ("public_id", "organisation", "kind", "price", "standing", "created_at")
    list_filter = ("kind", "organisation")
    list_select_related = ("organisation",)
    search_fields = ("public_id__exact", "client_reference__exact")
    change_form_outer_before_template = "admin/pricing/bundle/open.html"

    @admin.display(description="Total")
    def price(self, bundle: Bundle) -> str:
        return formats.money(bundle.total, bundle.currency)

    @admin.display(description="State")
    def standing(self, bundle: Bundle) -> str:
        return bundle.state(clock.now())
