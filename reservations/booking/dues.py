"""What is due, and when: written once a key, and taken back where the reservation lapses unpaid."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Sum

from marketplace.outbox.actions import emit
from marketplace.units.instants import rfc3339
from marketplace.units.money import Money, rounded
from pricing.quotes.models import Quote
from reservations.booking.models import Reservation
from reservations.booking.money import LAPSED, UP_FRONT, Due, Receipt
from reservations.booking.states import midnight

SHORTEST_TO_PAY = timedelta(hours=4)  # a block that starts at once can still be paid for


@dataclass(frozen=True)
class UpFront:
    """What is due before a block is the customer's for good, and until when."""

    money: Money
    deadline: datetime


def up_front_of(quote: Quote, now: datetime) -> UpFront | None:
    """The prepayment that the buyer chose, or the deposit that policy asks for; None where neither."""
    contract = quote.contract_terms
    amount = rounded(quote.total * quote.up_front_percent / 100, quote.currency)
    if not amount.amount:
        return None
    usual = min(now + timedelta(days=contract.payment_days), midnight(quote.start))
    return UpFront(amount, max(usual, now + SHORTEST_TO_PAY))


def owe(
    reservation: Reservation, *, key: str, money: Money, reason: str, due_at: datetime, now: datetime
) -> Due | None:
    """Writes down that an amount is owed, once a key; None where the amount is nothing."""
    if not money.amount:
        return None
    due, created = Due.objects.get_or_create(
        key=f"{reservation.public_id}:{key}",
        defaults={
            "organisation_id": reservation.organisation_id,
            "reservation": reservation,
            "quote_id": reservation.quote_id,
            "amount": money.amount,
            "currency": money.currency,
            "reason": reason,
            "due_at": due_at,
            "created_at": now,
        },
    )
    if created:
        emit(
            name="due.created",
            subject=due.public_id,
            organisation_id=reservation.organisation_id,
            data={
                "due": due.public_id,
                "reservation": reservation.public_id,
                "amount": due.money.as_json(),
                "reason": reason,
                "due_at": rfc3339(due_at),
            },
            now=now,
        )
    return due


def owe_up_front(reservation: Reservation, up_front: UpFront, now: datetime) -> None:
    owe(reservation, key=UP_FRONT, money=up_front.money, reason=UP_FRONT, due_at=up_front.deadline, now=now)


def no_longer_due(reservation: Reservation, now: datetime) -> None:
    """Takes back all that was due for a reservation that lapsed unpaid: what was paid of it is then owed back."""
    was = Due.objects.filter(reservation=reservation).aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
    owe(reservation, key=LAPSED, money=Money(-was, reservation.currency), reason=LAPSED, due_at=now, now=now)


def overdue(reservation: Reservation, now: datetime) -> Decimal:
    """What should have been paid by now and was not; zero or less where nothing is late."""
    late = Due.objects.filter(reservation=reservation, due_at__lte=now).aggregate(sum=Sum("amount"))["sum"]
    return (late or Decimal(0)) - _paid(reservation)


def balance(reservation: Reservation) -> Decimal:
    """What is owed for a reservation, whenever it is due; below zero it is owed to the customer."""
    dues = Due.objects.filter(reservation=reservation).aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
    return dues - _paid(reservation)


def _paid(reservation: Reservation) -> Decimal:
    paid = Receipt.objects.filter(reservation=reservation, applied=True).aggregate(sum=Sum("amount"))["sum"]
    return paid or Decimal(0)
