import calendar as months
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from marketplace.capacity.ledger import InsufficientHeadroom
from marketplace.catalogue.models import Accelerator, Site
from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.units import clock
from marketplace.units.firmness import CHOICES, FIRM
from marketplace.web import formats
from marketplace.web.access import member_page, require_buyer
from marketplace.web.charts.flex import Flex, flex_table, start_date_changes
from marketplace.web.charts.refusal import Refusal, refusal_steps, refusal_table
from pricing.demand.actions import record_enquiry
from pricing.quotes.actions import MarketStale, OfferExpired, PriceChanged, take_quote
from pricing.quotes.need import LONGEST_BLOCK_DAYS, BadNeed, Need, parse_need
from pricing.quotes.offers import Offer, OfferInvalid
from pricing.quotes.queries import known_names
from pricing.quotes.search import CalendarDay, Search, search
from pricing.web.quotes import price_parts

WINDOWS = [(0, "that day only"), (7, "± 1 week"), (21, "± 3 weeks"), (45, "± 6 weeks")]
RANKS = {"cheapest": "Cheapest", "soonest": "Soonest"}


class AskForm(forms.Form):
    """The five questions, as typed. Whether the need makes sense is for `parse_need` to say, as over REST."""

    quantity = forms.IntegerField(label="How much", min_value=1, initial=64)
    accelerator = forms.ChoiceField(label="Accelerator", required=False)
    days = forms.IntegerField(label="How long", min_value=1, max_value=LONGEST_BLOCK_DAYS, initial=30)
    start = forms.DateField(label="When", widget=forms.DateInput(attrs={"type": "date"}))
    flexibility = forms.TypedChoiceField(label="Flexibility", coerce=int, choices=WINDOWS, initial=21)
    firmness = forms.ChoiceField(label="How sure", choices=CHOICES, initial=FIRM)
    where = forms.ChoiceField(label="Where", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accelerators = Accelerator.objects.filter(pools__isnull=False).distinct().values_list("key", "name")
        countries = Site.objects.filter(pools__isnull=False).order_by("jurisdiction").distinct("jurisdiction")
        self.fields["accelerator"].choices = [("", "any"), *accelerators]  # type: ignore[attr-defined]
        self.fields["where"].choices = [  # type: ignore[attr-defined]
            ("", "anywhere"),
            *((code, code) for code in countries.values_list("jurisdiction", flat=True)),
        ]

    def as_body(self, today: date) -> dict[str, Any]:
        """The same body that REST would be sent."""
        asked = self.cleaned_data
        window = timedelta(days=asked["flexibility"])
        first = asked["start"] if asked["start"] <= today else max(asked["start"] - window, today + timedelta(days=1))
        body: dict[str, Any] = {
            "quantity": asked["quantity"],
            "duration_days": asked["days"],
            "start": {"from": first.isoformat(), "to": (asked["start"] + window).isoformat()},
            "firmness": asked["firmness"],
        }
        if asked["accelerator"]:
            body["accelerators"] = [asked["accelerator"]]
        if asked["where"]:
            body["jurisdictions"] = [asked["where"]]
        return body


@dataclass(frozen=True)
class Alternative:
    """Something that does fit: what it changes, in words, and the page that asks for it."""

    title: str
    text: str
    href: str


@require_GET
@member_page
def search_page(request: HttpRequest, found: Membership) -> HttpResponse:
    """Five questions, one answer: offers, a calendar of prices, or the nearest that fits."""
    now = clock.now()
    asked = {key: value for key, value in request.GET.items() if key in AskForm.base_fields}
    initial = {"start": now.date() + timedelta(days=30)}
    form = AskForm(asked) if "quantity" in asked else AskForm(initial=initial | asked)
    context: dict[str, Any] = {"nav": "capacity", "form": form, "may_buy": found.may_buy}
    if form.is_bound and form.is_valid():
        try:
            need = parse_need(form.as_body(now.date()), today=now.date(), known=known_names())
        except BadNeed as bad:
            _show_faults(form, bad)
        else:
            answer = search(need=need, organisation_id=found.organisation_id, now=now)
            change.run(lambda: record_enquiry(found=answer, organisation_id=found.organisation_id, now=now))
            context |= _answer(answer, form, request)
    return render(request, "pricing/capacity.html", context)


def _show_faults(form: AskForm, bad: BadNeed) -> None:
    fields = {"/quantity": "quantity", "/duration_days": "days", "/firmness": "firmness"}
    for fault in bad.faults:
        form.add_error(fields.get(fault.pointer, "start"), fault.message)


def _answer(answer: Search, form: AskForm, request: HttpRequest) -> dict[str, Any]:
    if answer.refusal:
        return {
            "answer": answer,
            "refusal": answer.refusal,
            "alternatives": _alternatives(answer, form),
            **_headroom(answer),
        }
    picked = _picked(answer, request.GET.get("pick", "0"))
    offer = answer.offers[picked]
    asked = form.cleaned_data["start"]
    return {
        "answer": answer,
        "offers": [_row(each, index, picked, request) for index, each in enumerate(answer.offers)],
        "offer": offer,
        "breakdown": price_parts([(code, str(part.amount)) for code, part in offer.breakdown], offer.gpu_hours),
        "months": list(_months(answer.calendar, asked, form)),
        **_flex(answer.calendar, asked),
    }


def _picked(answer: Search, text: str) -> int:
    return int(text) if text.isdecimal() and int(text) < len(answer.offers) else 0


def _row(offer: Offer, index: int, picked: int, request: HttpRequest) -> dict[str, Any]:
    query = request.GET.copy()
    query["pick"] = str(index)
    return {
        "offer": offer,
        "tag": ", ".join(RANKS[rank] for rank in offer.ranks) or "Next best",
        "chosen": index == picked,
        "href": f"?{query.urlencode()}#price",
        "tonnes": Decimal(offer.carbon_kg) / 1000,
        "compute": offer.pool.accelerator.h100_weight / offer.unit_price,
    }


def _months(days: tuple[CalendarDay, ...], asked: date, form: AskForm) -> Iterator[dict[str, Any]]:
    """Calendar months of the window, in weeks of cells with day, total and link."""
    by_day = {day.start: day for day in days}
    lowest = min(days, key=lambda day: (day.total.amount, day.start)) if days else None
    third = sorted(day.total.amount for day in days)[len(days) // 3] if days else None
    for year, month in sorted({(day.start.year, day.start.month) for day in days})[:4]:
        weeks = months.Calendar().monthdatescalendar(year, month)
        cells = [[_cell(day, month, by_day.get(day), asked, lowest, third, form) for day in week] for week in weeks]
        yield {"name": f"{months.month_name[month]} {year}", "weeks": cells}


def _cell(
    day: date,
    month: int,
    found: CalendarDay | None,
    asked: date,
    lowest: CalendarDay | None,
    third: Decimal | None,
    form: AskForm,
) -> dict[str, Any] | None:
    if day.month != month:
        return None
    classes = ["day"]
    if found and third is not None and found.total.amount <= third:
        classes.append("low")
    if found and found == lowest:
        classes.append("min")
    if day == asked:
        classes.append("sel")
    href = _href(form, start=day.isoformat(), flexibility=0) if found else ""
    return {"day": day, "found": found, "classes": " ".join(classes), "href": href, "asked": day == asked}


def _flex(days: tuple[CalendarDay, ...], asked: date) -> dict[str, Any]:
    at = {day.start: day for day in days}
    if asked not in at or len(days) < 2:
        return {}
    base = at[asked].total.amount
    best = min(days, key=lambda day: (day.total.amount, abs((day.start - asked).days)))
    change_by_day = [float((day.total.amount - base) / base) for day in days]
    flex = Flex([day.start for day in days], change_by_day, asked, best.start if best.start != asked else None)
    saving = base - best.total.amount
    moved = (best.start - asked).days
    title = f"Start {abs(moved)} days {'later' if moved > 0 else 'sooner'}: {formats.change(-float(saving / base))}"
    return {
        "flex": start_date_changes(flex, title="Change in total by start date"),
        "flex_table": flex_table(flex, caption="price change by start date"),
        "flex_title": title if saving > 0 else "Your date is already the cheapest in the window",
    }


def _headroom(answer: Search) -> dict[str, Any]:
    need, refusal = answer.need, answer.refusal
    if refusal is None or not refusal.days:
        return {}
    later = [other.start_from for other in refusal.nearest if other.start_from > need.start_to]
    shown = Refusal(
        refusal.days,
        refusal.headroom,
        need.quantity.least,
        need.start_from,
        need.start_to + timedelta(days=need.duration.least),
        later[0] if later else None,
    )
    return {
        "chart": refusal_steps(shown, title=f"{need.firmness.capitalize()} headroom against the GPUs asked for"),
        "chart_table": refusal_table(shown, caption=f"{need.firmness} headroom"),
    }


def _alternatives(answer: Search, form: AskForm) -> list[Alternative]:
    if answer.refusal is None:
        return []
    return [_alternative(answer.need, need, form) for need in answer.refusal.nearest]


def _alternative(asked: Need, need: Need, form: AskForm) -> Alternative:
    if need.firmness != asked.firmness:
        text = f"All {need.quantity.least:,}, sold as {need.firmness}: less sure to be on time."
        return Alternative("Less sure", text, _href(form, firmness=need.firmness))
    if need.quantity != asked.quantity:
        text = f"{need.quantity.least:,} GPUs with a start in your window."
        return Alternative("Fewer", text, _href(form, quantity=need.quantity.least))
    if need.start_from != asked.start_from:
        title = "Later" if need.start_from > asked.start_to else "Sooner"
        text = f"All {need.quantity.least:,} from {formats.day(need.start_from)}."
        return Alternative(title, text, _href(form, start=need.start_from.isoformat(), flexibility=0))
    text = f"All {need.quantity.least:,}, any accelerator, anywhere."
    return Alternative("Elsewhere", text, _href(form, accelerator="", where=""))


def _href(form: AskForm, **changes: Any) -> str:
    return f"{reverse('capacity')}?{urlencode({name: form[name].value() or '' for name in form.fields} | changes)}"


@require_POST
@member_page
def take(request: HttpRequest, found: Membership) -> HttpResponse:
    """Turns the chosen offer into a quote that holds its capacity."""
    require_buyer(found)
    by = found.user.as_actor(found.organisation_id)
    back = request.POST.get("back", "")
    again = f"{reverse('capacity')}?{back}" if back else reverse("capacity")
    try:
        quote = change.run(
            lambda: take_quote(offer=request.POST.get("offer", ""), organisation=found.organisation, by=by)
        )
    except PriceChanged as changed:
        total = formats.money(changed.offer.terms.total.amount)
        messages.warning(request, f"The price rose to {total} while you looked. Nothing is held; choose again.")
    except InsufficientHeadroom:
        messages.warning(request, "These GPUs were taken while you looked. Nothing is held; here is what fits now.")
    except (OfferInvalid, OfferExpired):
        messages.warning(request, "That offer is no longer valid. Nothing is held; these are the prices of now.")
    except MarketStale:
        messages.error(request, "Prices are out of date, so no new quotes are made. Nothing is held; try again soon.")
    else:
        return redirect("quote", quote.public_id)
    return redirect(again)
