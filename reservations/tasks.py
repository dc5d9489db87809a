"""Sweeps over what is due on the top floor. Each may run twice, late, or beside another: rows decide, not the queue."""

from celery import shared_task

from marketplace.change import change
from marketplace.units import clock
from reservations.booking.lifecycle import settle
from reservations.booking.models import Reservation

MOST_AT_ONCE = 1000


@shared_task(name="reservations.settle")
def settle_due_reservations() -> int:
    """Writes down what the clock has done to reservations: deadlines, first and last days. True in any case."""
    due = Reservation.objects.due(clock.now()).order_by("next_at").values_list("pk", flat=True)[:MOST_AT_ONCE]
    settled = [change.run(lambda pk=pk: settle(reservation_id=pk)) for pk in list(due)]  # type: ignore[misc]
    return sum(reservation is not None for reservation in settled)
