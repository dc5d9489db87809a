"""A plan as staff read it: what it optimised, what each rule did, whom it touched; and where they decide otherwise."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from marketplace.admin.base import BUSY, FrozenAdmin, author
from marketplace.change import change as changes
from marketplace.units import clock
from marketplace.units.firmness import FIRMNESS
from marketplace.web import formats
from reservations.allocation.models import Plan, PlannedReservation, PlanOverride
from reservations.allocation.overriding import NotOffered, OverrideReasonMissing, PlannedNotFound, override
from reservations.allocation.reckoning import SIZES

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
        counted = rows.defer("inputs", "result", "before__inputs", "after__inputs")
        return counted.annotate(overrides=Count("reservations__overrides", distinct=True))

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
        return plan.overrides  # type: ignore[attr-defined]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.override_view))
        return [path("<slug:public_id>/override/", view, name="plan-override"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        found = _story(request, object_id) if self.has_view_permission(request) and object_id.isdecimal() else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **found})

    def override_view(self, request: HttpRequest, public_id: str) -> HttpResponse:
        if not request.user.has_perm("reservations.change_plan"):
            raise PermissionDenied
        plan = Plan.objects.defer("inputs", "result").filter(public_id=public_id).first()
        if plan is None:
            raise Http404
        asked = {name: request.POST.get(name, "") for name in ("reservation", "kind", "reason")}
        by = author(request)
        try:
            changes.run(lambda: override(plan=public_id, by=by, now=clock.now(), **asked))
        except PlannedNotFound as error:
            raise Http404 from error
        except (OverrideReasonMissing, NotOffered) as refused:
            messages.error(request, f"{refused} Nothing was changed.")
        except changes.Busy:
            messages.error(request, BUSY)
        else:
            messages.success(request, "It is proposed instead, and stands in the list of overrides.")
        return redirect("admin:reservations_plan_change", plan.pk)


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
        "overrides": PlanOverride.objects.filter(planned__plan=plan).select_related("planned__reservation"),
        "short_of": plan.shortfalls.select_related("pool__site", "pool__accelerator"),
    }


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
