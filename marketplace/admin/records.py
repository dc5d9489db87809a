"""What happened, as the market wrote it down: events, the journal, claims and the ledger. Read only."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Concat
from django.http import HttpRequest
from unfold.admin import TabularInline

from marketplace.admin.base import LongAdmin, with_organisation
from marketplace.models import Claim, ClaimLine, Entry, Event, LedgerEntry, Pool


class OfOrganisationAdmin(LongAdmin):
    """Rows that carry a plain organisation id (they outlive it): its name comes with the same query."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_organisation(super().get_queryset(request))

    @admin.display(description="Organisation")
    def organisation(self, row: Any) -> str:
        return row.organisation_name or "the market"


@admin.register(Event)
class EventAdmin(OfOrganisationAdmin):
    list_display = ("name", "subject", "organisation", "created_at")
    search_fields = ("public_id__exact",)
    search_help_text = "The event's whole id"
    fields = (("name", "subject"), ("organisation", "created_at"), "data", "public_id")
    readonly_fields = ("organisation",)


@admin.register(Entry)
class EntryAdmin(OfOrganisationAdmin):
    list_display = ("at", "actor", "verb", "subject", "organisation", "reason")
    search_fields = ("subject__exact",)
    search_help_text = "What it was done to: a whole id such as qte_…"
    fields = (("at", "actor"), ("verb", "subject"), "organisation", "reason", ("before", "after"))
    readonly_fields = ("organisation",)


class ClaimLineInline(TabularInline):
    model = ClaimLine
    fields = ("pool", "quantity", "start", "end", "occupied_end")
    readonly_fields = fields
    extra = 0
    can_delete = False
    max_num = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClaimLine]:
        return super().get_queryset(request).select_related("pool__site", "pool__accelerator")


@admin.register(Claim)
class ClaimAdmin(LongAdmin):
    list_display = ("id", "holder", "status", "firmness", "expires_at", "created_at", "changed_at")
    list_filter = ("status", "firmness")
    search_fields = ("holder__exact",)
    search_help_text = "The whole id of the quote or reservation that it stands for"
    inlines = (ClaimLineInline,)
    fields = (("holder", "firmness"), ("status", "expires_at"), ("created_at", "changed_at"))


@admin.register(LedgerEntry)
class LedgerEntryAdmin(LongAdmin):
    list_display = ("at", "pool", "claim_id", "firmness", "start", "end", "held", "committed")
    search_fields = ("claim_id__exact",)
    search_help_text = "The claim's number"
    fields = ("at", "pool", "claim_id", "firmness", ("start", "end"), ("held", "committed"))
    readonly_fields = ("pool",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        # An entry has a plain pool id (it may be partitioned away): the pool's name comes with the same query.
        named = Pool.objects.annotate(named=Concat("site__name", Value(" "), "accelerator__name"))
        pool_name = Subquery(named.filter(pk=OuterRef("pool_id")).values("named")[:1])
        return super().get_queryset(request).annotate(pool_name=pool_name)

    @admin.display(description="Pool")
    def pool(self, entry: LedgerEntry) -> str:
        return entry.pool_name or str(entry.pool_id)  # type: ignore[attr-defined]
