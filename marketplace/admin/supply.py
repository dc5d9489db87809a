from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from marketplace.admin.base import FrozenAdmin, JournalledAdmin, StaffAdmin, author
from marketplace.admin.calibration import calibration_page
from marketplace.admin.providers import providers_page
from marketplace.celery import PROJECT_SUPPLY, wake
from marketplace.change import change as changes
from marketplace.models import Milestone, PoolOutlook, Project, Projection, ProjectionDue, ProjectOutlook
from marketplace.supply.reporting import add_milestone, report_milestone, request_projection
from marketplace.supply.versions import compare
from marketplace.units import clock
from marketplace.web import formats

ORIGIN = "Where it comes from"
EARLIER_SHOWN = 30
SELDOM = 0.01


class ProjectForm(forms.ModelForm):
    reason = forms.CharField(
        required=False,
        max_length=150,
        label="Reason for this change",
        widget=UnfoldAdminTextInputWidget,
        help_text="Kept in the journal, and named by the projection that takes it in.",
    )

    class Meta:
        model = Project
        fields = ("pool", "campus", "ordinal", "name", "gpus", "mw", "h100_equivalents") + (
            "retires_on",
            "is_withdrawn",
            "source",
        )
        labels = {"gpus": "GPUs", "mw": "MW", "h100_equivalents": "H100 equivalents", "retires_on": "Retires on"}

    def clean_retires_on(self) -> date | None:
        retires_on: date | None = self.cleaned_data["retires_on"]
        ready = max((expected(each) for each in self._milestones()), default=None)
        if retires_on and ready and retires_on <= ready:
            raise forms.ValidationError(f"Its GPUs are expected on {ready}: they retire after that day.")
        return retires_on

    def _milestones(self) -> Any:
        return self.instance.milestones.all() if self.instance.pk else ()


class MilestoneForm(forms.ModelForm):
    class Meta:
        model = Milestone
        fields = ("kind", "planned", "forecast", "actual")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            # Slips are counted from the first announcement: it is never moved.
            self.fields["kind"].disabled = self.fields["planned"].disabled = True


class MilestoneInline(TabularInline):
    model = Milestone
    form = MilestoneForm
    fields = ("kind", "planned", "forecast", "actual", "slip")
    readonly_fields = ("slip",)
    extra = 0
    can_delete = False
    ordering = ("planned", "id")

    @admin.display(description="Slip")
    def slip(self, milestone: Milestone) -> str:
        return slip_text(milestone.planned, expected(milestone)) if milestone.pk else "-"


def expected(milestone: Milestone) -> date:
    """The date that counts now: what happened, else what is forecast, else the plan."""
    return milestone.actual or milestone.forecast or milestone.planned


def _newest(project: Project, name: str) -> date | None:
    """A date as the newest projection has it; None where no scenario is known."""
    outlook: ProjectOutlook | None = next(iter(project.newest), None)  # type: ignore[attr-defined]
    return getattr(outlook, name) if outlook and outlook.bottlenecks else None


def bottlenecks(outlook: ProjectOutlook) -> str:
    """`power 61 %, chips 39 %`: how often each milestone is the last, where that is once in a hundred or more."""
    often = [(kind, share) for kind, share in outlook.ranked_bottlenecks() if share >= SELDOM]
    return ", ".join(f"{kind} {formats.percent(share)}" for kind, share in often)


def slip_text(planned: date, now_expected: date) -> str:
    days = (now_expected - planned).days
    return "on plan" if days == 0 else f"{abs(days)} days {'late' if days > 0 else 'early'}"


@admin.register(Project)
class ProjectAdmin(JournalledAdmin):
    form = ProjectForm
    list_display = ("name", "pool", "gpus", "ready", "slip", "expected", "p50", "p90", "waits_for")
    list_filter = ("is_withdrawn", "pool__accelerator", "pool__site")
    list_select_related = ("pool__site", "pool__accelerator")
    search_fields = ("name", "campus", "public_id")
    ordering = ("campus", "ordinal")
    autocomplete_fields = ("pool",)
    readonly_fields = ("public_id",)
    inlines = (MilestoneInline,)
    fieldsets = (
        (None, {"fields": ("reason",)}),
        ("Project", {"fields": (("name", "public_id"), ("pool", "is_withdrawn"), ("gpus", "mw"), "retires_on")}),
        (ORIGIN, {"fields": (("campus", "ordinal"), ("h100_equivalents", "source"))}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Where an existing project came from is folded away: its milestones are what people open it for."""
        found = super().get_fieldsets(request, obj)
        fold = {"classes": ["collapse"]} if obj else {}
        return [(name, {**options, **fold} if name == ORIGIN else options) for name, options in found]

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.providers)
        return [path("providers/", page, name="providers"), *super().get_urls()]

    def providers(self, request: HttpRequest) -> HttpResponse:
        return providers_page(request, self.admin_site.each_context(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        newest = Projection.objects.order_by("-pk").values("pk")[:1]
        outlooks = ProjectOutlook.objects.filter(projection__in=newest).defer("ready_days")
        told = Prefetch("outlooks", outlooks, to_attr="newest")
        return super().get_queryset(request).prefetch_related("milestones", told)

    @admin.display(description="Expected")
    def expected(self, project: Project) -> date | None:
        return _newest(project, "expected")

    @admin.display(description="P50")
    def p50(self, project: Project) -> date | None:
        return _newest(project, "p50")

    @admin.display(description="P90")
    def p90(self, project: Project) -> date | None:
        return _newest(project, "p90")

    @admin.display(description="Waits for")
    def waits_for(self, project: Project) -> str:
        return "; ".join(bottlenecks(each) for each in project.newest) or "-"  # type: ignore[attr-defined]

    @admin.display(description="Ready")
    def ready(self, project: Project) -> date | None:
        return max((expected(each) for each in project.milestones.all()), default=None)

    @display(description="Slip", label={"on plan": "success", "late": "warning", "early": "info"})
    def slip(self, project: Project) -> tuple[str, str] | None:
        planned = max((each.planned for each in project.milestones.all()), default=None)
        if planned is None:
            return None
        text = slip_text(planned, self.ready(project) or planned)
        return text.rsplit(" ", 1)[-1] if text.endswith(("late", "early")) else text, text

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if set(form.changed_data) - {"reason"}:
            request_projection(reason=f"{obj.name}: {form.cleaned_data['reason'] or 'changed'}", now=clock.now())
        wake(PROJECT_SUPPLY)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        said = {
            "by": author(request),
            "now": clock.now(),
            "reason": form.cleaned_data["reason"],
        }
        for milestone in formset.new_objects:
            add_milestone(milestone=milestone, **said)
        for edited, _ in formset.changed_objects:
            # The form has put the new dates on its instance: the action must see what was there before.
            before = Milestone.objects.select_related("project").get(pk=edited.pk)
            report_milestone(milestone=before, forecast=edited.forecast, actual=edited.actual, **said)


class PoolOutlookInline(TabularInline):
    model = PoolOutlook
    fields = ("pool", "first_day_p90", "last_day_p90", "last_day_p50", "last_day_p10")
    readonly_fields = fields
    extra = 0
    can_delete = False
    max_num = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[PoolOutlook]:
        return super().get_queryset(request).select_related("pool__site", "pool__accelerator")

    @admin.display(description="P90 on the first day")
    def first_day_p90(self, outlook: PoolOutlook) -> int:
        return outlook.p90[0]

    @admin.display(description="P90 on the last day")
    def last_day_p90(self, outlook: PoolOutlook) -> int:
        return outlook.p90[-1]

    @admin.display(description="P50 on the last day")
    def last_day_p50(self, outlook: PoolOutlook) -> int:
        return outlook.p50[-1]

    @admin.display(description="P10 on the last day")
    def last_day_p10(self, outlook: PoolOutlook) -> int:
        return outlook.p10[-1]


@admin.register(Projection)
class ProjectionAdmin(FrozenAdmin):
    """A version: what it was made of, and what moved since the one before or since any earlier one."""

    list_display = ("public_id", "reason", "created_at", "published_at", "first_day", "days", "scenarios")
    search_fields = ("public_id__exact", "reason")
    date_hierarchy = "created_at"
    inlines = (PoolOutlookInline,)
    fields = (("public_id", "reason"), ("created_at", "published_at"), ("first_day", "days"), ("scenarios", "seed")) + (
        "counted",
    )
    readonly_fields = ("counted",)
    change_form_outer_before_template = "admin/marketplace/projection/comparison.html"

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.calibration_view)
        return [path("calibration/", page, name="calibration"), *super().get_urls()]

    def calibration_view(self, request: HttpRequest) -> HttpResponse:
        return calibration_page(request, self.admin_site.each_context(request))

    @admin.display(description="Disruptions and maintenance in it")
    def counted(self, projection: Projection) -> str:
        stated = projection.inputs.get("stated", {}).values()
        return "\n".join(f"{each['what']}: {each['reason']}" for each in stated) or "none"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **_moved(request, object_id)}
        )


def _moved(request: HttpRequest, object_id: str) -> dict[str, Any]:
    """The comparison with the version asked for, else with the one before."""
    projection = Projection.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
    if projection is None:
        return {}
    earlier = list(Projection.objects.filter(pk__lt=projection.pk).defer("inputs")[:EARLIER_SHOWN])
    asked = request.GET.get("against")
    chosen = next((each for each in earlier if each.public_id == asked), earlier[0] if earlier else None)
    try:
        touched_url = reverse("admin:projection-touched", args=[projection.public_id])
    except NoReverseMatch:  # a page of the top floor, known by name only
        touched_url = ""
    comparison = compare(projection, chosen) if chosen else None
    return {"comparison": comparison, "earlier": earlier, "touched_url": touched_url}


@admin.register(ProjectOutlook)
class ProjectOutlookAdmin(FrozenAdmin):
    list_display = ("project", "expected", "p50", "p90", "waits_for", "projection")
    list_select_related = ("project", "projection")
    list_filter = ("project__pool__site",)
    search_fields = ("project__name", "projection__public_id__exact")
    fields = (("project", "projection"), ("p10", "p50", "p90"), "expected", "waits_for")
    readonly_fields = ("waits_for",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProjectOutlook]:
        return super().get_queryset(request).defer("ready_days", "projection__inputs")

    @admin.display(description="Waits for (share of scenarios in which it is last)")
    def waits_for(self, outlook: ProjectOutlook) -> str:
        return bottlenecks(outlook) or "-"


@admin.register(ProjectionDue)
class ProjectionDueAdmin(StaffAdmin):
    """What the next projection has to take in. Staff may ask for one; the sweep does the rest."""

    list_display = ("reason", "requested_at", "done_at", "projection")
    list_filter = (("done_at", admin.EmptyFieldListFilter),)
    list_select_related = ("projection",)
    add_fieldsets = ((None, {"fields": ("reason",)}),)
    fields = ("reason", "requested_at", "done_at", "projection")
    readonly_fields = ("requested_at", "done_at", "projection")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ProjectionDue, form: Any, change: bool) -> None:
        due = changes.run(lambda: request_projection(reason=obj.reason, now=clock.now()))
        obj.__dict__.update(due.__dict__)
        wake(PROJECT_SUPPLY)
