"""Manners that every page of the admin shares: nothing is deleted, no long table is counted, a save is journalled."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import JSONField, Model, OuterRef, QuerySet, Subquery, TextField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminTextareaWidget

from marketplace.change import change as changes
from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.models import Organisation, User
from marketplace.units import clock

UNJOURNALLED = {"password", "password1", "password2", "usable_password", "reason", "DELETE"}
BUSY = "Somebody else was changing the same thing. Nothing was saved; please try again."


class OwnHistoryAdmin(ModelAdmin):
    """A history is for those who may see the row: who may not is refused before anybody looks whether it exists."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)


class StaffAdmin(OwnHistoryAdmin):
    """A table of the market: newest first, no delete, and no count of rows that nobody reads."""

    show_full_result_count = False
    list_per_page = 50
    ordering: tuple[str, ...] = ("-id",)
    formfield_overrides = {
        TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 3})},
        JSONField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 4})},
    }

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class FrozenAdmin(StaffAdmin):
    """What is append-only or frozen: to be read, never typed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LongAdmin(FrozenAdmin):
    """A table that may have millions of rows: pages without a count, so that opening one never scans it."""

    paginator = InfinitePaginator

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Each whole id by the index of its own table: an OR over two tables walks all of the longer one."""
        names, term = self.get_search_fields(request), search_term.strip()
        if not term or not all(name.endswith("__exact") for name in names):
            return super().get_search_results(request, queryset, search_term)
        every = queryset.model._default_manager.order_by()
        first, *more = (every.filter(**{name: term}).values("pk") for name in names)
        return queryset.filter(pk__in=first.union(*more, all=True) if more else first), False


class JournalledAdmin(StaffAdmin):
    """A table that staff may write: a save is one change, and the journal keeps what was there before."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        show = partial(super().changeform_view, request, object_id, form_url, extra_context)
        return in_one_change(request, show) if request.method == "POST" else show()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        journal_form(request, form, subject_of(obj), "changed" if change else "created")

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        journal_rows(request, formset, subject_of(form.instance))


def author(request: HttpRequest, organisation_id: int | None = None) -> Actor:
    """The member of staff who saves, acting for a customer where one is named. The admin lets only users in."""
    return cast(User, request.user).as_actor(organisation_id)


def in_one_change(request: HttpRequest, show: partial[Any]) -> HttpResponse:
    """Runs a save in one transaction; a lock that is not to be had is a message and not an error page."""
    try:
        return changes.run(show)
    except changes.Busy:
        messages.error(request, BUSY)
        return redirect(request.get_full_path())


def subject_of(obj: Model) -> str:
    """How the journal names a row: its public id, else its kind and key."""
    return getattr(obj, "public_id", None) or f"{obj._meta.model_name}:{obj.pk}"


def journal_rows(request: HttpRequest, formset: Any, subject: str) -> None:
    """Journals the rows of an inline table that were added, changed or removed."""
    gone = formset.deleted_forms
    for row in formset.forms:
        if row in gone and row.instance is not None:
            journal_form(request, row, subject, "removed")
        elif row.has_changed():
            journal_form(request, row, subject, "changed" if row.initial else "created")


def journal_form(request: HttpRequest, form: Any, subject: str, verb: str) -> None:
    """Writes what a form changed: the values it started from, and those that were saved. Nothing changed, no entry."""
    touched = form.initial if verb == "removed" else form.changed_data
    names = [name for name in touched if name not in UNJOURNALLED]
    before, after = plain(form.initial, names), plain(form.cleaned_data, names)
    changed = [name for name in names if verb != "changed" or before[name] != after[name]]
    if not changed:
        return
    record(
        by=author(request),
        verb=f"{form.instance._meta.model_name}.{verb}",
        subject=subject,
        now=clock.now(),
        before={name: before[name] for name in changed} if verb != "created" else None,
        after={name: after[name] for name in changed} if verb != "removed" else None,
        reason=form.cleaned_data.get("reason", ""),
    )


def plain(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Form values as JSON: rows by their key, dates and decimals as text."""
    return {name: _plain(values.get(name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, QuerySet | list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | bool | dict) else str(value)


def with_organisation(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Adds `organisation_name` to rows that carry a plain organisation id, in the same query."""
    name = Organisation.objects.filter(pk=OuterRef("organisation_id")).values("name")[:1]
    return rows.annotate(organisation_name=Subquery(name))
