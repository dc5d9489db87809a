"""What a long hold costs: owed once it is taken, and taken off again when the quote is accepted."""

from datetime import datetime

from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from marketplace.units import clock
from marketplace.units.instants import rfc3339
from marketplace.units.money import Money
from pricing.quotes.long_holds import LongHold, hold_longer
from reservations.booking.dues import owe
from reservations.booking.models import Reservation
from reservations.booking.money import HOLD_FEE, Due


def take_long_hold(
    *, public_id: str, days: int, by: Actor, organisation_id: int, agreed_fee: Money | None = None
) -> LongHold:
    """Keeps an open quote for days more. Its fee is due at once. Raises what `hold_longer` raises."""
    found = hold_longer(public_id=public_id, days=days, by=by, organisation_id=organisation_id, agreed_fee=agreed_fee)
    if found.fee.amount:
        _owe(found, clock.now())
    return found


def _owe(found: LongHold, now: datetime) -> None:
    quote = found.quote
    due = Due.objects.create(
        key=f"{quote.public_id}:{HOLD_FEE}:{quote.hold_days}",
        organisation_id=quote.organisation_id,
        quote=quote,
        amount=found.fee.amount,
        currency=found.fee.currency,
        reason=HOLD_FEE,
        due_at=now,
        created_at=now,
    )
    emit(
        name="due.created",
        subject=due.public_id,
        organisation_id=quote.organisation_id,
        data={
            "due": due.public_id,
            "quote": quote.public_id,
            "amount": due.money.as_json(),
            "reason": HOLD_FEE,
            "due_at": rfc3339(now),
        },
        now=now,
    )


def credit_long_hold(reservation: Reservation, now: datetime) -> None:
    """What was owed for holding the quote is credited on what is owed for its block."""
    credit = Money(-reservation.quote.hold_fee, reservation.currency)
    owe(reservation, key=HOLD_FEE, money=credit, reason=HOLD_FEE, due_at=now, now=now)
