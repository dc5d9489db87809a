"""How late a contract is, on which price, and what is owed: read from the contract, its remedies and its causes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from pricing.quotes.delays import DelayTerms, credit, daily_price
from reservations.allocation.excuses import causes_at, disputes_of, excused_days
from reservations.allocation.remedies import Remedy
from reservations.booking.late import late_days, late_portions
from reservations.booking.models import Reservation
from reservations.booking.pieces import parts


@dataclass(frozen=True)
class Agreed:
    """What was agreed before anything slipped: the first day, the price, and the days of the block."""

    start: date
    total: Decimal
    days: int

    def share(self, gpus: int, of: int) -> "Agreed":
        """What was agreed for so many of its GPUs."""
        return self if gpus == of else Agreed(self.start, self.total * gpus / of, self.days)


@dataclass(frozen=True)
class Owed:
    """What a reservation is late, of which so much is excused, and the credit that the formula gives for it."""

    late_days: int
    excused_days: int
    credit: Decimal


def settled_of(reservations: Sequence[Reservation]) -> dict[int, list[Remedy]]:
    """Remedies that took effect, by reservation, oldest first; in one query."""
    found: dict[int, list[Remedy]] = {}
    rows = Remedy.objects.filter(reservation__in=list(reservations), settled_at__isnull=False)
    for each in rows.select_related("settled_as").order_by("pk"):
        found.setdefault(each.reservation_id, []).append(each)
    return found


def agreed(reservation: Reservation, settled: Sequence[Remedy]) -> Agreed:
    if settled:
        first = settled[0]
        return Agreed(first.agreed_start, first.total, first.days)
    return Agreed(reservation.start, reservation.total, max(sum(part.period.days for part in parts(reservation)), 1))


def late_by_choice(settled: Sequence[Remedy], today: date) -> int:
    """Late days up to today that were agreed to in remedies: the block itself has moved, its lateness stays."""
    found = 0
    for each in settled:
        choice = each.settled_as
        if choice is not None and choice.changes_days and choice.late_from is not None:
            found += min(max((today - choice.late_from).days, 0), choice.late_days)
    return found


def owed(reservation: Reservation, now: datetime) -> Owed | None:
    """What is owed for lateness up to now; None where the contract says nothing about delay."""
    terms = reservation.quote.contract_terms.delay_terms
    if terms is None:
        return None
    settled = settled_of([reservation]).get(reservation.pk, [])
    by_choice, portions = late_by_choice(settled, now.date()), late_portions(reservation, now)
    late = by_choice + late_days(reservation, now)
    pool = reservation.quote.pool
    excused = excused_days(
        reservation, terms, causes_at([pool])[pool.pk], disputes_of([reservation]).get(reservation.pk, {})
    )
    excused, basis, currency = min(excused, late), agreed(reservation, settled), reservation.currency
    # Where delivery was accepted in part, each portion has its own lateness, on its share of the price.
    owed_by_portion = [
        credit_for(terms, basis.share(each.gpus, reservation.quantity), by_choice + each.days, excused, currency)
        for each in portions
    ]
    return Owed(late, excused, sum(owed_by_portion, Decimal(0)))


def credit_for(terms: DelayTerms, basis: Agreed, late: int, excused: int, currency: str) -> Decimal:
    """The contract's formula on what was agreed."""
    price = daily_price(basis.total, basis.days)
    return credit(terms, late_days=late, excused_days=excused, daily_price=price, total=basis.total, currency=currency)
