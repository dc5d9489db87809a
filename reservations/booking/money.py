"""What is owed and what came in, as rows that are written once. The money ledger, above, posts them.

What somebody owes is the sum of the dues less that of the receipts that were applied: below zero it is owed to them.
"""

from decimal import Decimal

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from marketplace.parties.models import Organisation
from marketplace.units.ids import new_id
from marketplace.units.money import Money
from pricing.quotes.models import Quote
from reservations.booking.models import Reservation

UP_FRONT, CHANGE, RETURNED, FEE = "up_front", "change", "returned", "fee"
LAPSED, LATE_PAYMENT, HOLD_FEE = "lapsed", "late_payment", "hold_fee"
DELAY_CREDIT, LONG_STOP_REFUND = "delay_credit", "long_stop"
REASONS = [
    (UP_FRONT, "Due up front"),
    (CHANGE, "Due up front for what a change adds"),
    (RETURNED, "Paid up front for what is given back"),
    (FEE, "Fee for leaving early"),
    (LAPSED, "No longer due: the reservation has lapsed"),
    (LATE_PAYMENT, "Paid after the end of the reservation"),
    (HOLD_FEE, "Fee of a long hold"),
    (DELAY_CREDIT, "Credit for being late"),
    (LONG_STOP_REFUND, "Refund: late beyond the long-stop date"),
]


def new_due_id() -> str:
    return new_id("due")


def new_receipt_id() -> str:
    return new_id("rcp")


class OwnedQuerySet(models.QuerySet["Due"]):
    def of(self, organisation_id: int) -> "OwnedQuerySet":
        """The tenant's wall."""
        return self.filter(organisation_id=organisation_id)

    def still_owed(self) -> "OwnedQuerySet":
        """What has to be paid, of reservations that are not paid up: what came in is not split over their dues."""
        dues = Due.objects.filter(reservation=OuterRef("reservation")).order_by()
        receipts = Receipt.objects.filter(reservation=OuterRef("reservation"), applied=True).order_by()
        owed = Subquery(dues.values("reservation").annotate(sum=Sum("amount")).values("sum"))
        paid = Subquery(receipts.values("reservation").annotate(sum=Sum("amount")).values("sum"))
        return self.filter(amount__gt=0).annotate(owed=owed, paid=Coalesce(paid, Decimal(0))).filter(owed__gt=F("paid"))


class Due(models.Model):
    """An amount that became owed: to us, or, where negative, to the customer. Its key is written once."""

    public_id = models.CharField(max_length=40, unique=True, default=new_due_id, editable=False)
    key = models.CharField(max_length=120, unique=True, help_text="What it is due for: a repeat writes nothing")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, null=True, related_name="dues")
    quote = models.ForeignKey(Quote, on_delete=models.PROTECT, null=True, related_name="+")
    amount = models.DecimalField(max_digits=18, decimal_places=2, help_text="Below zero: owed to the customer")
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=20, choices=REASONS)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    posted = models.BooleanField(default=False, help_text="Stands on the ledger of money")

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["id"], condition=Q(posted=False), name="due_to_post")]
        constraints = [models.CheckConstraint(condition=~Q(amount=0), name="a_due_is_an_amount")]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}, {self.get_reason_display()}"

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    def of(self, organisation_id: int) -> "ReceiptQuerySet":
        return self.filter(organisation_id=organisation_id)


class Receipt(models.Model):
    """A bank transfer that came in, as finance staff recorded it. One a bank reference."""

    public_id = models.CharField(max_length=40, unique=True, default=new_receipt_id, editable=False)
    bank_reference = models.CharField(max_length=80, unique=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="receipts")
    amount = models.DecimalField(max_digits=18, decimal_places=2)
    currency = models.CharField(max_length=3)
    received_on = models.DateField(help_text="Value date on the bank statement")
    applied = models.BooleanField(help_text="False where it came too late: then a due owes it back")
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=254)
    posted = models.BooleanField(default=False, help_text="Stands on the ledger of money")

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["id"], condition=Q(posted=False), name="receipt_to_post")]
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="a_receipt_is_positive")]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}, {self.bank_reference}"

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)
