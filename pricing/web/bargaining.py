"""A counter-offer as a form, and a thread as it is shown: who, what, when, and only the terms that changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import forms

from marketplace.parties.models import Membership
from marketplace.units.compute import gpu_hours
from marketplace.units.firmness import CHOICES
from marketplace.units.money import Money
from marketplace.web import formats
from pricing.negotiation.counters import LONGEST_SENTENCE, BadCounter, Wish
from pricing.negotiation.deals import BY_GPU_HOUR
from pricing.negotiation.models import BUYER, SALES, Negotiation, Step
from pricing.negotiation.queries import allowed_actions, last_answer, steps_of
from pricing.quotes.models import REPLACED, Quote

VERB_WORDS = {
    "countered": "countered",
    "answered": "answered",
    "granted": "agreed",
    "took": "took a trade",
    "insisted": "asked sales",
    "withdrew": "withdrew",
    "replied": "replied",
    "accepted": "accepted",
    "offered": "offered",
    "declined": "declined",
    "asked": "asked",
}
STATE_WORDS = {
    "open": ("Your turn", "info"),
    "with_sales": ("With sales", "warn"),
    "accepted": ("Accepted", "good"),
    "withdrawn": ("Withdrawn", ""),
    "lapsed": ("Over: the quote expired", "warn"),
}
FIELD_OF = {"/total": "price", "/unit_price": "price"}
TOTAL, UNIT = "total", "unit_price"


def _input(**attributes: Any) -> dict[str, Any]:
    return {"class": "input", **attributes}


class CounterForm(forms.Form):
    """What the buyer asks back, as typed. Whether it makes sense is for `read_counter` to say, as over REST."""

    quantity = forms.IntegerField(required=False, label="GPUs", widget=forms.NumberInput(_input(min=1)))
    start = forms.DateField(
        required=False, label="Start", widget=forms.DateInput(_input(type="date"), format="%Y-%m-%d")
    )
    duration_days = forms.IntegerField(required=False, label="Days", widget=forms.NumberInput(_input(min=1)))
    firmness = forms.ChoiceField(required=False, label="Firmness", choices=CHOICES, widget=forms.Select(_input()))
    prepayment_percent = forms.IntegerField(
        required=False, label="Up front", widget=forms.NumberInput(_input(min=0, max=100))
    )
    price = forms.DecimalField(
        required=False, label="Your price", max_digits=18, widget=forms.TextInput(_input(inputmode="decimal"))
    )
    per = forms.ChoiceField(
        label="Price is",
        choices=[(UNIT, "USD per GPU-hour"), (TOTAL, "USD in all")],
        initial=UNIT,
        widget=forms.Select(_input()),
    )
    sentence = forms.CharField(
        required=False, label="In a sentence", max_length=LONGEST_SENTENCE, widget=forms.TextInput(_input())
    )

    @classmethod
    def of(cls, quote: Quote) -> "CounterForm":
        return cls(
            initial={
                "quantity": quote.quantity,
                "start": quote.start,
                "duration_days": quote.period.days,
                "firmness": quote.firmness,
                "prepayment_percent": quote.prepayment_percent,
            }
        )

    def wish(self) -> Wish:
        asked = dict(self.cleaned_data)
        price, per = asked.pop("price"), asked.pop("per")
        firmness = asked.pop("firmness") or None
        return Wish(**asked, firmness=firmness, **({per: price} if price is not None else {}))

    def show_faults(self, bad: BadCounter) -> None:
        """Each fault beside its field."""
        for fault in bad.faults:
            name = FIELD_OF.get(fault.pointer, fault.pointer.lstrip("/"))
            self.add_error(name if name in self.fields else None, fault.message)
            if name in self.fields:
                self.fields[name].widget.attrs |= {"aria-invalid": "true", "aria-describedby": f"id_{name}-error"}


@dataclass(frozen=True)
class Change:
    """A term that a step changed."""

    term: str
    before: str
    after: str


@dataclass(frozen=True)
class Offered:
    """A trade as the page shows it. `change` is a part: -0.18."""

    id: str
    title: str
    total: Money
    unit_price: Decimal
    change: Decimal
    per_hour: bool
    reaches: bool


@dataclass(frozen=True)
class Said:
    """A step as the page shows it."""

    step: Step
    who: str
    initials: str
    is_ours: bool
    verb: str
    changes: list[Change]
    trades: list[Offered]


def thread_context(quote: Quote, found: Membership, now: datetime, form: CounterForm | None = None) -> dict[str, Any]:
    """The negotiation about a quote, if there is one, and the form to go on with it."""
    negotiation = _about(quote) if quote.is_negotiated else None
    context: dict[str, Any] = {"counter_form": form or CounterForm.of(quote), "negotiation": negotiation}
    if negotiation is None:
        return context
    steps, allowed = steps_of(negotiation), allowed_actions(negotiation, now)
    answer = last_answer(steps) if "take" in allowed else None
    words, tone = STATE_WORDS[negotiation.state(now)]
    return context | {
        "thread": [_said(step) for step in steps],
        "thread_state": {"words": words, "tone": tone},
        "thread_actions": allowed if found.may_buy and negotiation.quote_id == quote.pk else [],
        "trades_of": answer.pk if answer else None,
    }


def _about(quote: Quote) -> Negotiation | None:
    """The thread that has the quote on the table, or had it."""
    rows = Negotiation.objects.of(quote.organisation_id).select_related("quote", "opened_with")
    return rows.about(quote.public_id).first() if quote.status == REPLACED else rows.filter(quote=quote).first()


def _said(step: Step) -> Said:
    who = "Sales" if step.side == SALES else step.by
    initials = "".join(part[:1] for part in who.replace(".", " ").split("@")[0].split()[:2]).upper()
    is_ours = step.side != BUYER
    return Said(step, who, initials or "?", is_ours, VERB_WORDS[step.verb], list(_changes(step)), list(_trades(step)))


def _trades(step: Step) -> Iterator[Offered]:
    for each in step.trades:
        yield Offered(
            id=each["id"],
            title=each["title"],
            total=Money.from_json(each["total"]),
            unit_price=Decimal(each["unit_price"]),
            change=Decimal(each["change_percent"]) / 100,
            per_hour=each["compared_by"] == BY_GPU_HOUR,
            reaches=each["reaches"],
        )


def _changes(step: Step) -> Iterator[Change]:
    """The terms that are others after the step than before it. A price that was not named follows from the terms."""
    before, after = _terms(step.before), _terms({**_without_price(step), **step.after})
    rows = (Change(term, before.get(term, ""), after.get(term, "")) for term in {**before, **after})
    yield from (row for row in rows if row.before != row.after)


def _without_price(step: Step) -> dict[str, Any]:
    """A price that was not named is not asked to stay: it follows from the terms."""
    return {name: value for name, value in step.before.items() if name not in ("total", "unit_price")}


def _terms(stored: dict[str, Any]) -> dict[str, str]:
    start, end = date.fromisoformat(stored["start"]), date.fromisoformat(stored["end_exclusive"])
    shown = {
        "Start": formats.day(start),
        "Days": formats.count((end - start).days),
        "GPUs": formats.count(stored["quantity"]),
        "Firmness": stored["firmness"].capitalize(),
        "Up front": formats.percent(Decimal(stored["prepayment_percent"]) / 100),
    }
    hours = gpu_hours(stored["quantity"], (end - start).days)
    if "total" in stored:
        total = Decimal(stored["total"]["amount"])
        shown |= {"Per GPU-h": formats.money(total / hours, digits=4), "Total": formats.money(total)}
    elif "unit_price" in stored:
        price = Decimal(stored["unit_price"])
        shown |= {"Per GPU-h": formats.money(price, digits=4), "Total": formats.money(price * hours)}
    return shown
