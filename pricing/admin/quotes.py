"""Quotes and the terms that they name. Of a quote, staff may only give the hold back."""

from django.contrib import admin, messages
from django.db.models import DateTimeField, QuerySet, Value
from django.http import HttpRequest

from marketplace.admin.base import FrozenAdmin, LongAdmin, author
from marketplace.change import change as changes
from marketplace.units import clock
from marketplace.web import formats
from pricing.quotes.actions import QuoteClosed, QuoteExpired, release_quote
from pricing.quotes.explain import explain_quote
from pricing.quotes.models import BUY, Quote, TermsDocument

PRICED = (("list_total", "prepayment_percent"), "computed_again")


@admin.register(TermsDocument)
class TermsDocumentAdmin(FrozenAdmin):
    list_display = ("title", "version", "in_force_from", "digest")
    fields = (("title", "version"), ("in_force_from", "digest"), "text")


@admin.register(Quote)
class QuoteAdmin(LongAdmin):
    list_display = ("public_id", "organisation", "pool", "block", "price", "state", "expires_at", "created_by")
    list_filter = ("status", "kind", "firmness", "pool")
    list_select_related = ("organisation", "pool__site", "pool__accelerator")
    search_fields = ("public_id__exact",)
    search_help_text = "The quote's whole id"
    actions = ("release_hold",)
    change_form_outer_before_template = "admin/pricing/quote/open.html"
    readonly_fields = ("block", "state", "computed_again")
    fieldsets = (
        (None, {"fields": (("public_id", "state"), ("organisation", "pool"), ("block", "asked_quantity"))}),
        ("Price", {"fields": (("total", "currency"), "breakdown", ("price_version", "delivery_confidence"), *PRICED)}),
        ("Terms", {"fields": (("terms", "terms_digest"), ("spec", "claim_id"), "contract")}),
        ("What it does", {"fields": (("kind", "changes"), "lines")}),
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

    @admin.display(description="Computed again from what is stored")
    def computed_again(self, quote: Quote) -> str:
        if quote.kind != BUY:
            return "a change: its lines say what it adds and returns"
        found = explain_quote(quote)
        return "the same, to the cent" if found.matches else f"DIFFERS: {'; '.join(found.differences)}"

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
