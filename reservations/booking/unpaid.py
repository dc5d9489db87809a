"""What a change added and nobody paid for in time: given back, so that unpaid capacity goes on sale again.

An extension or a larger block is the holder's at once, and what is due for it up front has a deadline. Once that has
passed with anything still owed, the days that the change added and that have not begun are released, at the price they
were bought for and at no fee. A move only exchanges days, so what it left owing stays a debt.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from django.db.models import QuerySet

from marketplace.capacity import ledger
from marketplace.journal.actions import record
from marketplace.journal.actor import SYSTEM
from marketplace.outbox.actions import emit
from marketplace.parties.budgets import charge_again
from marketplace.units.money import Money, rounded, usd_from_cents
from marketplace.units.period import Period
from pricing.quotes.changes import Ints, Piece, give_back, per_day
from reservations.booking import states
from reservations.booking.amendments import ReservationChange
from reservations.booking.calling import call_at
from reservations.booking.dues import overdue, owe
from reservations.booking.lifecycle import catch_up
from reservations.booking.models import Reservation
from reservations.booking.money import LAPSED
from reservations.booking.pieces import as_json, cuts, flattened, parts, pieces_of, read_pieces

WHY = "Not paid for in time"


def unpaid_changes(now: datetime) -> QuerySet[ReservationChange]:
    """Those whose deadline for what is due up front has passed, and of which nobody has said what became of them."""
    return ReservationChange.objects.filter(pay_by__lte=now).order_by("pay_by")


def settle_unpaid(*, change_id: int, now: datetime) -> Reservation | None:
    """Gives back what an unpaid change added; None where it was paid, or is another's to settle at this moment."""
    change = ReservationChange.objects.select_related("quote").get(pk=change_id)
    found = Reservation.objects.filter(pk=change.reservation_id).select_for_update(skip_locked=True).first()
    if found is None:
        return None
    catch_up(found, now=now)
    if not _is_settled_now(change, now):
        return None
    back = _still_to_come(found, change, now)
    if found.status in states.FINAL or overdue(found, now) <= 0 or back is None or not back.any():
        return None
    _give_back(found, change, back, now)
    return found


def _is_settled_now(change: ReservationChange, now: datetime) -> bool:
    """Once: of two sweeps one settles it."""
    return bool(ReservationChange.objects.filter(pk=change.pk, pay_by__lte=now).update(pay_by=None))


def _cover(found: Reservation) -> Period:
    held = parts(found)
    last = max(part.period.end for part in held) + timedelta(days=found.quote.contract_terms.turnaround_days)
    return Period(min(part.period.start for part in held), last)


def _still_to_come(found: Reservation, change: ReservationChange, now: datetime) -> Ints | None:
    """GPUs a day, over `_cover`, that the change added and the reservation still has; a day that has begun is used."""
    if not parts(found):
        return None
    period = _cover(found)
    added = read_pieces(change.pieces)[len(change.pieces) - change.more :]
    back = np.minimum(per_day([piece.part for piece in added], period), per_day(parts(found), period))
    begun = (now.date() - period.start).days + 1 if found.status in states.RUNNING else 0
    back[: max(begun, 0)] = 0
    return back


def _give_back(found: Reservation, change: ReservationChange, back: Ints, now: datetime) -> None:
    period, held = _cover(found), parts(found)
    kept, gone = give_back(pieces_of(found), back, period)
    returned = sum(cents for _, cents in gone)
    _release(found, period, kept, now)
    _become(found, kept, returned, now)
    share = rounded(change.due_now * returned / max(int(change.added * 100), 1), found.currency)
    key = f"{LAPSED}:{change.pk}"
    owe(found, key=key, money=Money(-share.amount, found.currency), reason=LAPSED, due_at=now, now=now)
    before = [(part.period.start.isoformat(), part.period.end.isoformat(), part.quantity) for part in held]
    _tell_of(found, change, before, now)


def _release(found: Reservation, period: Period, kept: Sequence[Piece], now: datetime) -> None:
    lost = cuts(
        pool_id=found.pool_id,
        claim_ids=found.claim_ids,
        before=per_day(parts(found), period),
        after=per_day(flattened(kept), period),
        period=period,
        turnaround=found.quote.contract_terms.turnaround_days,
    )
    ledger.amend(commit=None, kept=lost, now=now)


def _become(found: Reservation, kept: Sequence[Piece], returned: int, now: datetime) -> None:
    """The reservation as it is from now on, with its budget."""
    left = flattened(kept)
    found.pieces, found.revision = as_json(kept), found.revision + 1
    found.start, found.end = min(part.period.start for part in left), max(part.period.end for part in left)
    found.quantity = max(part.quantity for part in left)
    found.total -= usd_from_cents(returned).amount
    if found.delivered_on is not None:
        found.delivered_on = min(found.delivered_on, found.end)
    found.next_at = found.schedule.due_at(found.status)
    found.call_at = call_at(found.quote, found.end)
    found.save(
        update_fields=["pieces", "revision", "start", "end", "quantity", "total", "delivered_on", "next_at", "call_at"]
    )
    if found.cost_centre_id is not None:
        charge_again(holder=found.public_id, total=found.money, block=found.period, now=now)


def _tell_of(found: Reservation, change: ReservationChange, before: object, now: datetime) -> None:
    after = {"total": found.money.as_json(), "end_exclusive": found.end.isoformat(), "quantity": found.quantity}
    verb, said = "reservation.change_lapsed", {"quote": change.quote.public_id, **after}
    record(by=SYSTEM, verb=verb, subject=found.public_id, now=now, before={"days": before}, after=said, reason=WHY)
    emit(
        name=verb,
        subject=found.public_id,
        organisation_id=found.organisation_id,
        data={"reservation": found.public_id, **said},
        now=now,
    )
