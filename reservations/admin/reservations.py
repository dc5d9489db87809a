from typing import Any

from django.contrib import admin
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from marketplace.admin.base import LongAdmin
from marketplace.web import formats
from reservations.admin.delivering import deliveries_page, provide_page
from reservations.admin.keeping import keep
from reservations.admin.ledger import trial_balance_page
from reservations.admin.life import ask_change, give_access, life_page
from reservations.admin.screening import order_form_page, unclear_page
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
    readonly_fields = ("block", "approval", "paper", "on_behalf_of")
    change_form_outer_before_template = "admin/reservations/reservation/life.html"
    fieldsets = (
        (None, {"fields": (("public_id", "status", "deadline"), ("organisation", "pool"), "block")}),
        ("Price and terms", {"fields": (("total", "currency"), ("quote", "terms_digest"))}),
        ("Who accepted", {"fields": (("accepted_by", "accepted_at"), "claim_id")}),
        ("Order", {"fields": (("purchase_order", "cost_centre"), "on_behalf_of", "approval", "paper")}),
    )

    @admin.display(description="Block")
    def block(self, reservation: Reservation) -> str:
        return f"{reservation.quantity:,} {reservation.firmness}, {reservation.start} to {reservation.end}"

    @admin.display(description="Total")
    def price(self, reservation: Reservation) -> str:
        return formats.money(reservation.total, reservation.currency)

    @admin.display(description="Approval")
    def approval(self, reservation: Reservation) -> str:
        steps = [
            f"{stage}: {stage.decision or 'waits'}{f' by {stage.decided_by}' if stage.decision else ''}"
            for stage in reservation.stages.select_related("user")
        ]
        return "; ".join(steps) or "nobody had to agree"

    @admin.display(description="On behalf of")
    def on_behalf_of(self, reservation: Reservation) -> str:
        return str(reservation.quote.on_behalf_of or "itself")

    @admin.display(description="Order form")
    def paper(self, reservation: Reservation) -> str:
        address = reverse("admin:reservation-order-form", args=[reservation.pk])
        return format_html('<a href="{}">PDF</a> {}', address, reservation.order_form_digest)

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, name: str, view: Any) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), {"site": self.admin_site}, name=name)

        return [
            page("touched/<slug:public_id>/", "projection-touched", touched_page),
            page("life/<slug:public_id>/", "reservation-life", life_page),
            page("life/<slug:public_id>/change/", "reservation-change", ask_change),
            page("life/<slug:public_id>/hand-over/", "reservation-hand-over", give_access),
            page("life/<slug:public_id>/deliver/<slug:act>/", "reservation-deliver", provide_page),
            page("deliveries/", "deliveries", deliveries_page),
            page("trial-balance/", "trial-balance", trial_balance_page),
            page("no-longer-clear/", "no-longer-clear", unclear_page),
            page("<int:pk>/order-form/", "reservation-order-form", order_form_page),
            page("sell/", "sell-capacity", offers_page),
            page("sell/hold/", "sell-hold", hold),
            page("sell/together/", "sell-together", together_page),
            page("sell/bundle/<slug:public_id>/", "sell-bundle", bundle_page),
            page("sell/bundle/<slug:public_id>/accept/", "sell-bundle-accept", accept_page),
            page("sell/bundle/<slug:public_id>/release/", "sell-bundle-release", release_page),
            page("sell/<slug:public_id>/", "sell-quote", quote_page),
            page("sell/<slug:public_id>/accept/", "sell-accept", accept),
            page("sell/<slug:public_id>/release/", "sell-release", release),
            page("sell/<slug:public_id>/keep/", "sell-keep", keep),
            *super().get_urls(),
        ]
