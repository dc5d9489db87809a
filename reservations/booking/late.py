"""How late a delivery is: from the agreed first day until it is accepted, or deemed so, as far as it was not in time.

Access that was given on the first day or before is in time, and stays so unless what was handed over is rejected. Where
part of it was accepted, that part stops being late and the rest goes on. Contracts that hand over by the clock are
never late.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db.models import F, IntegerField, Q, QuerySet
from django.db.models.expressions import RawSQL

from marketplace.units.period import Period
from pricing.quotes.delays import DelayTerms, credit
from pricing.quotes.handover import PROVIDER
from reservations.booking.models import Reservation
from reservations.booking.states import COMMITTED, DELIVERING, SCHEDULED


@dataclass(frozen=True)
class Portion:
    """GPUs that were, or will be, accepted together, and the days by which they are late so far."""

    gpus: int
    days: int


def days_late(*, start: date, end: date, handed_over_on: date | None, accepted_on: date | None, today: date) -> int:
    """Whole days from the agreed first day until acceptance, `today` or the end, whichever comes first. Pure.

    `accepted_on` is the day of acceptance, or the one on which it is deemed so; None while there is none in sight.
    """
    if handed_over_on is not None and handed_over_on <= start:
        return 0
    return max(0, (min(today, end, accepted_on or end) - start).days)


def late_days(reservation: Reservation, now: datetime) -> int:
    """Days by which what is not accepted yet is late, or the last of it was; 0 while it is not late."""
    if reservation.handover != PROVIDER or reservation.status not in COMMITTED:
        return 0
    return days_late(
        start=reservation.start,
        end=reservation.end,
        handed_over_on=reservation.handed_over_on,
        accepted_on=reservation.delivered_on,
        today=now.date(),
    )


def late_portions(reservation: Reservation, now: datetime) -> list[Portion]:
    """What was accepted in part, in order, then the rest: all GPUs of the block, each with its own lateness."""
    accepted = [Portion(part["gpus"], part["late_days"]) for part in reservation.accepted_parts]
    rest = open_gpus(reservation)
    return [*accepted, Portion(rest, late_days(reservation, now))] if rest else accepted


def open_gpus(reservation: Reservation) -> int:
    """GPUs that were not accepted in part: all of them, where nothing was."""
    return reservation.quantity - sum(part["gpus"] for part in reservation.accepted_parts)


def credit_so_far(reservation: Reservation, terms: DelayTerms, *, now: datetime, excused_days: int = 0) -> Decimal:
    """What is owed for being late by now: the contract's formula for each portion, on its share of the price."""
    days = reservation.period.days - reservation.moved_days
    return sum(
        (
            credit(
                terms,
                late_days=portion.days,
                excused_days=excused_days,
                daily_price=Fraction(reservation.total) * portion.gpus / (reservation.quantity * days),
                total=reservation.total * portion.gpus / reservation.quantity,
                currency=reservation.currency,
            )
            for portion in late_portions(reservation, now)
        ),
        Decimal(0),
    )


def terms_running(reservation: Reservation, now: datetime) -> Iterator[tuple[int, Period]]:
    """GPUs and the days for which they are charged: each from its acceptance to the end; nothing before it."""
    for part in reservation.accepted_parts:
        since = max(reservation.start, date.fromisoformat(part["on"]))
        if since < reservation.end:
            yield part["gpus"], Period(since, reservation.end)
    accepted_on, rest = reservation.delivered_on, open_gpus(reservation)
    if rest and accepted_on is not None and accepted_on <= now.date() and accepted_on < reservation.end:
        yield rest, Period(max(reservation.start, accepted_on), reservation.end)


def is_late(now: datetime) -> Q:
    """Those that are late at this moment, by the clock: something of them is not accepted, and was due."""
    today = now.date()
    not_in_time = Q(handed_over_on=None) | Q(handed_over_on__gt=F("start"))
    not_accepted = Q(delivered_on=None) | Q(delivered_on__gt=today)
    due = Q(handover=PROVIDER, status__in=(SCHEDULED, DELIVERING), start__lt=today, end__gt=today)
    return due & not_in_time & not_accepted


_DAYS_LATE = """
    CASE WHEN r.handed_over_on <= r.start THEN 0
    ELSE greatest(0, least(%s::date, r."end", coalesce(r.delivered_on, r."end")) - r.start) END
""".replace("r.", "reservations_reservation.")


def with_late_days(rows: "QuerySet[Reservation]", now: datetime) -> "QuerySet[Any]":
    """The rows with `late`: what `late_days` says of each of them, worked out by the database."""
    counted = rows.filter(handover=PROVIDER, status__in=COMMITTED)
    return counted.annotate(late=RawSQL(_DAYS_LATE, [now.date()], output_field=IntegerField()))
