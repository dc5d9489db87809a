"""What the ledger of money says: balances, an organisation's account, and whether it agrees with its sources."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum, Window

from marketplace.units.money import Money
from reservations.billing.accounts import RECEIVABLE
from reservations.billing.models import Posting, PostingLine
from reservations.booking.money import Due, Receipt


@dataclass(frozen=True)
class Balance:
    """What an organisation owes a seller, in one currency; below zero it is owed to them."""

    seller: str
    seller_name: str
    money: Money


@dataclass(frozen=True)
class Total:
    """An account's sum in one currency, over everybody."""

    account: str
    currency: str
    amount: Decimal
    lines: int


def balances(organisation_id: int) -> list[Balance]:
    """By seller and currency, the largest first; settled ones are left out."""
    rows = (
        PostingLine.objects.of(organisation_id)
        .filter(account=RECEIVABLE)
        .values("posting__seller__public_id", "posting__seller__name", "posting__currency")
        .annotate(sum=Sum("amount"))
        .exclude(sum=0)
        .order_by("-sum")
        .values_list("posting__seller__public_id", "posting__seller__name", "posting__currency", "sum")
    )
    return [Balance(seller, name, Money(owed, currency)) for seller, name, currency, owed in rows]


def account_of(organisation_id: int) -> QuerySet[Posting]:
    """The organisation's account: every posting that changed what it owes, newest first, with `amount` and, after it,
    `balance`, the running sum in its currency over all sellers."""
    running = Window(Sum("lines__amount"), partition_by=[F("currency")], order_by=F("id").asc())
    own = Posting.objects.of(organisation_id).filter(lines__account=RECEIVABLE)
    more: dict[str, Any] = {"amount": F("lines__amount"), "balance": running}
    return own.annotate(**more).select_related("reservation", "seller")


def trial_balance() -> list[Total]:
    """Every account's sum by currency. The sums of one currency add up to nothing."""
    rows = PostingLine.objects.values("account", "posting__currency").annotate(sum=Sum("amount"), lines=Count("pk"))
    return [
        Total(row["account"], row["posting__currency"], row["sum"], row["lines"])
        for row in rows.order_by("posting__currency", "account")
    ]


def differences() -> list[str]:
    """Where the ledger disagrees with itself or with what it was posted from; empty where all is well."""
    found = [f"posting {key} does not balance" for key in _unbalanced()]
    sums: dict[str, Decimal] = {}
    for total in trial_balance():
        sums[total.currency] = sums.get(total.currency, Decimal(0)) + total.amount
    found += [f"{currency}: all accounts add up to {amount}" for currency, amount in sums.items() if amount]
    return found + _unlike_sources()


def _unbalanced() -> list[str]:
    wrong = Posting.objects.annotate(sum=Sum("lines__amount"), count=Count("lines"))
    return list(wrong.filter(~Q(sum=0) | Q(count__lt=2)).values_list("key", flat=True)[:100])


def _unlike_sources() -> list[str]:
    """What is owed by the ledger against what is owed by dues and receipts, by currency, of what has been posted."""
    owed = _by_currency(PostingLine.objects.filter(account=RECEIVABLE), "posting__currency")
    due = _by_currency(Due.objects.filter(posted=True), "currency")
    paid = _by_currency(Receipt.objects.filter(posted=True, applied=True), "currency")
    found = []
    for currency in sorted({*owed, *due, *paid}):
        ledger = owed.get(currency, Decimal(0))
        sources = due.get(currency, Decimal(0)) - paid.get(currency, Decimal(0))
        if ledger != sources:
            found.append(f"{currency}: the ledger has {ledger} owed, dues less receipts are {sources}")
    return found


def _by_currency(rows: object, name: str) -> dict[str, Decimal]:
    summed = rows.order_by().values(name).annotate(sum=Sum("amount"))  # type: ignore[attr-defined]
    return {row[name]: row["sum"] for row in summed}
