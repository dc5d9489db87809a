"""What a reservation's page shows beside its quote: state, what can be done, what is owed, and what happened so far."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from marketplace.parties.models import Membership
from marketplace.units.money import Money
from reservations.booking.changes import locked_since
from reservations.booking.lifecycle import allowed_actions
from reservations.booking.models import Reservation
from reservations.booking.money import Due, Receipt
from reservations.booking.pieces import parts
from reservations.booking.plans import CHANGES
from reservations.booking.states import ACCEPT_DELIVERY, ASSIGN, roles_of_member
from reservations.web.changing import TITLES


def life_context(reservation: Reservation, found: Membership, now: datetime) -> dict[str, Any]:
    """Of what an earlier holder did, a new one sees nothing."""
    actions = allowed_actions(reservation, roles_of_member(found.role), now)
    dues = list(Due.objects.of(found.organisation_id).filter(reservation=reservation))
    receipts = list(Receipt.objects.of(found.organisation_id).filter(reservation=reservation))
    paid = sum((receipt.amount for receipt in receipts if receipt.applied), Decimal(0))
    owed = sum((due.amount for due in dues), Decimal(0)) - paid
    since = reservation.assigned_at
    return {
        "stands": reservation.state(now),
        "buttons": [(kind, TITLES[kind]) for kind in CHANGES if kind in actions],
        "may_assign": ASSIGN in actions,
        "may_take_delivery": ACCEPT_DELIVERY in actions,
        "locked_since": locked_since(reservation),
        "held": parts(reservation),
        "steps": [step for step in reservation.transitions.all() if since is None or step.at >= since],
        "changes": [
            (change, change.quote.state(now))
            for change in reservation.changes.filter(quote__organisation_id=found.organisation_id).select_related(
                "quote"
            )
        ],
        "dues": dues,
        "receipts": receipts,
        "paid": Money(paid, reservation.currency),
        "owed": owed,
        "owed_shown": Money(abs(owed), reservation.currency),
    }
