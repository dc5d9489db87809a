"""Master agreements, who may sign under them, and for whom the organisation buys."""

from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from marketplace.parties.agreements import MasterAgreement, SigningAuthority
from marketplace.parties.models import VIEWER, ApiKey, Membership, User
from marketplace.parties.signing import grant_authority, revoke_authority, signatories
from marketplace.screening.actions import archive_end_customer, register_end_customer
from marketplace.screening.matrix import UNKNOWN
from marketplace.screening.models import END_USE_CHOICES, PENDING, Clearance, EndCustomer
from marketplace.screening.queries import standing_of
from marketplace.units import clock
from marketplace.units.money import USD, Money
from marketplace.web.access import member_page, require_buyer
from marketplace.web.rules import changed, not_valid, require_admin

BACK = "signing"


class AuthorityForm(forms.Form):
    agreement = forms.ModelChoiceField(MasterAgreement.objects.none(), to_field_name="public_id", empty_label=None)
    limit = forms.DecimalField(
        label="Up to, USD a purchase", min_value=Decimal("0.01"), max_digits=18, decimal_places=2
    )

    def __init__(self, data: Any, found: Membership) -> None:
        super().__init__(data)
        own = found.organisation.agreements.in_force(clock.today()).select_related("seller", "organisation")
        self.fields["agreement"].queryset = own  # type: ignore[attr-defined]
        self.fields["agreement"].label_from_instance = agreement_name  # type: ignore[attr-defined]
        members = found.organisation.memberships.exclude(role=VIEWER).select_related("user")
        keys = found.organisation.api_keys.filter(revoked_at=None)
        who = [(f"user:{each.user_id}", each.user.name or each.user.email) for each in members]
        who += [(f"key:{each.pk}", f"Key {each.prefix}… ({each.name})") for each in keys]
        self.fields["who"] = forms.ChoiceField(label="Who may sign", choices=who)
        self.order_fields(["who", "limit", "agreement"])


def agreement_name(agreement: MasterAgreement) -> str:
    return f"With {agreement.seller or 'Headroom'}, {agreement.document_version}"


class EndCustomerForm(forms.Form):
    name = forms.CharField(max_length=200, label="Legal name")
    country = forms.CharField(max_length=2, help_text="Two letters, such as DE.")
    ultimate_parent = forms.CharField(max_length=200, required=False)
    ultimate_parent_country = forms.CharField(max_length=2, required=False, label="Its country")
    end_use = forms.ChoiceField(choices=[use for use in END_USE_CHOICES if use[0] != UNKNOWN], label="What for")


@require_GET
@member_page
def show(request: HttpRequest, found: Membership) -> HttpResponse:
    """Agreements with who may sign under each, end customers, and where screening stands."""
    today, standing = clock.today(), standing_of(found.organisation_id)
    agreements = found.organisation.agreements.select_related("seller")
    customers = found.organisation.end_customers.filter(archived_at=None)
    context = {
        "nav": "organisation",
        "may_administer": found.may_administer,
        "may_buy": found.may_buy,
        "agreements": [(each, agreement_name(each), each.is_in_force(today), signatories(each)) for each in agreements],
        "screening": stands(standing.get(None)),
        "customers": [(each, stands(standing.get(each.pk))) for each in customers],
        "authority_form": AuthorityForm(None, found),
        "customer_form": EndCustomerForm(),
    }
    return render(request, "marketplace/signing.html", context)


def stands(clearance: Clearance | None) -> dict[str, Any]:
    """Status by the date, and until when it is cleared."""
    status = clearance.state(clock.today()) if clearance else PENDING
    return {"status": status, "until": clearance.cleared_until if clearance and status == "cleared" else None}


@require_POST
@member_page
def grant(request: HttpRequest, found: Membership) -> HttpResponse:
    by, form = require_admin(found), AuthorityForm(request.POST, found)
    if not form.is_valid():
        return not_valid(request, form, back=BACK)
    kind, _, pk = form.cleaned_data["who"].partition(":")
    signatory: User | ApiKey = (User if kind == "user" else ApiKey).objects.get(pk=pk)
    limit, agreement = Money(form.cleaned_data["limit"], USD), form.cleaned_data["agreement"]
    return changed(
        request,
        lambda: grant_authority(agreement=agreement, signatory=signatory, limit=limit, by=by, now=clock.now()),
        f"{signatory} may sign for up to {limit} a purchase.",
        back=BACK,
    )


@require_POST
@member_page
def revoke(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    by = require_admin(found)
    own = SigningAuthority.objects.filter(agreement__organisation=found.organisation, revoked_at=None)
    row = get_object_or_404(own.select_related("user", "api_key"), public_id=public_id)
    said = f"{row.signatory} may no longer sign. What was signed stays signed."
    return changed(request, lambda: revoke_authority(authority=row, by=by, now=clock.now()), said, back=BACK)


@require_POST
@member_page
def register(request: HttpRequest, found: Membership) -> HttpResponse:
    """Buyers register for whom they buy; what they say of it is never edited."""
    require_buyer(found)
    by, form = found.user.as_actor(found.organisation_id), EndCustomerForm(request.POST)
    if not form.is_valid():
        return not_valid(request, form, back=BACK)
    return changed(
        request,
        lambda: register_end_customer(organisation=found.organisation, by=by, now=clock.now(), **form.cleaned_data),
        f"{form.cleaned_data['name']} is registered; its screening is pending.",
        back=BACK,
    )


@require_POST
@member_page
def archive(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    by = require_admin(found)
    row = get_object_or_404(EndCustomer, organisation=found.organisation, public_id=public_id, archived_at=None)
    said = f"{row.name} is archived: nothing more is bought for it."
    return changed(request, lambda: archive_end_customer(customer=row, by=by, now=clock.now()), said, back=BACK)
