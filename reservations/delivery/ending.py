"""The reminder of an end: some days before it, once, by the contract; told by a sweep that rows decide."""

from datetime import datetime

from django.db.models import DateField, Exists, ExpressionWrapper, F, OuterRef, Value

from marketplace.outbox.actions import emit
from marketplace.units import clock
from reservations.booking.models import Reservation, ReservationQuerySet
from reservations.booking.states import DELIVERED, DELIVERING, SCHEDULED
from reservations.delivery.models import EndNotice

LIVE = (SCHEDULED, DELIVERING, DELIVERED)


def to_remind(now: datetime) -> ReservationQuerySet:
    """Blocks that end within their contract's days, and whose holders have not been told of this end."""
    today = now.date()
    until = ExpressionWrapper(
        Value(today, output_field=DateField()) + F("quote__contract__end_notice_days"), output_field=DateField()
    )
    told = EndNotice.objects.filter(reservation=OuterRef("pk"), end=OuterRef("end"))
    due = Reservation.objects.filter(
        status__in=LIVE, end__gt=today, end__lte=until, quote__contract__end_notice_days__gt=0
    )
    return due.filter(~Exists(told))


def remind(*, reservation_id: int) -> EndNotice | None:
    """Tells the holder and the seller, once; None where it is not due (any more) or somebody else has the row."""
    now = clock.now()
    rows = Reservation.objects.filter(pk=reservation_id).select_related("pool")
    found = rows.select_for_update(skip_locked=True, of=("self",)).first()
    if found is None or not to_remind(now).filter(pk=reservation_id).exists():
        return None
    notice = EndNotice.objects.create(reservation=found, end=found.end, told_at=now)
    for whose in {found.organisation_id, found.pool.seller_id}:
        emit(
            name="reservation.ending",
            subject=found.public_id,
            organisation_id=whose,
            data={"reservation": found.public_id, "end_exclusive": found.end.isoformat()},
            now=now,
        )
    return notice
