"""Finance: bank transfers are recorded here, once a bank reference; dues are read."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.shortcuts import redirect
from unfold.widgets import UnfoldAdminTextInputWidget

from marketplace.admin.base import LongAdmin, StaffAdmin, author
from marketplace.change import change as changes
from marketplace.units import clock
from marketplace.units.money import MINOR_DIGITS
from marketplace.web import formats
from reservations.booking.models import Reservation
from reservations.booking.money import Due, Receipt
from reservations.booking.payments import record_receipt
from reservations.web.refusals import REFUSALS, sentence


class ReceiptForm(forms.ModelForm):
    """The transfer as the bank statement has it."""

    reference = forms.CharField(
        label="Reservation",
        help_text="Its whole id, rsv_…: the reference of the transfer",
        widget=UnfoldAdminTextInputWidget,
    )
    currency = forms.ChoiceField(choices=[(name, name) for name in MINOR_DIGITS], initial="USD")

    class Meta:
        model = Receipt
        fields = ("bank_reference", "amount", "received_on")

    def clean_reference(self) -> str:
        said = str(self.cleaned_data["reference"]).strip()
        if not Reservation.objects.filter(public_id=said).exists():
            raise forms.ValidationError("There is no reservation with this id.")
        return said

    def validate_unique(self) -> None:
        """The same transfer again changes nothing: the action knows."""


@admin.register(Receipt)
class ReceiptAdmin(StaffAdmin):
    """Bank transfers that came in."""

    form = ReceiptForm
    list_display = ("bank_reference", "organisation", "reservation", "came", "received_on", "applied", "recorded_by")
    list_filter = ("applied", "organisation")
    list_select_related = ("organisation", "reservation")
    search_fields = ("bank_reference__exact", "reservation__public_id__exact")
    add_fieldsets = ((None, {"fields": ("reference", "bank_reference", ("amount", "currency"), "received_on")}),)
    fields = ("public_id", "bank_reference", ("organisation", "reservation"), "came", "received_on", "applied") + (
        ("recorded_at", "recorded_by"),
    )
    readonly_fields = ("came",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.add_fieldsets if obj is None else ((None, {"fields": self.fields}),)

    @admin.display(description="Amount", ordering="amount")
    def came(self, receipt: Receipt) -> str:
        return formats.money(receipt.amount, receipt.currency)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"reference": request.GET.get("reference", ""), "received_on": clock.today()}

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except REFUSALS as refused:
            messages.error(request, f"{sentence(refused)} Nothing was recorded.")
            return redirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Receipt, form: Any, change: bool) -> None:
        by, said = author(request), form.cleaned_data
        made = changes.run(
            lambda: record_receipt(
                reservation=said["reference"],
                bank_reference=said["bank_reference"],
                amount=said["amount"],
                currency=said["currency"],
                received_on=said["received_on"],
                by=by,
            )
        )
        obj.__dict__.update(made.__dict__)


@admin.register(Due)
class DueAdmin(LongAdmin):
    """What is owed: written by what happens to reservations, never typed."""

    list_display = ("public_id", "organisation", "reservation", "owed", "reason", "due_at")
    list_filter = ("reason", "organisation")
    list_select_related = ("organisation", "reservation")
    search_fields = ("public_id__exact", "reservation__public_id__exact")
    fields = (
        ("public_id", "key"),
        ("organisation", "reservation", "quote"),
        "owed",
        "reason",
        ("due_at", "created_at"),
    )
    readonly_fields = ("owed",)

    @admin.display(description="Amount", ordering="amount")
    def owed(self, due: Due) -> str:
        return formats.money(due.amount, due.currency)
