"""A plan as staff read it: what it optimised, what each rule did, whom it touched, who decided otherwise."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from marketplace.admin.base import FrozenAdmin
from marketplace.units.firmness import FIRMNESS
from marketplace.web import formats
from reservations.allocation.models import Plan, PlannedReservation
from reservations.allocation.reckoning import SIZES
from reservations.allocation.remedies import Remedy, RemedyOverride

A_PAGE = 100
RULES = (
    ("protected", "had a way of less harm closed, because it leaves them less than earliest contract first"),
    ("proposals", "are asked for consent, and keep the default until they say yes"),
    ("bundles", "bundles, which go as a whole"),
    ("bundles_bound", "bundles of which a member could have done better alone"),
    ("ties", "choices of equal harm that the lottery decided"),
    ("improved", "do better than under earliest contract first"),
    ("worsened", "are owed more than under earliest contract first, and lose no more by it"),
    ("withheld_by_cap", "ways into other pools withheld by the share cap"),
    ("withheld_by_set_aside", "ways into other pools kept for small organisations"),
)
OTHERS = {"first_come": "First come first served, whatever the class", "highest_price": "The highest price first"}


@admin.register(Plan)
class PlanAdmin(FrozenAdmin):
    list_display = ("public_id", "made_at", "touched", "harm", "above_bound", "moved", "overridden")
    search_fields = ("public_id__exact", "reservations__reservation__public_id__exact")
    date_hierarchy = "made_at"
    fields = (
        ("public_id", "made_at", "touched"),
        ("policy", "before", "after"),
        ("digest", "result_digest", "seed"),
    )
    change_form_outer_after_template = "admin/reservations/plan/story.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        rows = super().get_queryset(request).defer("inputs", "result").select_related("policy", "before", "after")
        return rows.defer("inputs", "result", "before__inputs", "after__inputs")

    @admin.display(description="Harm")
    def harm(self, plan: Plan) -> str:
        return formats.money(plan.summary["harm_cents"] / 100)

    @admin.display(description="Above the bound")
    def above_bound(self, plan: Plan) -> str:
        return _gap(plan.summary)

    @admin.display(description="Buyers asked to move")
    def moved(self, plan: Plan) -> str:
        return formats.count(plan.summary["plan"]["moved_buyers"])

    @admin.display(description="Overrides")
    def overridden(self, plan: Plan) -> int:
        return RemedyOverride.objects.filter(remedy__plan=plan.public_id).count()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        found = _story(request, object_id) if self.has_view_permission(request) and object_id.isdecimal() else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **found})


def _gap(summary: dict[str, Any]) -> str:
    harm, bound = summary["harm_cents"], summary["bound_cents"]
    if harm == bound:
        return "least possible"
    return formats.percent(harm / bound - 1, digits=1) if bound else "no bound above 0"


def _story(request: HttpRequest, object_id: str) -> dict[str, Any]:
    plan = Plan.objects.defer("inputs", "result").filter(pk=object_id).first()
    if plan is None:
        return {}
    rows = PlannedReservation.objects.filter(plan=plan).order_by("place")
    named = rows.select_related("reservation__organisation", "reservation__pool__site")
    page = Paginator(named.select_related("reservation__pool__accelerator"), A_PAGE).get_page(request.GET.get("page"))
    summary = plan.summary
    return {
        "summary": summary,
        "gap": _gap(summary),
        "told": [(summary["rules"][name], said) for name, said in RULES if summary["rules"].get(name)],
        "compared": _compared(summary),
        "by_class": _by_class(summary["plan"]),
        "sizes": _sizes(),
        "page_of": page,
        "rows": _with_remedies(plan, page),
        "overrides": RemedyOverride.objects.filter(remedy__plan=plan.public_id).select_related("remedy__reservation"),
        "short_of": plan.shortfalls.select_related("pool__site", "pool__accelerator"),
    }


def _with_remedies(plan: Plan, page: Any) -> list[tuple[PlannedReservation, Remedy | None]]:
    """The page's reservations, each with what its buyer was offered, once it was."""
    reservations = [each.reservation_id for each in page]
    told = Remedy.objects.filter(plan=plan.public_id, reservation__in=reservations)
    by_reservation = {each.reservation_id: each for each in told}
    return [(each, by_reservation.get(each.reservation_id)) for each in page]


def _compared(summary: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """This plan, the rule that it protects, and the two others, in the same figures."""
    found = [("This plan", summary["plan"]), ("Earliest contract first, class by class", summary["plain"])]
    return found + [(OTHERS.get(each["rule"], each["rule"]), each) for each in summary["others"]]


def _by_class(reckoned: dict[str, Any]) -> list[tuple[str, list[int], int]]:
    rows = zip(FIRMNESS, reckoned["touched_by_size"], reckoned["short_gpu_days"], strict=True)
    return [(firmness.capitalize(), counts, short) for firmness, counts, short in rows]


def _sizes() -> list[str]:
    lows = [1, *(size + 1 for size in SIZES)]
    return [f"{low:,} to {high:,}" for low, high in zip(lows, SIZES, strict=False)] + [f"{lows[-1]:,} and more"]
