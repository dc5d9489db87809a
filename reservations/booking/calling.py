"""The holder's first call: some days before its block ends, the holder is told that it may extend it, once.

Where the contract gives hours for it, the days after the block are kept for the holder meanwhile, as far as they are
free: by an ordinary quote to extend by as many days as the call comes early, which the holder accepts or lets go.
"""

from datetime import date, datetime, timedelta

from marketplace.capacity.ledger import InsufficientHeadroom
from marketplace.journal.actor import SYSTEM
from marketplace.outbox.actions import emit
from marketplace.screening.queries import ScreeningRequired
from marketplace.units import clock
from pricing.curve.queries import NoPrice
from pricing.quotes.holds import HoldCooldown, HoldLimit
from pricing.quotes.in_force import MarketStale
from pricing.quotes.models import Quote
from reservations.booking import states
from reservations.booking.changes import quote_change
from reservations.booking.models import Reservation
from reservations.booking.plans import Wish

CANNOT_BE_KEPT = (InsufficientHeadroom, NoPrice, MarketStale, HoldLimit, HoldCooldown, ScreeningRequired)


def call_at(quote: Quote, end: date) -> datetime | None:
    """When the holder of a block is called; None where the contract knows no first call."""
    days = quote.contract_terms.first_call_days
    return states.midnight(end) - timedelta(days=days) if days else None


def tell_holder(*, reservation_id: int) -> Reservation | None:
    """The call itself: an event, once. None where it is not due (any more), or somebody else has the row."""
    found = Reservation.objects.filter(pk=reservation_id).select_for_update(skip_locked=True).first()
    now = clock.now()
    if found is None or found.call_at is None or found.call_at > now:
        return None
    found.call_at = None
    found.save(update_fields=["call_at"])
    if found.state(now) not in (states.SCHEDULED, *states.RUNNING):
        return None
    emit(
        name="reservation.extension_opened",
        subject=found.public_id,
        organisation_id=found.organisation_id,
        data={"reservation": found.public_id, "end_exclusive": found.end.isoformat()},
        now=now,
    )
    return found


def keep_for_holder(*, reservation_id: int) -> Quote | None:
    """Keeps the days after the block for its holder, if the contract says so. Raises one of CANNOT_BE_KEPT."""
    found = Reservation.objects.select_related("quote").get(pk=reservation_id)
    contract = found.quote.contract_terms
    if not contract.first_call_hours:
        return None
    return quote_change(
        reservation=found.public_id,
        wish=Wish(states.EXTEND, end=found.end + timedelta(days=contract.first_call_days)),
        by=SYSTEM,
        organisation_id=found.organisation_id,
        roles={states.STAFF},
        kept_for=timedelta(hours=contract.first_call_hours),
    )
