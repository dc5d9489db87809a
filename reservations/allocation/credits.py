"""Credits for being late as rows: what the formula owes by now, less what was written down before. Never twice."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Sum

from marketplace.outbox.actions import emit
from marketplace.units import clock
from marketplace.units.money import Money
from reservations.allocation.lateness import Owed, owed
from reservations.allocation.remedies import Remedy
from reservations.booking import states
from reservations.booking.dues import owe
from reservations.booking.lifecycle import catch_up
from reservations.booking.models import Reservation, ReservationTransition
from reservations.booking.money import DELAY_CREDIT, Due

JUST_ACCEPTED = timedelta(days=2)
LOOKED_BACK = timedelta(days=60)  # what was late until then is looked at again: causes are confirmed and disputed later


def late_ones(now: datetime) -> list[int]:
    """Reservations that are late, or were not long ago. Four short questions: one over all of them would ask about each
    reservation that was ever sold."""
    today, since = now.date(), now - LOOKED_BACK
    waiting = Reservation.objects.filter(status__in=(states.SCHEDULED, states.DELIVERING), start__lt=today)
    chosen = Remedy.objects.filter(
        settled_as__changes_days=True, settled_as__late_from__lt=today, settled_as__late_until__gte=since.date()
    )
    accepted = ReservationTransition.objects.filter(action=states.ACCEPT_DELIVERY, at__gte=now - JUST_ACCEPTED)
    credited = Due.objects.filter(reason=DELAY_CREDIT, created_at__gte=since)
    found = set(waiting.values_list("pk", flat=True))
    for rows in (chosen, accepted, credited):
        found.update(rows.values_list("reservation_id", flat=True))
    rows_left = Reservation.objects.filter(pk__in=found, status__in=states.COMMITTED)
    return list(rows_left.order_by("pk").values_list("pk", flat=True))


def write_credit(*, reservation_id: int) -> Due | None:
    """The sweep's verb: writes down what is owed by now and is not yet; None where there is nothing to write, or
    somebody else has the reservation."""
    found = Reservation.objects.filter(pk=reservation_id).select_for_update(skip_locked=True).first()
    if found is None:
        return None
    now = clock.now()
    catch_up(found, now=now)
    return credit_now(found, now)


def credit_now(found: Reservation, now: datetime) -> Due | None:
    """The same for a reservation that is locked and brought up to the clock by the caller.

    What a confirmed cause excuses later, or a dispute gives back, is a row of its own, above or below zero.
    """
    if found.status in (states.CANCELLED, states.RELEASED):
        return None
    late = owed(found, now)
    if late is None:
        return None
    rows = Due.objects.filter(reservation=found, reason=DELAY_CREDIT)
    written = -(rows.aggregate(sum=Sum("amount"))["sum"] or Decimal(0))
    if late.credit == written:
        return None
    key = f"{DELAY_CREDIT}:{rows.count() + 1}"
    money = Money(written - late.credit, found.currency)
    due = owe(found, key=key, money=money, reason=DELAY_CREDIT, due_at=now, now=now)
    assert due is not None
    _tell_of(found, due, late, now)
    return due


def _tell_of(found: Reservation, due: Due, late: Owed, now: datetime) -> None:
    emit(
        name="delay_credit.created",
        subject=due.public_id,
        organisation_id=found.organisation_id,
        data={
            "due": due.public_id,
            "reservation": found.public_id,
            "amount": due.money.as_json(),
            "late_days": late.late_days,
            "excused_days": late.excused_days,
            "credit": Money(late.credit, found.currency).as_json(),
        },
        now=now,
    )
