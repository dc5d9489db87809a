"""The three questions of the continuity planner as forms. Whether they make sense is for `parse_question` to say."""

from datetime import date, timedelta
from typing import Any, ClassVar

from django import forms

from marketplace.units.firmness import CHOICES, FIRM
from pricing.quotes.need import BadNeed
from reservations.continuity.asked import (
    CLOSURE,
    GROWTH,
    HIGHEST_FACTOR,
    MOST_FLEXIBLE_DAYS,
    MOST_LATE_DAYS,
    OUTAGE,
    P50,
    P90,
    USUAL_FLEXIBLE_DAYS,
)
from reservations.continuity.holdings import Holdings

LOST, LATE = "lost", "late"
HOWS = [
    (LOST, "Lost from a day on"),
    (LATE, "Late by a number of days"),
    (P50, "As late as the projection expects (P50)"),
    (P90, "As late as 9 in 10 (P90)"),
]


def _day(label: str, **more: Any) -> forms.DateField:
    widget = forms.DateInput({"class": "input", "type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, widget=widget, **more)


def _whole(label: str, most: int, **more: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, min_value=0, max_value=most, widget=forms.NumberInput({"class": "input"}), **more
    )


class QuestionForm(forms.Form):
    """What all three have: a body as REST would be sent it, and faults put beside what they are about."""

    kind: ClassVar[str]
    fields_of: ClassVar[dict[str, str]] = {}

    def __init__(self, data: Any, found: Holdings, **more: Any) -> None:
        super().__init__(data, **more)
        self.offer_choices(found)

    def offer_choices(self, found: Holdings) -> None:
        """Fills the lists with what the organisation has."""

    def as_body(self) -> dict[str, Any]:
        raise NotImplementedError

    def show_faults(self, bad: BadNeed) -> None:
        for fault in bad.faults:
            first = fault.pointer.strip("/").split("/")[0]
            name = self.fields_of.get(first, first)
            self.add_error(name if name in self.fields else None, fault.message)


class OutageForm(QuestionForm):
    kind = OUTAGE
    fields_of = {"lateness": "how"}
    sites = forms.MultipleChoiceField(
        label="Sites where you hold capacity",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose one site or more."},
    )
    how = forms.ChoiceField(
        label="What happens", choices=HOWS, initial=LOST, widget=forms.Select({"class": "input"}), required=False
    )
    lost_from = _day("Lost from", required=False, help_text="where it is lost")
    late_days = _whole("Late by, days", MOST_LATE_DAYS, required=False, help_text="where it is late")

    def offer_choices(self, found: Holdings) -> None:
        sites = {each.pool.site.public_id: each.pool.site for each in found.reservations}
        named = sorted((site.name, key, site.jurisdiction) for key, site in sites.items())
        self.fields["sites"].choices = [(key, f"{name}, {country}") for name, key, country in named]  # type: ignore[attr-defined]
        self.fields["lost_from"].initial = found.today + timedelta(days=30)

    def as_body(self) -> dict[str, Any]:
        asked, how = self.cleaned_data, self.cleaned_data["how"] or LOST
        body: dict[str, Any] = {"sites": asked["sites"]}
        if how == LOST:
            return body | {"lost_from": _text(asked["lost_from"])}
        return body | ({"late_days": asked["late_days"]} if how == LATE else {"lateness": how})

    def clean(self) -> None:
        """Which of the two boxes counts hangs on what happens."""
        how = self.cleaned_data.get("how") or LOST
        if how == LOST and not self.cleaned_data.get("lost_from") and "lost_from" not in self.errors:
            self.add_error("lost_from", "Choose the first day without the site.")
        if how == LATE and self.cleaned_data.get("late_days") is None and "late_days" not in self.errors:
            self.add_error("late_days", "Say by how many days.")


class GrowthForm(QuestionForm):
    kind = GROWTH
    fields_of = {"from": "start"}
    factor = forms.CharField(
        label="Usage times",
        initial="2",
        widget=forms.TextInput({"class": "input", "inputmode": "decimal"}),
        error_messages={"required": f"Say what usage is multiplied by: above 1, up to {HIGHEST_FACTOR}."},
    )
    start = _day("From", error_messages={"required": "Choose the day from which usage is higher."})
    firmness = forms.ChoiceField(
        label="How sure", choices=CHOICES, initial=FIRM, widget=forms.Select({"class": "input"}), required=False
    )

    def offer_choices(self, found: Holdings) -> None:
        self.fields["start"].initial = found.today + timedelta(days=30)

    def as_body(self) -> dict[str, Any]:
        asked = self.cleaned_data
        return {
            "factor": asked["factor"].strip(),
            "from": _text(asked["start"]),
            "firmness": asked["firmness"] or FIRM,
        }


class ClosureForm(QuestionForm):
    kind = CLOSURE
    fields_of = {"from": "start", "country": "place", "region": "place", "flexibility_days": "flexibility"}
    place = forms.ChoiceField(
        label="What closes",
        widget=forms.Select({"class": "input"}),
        error_messages={"required": "Choose a country or a region."},
    )
    start = _day("On", error_messages={"required": "Choose the day on which it closes."})
    flexibility = _whole(
        "Days without it, at most",
        MOST_FLEXIBLE_DAYS,
        initial=USUAL_FLEXIBLE_DAYS,
        required=False,
        help_text="how much later an alternative may begin",
    )
    allowed = forms.MultipleChoiceField(
        label="Only to these countries", required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any, found: Holdings, countries: frozenset[str] = frozenset(), **more: Any) -> None:
        super().__init__(data, found, **more)
        self.fields["allowed"].choices = [(code, code) for code in sorted(countries)]  # type: ignore[attr-defined]

    def offer_choices(self, found: Holdings) -> None:
        sites = {each.pool.site for each in found.reservations}
        countries = sorted({site.jurisdiction for site in sites})
        regions = sorted({site.region for site in sites})
        self.fields["place"].choices = [  # type: ignore[attr-defined]
            *((f"country:{code}", f"Country {code}") for code in countries),
            *((f"region:{name}", f"Region {name}") for name in regions),
        ]
        self.fields["start"].initial = found.today + timedelta(days=30)

    def as_body(self) -> dict[str, Any]:
        asked = self.cleaned_data
        what, _, name = asked["place"].partition(":")
        allowed = {"allowed": asked["allowed"]} if asked["allowed"] else {}
        days = USUAL_FLEXIBLE_DAYS if asked["flexibility"] is None else asked["flexibility"]
        return {what: name, "from": _text(asked["start"]), **allowed, "flexibility_days": days}


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


FORMS: dict[str, type[QuestionForm]] = {OUTAGE: OutageForm, GROWTH: GrowthForm, CLOSURE: ClosureForm}


def answers_of(question: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The answers of a form that would ask a stored question again."""
    if question == OUTAGE:
        how = inputs.get("lateness") or (LOST if "lost_from" in inputs else LATE)
        shown = {"sites": inputs["sites"], "how": how}
        return shown | {name: inputs[name] for name in ("lost_from", "late_days") if name in inputs}
    if question == GROWTH:
        return {"factor": inputs["factor"], "start": inputs["from"], "firmness": inputs.get("firmness", FIRM)}
    what = "country" if "country" in inputs else "region"
    return {
        "place": f"{what}:{inputs[what]}",
        "start": inputs["from"],
        "flexibility": inputs.get("flexibility_days", USUAL_FLEXIBLE_DAYS),
        "allowed": inputs.get("allowed", []),
    }
