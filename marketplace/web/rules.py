"""The organisation's own rules on pages: what is spent, who signs, for whom it buys. Administrators change them."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from marketplace.change import change
from marketplace.journal.actor import Actor
from marketplace.parties.budget_periods import NotAPeriod
from marketplace.parties.budgets import CostCentreRefused
from marketplace.parties.chains import ChainRefused
from marketplace.parties.models import Membership
from marketplace.parties.signing import AgreementOver, AlreadyGranted, SignatoryUnknown
from marketplace.screening.actions import EndCustomerRefused

REFUSED = (
    NotAPeriod,
    CostCentreRefused,
    ChainRefused,
    AgreementOver,
    AlreadyGranted,
    SignatoryUnknown,
    EndCustomerRefused,
)


def require_admin(found: Membership) -> Actor:
    """The administrator who acts."""
    if not found.may_administer:
        raise PermissionDenied(f"Only administrators of {found.organisation} change its rules.")
    return found.user.as_actor(found.organisation_id)


def changed(request: HttpRequest, action: Callable[[], Any], said: str, *, back: str) -> HttpResponse:
    """Runs one change and goes back to the page with what came of it."""
    try:
        change.run(action)
    except REFUSED as refused:
        messages.warning(request, f"{refused} Nothing was changed.")
    except change.Busy:
        messages.warning(request, "Somebody else was changing the same thing. Nothing was changed; please try again.")
    else:
        messages.success(request, said)
    return redirect(back)


def first_fault(form: forms.Form) -> str:
    """What is wrong with the first field at fault, in a sentence."""
    name, errors = next(iter(form.errors.items()))
    label = form.fields[name].label or name.replace("_", " ").capitalize()
    return f"{label}: {errors[0]}"


def not_valid(request: HttpRequest, form: forms.Form, *, back: str) -> HttpResponse:
    messages.warning(request, f"{first_fault(form)} Nothing was changed.")
    return redirect(back)
