"""Webhooks on pages: where events go, what came of each, and sending them again. For administrators."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from marketplace.change import change
from marketplace.outbox import schedule
from marketplace.outbox.addresses import PORTS, AddressRefused
from marketplace.outbox.models import ENABLED, WebhookDelivery, WebhookEndpoint
from marketplace.outbox.subscribing import (
    Made,
    WebhookRefused,
    change_endpoint,
    create_endpoint,
    ping,
    reachable,
    redeliver,
    remove_endpoint,
    replay,
    rotate_secret,
)
from marketplace.parties.models import Membership
from marketplace.units import clock
from marketplace.web.access import member_page
from marketplace.web.rules import first_fault, require_admin

SHOWN_ONCE = "new_webhook_secret"
A_PAGE = 25


class EndpointForm(forms.Form):
    url = forms.CharField(
        label="Address", max_length=500, help_text=f"https, port {' or '.join(map(str, PORTS))}, a public host."
    )
    events = forms.CharField(
        label="Events", required=False, help_text="quote.accepted, reservation.* and so on; none means every event."
    )
    description = forms.CharField(max_length=200, required=False)

    def clean_events(self) -> list[str]:
        return str(self.cleaned_data["events"]).replace(",", " ").split()


class RotateForm(forms.Form):
    overlap_hours = forms.IntegerField(
        label="The old one stays good for, hours", initial=24, min_value=0, max_value=168
    )


class ReplayForm(forms.Form):
    start = forms.DateTimeField(label="From, UTC", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    end = forms.DateTimeField(label="To, UTC", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def show(request: HttpRequest, found: Membership) -> HttpResponse:
    """The endpoints, and one more."""
    require_admin(found)
    form = EndpointForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        made = _tried(request, lambda: _create(found, form))
        if made is not None:
            return _shown_once(request, made)
    context = {
        "nav": "organisation",
        "endpoints": WebhookEndpoint.objects.of(found.organisation_id).order_by("-pk"),
        "form": form,
    }
    return render(request, "marketplace/webhooks.html", context)


def _create(found: Membership, form: EndpointForm) -> Made:
    asked = dict(form.cleaned_data)
    target, by = reachable(asked.pop("url")), require_admin(found)
    return change.run(
        lambda: create_endpoint(organisation_id=found.organisation_id, target=target, by=by, now=clock.now(), **asked)
    )


def _shown_once(request: HttpRequest, made: Made) -> HttpResponse:
    request.session[SHOWN_ONCE] = made.secret
    return redirect("webhook", made.endpoint.public_id)


def _tried(request: HttpRequest, action: Callable[[], Any]) -> Any:
    """What came of it; None where it was refused, which is said."""
    try:
        return action()
    except (AddressRefused, WebhookRefused) as refused:
        messages.warning(request, f"{refused} Nothing was changed.")
    except change.Busy:
        messages.warning(request, "Somebody else was changing the same thing. Nothing was changed; please try again.")
    return None


def _endpoint(found: Membership, public_id: str) -> WebhookEndpoint:
    return get_object_or_404(WebhookEndpoint.objects.of(found.organisation_id), public_id=public_id)


@require_GET
@member_page
def one(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """One endpoint: what was sent, every attempt, and what can be done."""
    require_admin(found)
    endpoint = _endpoint(found, public_id)
    deliveries = endpoint.deliveries.order_by("-pk").prefetch_related("attempts")
    now = clock.now().astimezone(UTC)
    day = timedelta(days=1)
    context = {
        "nav": "organisation",
        "endpoint": endpoint,
        "is_enabled": endpoint.status == ENABLED,
        "page": Paginator(deliveries, A_PAGE).get_page(request.GET.get("page")),
        "secret": request.session.pop(SHOWN_ONCE, None),
        "delays": schedule.in_words(),
        "given_up": schedule.GIVEN_UP_AFTER.days,
        "form": EndpointForm(
            initial={"url": endpoint.url, "events": " ".join(endpoint.events), "description": endpoint.description}
        ),
        "rotate_form": RotateForm(),
        "replay_form": ReplayForm(initial={"start": _minute(now - day), "end": _minute(now)}),
    }
    return render(request, "marketplace/webhook.html", context)


def _minute(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M")


@require_POST
@member_page
def act(request: HttpRequest, found: Membership, public_id: str, verb: str) -> HttpResponse:
    """Changes, rotates, pings, replays, enables, disables or removes."""
    require_admin(found)
    endpoint = _endpoint(found, public_id)
    verbs = {
        "change": _change,
        "rotate": _rotate,
        "ping": _ping,
        "replay": _replay,
        "enable": _enable,
        "disable": _disable,
        "remove": _remove,
    }
    if verb not in verbs:
        return redirect("webhook", public_id)
    return verbs[verb](request, found, endpoint)


def _change(request: HttpRequest, found: Membership, endpoint: WebhookEndpoint) -> HttpResponse:
    form = EndpointForm(request.POST)
    if not form.is_valid():
        return _not_valid(request, form, endpoint)

    def run() -> WebhookEndpoint:
        asked = dict(form.cleaned_data)
        target, by = reachable(asked.pop("url")), require_admin(found)
        return change.run(lambda: change_endpoint(endpoint=endpoint, target=target, by=by, now=clock.now(), **asked))

    return _said(request, run, "Changed.", endpoint)


def _rotate(request: HttpRequest, found: Membership, endpoint: WebhookEndpoint) -> HttpResponse:
    form = RotateForm(request.POST)
    if not form.is_valid():
        return _not_valid(request, form, endpoint)
    overlap, by = timedelta(hours=form.cleaned_data["overlap_hours"]), require_admin(found)
    made = _tried(
        request,
        lambda: change.run(lambda: rotate_secret(endpoint=endpoint, overlap=overlap, by=by, now=clock.now())),
    )
    return _shown_once(request, made) if made else redirect("webhook", endpoint.public_id)


def _ping(request: HttpRequest, found: Membership, endpoint: WebhookEndpoint) -> HttpResponse:
    by = require_admin(found)
    said = "A test event is on its way: reload in a moment to see what came of it."
    return _said(request, lambda: change.run(lambda: ping(endpoint=endpoint, by=by, now=clock.now())), said, endpoint)


def _replay(request: HttpRequest, found: Membership, endpoint: WebhookEndpoint) -> HttpResponse:
    form, by = ReplayForm(request.POST), require_admin(found)
    if not form.is_valid():
        return _not_valid(request, form, endpoint)
    asked = form.cleaned_data
    events = _tried(request, lambda: change.run(lambda: replay(endpoint=endpoint, by=by, now=clock.now(), **asked)))
    if events is not None:
        messages.success(request, f"{events:,} events are sent again, each with the id that it had.")
    return redirect("webhook", endpoint.public_id)


def _enable(request: HttpRequest, found: Membership, endpoint: WebhookEndpoint) -> HttpResponse:
    said = "Enabled. What was missed is not sent by itself: replay it."
    return _said(request, lambda: _switch(found, endpoint, on=True), said, endpoint)


def _disable(request: HttpRequest, found: Membership, endpoint: WebhookEndpoint) -> HttpResponse:
    return _said(request, lambda: _switch(found, endpoint, on=False), "Disabled: nothing is sent there.", endpoint)


def _switch(found: Membership, endpoint: WebhookEndpoint, *, on: bool) -> WebhookEndpoint:
    by = require_admin(found)
    return change.run(lambda: change_endpoint(endpoint=endpoint, enabled=on, by=by, now=clock.now()))


def _remove(request: HttpRequest, found: Membership, endpoint: WebhookEndpoint) -> HttpResponse:
    by = require_admin(found)
    _tried(request, lambda: change.run(lambda: remove_endpoint(endpoint=endpoint, by=by, now=clock.now())))
    messages.success(request, f"Nothing more is sent to {endpoint.url}.")
    return redirect("webhooks")


@require_POST
@member_page
def again(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Sends one event again."""
    by = require_admin(found)
    own = WebhookDelivery.objects.of(found.organisation_id).select_related("endpoint")
    delivery = get_object_or_404(own, public_id=public_id)
    said = "It is sent again, with the id that it had."
    return _said(
        request,
        lambda: change.run(lambda: redeliver(delivery=delivery, by=by, now=clock.now())),
        said,
        delivery.endpoint,
    )


def _said(request: HttpRequest, action: Callable[[], Any], said: str, endpoint: WebhookEndpoint) -> HttpResponse:
    if _tried(request, action) is not None:
        messages.success(request, said)
    return redirect("webhook", endpoint.public_id)


def _not_valid(request: HttpRequest, form: forms.Form, endpoint: WebhookEndpoint) -> HttpResponse:
    messages.warning(request, f"{first_fault(form)} Nothing was changed.")
    return redirect("webhook", endpoint.public_id)
