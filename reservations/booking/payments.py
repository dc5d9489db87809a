"""Bank transfers, as finance staff record them. What pays the rest of what is due makes a reservation scheduled."""

from datetime import date
from decimal import Decimal

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from marketplace.units.money import Money
from reservations.booking import states
from reservations.booking.dues import balance, owe
from reservations.booking.lifecycle import lock_reservation, move
from reservations.booking.models import Reservation
from reservations.booking.money import LATE_PAYMENT, Receipt

FINANCE_ROLES = frozenset({states.FINANCE})
ENDED_UNPAID = (states.RELEASED, states.CANCELLED)


class WrongCurrency(ValueError):
    """A receipt in another currency than the contract's. Nothing was recorded."""

    def __init__(self, right: str) -> None:
        super().__init__(f"This reservation is in {right}. Record the amount that arrived in {right}.")


class BankReferenceTaken(ValueError):
    """The bank reference stands on another receipt already. Nothing was recorded."""

    def __init__(self, reference: str, other: str) -> None:
        super().__init__(
            f"{reference} was recorded before, for {other} or with other figures. A transfer is recorded once."
        )


class AmountNotPositive(ValueError):
    """A receipt is an amount above zero. Nothing was recorded."""

    def __init__(self) -> None:
        super().__init__("A receipt is an amount above 0.")


def record_receipt(
    *, reservation: str, bank_reference: str, amount: Decimal, currency: str, received_on: date, by: Actor
) -> Receipt:
    """Records a bank transfer for a reservation, once a bank reference; the same again changes nothing.

    What pays the rest of what is due up front, in time, makes the reservation scheduled. What comes after it was
    released or cancelled is owed back: a due below zero says so. Raises ReservationNotFound, AmountNotPositive,
    WrongCurrency or BankReferenceTaken.
    """
    if amount <= 0:
        raise AmountNotPositive
    found, now = lock_reservation(public_id=reservation, organisation_id=None)
    if currency != found.currency:
        raise WrongCurrency(found.currency)
    before = Receipt.objects.filter(bank_reference=bank_reference).select_related("reservation").first()
    if before is not None:
        return _the_same(before, found, amount, received_on)
    receipt = Receipt.objects.create(
        bank_reference=bank_reference,
        organisation_id=found.organisation_id,
        reservation=found,
        amount=amount,
        currency=currency,
        received_on=received_on,
        applied=found.status not in ENDED_UNPAID,
        recorded_at=now,
        recorded_by=by.label,
    )
    _tell_of(receipt, by)
    if not receipt.applied:
        back = Money(-amount, currency)
        owe(found, key=f"late:{receipt.public_id}", money=back, reason=LATE_PAYMENT, due_at=now, now=now)
    elif found.status == states.PENDING_PAYMENT and balance(found) <= 0:
        move(found, action=states.PAY, by=by, roles=FINANCE_ROLES, now=now)
    return receipt


def _the_same(before: Receipt, reservation: Reservation, amount: Decimal, received_on: date) -> Receipt:
    said = (before.reservation_id, before.amount, before.received_on)
    if said != (reservation.pk, amount, received_on):
        raise BankReferenceTaken(before.bank_reference, before.reservation.public_id)
    return before


def _tell_of(receipt: Receipt, by: Actor) -> None:
    money, reservation = receipt.money.as_json(), receipt.reservation
    record(
        by=by,
        verb="receipt.recorded",
        subject=reservation.public_id,
        now=receipt.recorded_at,
        after={"bank_reference": receipt.bank_reference, "amount": money, "applied": receipt.applied},
    )
    emit(
        name="receipt.recorded",
        subject=receipt.public_id,
        organisation_id=receipt.organisation_id,
        data={
            "receipt": receipt.public_id,
            "reservation": reservation.public_id,
            "amount": money,
            "applied": receipt.applied,
        },
        now=receipt.recorded_at,
    )
