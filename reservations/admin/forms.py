from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, cast

from django import forms
from unfold.widgets import (
    INPUT_CLASSES,
    SELECT_CLASSES,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from marketplace.models import Accelerator, CostCentre, Organisation
from marketplace.units.firmness import CHOICES, FIRM
from marketplace.web import formats
from pricing.quotes.long_holds import LongHold
from pricing.quotes.need import LONGEST_BLOCK_DAYS, BadNeed, Need
from pricing.web.more_wishes import NUMBERS, MoreWishes
from pricing.web.more_wishes import query_of as web_query

FIELDS = {"/quantity": "quantity", "/duration_days": "days", "/start/from": "start_from", "/start/to": "start_to"}


def day_input() -> UnfoldAdminTextInputWidget:
    return UnfoldAdminTextInputWidget(attrs={"type": "date"})


class SellForm(MoreWishes):
    """A customer's wish, as typed, with everything that can be wished on the web. Whether it makes sense is for
    `parse_need` to say, as over REST."""

    organisation = forms.ModelChoiceField(
        Organisation.objects.all(), label="Customer", widget=UnfoldAdminSelectWidget, empty_label="Choose a customer"
    )
    accelerator = forms.ModelChoiceField(
        Accelerator.objects.filter(pools__isnull=False).distinct(),
        required=False,
        to_field_name="key",
        widget=UnfoldAdminSelectWidget,
        empty_label="Any accelerator",
    )
    quantity = forms.IntegerField(label="GPUs", min_value=1, widget=UnfoldAdminIntegerFieldWidget)
    days = forms.IntegerField(
        label="Days", min_value=1, max_value=LONGEST_BLOCK_DAYS, widget=UnfoldAdminIntegerFieldWidget
    )
    start_from = forms.DateField(label="First start", widget=day_input())
    start_to = forms.DateField(label="Last start", widget=day_input())
    firmness = forms.ChoiceField(choices=CHOICES, widget=UnfoldAdminSelectWidget)
    prepayment = forms.IntegerField(
        label="Percent paid up front", min_value=0, max_value=100, required=False, widget=UnfoldAdminIntegerFieldWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_choices()
        for name in MoreWishes.base_fields:
            widget = self.fields[name].widget
            if name not in SellForm.OWN and widget.attrs.get("class") == "input":
                is_choice = isinstance(widget, forms.Select)
                widget.attrs["class"] = " ".join(SELECT_CLASSES if is_choice else INPUT_CLASSES)

    OWN = ("start_to",)
    ASKED = ("organisation", "accelerator", "quantity", "days", "start_from", "start_to", "firmness", "prepayment")

    @property
    def asked_fields(self) -> list[Any]:
        """The questions that everybody is asked."""
        return [self[name] for name in self.ASKED]

    @property
    def more_fields(self) -> list[Any]:
        """The wishes that few people have."""
        return [self[name] for name in self.fields if name not in (*self.ASKED, "sort")]

    @property
    def has_more(self) -> bool:
        return any(field.value() or field.errors for field in self.more_fields)

    def as_body(self) -> dict[str, Any]:
        """The same body that REST would be sent."""
        asked = self.cleaned_data
        body: dict[str, Any] = {
            "quantity": asked["quantity"],
            "duration_days": asked["days"],
            "start": {"from": asked["start_from"].isoformat(), "to": asked["start_to"].isoformat()},
            "firmness": asked["firmness"],
        }
        if asked["prepayment"]:
            body["prepayment_percent"] = asked["prepayment"]
        if asked["accelerator"]:
            body["accelerators"] = [asked["accelerator"].key]
        return self.add_wishes(body)

    def show_faults(self, bad: BadNeed) -> None:
        for fault in bad.faults:
            self.add_error(self._field_of(fault.pointer), fault.message)

    def _field_of(self, pointer: str) -> str | None:
        if pointer in FIELDS:
            return FIELDS[pointer]
        first, *rest = pointer.strip("/").split("/")
        name = NUMBERS.get(rest[0], rest[0]) if first == "service" and rest else first
        return name if name in self.fields else None


def first_shown(today: date) -> dict[str, Any]:
    start = today + timedelta(days=30)
    return {
        "quantity": 64,
        "days": 30,
        "start_from": start.isoformat(),
        "start_to": (start + timedelta(days=30)).isoformat(),
        "firmness": FIRM,
    }


def query_of(need: Need, organisation: Organisation) -> dict[str, Any]:
    """The form's fields that would ask for a need again; what is not wished for is left out."""
    answers = {"organisation": organisation.pk} | web_query(need)
    answers |= {
        "start_from": need.start_from.isoformat(),
        "start_to": need.start_to.isoformat(),
        "jurisdictions": list(need.jurisdictions),
        "prepayment": need.prepayment,
    }
    ours = {name: value for name, value in answers.items() if name in SellForm.base_fields}
    return {name: value for name, value in ours.items() if value not in ("", None, [])}


class KeepForm(forms.Form):
    """For how long a customer's quote is kept, and who there agreed to its fee."""

    days = forms.TypedChoiceField(label="Keep it for", coerce=int, widget=UnfoldAdminSelectWidget)
    reason = forms.CharField(
        label="Who at the customer agreed to the fee, and how", widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )

    def offer(self, held: Sequence[LongHold]) -> "KeepForm":
        """The lengths that can be had, each with its fee."""
        days = cast(forms.TypedChoiceField, self.fields["days"])
        days.choices = [(each.days, f"{each.days} days more, {formats.money(each.fee.amount)}") for each in held]
        return self


class AcceptForm(forms.Form):
    """`organisation_id` is the customer's, whose cost centres are to choose from."""

    reason = forms.CharField(
        label="Who at the customer agreed, and how",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="A name, and a call, a mail or an order number. Kept in the journal for good.",
    )
    cost_centre = forms.ModelChoiceField(
        CostCentre.objects.none(),
        required=False,
        to_field_name="public_id",
        widget=UnfoldAdminSelectWidget,
        empty_label="The customer's default, if they keep any",
    )
    purchase_order = forms.CharField(max_length=80, required=False, widget=UnfoldAdminTextInputWidget)

    def __init__(self, data: Any, organisation_id: int) -> None:
        super().__init__(data)
        centres = CostCentre.objects.filter(organisation_id=organisation_id, closed_at=None)
        self.fields["cost_centre"].queryset = centres  # type: ignore[attr-defined]

    def named(self) -> dict[str, Any]:
        """What the acceptance is charged to, as the action takes it."""
        centre = self.cleaned_data["cost_centre"]
        return {
            "cost_centre": centre.public_id if centre else None,
            "purchase_order": self.cleaned_data["purchase_order"],
        }
