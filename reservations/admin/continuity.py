"""What customers ask the continuity planner and keep: read only, each answer with the versions behind it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline

from marketplace.admin.base import LongAdmin
from reservations.continuity.models import Scenario, ScenarioQuerySet, ScenarioResult
from reservations.web.continuity_views import WORDS, said


class Answers(TabularInline):
    model = ScenarioResult
    extra = 0
    can_delete = False
    fields = readonly_fields = ("at", "by", "title", "figures", "projection", "price_versions", "tape")

    def has_add_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    @admin.display(description="Answer")
    def title(self, result: ScenarioResult) -> str:
        return str(result.document.get("title", ""))

    @admin.display(description="Figures")
    def figures(self, result: ScenarioResult) -> str:
        return "; ".join(f"{WORDS[each['code']]}: {said(each)}" for each in result.document.get("headline", ()))


@admin.register(Scenario)
class ScenarioAdmin(LongAdmin):
    """Newest first. Staff see what a customer plans for, so that sales can help; they change nothing."""

    list_display = ("name", "organisation", "question", "last_answer", "visibility", "author", "worked_out")
    list_filter = ("question", "visibility", "organisation")
    list_select_related = ("organisation",)
    search_fields = ("public_id__exact", "name")
    inlines = (Answers,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Scenario]:
        found: ScenarioQuerySet = super().get_queryset(request)
        return found.with_latest()

    @admin.display(description="Answer")
    def last_answer(self, scenario: Scenario) -> str:
        return str(scenario.latest.document.get("title", ""))

    @admin.display(description="Worked out")
    def worked_out(self, scenario: Scenario) -> Any:
        return scenario.latest.at
