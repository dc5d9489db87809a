"""The ledger of money: double entry, written once. What is on it follows from dues and receipts alone."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from marketplace.parties.models import Organisation
from marketplace.units.ids import new_id
from marketplace.units.money import Money
from reservations.billing.accounts import ACCOUNTS
from reservations.booking.models import Reservation
from reservations.booking.money import REASONS

RECEIPT = "receipt"
KINDS = [*REASONS, (RECEIPT, "Bank transfer received")]


def new_posting_id() -> str:
    return new_id("pst")


class PostingQuerySet(models.QuerySet["Posting"]):
    def of(self, organisation_id: int) -> "PostingQuerySet":
        """The tenant's wall."""
        return self.filter(organisation_id=organisation_id)


class Posting(models.Model):
    """One business event, posted once: its key is that of the due or receipt. Triggers refuse every later edit."""

    public_id = models.CharField(max_length=40, unique=True, default=new_posting_id, editable=False)
    key = models.CharField(max_length=80, unique=True, help_text="What it posts: a due or a receipt, by its id")
    kind = models.CharField(max_length=20, choices=KINDS)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, null=True, related_name="postings")
    subject = models.CharField(max_length=40, help_text="Id of the due or receipt")
    currency = models.CharField(max_length=3)
    occurred_at = models.DateTimeField(help_text="When the event happened")
    posted_at = models.DateTimeField(help_text="When it was written down here")

    amount: Decimal  # of what its organisation owes, on rows of queries.account_of; `balance` is the sum after it
    balance: Decimal

    objects = PostingQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organisation", "-id"], name="posting_of_organisation")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.subject}"

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def owed_after(self) -> Money:
        return Money(self.balance, self.currency)


class PostingLineQuerySet(models.QuerySet["PostingLine"]):
    def of(self, organisation_id: int) -> "PostingLineQuerySet":
        """The tenant's wall."""
        return self.filter(posting__organisation_id=organisation_id)


class PostingLine(models.Model):
    """One side of a posting. Above zero: debit. All lines of a posting are written in one statement, and balance."""

    posting = models.ForeignKey(Posting, on_delete=models.PROTECT, related_name="lines")
    account = models.CharField(max_length=20, choices=ACCOUNTS)
    amount = models.DecimalField(max_digits=18, decimal_places=2)

    objects = PostingLineQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="a_line_is_an_amount"),
            models.UniqueConstraint(fields=["posting", "account"], name="an_account_once_a_posting"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.account}"
