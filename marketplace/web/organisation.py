from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from marketplace.change import change
from marketplace.parties.actions import create_api_key, revoke_api_key
from marketplace.parties.models import ApiKey, Membership
from marketplace.supply.queries import exposures_of
from marketplace.units import clock
from marketplace.web.access import member_page
from marketplace.web.context import CHOSEN

SHOWN_ONCE = "new_api_key"
SCOPES = [
    ("read", "read: prices, supply, own quotes and reservations"),
    ("quote", "quote: take and release quotes"),
    ("commit", "commit: accept quotes, which binds the organisation"),
]


class KeyForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="What will use it, such as “Scheduler, production”.")
    scopes = forms.MultipleChoiceField(choices=SCOPES, widget=forms.CheckboxSelectMultiple, initial=["read"])


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def show(request: HttpRequest, found: Membership) -> HttpResponse:
    """Members and API keys; administrators make and revoke keys here."""
    form = KeyForm(request.POST if "name" in request.POST else None)
    if request.method == "POST":
        if not found.may_administer:
            raise PermissionDenied("Only administrators of the organisation make and revoke keys.")
        if "revoke" in request.POST:
            return _revoke(request, found)
        if form.is_valid():
            return _create(request, found, form)
    return render(request, "marketplace/organisation.html", _context(request, found, form))


def _context(request: HttpRequest, found: Membership, form: KeyForm) -> dict[str, object]:
    return {
        "nav": "organisation",
        "organisation": found.organisation,
        "others": found.user.memberships.exclude(pk=found.pk).select_related("organisation").order_by("pk"),
        "memberships": found.organisation.memberships.select_related("user").order_by("user__name"),
        "keys": found.organisation.api_keys.order_by("-pk"),
        "may_administer": found.may_administer,
        "exposures": exposures_of(found.organisation),
        "key_form": form,
        "new_key": request.session.pop(SHOWN_ONCE, None),
        "now": clock.now(),
    }


def _create(request: HttpRequest, found: Membership, form: KeyForm) -> HttpResponse:
    by = found.user.as_actor(found.organisation_id)
    _, secret = change.run(
        lambda: create_api_key(
            organisation=found.organisation,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            by=by,
            now=clock.now(),
        )
    )
    request.session[SHOWN_ONCE] = secret
    return redirect("organisation")


def _revoke(request: HttpRequest, found: Membership) -> HttpResponse:
    pressed = request.POST["revoke"]
    pk = int(pressed) if pressed.isdecimal() else 0
    key = get_object_or_404(ApiKey, organisation=found.organisation, pk=pk, revoked_at=None)
    by = found.user.as_actor(found.organisation_id)
    change.run(lambda: revoke_api_key(key=key, by=by, now=clock.now()))
    messages.success(request, f"The key {key.prefix}… no longer works.")
    return redirect("organisation")


@require_POST
@member_page
def choose(request: HttpRequest, found: Membership) -> HttpResponse:
    """Acts for another of one's organisations from here on, until sign-out."""
    wanted = request.POST.get("organisation", "")
    chosen = get_object_or_404(found.user.memberships.select_related("organisation"), organisation__public_id=wanted)
    request.session[CHOSEN] = chosen.organisation.public_id
    messages.success(request, f"You now act for {chosen.organisation} as {chosen.get_role_display().lower()}.")
    return redirect("organisation")
