"""The five questions as a form, with more wishes folded away, and links that ask one of them differently."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.http import urlencode

from marketplace.units.firmness import CHOICES, FIRM
from marketplace.web import formats
from pricing.quotes.need import LONGEST_BLOCK_DAYS, BadNeed, Need
from pricing.web.more_wishes import NUMBERS, MoreWishes, query_of

WINDOWS = [(0, "that day only"), (7, "± 1 week"), (21, "± 3 weeks"), (45, "± 6 weeks")]
PREPAY = [(0, "nothing"), (50, "half"), (100, "all of it")]
DATES = ("start", "flexibility", "start_to")
FIELD_OF = {
    "/quantity": "quantity",
    "/duration_days": "days",
    "/firmness": "firmness",
    "/accelerators": "accelerators",
    "/jurisdictions": "jurisdictions",
    "/sites": "sites",
    "/sellers": "sellers",
    "/sort": "sort",
}


def _control(hint: str = "", **attributes: Any) -> dict[str, Any]:
    described = {"aria-describedby": f"id_{hint}-hint"} if hint else {}
    return {"class": "input", **described, **attributes}


def _all(message: str) -> dict[str, str]:
    """One sentence that says what would be right, whatever was wrong."""
    return dict.fromkeys(("required", "invalid", "min_value", "max_value"), message)


class AskForm(MoreWishes):
    """The five questions, as typed. Whether the need makes sense is for `parse_need` to say, as over REST."""

    quantity = forms.IntegerField(
        min_value=1,
        initial=64,
        widget=forms.NumberInput(_control("quantity")),
        label="How much",
        error_messages=_all("Ask for 1 GPU or more."),
    )
    accelerator = forms.ChoiceField(required=False, widget=forms.Select(_control()), label="Accelerator")
    days = forms.IntegerField(
        min_value=1,
        max_value=LONGEST_BLOCK_DAYS,
        initial=30,
        widget=forms.NumberInput(_control("days")),
        label="How long",
        error_messages=_all(f"Ask for 1 to {LONGEST_BLOCK_DAYS:,} days."),
    )
    start = forms.DateField(
        widget=forms.DateInput(_control("start", type="date"), format="%Y-%m-%d"),
        label="When",
        error_messages=_all("Choose the date on which it should start."),
    )
    flexibility = forms.TypedChoiceField(
        coerce=int, choices=WINDOWS, initial=21, widget=forms.Select(_control()), label="Flexibility"
    )
    firmness = forms.ChoiceField(choices=CHOICES, initial=FIRM, label="How sure")
    where = forms.ChoiceField(required=False, widget=forms.Select(_control("where")), label="Where")
    prepay = forms.TypedChoiceField(
        coerce=int, choices=PREPAY, required=False, empty_value=None, initial=0, widget=forms.HiddenInput
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pools = self.offer_choices()
        keys = {pool.accelerator.key: pool.accelerator.h100_weight for pool in self.pools}
        self.fields["accelerator"].choices = [  # type: ignore[attr-defined]
            ("", "any GPU"),
            *((key, formats.accelerator(key)) for key in sorted(keys, key=lambda key: (keys[key], key))),
        ]
        self.fields["where"].choices = [  # type: ignore[attr-defined]
            ("", "anywhere"),
            *((code, code) for code in sorted({pool.site.jurisdiction for pool in self.pools})),
        ]

    def window(self, today: date) -> tuple[date, date]:
        """First and last start asked for. A window never reaches into the past; a start asked for in the past does."""
        asked, either_way = self.cleaned_data["start"], timedelta(days=self.cleaned_data["flexibility"])
        first = asked if asked <= today else max(asked - either_way, today + timedelta(days=1))
        return first, (self.cleaned_data["start_to"] or asked) + either_way

    def as_body(self, today: date) -> dict[str, Any]:
        """The same body that REST would be sent."""
        asked = self.cleaned_data
        first, last = self.window(today)
        body: dict[str, Any] = {
            "quantity": asked["quantity"],
            "duration_days": asked["days"],
            "start": {"from": first.isoformat(), "to": last.isoformat()},
            "firmness": asked["firmness"],
        }
        if asked["accelerator"]:
            body["accelerators"] = [asked["accelerator"]]
        if asked["where"]:
            body["jurisdictions"] = [asked["where"]]
        if asked["prepay"]:
            body["prepayment_percent"] = asked["prepay"]
        return self.add_wishes(body)

    def show_faults(self, bad: BadNeed) -> None:
        """Puts each fault of a need beside the question that it answers."""
        for fault in bad.faults:
            self.add_error(self._field_of(fault.pointer), fault.message)

    def _field_of(self, pointer: str) -> str:
        _, first, *rest = pointer.split("/")
        if first == "service" and rest:
            return NUMBERS.get(rest[0], rest[0])
        if pointer == "/start/to" and self.cleaned_data.get("start_to"):
            return "start_to"
        return FIELD_OF.get(f"/{first}", "start")

    def href(self, **changes: Any) -> str:
        """The page that asks the same with some answers changed."""
        return f"{reverse('capacity')}?{self.query(**changes)}"

    def query(self, **changes: Any) -> str:
        """The answers as a query, with some changed; what is empty is left out."""
        asked = {name: self[name].value() for name in self.fields} | changes
        given = {name: value for name, value in asked.items() if value not in ("", None, []) and value is not False}
        return urlencode(given, doseq=True)

    def href_of(self, need: Need, asked: Need) -> str:
        """The page that asks for a need that came of the one asked. Dates that did not change stay as typed."""
        changes = query_of(need)
        if (need.start_from, need.start_to) == (asked.start_from, asked.start_to):
            changes = {name: value for name, value in changes.items() if name not in DATES}
        return self.href(**changes)
