"""The ledger of money, to read: what was posted, and whether it all adds up."""

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET
from unfold.admin import TabularInline

from marketplace.admin.base import LongAdmin
from marketplace.units.money import Money
from reservations.billing.models import Posting, PostingLine
from reservations.billing.queries import differences, trial_balance


class LineInline(TabularInline):
    """Debit above zero, credit below."""

    model = PostingLine
    fields = readonly_fields = ("account", "amount")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Posting)
class PostingAdmin(LongAdmin):
    """Written from dues and receipts alone, once each."""

    list_display = ("public_id", "kind", "organisation", "seller", "reservation", "currency", "occurred_at")
    list_filter = ("kind", "organisation", "seller")
    list_select_related = ("organisation", "seller", "reservation")
    search_fields = ("public_id__exact", "subject__exact", "reservation__public_id__exact")
    fields = (
        ("public_id", "key"),
        ("kind", "subject"),
        ("organisation", "seller", "reservation"),
        ("currency", "occurred_at", "posted_at"),
    )
    inlines = (LineInline,)


@require_GET
def trial_balance_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Every account's sum, and every difference between the ledger and its sources."""
    if not request.user.has_perm("reservations.view_posting"):
        raise PermissionDenied
    names = dict(PostingLine._meta.get_field("account").flatchoices)
    rows = [
        {"account": names[each.account], "money": Money(each.amount, each.currency), "lines": each.lines}
        for each in trial_balance()
    ]
    context = {**site.each_context(request), "title": "Trial balance", "rows": rows, "found": differences()}
    return TemplateResponse(request, "admin/reservations/trial_balance.html", context)
