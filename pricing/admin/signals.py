"""Build signals of every seller, the most valuable first: what staff tell a seller to hurry."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from marketplace.admin.base import FrozenAdmin
from marketplace.web import formats
from pricing.curve.models import BuildSignal
from pricing.curve.signals import SOONER_DAYS


@admin.register(BuildSignal)
class BuildSignalAdmin(FrozenAdmin):
    list_display = ("project", "seller", "hurry", "one_mw", "one_mw_alone", "version")
    list_filter = ("version__seller",)
    search_fields = ("project__name", "project__public_id__exact")
    list_select_related = ("version__seller", "project__pool__site", "project__pool__accelerator")
    ordering = ("-best", "pk")
    fields = (("project", "version"), "milestones", ("one_mw", "one_mw_alone"))
    readonly_fields = ("milestones", "one_mw", "one_mw_alone")

    def get_queryset(self, request: HttpRequest) -> QuerySet[BuildSignal]:
        """The list shows what holds now; a version's own signals can still be opened by their address."""
        found = super().get_queryset(request)
        is_list = getattr(request.resolver_match, "url_name", "") == "pricing_buildsignal_changelist"
        return found.filter(pk__in=BuildSignal.objects.newest().values("pk")) if is_list else found

    @admin.display(description="Seller", ordering="version__seller__name")
    def seller(self, signal: BuildSignal) -> Any:
        return signal.version.seller

    @admin.display(description=f"{SOONER_DAYS} days sooner gains most at", ordering="best")
    def hurry(self, signal: BuildSignal) -> str:
        first = next(iter(signal.soonest_first()), None)
        return f"{first[0]}: {formats.compact_money(first[1])}" if first else "no milestone"

    @admin.display(description=f"What {SOONER_DAYS} days sooner are worth")
    def milestones(self, signal: BuildSignal) -> str:
        found = [f"{kind}: {formats.money(usd)}" for kind, usd in signal.soonest_first()]
        return "; ".join(found) or "Nothing: none of its open milestones is ever the last."

    @admin.display(description="One MW more, with its GPUs", ordering="mw")
    def one_mw(self, signal: BuildSignal) -> str:
        return formats.compact_money(signal.mw)

    @admin.display(description="One MW more, power alone", ordering="mw_alone")
    def one_mw_alone(self, signal: BuildSignal) -> str:
        return formats.compact_money(signal.mw_alone) if signal.mw_alone else "none is short"
