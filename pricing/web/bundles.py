"""Several blocks at once on the web: a bundle of asked parts, a ramp by steps, and the page of what was taken."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from marketplace.catalogue.models import Pool
from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.screening.models import EndCustomer
from marketplace.units import clock
from marketplace.units.firmness import CHOICES, FIRM
from marketplace.web import formats
from marketplace.web.access import member_page, require_buyer
from pricing.quotes.answers import answer_together, record_together
from pricing.quotes.asked_together import MOST_NEEDS, RampNeed, TogetherNeed, parse_together
from pricing.quotes.bundle_offers import BundleOffer
from pricing.quotes.bundles import Bundle
from pricing.quotes.bundling import BundleNotFound, release_bundle
from pricing.quotes.models import OPEN
from pricing.quotes.need import BadNeed, Need
from pricing.quotes.queries import known_names
from pricing.quotes.together import Together
from pricing.web.ask import PREPAY, AskForm
from pricing.web.more_wishes import query_of
from pricing.web.quotes import paying_context
from pricing.web.refusals import REFUSALS, sentence

STEPS_SHOWN = 6
KIND_NAMES = {"bundle": "Bundle", "ramp": "Ramp", "split": "Split"}


@dataclass(frozen=True)
class AskedPart:
    """A part of the bundle that is being put together: in words, the query that asks for it, and the page without."""

    text: str
    query: str
    without: str


def _day(label: str) -> forms.DateField:
    widget = forms.DateInput({"class": "input", "type": "date"}, format="%Y-%m-%d")
    return forms.DateField(required=False, label=label, widget=widget)


class RampForm(forms.Form):
    """A quantity by date. Whether it makes sense is for `parse_together` to say, as over REST."""

    accelerator = forms.ChoiceField(required=False, label="Accelerator", widget=forms.Select({"class": "input"}))
    where = forms.ChoiceField(required=False, label="Where", widget=forms.Select({"class": "input"}))
    firmness = forms.ChoiceField(
        choices=CHOICES, initial=FIRM, label="How sure", widget=forms.Select({"class": "input"})
    )
    prepay = forms.TypedChoiceField(
        coerce=int,
        choices=PREPAY,
        required=False,
        empty_value=None,
        label="Paid up front",
        widget=forms.Select({"class": "input"}),
    )
    end = _day("Until, not included")
    divisible = forms.BooleanField(required=False, label="May be split over sites (inference)")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        pools = Pool.objects.select_related("site", "accelerator")
        keys = sorted({pool.accelerator.key for pool in pools})
        countries = sorted({pool.site.jurisdiction for pool in pools})
        self.fields["accelerator"].choices = [  # type: ignore[attr-defined]
            ("", "any GPU"),
            *((key, formats.accelerator(key)) for key in keys),
        ]
        self.fields["where"].choices = [("", "anywhere"), *((code, code) for code in countries)]  # type: ignore[attr-defined]
        for number in range(1, STEPS_SHOWN + 1):
            self.fields[f"from_{number}"] = _day(f"Step {number} from")
            self.fields[f"gpus_{number}"] = forms.IntegerField(
                required=False, min_value=1, label=f"Step {number} GPUs", widget=forms.NumberInput({"class": "input"})
            )

    @property
    def step_fields(self) -> list[tuple[Any, Any]]:
        return [(self[f"from_{number}"], self[f"gpus_{number}"]) for number in range(1, STEPS_SHOWN + 1)]

    def as_body(self) -> dict[str, Any]:
        asked = self.cleaned_data
        rows = [(asked[f"from_{number}"], asked[f"gpus_{number}"]) for number in range(1, STEPS_SHOWN + 1)]
        steps = [
            {"from": start.isoformat() if start else None, "quantity": gpus} for start, gpus in rows if start or gpus
        ]
        end = asked["end"].isoformat() if asked["end"] else None
        body: dict[str, Any] = {"ramp": {"steps": steps, "end_exclusive": end}, "firmness": asked["firmness"]}
        body |= {"accelerators": [asked["accelerator"]]} if asked["accelerator"] else {}
        body |= {"jurisdictions": [asked["where"]]} if asked["where"] else {}
        body |= {"prepayment_percent": asked["prepay"]} if asked["prepay"] else {}
        return body | ({"divisible": True} if asked["divisible"] else {})


@require_GET
@member_page
def together(request: HttpRequest, found: Membership) -> HttpResponse:
    """Parts that are taken all or none: what was asked so far, and the offer of all of it."""
    now = clock.now()
    queries = request.GET.getlist("part")[:MOST_NEEDS]
    if "add" in request.GET:
        return _added(request, queries, now.date())
    context: dict[str, Any] = {"nav": "capacity", "may_buy": found.may_buy, "parts": _parts(queries)}
    context["add_href"] = _add_href(queries) if len(queries) < MOST_NEEDS else ""
    bodies = [_body_of(query, now.date()) for query in queries]
    if bodies:
        context |= _answered({"parts": bodies}, found, now)
    return render(request, "pricing/together.html", context | {"back": request.GET.urlencode()})


def _added(request: HttpRequest, queries: list[str], today: date) -> HttpResponse:
    """Adds the answers of the ask page as a part; where they are wrong that page says so."""
    form = AskForm(request.GET)
    if not form.is_valid() or len(queries) >= MOST_NEEDS:
        return redirect(f"{reverse('capacity')}?{form.query()}&{urlencode({'part': queries}, doseq=True)}")
    return redirect(_href([*queries, form.query()]))


def _href(queries: list[str]) -> str:
    return f"{reverse('together')}?{urlencode({'part': queries}, doseq=True)}"


def _add_href(queries: list[str]) -> str:
    """The ask page with the answers of the last part, and the parts so far carried along."""
    last = queries[-1] + "&" if queries else ""
    return f"{reverse('capacity')}?{last}{urlencode({'part': queries}, doseq=True)}"


def _parts(queries: list[str]) -> list[AskedPart]:
    return [
        AskedPart(_in_words(QueryDict(query)), query, _href(queries[:at] + queries[at + 1 :]))
        for at, query in enumerate(queries)
    ]


def _in_words(asked: QueryDict) -> str:
    what = asked.get("accelerator") or "any GPU"
    most = f" to {asked['quantity_to']}" if asked.get("quantity_to") else ""
    return (
        f"{asked.get('quantity', '')}{most} {what}, {asked.get('days', '')} days from about "
        f"{asked.get('start', '')}, {asked.get('firmness', '')}"
    )


def _body_of(query: str, today: date) -> dict[str, Any]:
    """The part as REST would be sent it; what makes no sense in it is for `parse_together` to say."""
    form = AskForm(QueryDict(query))
    if not form.is_valid():
        return {}
    body = form.as_body(today)
    body.pop("sort", None)
    return body


@require_GET
@member_page
def ramp(request: HttpRequest, found: Membership) -> HttpResponse:
    """One contract with a quantity by date."""
    now = clock.now()
    form = RampForm(request.GET if "end" in request.GET else None)
    context: dict[str, Any] = {"nav": "capacity", "form": form, "may_buy": found.may_buy}
    if form.is_bound and form.is_valid():
        context |= _answered(form.as_body(), found, now)
    return render(request, "pricing/ramp.html", context | {"back": request.GET.urlencode()})


def _answered(body: dict[str, Any], found: Membership, now: datetime) -> dict[str, Any]:
    try:
        asked = parse_together(body, today=now.date(), known=known_names())
    except BadNeed as bad:
        return {"faults": [_fault(fault.pointer, fault.message) for fault in bad.faults]}
    whose = found.organisation_id
    answer = answer_together(asked=asked, organisation_id=whose, now=now)
    change.run(lambda: record_together(found=answer, organisation_id=whose, now=now))
    return {
        "offers": [offered_together(offer) for offer in answer.offers],
        "end_customers": EndCustomer.objects.of(whose).filter(archived_at=None),
        **refused_together(answer),
    }


def _fault(pointer: str, message: str) -> str:
    """`Part 2, quantity: …`."""
    steps = pointer.strip("/").split("/")
    if len(steps) > 1 and steps[0] in ("parts", "ramp") and steps[-2].isdecimal():
        kind = "Part" if steps[0] == "parts" else "Step"
        return f"{kind} {int(steps[-2]) + 1}, {steps[-1].replace('_', ' ')}: {message}"
    return f"{steps[-1].replace('_', ' ').capitalize()}: {message}" if steps[-1] else message


def offered_together(offer: BundleOffer) -> dict[str, Any]:
    """An offer of several blocks as the pages show it."""
    return {"offer": offer, "kind": KIND_NAMES[offer.kind], "sites": len({part.pool.site_id for part in offer.parts})}


def refused_together(found: Together) -> dict[str, Any]:
    """Why not, and what can be clicked instead."""
    if found.refusal is None:
        return {}
    others = [
        {"text": f"{each.text[0].upper()}{each.text[1:]}.", "href": href_of(each.asked)}
        for each in found.refusal.alternatives
    ]
    return {"refusal": found.refusal, "others": others}


def href_of(asked: TogetherNeed) -> str:
    """The page that asks for a bundle or a ramp."""
    if isinstance(asked, RampNeed):
        return f"{reverse('ramp')}?{_ramp_query(asked)}"
    return _href([_text(query_of(need)) for need in asked.needs])


def _text(answers: dict[str, Any]) -> str:
    given = {name: value for name, value in answers.items() if value not in ("", None, []) and value is not False}
    return urlencode(given, doseq=True)


def _ramp_query(asked: RampNeed) -> str:
    wish: Need = asked.wish
    rows = {f"from_{n}": start.isoformat() for n, start in enumerate(asked.starts, 1)}
    rows |= {f"gpus_{n}": str(gpus) for n, gpus in enumerate(asked.quantities, 1)}
    named = {
        "accelerator": wish.accelerators[0] if len(wish.accelerators) == 1 else "",
        "where": wish.jurisdictions[0] if len(wish.jurisdictions) == 1 else "",
        "firmness": wish.firmness,
        "prepay": wish.prepayment,
        "divisible": "on" if wish.divisible else "",
    }
    return _text({**named, **rows, "end": asked.end.isoformat()})


@require_GET
@member_page
def listing(request: HttpRequest, found: Membership) -> HttpResponse:
    """The organisation's bundles, newest first."""
    now = clock.now()
    own = Bundle.objects.of(found.organisation_id).with_parts()
    page = Paginator(own, 25).get_page(request.GET.get("page"))
    rows = [(bundle, bundle.state(now)) for bundle in page.object_list]
    return render(request, "pricing/bundles.html", {"nav": "quotes", "page": page, "rows": rows})


@require_GET
@member_page
def show(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """A bundle: the clock of its holds, its parts with their totals, and the two things that can be done."""
    bundle = Bundle.objects.of(found.organisation_id).with_parts().filter(public_id=public_id).first()
    if bundle is None:
        raise Http404
    return render(request, "pricing/bundle.html", bundle_context(bundle, found))


def bundle_context(bundle: Bundle, found: Membership) -> dict[str, Any]:
    now = clock.now()
    state, first = bundle.state(now), bundle.quotes[0]
    return {
        "nav": "quotes",
        "bundle": bundle,
        "kind": KIND_NAMES[bundle.kind],
        "state": state,
        "paying": paying_context(first, found, now, whole=bundle.money) if found.may_buy and state == OPEN else {},
        "now": now,
        "seconds_left": max(0, int((bundle.expires_at - now).total_seconds())),
        "hold_seconds": int((bundle.expires_at - bundle.created_at).total_seconds()),
        "may_buy": found.may_buy,
        "terms": bundle.quotes[0].terms,
    }


@require_POST
@member_page
def release(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Lets every hold of the bundle go before its time."""
    require_buyer(found)
    by = found.user.as_actor(found.organisation_id)
    try:
        change.run(lambda: release_bundle(public_id=public_id, by=by, organisation_id=found.organisation_id))
    except BundleNotFound as error:
        raise Http404 from error
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
        return redirect("bundle", public_id)
    messages.success(request, "All parts are back on sale. Nothing was charged.")
    return redirect("quotes")
