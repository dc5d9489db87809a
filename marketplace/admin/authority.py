"""Master agreements, which staff record; and customers' own rules, which staff read."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminTextInputWidget

from marketplace.admin.base import FrozenAdmin, JournalledAdmin, StaffAdmin, author
from marketplace.change import change as changes
from marketplace.models import (
    ApprovalChain,
    ApprovalPolicy,
    ApprovalStep,
    Budget,
    CostCentre,
    MasterAgreement,
    SigningAuthority,
)
from marketplace.parties.chains import publish_approval_policy
from marketplace.parties.signing import end_agreement, record_agreement
from marketplace.units import clock
from marketplace.web import formats

RECORDED = ("organisation", "seller", "document_version", "document_digest", "signed_on", "signed_by", "in_force_from")


class NewAgreementForm(forms.ModelForm):
    class Meta:
        model = MasterAgreement
        fields = (*RECORDED, "until")


class EndAgreementForm(forms.ModelForm):
    """A recorded agreement is not edited: it is ended."""

    reason = forms.CharField(max_length=500, help_text="Why it ends; kept in the journal")

    class Meta:
        model = MasterAgreement
        fields = ("until",)

    def clean_until(self) -> date:
        until: date | None = self.cleaned_data["until"]
        if until is None or until < clock.today() or until <= self.instance.in_force_from:
            raise forms.ValidationError("Choose today or a later day, after the one on which it came into force.")
        return until


class AuthorityInline(TabularInline):
    model = SigningAuthority
    extra = 0
    fields = ("user", "api_key", "amount", "currency", "granted_by", "granted_at", "revoked_at")
    readonly_fields = fields
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(MasterAgreement)
class MasterAgreementAdmin(JournalledAdmin):
    """Recorded once it is signed, and ended, never edited. Who may sign under it is the customer's to say."""

    list_display = ("organisation", "with_whom", "document_version", "signed_on", "in_force_from", "until")
    list_filter = ("seller",)
    list_select_related = ("organisation", "seller")
    search_fields = ("organisation__name", "document_version", "public_id__exact")
    autocomplete_fields = ("organisation", "seller")
    add_fieldsets = ((None, {"fields": (("organisation", "seller"), ("document_version", "document_digest"))}),) + (
        ("Signed", {"fields": (("signed_on", "signed_by"), ("in_force_from", "until"))}),
    )
    fieldsets = (
        ("End it", {"fields": (("until", "reason"),)}),
        ("Recorded", {"fields": (("public_id",), *((name,) for name in RECORDED), ("recorded_by", "recorded_at"))}),
    )
    inlines = (AuthorityInline,)

    @admin.display(description="With")
    def with_whom(self, agreement: MasterAgreement) -> str:
        return str(agreement.seller or "Headroom")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, form=EndAgreementForm if obj else NewAgreementForm, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("public_id", *RECORDED, "recorded_by", "recorded_at") if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return [AuthorityInline] if obj else []

    def save_model(self, request: HttpRequest, obj: MasterAgreement, form: Any, change: bool) -> None:
        if change:
            kept = MasterAgreement.objects.get(pk=obj.pk)
            wanted, reason = form.cleaned_data["until"], form.cleaned_data["reason"]
            end_agreement(agreement=kept, until=wanted, reason=reason, by=author(request), now=clock.now())
            return
        fields = {name: form.cleaned_data[name] for name in (*RECORDED, "until")}
        made = record_agreement(**fields, by=author(request, obj.organisation_id), now=clock.now())
        obj.__dict__.update(made.__dict__)


@admin.register(SigningAuthority)
class SigningAuthorityAdmin(FrozenAdmin):
    """Given and revoked by the customer's administrators."""

    list_display = ("signatory", "organisation", "limit", "granted_by", "granted_at", "revoked_at")
    list_select_related = ("agreement__organisation", "user", "api_key")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("user__email", "agreement__organisation__name")
    fields = (("agreement",), ("user", "api_key"), ("amount", "currency"), ("granted_by", "granted_at", "revoked_at"))

    @admin.display(description="Organisation")
    def organisation(self, authority: SigningAuthority) -> str:
        return str(authority.agreement.organisation)


class BudgetInline(TabularInline):
    model = Budget
    extra = 0
    fields = ("start", "end", "amount", "reserved", "spent")
    readonly_fields = fields
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(CostCentre)
class CostCentreAdmin(FrozenAdmin):
    list_display = ("organisation", "code", "name", "period", "currency", "is_default", "closed_at")
    list_filter = ("organisation",)
    list_select_related = ("organisation",)
    search_fields = ("code", "name", "organisation__name")
    inlines = (BudgetInline,)
    fields = (("organisation", "public_id"), ("code", "name"), ("period", "currency", "is_default"), "closed_at")


class StepInline(TabularInline):
    model = ApprovalStep
    extra = 0
    fields = ("position", "role", "user")
    readonly_fields = fields
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ApprovalChain)
class ApprovalChainAdmin(FrozenAdmin):
    list_display = ("organisation", "amount", "created_at", "withdrawn_at")
    list_filter = ("organisation", ("withdrawn_at", admin.EmptyFieldListFilter))
    list_select_related = ("organisation",)
    search_fields = ("organisation__name",)
    inlines = (StepInline,)
    fields = (("organisation", "public_id"), ("above", "currency"), ("created_at", "withdrawn_at"))

    @admin.display(description="For totals above")
    def amount(self, chain: ApprovalChain) -> str:
        return formats.money(chain.above, chain.currency)


class ApprovalPolicyForm(forms.ModelForm):
    class Meta:
        model = ApprovalPolicy
        fields = ("starts_at", "hours")
        widgets = {"hours": UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"})}

    def clean_starts_at(self) -> Any:
        starts_at = self.cleaned_data["starts_at"]
        if starts_at < clock.now():
            raise forms.ValidationError("A policy cannot start before it is published.")
        return starts_at


@admin.register(ApprovalPolicy)
class ApprovalPolicyAdmin(StaffAdmin):
    """How long capacity waits for an approval: a change is a new version."""

    form = ApprovalPolicyForm
    list_display = ("__str__", "starts_at", "hours", "published_by")
    fields = ("starts_at", "hours")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApprovalPolicy, form: Any, change: bool) -> None:
        by = author(request)
        changes.run(lambda: publish_approval_policy(policy=obj, by=by, now=clock.now()))
