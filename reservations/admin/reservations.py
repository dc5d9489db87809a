from typing import Any

from django.contrib import admin
from django.urls import URLPattern, path

from marketplace.admin.base import LongAdmin
from marketplace.web import formats
from reservations.admin.selling import accept, hold, offers_page, quote_page, release
from reservations.admin.together import accept_page, bundle_page, release_page, together_page
from reservations.admin.touched import touched_page
from reservations.booking.models import Reservation


@admin.register(Reservation)
class ReservationAdmin(LongAdmin):
    """What customers hold. Read only: a reservation comes from a quote, and selling has pages of its own."""

    list_display = ("public_id", "organisation", "pool", "block", "price", "status", "accepted_by", "accepted_at")
    list_filter = ("status", "firmness", "pool", "organisation")
    list_select_related = ("organisation", "pool__site", "pool__accelerator", "quote")
    search_fields = ("public_id__exact", "quote__public_id__exact")
    search_help_text = "The whole id of the reservation or of its quote"
    readonly_fields = ("block",)
    fieldsets = (
        (None, {"fields": (("public_id", "status"), ("organisation", "pool"), "block")}),
        ("Price and terms", {"fields": (("total", "currency"), ("quote", "terms_digest"))}),
        ("Who accepted", {"fields": (("accepted_by", "accepted_at"), "claim_id")}),
    )

    @admin.display(description="Block")
    def block(self, reservation: Reservation) -> str:
        return f"{reservation.quantity:,} {reservation.firmness}, {reservation.start} to {reservation.end}"

    @admin.display(description="Total")
    def price(self, reservation: Reservation) -> str:
        return formats.money(reservation.total, reservation.currency)

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, name: str, view: Any) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), {"site": self.admin_site}, name=name)

        return [
            page("touched/<slug:public_id>/", "projection-touched", touched_page),
            page("sell/", "sell-capacity", offers_page),
            page("sell/hold/", "sell-hold", hold),
            page("sell/together/", "sell-together", together_page),
            page("sell/bundle/<slug:public_id>/", "sell-bundle", bundle_page),
            page("sell/bundle/<slug:public_id>/accept/", "sell-bundle-accept", accept_page),
            page("sell/bundle/<slug:public_id>/release/", "sell-bundle-release", release_page),
            page("sell/<slug:public_id>/", "sell-quote", quote_page),
            page("sell/<slug:public_id>/accept/", "sell-accept", accept),
            page("sell/<slug:public_id>/release/", "sell-release", release),
            *super().get_urls(),
        ]
