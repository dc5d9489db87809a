"""Screening in the cockpit: one person asks to clear, another confirms; one person blocks; lists and rules are kept."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from marketplace.admin.base import BUSY, FrozenAdmin, StaffAdmin, author
from marketplace.admin.versions import LEAD
from marketplace.change import change as changes
from marketplace.models import Clearance, ClearanceProposal, EndCustomer, ListedName, ScreeningPolicy
from marketplace.screening.actions import (
    LONGEST_CLEARANCE,
    ClearanceRefused,
    block,
    decide_clearance,
    list_name,
    propose_clearance,
    publish_policy,
    take_off_the_list,
)
from marketplace.screening.matrix import COLUMNS, RuleRefused, parsed, written
from marketplace.units import clock

SAYS_WHY = UnfoldAdminTextareaWidget(attrs={"rows": 3})


class PartyForm(forms.ModelForm):
    """An organisation, or one of its end customers, and why. The rule itself is the action's."""

    reason = forms.CharField(widget=SAYS_WHY, help_text="What was looked at, and what it showed. Kept for good")

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        customer, organisation = found.get("end_customer"), found.get("organisation")
        if customer and organisation and customer.organisation_id != organisation.pk:
            self.add_error("end_customer", "That end customer is another organisation's.")
        return found


class ProposalForm(PartyForm):
    class Meta:
        model = ClearanceProposal
        fields = ("organisation", "end_customer", "end_use", "cleared_until", "reason")

    def clean_cleared_until(self) -> Any:
        until, today = self.cleaned_data["cleared_until"], clock.today()
        if not today < until <= today + LONGEST_CLEARANCE:
            raise forms.ValidationError(f"Choose a day after today, at most {LONGEST_CLEARANCE.days} days ahead.")
        return until


class BlockForm(PartyForm):
    class Meta:
        model = Clearance
        fields = ("organisation", "end_customer")

    def _get_validation_exclusions(self) -> set[str]:
        """A party that has a row already is blocked in that row: it need not be the first."""
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded | {"organisation", "end_customer"}


class Refusable(StaffAdmin):
    """A save that the action may refuse: the page is shown again with its sentence."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ClearanceRefused as refused:
            messages.error(request, str(refused))
        except changes.Busy:
            messages.error(request, BUSY)
        return redirect(request.get_full_path())

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(EndCustomer)
class EndCustomerAdmin(FrozenAdmin):
    """For whom resellers buy. Registered by them, and never edited."""

    list_display = ("name", "country", "organisation", "ultimate_parent", "end_use", "created_at", "archived_at")
    list_filter = ("end_use", "country")
    list_select_related = ("organisation",)
    search_fields = ("name", "ultimate_parent", "organisation__name", "public_id__exact")
    fields = (("name", "country"), ("ultimate_parent", "ultimate_parent_country"), "end_use") + (
        ("organisation", "public_id"),
        ("created_at", "archived_at"),
    )


@admin.register(ClearanceProposal)
class ClearanceProposalAdmin(Refusable):
    """Screening requests: who asked to clear whom, and why; somebody else confirms or rejects."""

    form = ProposalForm
    list_display = ("party", "end_use", "cleared_until", "proposed_by", "proposed_at", "outcome", "decided_by")
    list_filter = (("decided_at", admin.EmptyFieldListFilter), "confirmed")
    list_select_related = ("organisation", "end_customer")
    search_fields = ("organisation__name", "end_customer__name")
    autocomplete_fields = ("organisation", "end_customer")
    fields = (("organisation", "end_customer"), ("end_use", "cleared_until"), "reason")
    change_form_outer_before_template = "admin/marketplace/clearanceproposal/decide.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        record = (("proposed_by", "proposed_at"), ("confirmed", "decided_by", "decided_at"))
        return (*self.fields, *record) if obj else self.fields

    @admin.display(description="Party")
    def party(self, proposal: ClearanceProposal) -> str:
        return str(proposal.end_customer or proposal.organisation)

    @admin.display(description="Outcome")
    def outcome(self, proposal: ClearanceProposal) -> str:
        return {None: "waits", True: "cleared", False: "rejected"}[proposal.confirmed]

    def get_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(self.decide)
        return [path("<int:pk>/decide/<slug:word>/", decide, name="decide-clearance"), *super().get_urls()]

    def decide(self, request: HttpRequest, pk: int, word: str) -> HttpResponse:
        """The second person's word. That it is a second person is the action's to see."""
        if request.method != "POST" or word not in ("confirm", "reject"):
            return redirect("admin:marketplace_clearanceproposal_change", pk)
        if not request.user.has_perm("marketplace.change_clearanceproposal"):
            raise PermissionDenied
        get_object_or_404(ClearanceProposal, pk=pk)
        by = author(request)
        try:
            changes.run(lambda: decide_clearance(proposal_id=pk, confirm=word == "confirm", by=by, now=clock.now()))
        except ClearanceRefused as refused:
            messages.error(request, str(refused))
        except changes.Busy:
            messages.error(request, BUSY)
        else:
            messages.success(request, "Cleared." if word == "confirm" else "Rejected: nothing was cleared.")
        return redirect("admin:marketplace_clearanceproposal_change", pk)

    def save_model(self, request: HttpRequest, obj: ClearanceProposal, form: Any, change: bool) -> None:
        by, asked = author(request), form.cleaned_data
        made = changes.run(lambda: propose_clearance(**asked, by=by, now=clock.now()))
        obj.__dict__.update(made.__dict__)


@admin.register(Clearance)
class ClearanceAdmin(Refusable):
    """Where each party stands. To add one here is to block a party at once: clearing takes two, by a request."""

    form = BlockForm
    list_display = ("party", "organisation", "status", "cleared_until", "end_use", "changed_at")
    list_filter = ("status",)
    list_select_related = ("organisation", "end_customer")
    search_fields = ("organisation__name", "end_customer__name")
    autocomplete_fields = ("organisation", "end_customer")
    fields = (("organisation", "end_customer"), "reason")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = (("organisation", "end_customer"), ("status", "cleared_until"), ("end_use", "changed_at"))
        return shown if obj else self.fields

    @admin.display(description="Party")
    def party(self, clearance: Clearance) -> str:
        return str(clearance.end_customer or clearance.organisation)

    def save_model(self, request: HttpRequest, obj: Clearance, form: Any, change: bool) -> None:
        by, asked = author(request), form.cleaned_data
        blocked = changes.run(lambda: block(**asked, by=by, now=clock.now()))
        obj.__dict__.update(blocked.__dict__)


class ListedNameForm(forms.ModelForm):
    class Meta:
        model = ListedName
        fields = ("name", "source")


@admin.register(ListedName)
class ListedNameAdmin(Refusable):
    """Names that are sold to by nobody: on a sanctions list, or on one of our own."""

    form = ListedNameForm
    list_display = ("name", "source", "listed_by", "listed_at", "removed_at")
    list_filter = (("removed_at", admin.EmptyFieldListFilter), "source")
    search_fields = ("name",)
    fields = ("name", "source")
    change_form_outer_before_template = "admin/marketplace/listedname/remove.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, ("listed_by", "listed_at"), "removed_at") if obj else self.fields

    def get_urls(self) -> list[URLPattern]:
        remove = self.admin_site.admin_view(self.remove)
        return [path("<int:pk>/remove/", remove, name="remove-listed-name"), *super().get_urls()]

    def remove(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST" or not request.user.has_perm("marketplace.change_listedname"):
            raise PermissionDenied
        by, why = author(request), request.POST.get("reason", "")
        listed = get_object_or_404(ListedName, pk=pk)
        try:
            changes.run(lambda: take_off_the_list(listed=listed, reason=why, by=by, now=clock.now()))
        except ClearanceRefused as refused:
            messages.error(request, str(refused))
        return redirect("admin:marketplace_listedname_change", pk)

    def save_model(self, request: HttpRequest, obj: ListedName, form: Any, change: bool) -> None:
        by, asked = author(request), form.cleaned_data
        made = changes.run(lambda: list_name(**asked, by=by, now=clock.now()))
        obj.__dict__.update(made.__dict__)


class ScreeningPolicyForm(forms.ModelForm):
    table = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "class": "font-mono"}),
        help_text=f"One rule a line: {', '.join(COLUMNS)}; * for any. The first line that fits decides; else deny",
    )

    class Meta:
        model = ScreeningPolicy
        fields = ("starts_at", "reason", "is_on")
        widgets = {"reason": UnfoldAdminTextInputWidget()}

    def clean_starts_at(self) -> Any:
        starts_at = self.cleaned_data["starts_at"]
        if starts_at < clock.now():
            raise forms.ValidationError("A policy cannot start before it is published.")
        return starts_at

    def clean_table(self) -> str:
        text: str = self.cleaned_data["table"]
        try:
            parsed(text)
        except RuleRefused as refused:
            raise forms.ValidationError(str(refused)) from refused
        return text


@admin.register(ScreeningPolicy)
class ScreeningPolicyAdmin(StaffAdmin):
    """Published versions are read; a change is a new version. “No longer clear” lists what it leaves unclear."""

    form = ScreeningPolicyForm
    list_display = ("__str__", "starts_at", "is_on", "reason", "published_by")
    fields = ("starts_at", "reason", "is_on", "table")
    readonly_fields = ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (("version", "starts_at"), "reason", "is_on", "rules_as_text", "published_by") if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("version", "rules_as_text", "published_by") if obj else ()

    @admin.display(description="Rules")
    def rules_as_text(self, policy: ScreeningPolicy) -> str:
        return written(policy.table()) or "none: whatever is screened is denied"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        newest = ScreeningPolicy.objects.in_force(clock.now())
        return {"is_on": newest.is_on, "table": written(newest.table()), "starts_at": clock.now() + LEAD}

    def save_model(self, request: HttpRequest, obj: ScreeningPolicy, form: Any, change: bool) -> None:
        by, table = author(request), form.cleaned_data["table"]
        changes.run(lambda: publish_policy(policy=obj, table=table, by=by, now=clock.now()))
