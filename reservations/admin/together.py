"""Selling several blocks at once: a bundle of wishes or a ramp for a customer, held, accepted and released as one."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from marketplace.admin.base import author
from marketplace.change import change as changes
from marketplace.models import Organisation
from marketplace.units import clock
from pricing.quotes.answers import answer_together, record_together
from pricing.quotes.asked_together import MOST_NEEDS, BundleNeed, TogetherNeed, parse_together
from pricing.quotes.bundles import Bundle
from pricing.quotes.bundling import release_bundle
from pricing.quotes.models import OPEN
from pricing.quotes.need import BadNeed
from pricing.quotes.queries import known_names
from pricing.quotes.together import Together
from reservations.admin.access import MAY_ACCEPT, MAY_HOLD, MAY_RELEASE, require
from reservations.admin.forms import AcceptForm, SellForm, day_input, query_of
from reservations.booking.models import Reservation
from reservations.booking.on_behalf import ReasonMissing, accept_bundle_for_customer
from reservations.web.refusals import REFUSALS, sentence


class RampForm(forms.Form):
    """The steps of a ramp; everything else is a wish of the form before it."""

    steps = forms.CharField(
        label="Steps, one a line: date and GPUs in all",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "placeholder": "2027-02-01 64\n2027-05-01 256"}),
    )
    end = forms.DateField(label="Until, not included", widget=day_input())
    in_parts = forms.BooleanField(label="May be split over pools", required=False, widget=UnfoldBooleanWidget)

    def as_body(self, wishes: dict[str, Any]) -> dict[str, Any]:
        """The body that REST would be sent: the wishes without their size, length and dates."""
        lines = [line.split() for line in self.cleaned_data["steps"].splitlines() if line.strip()]
        steps = [{"from": line[0], "quantity": _whole(line[1:])} for line in lines]
        body = {
            name: value for name, value in wishes.items() if name not in ("quantity", "duration_days", "start", "sort")
        }
        body |= {"divisible": True} if self.cleaned_data["in_parts"] else {}
        return {**body, "ramp": {"steps": steps, "end_exclusive": self.cleaned_data["end"].isoformat()}}


def _whole(words: list[str]) -> int | None:
    return int(words[0]) if len(words) == 1 and words[0].isdecimal() else None


@require_GET
def together_page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Parts that a customer wants all or none, or one contract with a quantity by date."""
    require(request, MAY_HOLD)
    customer = get_object_or_404(Organisation, pk=_number(request.GET.get("organisation", "")))
    queries = request.GET.getlist("part")[:MOST_NEEDS]
    ramp = RampForm(request.GET if "steps" in request.GET else None)
    context: dict[str, Any] = {**site.each_context(request), "title": f"Several blocks for {customer}"}
    context |= {"customer": customer, "ramp": ramp, "parts": list(_parts(queries, customer)), "queries": queries}
    context |= {"back": request.GET.urlencode(), "add": _add(queries, customer)}
    body = _body(queries, ramp)
    if body:
        context |= _answered(body, customer, clock.now())
    return TemplateResponse(request, "admin/reservations/together.html", context)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _parts(queries: list[str], customer: Organisation) -> Iterator[tuple[str, str]]:
    """Each part in words, and the page without it."""
    for at, query in enumerate(queries):
        asked = QueryDict(query)
        kind = asked.get("accelerator") or "any GPU"
        words = f"{asked.get('quantity')} {kind}, {asked.get('days')} days, from {asked.get('start_from')}"
        yield words, href_of_parts(queries[:at] + queries[at + 1 :], customer)


def href_of_parts(queries: list[str], customer: Organisation) -> str:
    """The page of those parts."""
    asked: dict[str, Any] = {"organisation": customer.pk, "part": queries}
    return f"{reverse('admin:sell-together')}?{urlencode(asked, doseq=True)}"


def _add(queries: list[str], customer: Organisation) -> str:
    """The sell page, with the parts so far carried along."""
    last = queries[-1] if queries else urlencode({"organisation": customer.pk})
    return f"{reverse('admin:sell-capacity')}?{last}&{urlencode({'part': queries}, doseq=True)}"


def _body(queries: list[str], ramp: RampForm) -> dict[str, Any]:
    bodies = [_wishes(query) for query in queries]
    if ramp.is_bound:
        return ramp.as_body(bodies[-1] if bodies else {"firmness": "firm"}) if ramp.is_valid() else {}
    for body in bodies:
        body.pop("sort", None)
    return {"parts": bodies} if bodies else {}


def _wishes(query: str) -> dict[str, Any]:
    form = SellForm(QueryDict(query))
    return form.as_body() if form.is_valid() else {}


def _answered(body: dict[str, Any], customer: Organisation, now: datetime) -> dict[str, Any]:
    try:
        asked = parse_together(body, today=now.date(), known=known_names())
    except BadNeed as bad:
        return {"faults": [f"{fault.pointer.strip('/') or 'request'}: {fault.message}" for fault in bad.faults]}
    found = answer_together(asked=asked, organisation_id=customer.pk, now=now)
    changes.run(lambda: record_together(found=found, organisation_id=customer.pk, now=now))
    return {"offers": found.offers, "refusal": found.refusal, "nearest": list(_nearest(found, customer))}


def _nearest(found: Together, customer: Organisation) -> Iterator[tuple[str, str]]:
    for each in found.refusal.alternatives if found.refusal else ():
        yield f"{each.text[0].upper()}{each.text[1:]}", href_of(each.asked, customer)


def href_of(asked: TogetherNeed, customer: Organisation) -> str:
    """The page that asks for a bundle or a ramp."""
    if isinstance(asked, BundleNeed):
        return href_of_parts([urlencode(query_of(need, customer), doseq=True) for need in asked.needs], customer)
    pairs = zip(asked.starts, asked.quantities, strict=True)
    steps = "\n".join(f"{start.isoformat()} {quantity}" for start, quantity in pairs)
    wish = urlencode(query_of(asked.wish, customer), doseq=True)
    more = {"steps": steps, "end": asked.end.isoformat(), **({"in_parts": "on"} if asked.divisible else {})}
    return f"{href_of_parts([wish], customer)}&{urlencode(more)}"


@require_GET
def bundle_page(request: HttpRequest, site: AdminSite, public_id: str) -> HttpResponse:
    """What the customer would agree to, part by part, with the two things that can be done."""
    require(request, "pricing.view_quote")
    bundle = get_object_or_404(Bundle.objects.with_parts(), public_id=public_id)
    return _bundle(request, site, bundle, AcceptForm(None, bundle.organisation_id))


def _bundle(request: HttpRequest, site: AdminSite, bundle: Bundle, form: AcceptForm) -> HttpResponse:
    now = clock.now()
    state = bundle.state(now)
    context = {
        **site.each_context(request),
        "title": f"{bundle.get_kind_display()} for {bundle.organisation}",
        "bundle": bundle,
        "state": state,
        "form": form,
        "minutes_left": int((bundle.expires_at - now).total_seconds() // 60) if state == OPEN else 0,
        "reservations": Reservation.objects.filter(quote__bundle=bundle).order_by("quote__bundle_part"),
    }
    return TemplateResponse(request, "admin/reservations/bundle.html", context)


@require_POST
def accept_page(request: HttpRequest, site: AdminSite, public_id: str) -> HttpResponse:
    """Accepts every part in the customer's name; the journal keeps who there agreed."""
    require(request, MAY_ACCEPT)
    bundle = get_object_or_404(Bundle.objects.with_parts(), public_id=public_id)
    form = AcceptForm(request.POST, bundle.organisation_id)
    if not form.is_valid():
        return _bundle(request, site, bundle, form)
    said, whose = form.cleaned_data["reason"], bundle.organisation_id
    by = author(request, whose)
    try:
        made = changes.run(
            lambda: accept_bundle_for_customer(
                public_id=public_id, by=by, organisation_id=whose, reason=said, **form.named()
            )
        )
    except ReasonMissing as missing:
        form.add_error("reason", str(missing))
        return _bundle(request, site, bundle, form)
    except REFUSALS as refused:
        messages.error(request, sentence(refused))
        return redirect("admin:sell-bundle", public_id)
    messages.success(request, f"Reserved: all {len(made)} parts.")
    return redirect("admin:sell-bundle", public_id)


@require_POST
def release_page(request: HttpRequest, site: AdminSite, public_id: str) -> HttpResponse:
    """Gives every hold of the bundle back before it expires."""
    require(request, MAY_RELEASE)
    whose = get_object_or_404(Bundle, public_id=public_id).organisation_id
    by = author(request, whose)
    try:
        changes.run(lambda: release_bundle(public_id=public_id, by=by, organisation_id=whose))
    except REFUSALS as refused:
        messages.error(request, sentence(refused))
        return redirect("admin:sell-bundle", public_id)
    messages.success(request, "Released: all parts are on sale again.")
    return redirect("admin:sell-bundle", public_id)
