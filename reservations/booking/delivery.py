"""Handing over, accepting and rejecting: what the table of states knows of delivery.

Notices, tests and their results are the room's above, `reservations/delivery`; here is what moves a reservation.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any

from marketplace.journal.actor import Actor
from reservations.booking import states
from reservations.booking.ends import give_back_surplus, with_moved_end
from reservations.booking.late import days_late, open_gpus
from reservations.booking.lifecycle import check, lock_reservation, move
from reservations.booking.models import Reservation

HAND_OVER_AHEAD = timedelta(days=1)  # access may be given a day before the first one
NOT_HANDED_OVER = {"handed_over_on": None, "delivered_on": None}


class HandoverTooEarly(Exception):
    """It is too long before the first day. Nothing was changed."""

    def __init__(self, earliest: datetime) -> None:
        super().__init__(f"Access can be handed over from {earliest:%Y-%m-%d %H:%M} UTC on, not sooner.")
        self.earliest = earliest


class PartNotWhole(ValueError):
    """What would be accepted in part is no part. Nothing was changed."""

    def __init__(self, gpus: int, lot: int, rest: int) -> None:
        super().__init__(
            f"{gpus:,} GPUs are no part: name whole nodes of {lot:,} GPUs, one at least and fewer than the {rest:,} "
            "that wait; all of them are accepted as a whole."
        )


def hand_over(
    *, reservation: str, by: Actor, roles: Collection[str], seller_id: int | None = None, reason: str = ""
) -> Reservation:
    """The provider, or staff, gives access, at most a day before the first one; again for what was not accepted.

    `seller_id` is the provider's wall; None for staff. Raises ReservationNotFound, NotInThisState, NotYourRole or
    HandoverTooEarly.
    """
    found, now = lock_reservation(public_id=reservation, organisation_id=None, seller_id=seller_id)
    check(found, action=states.HAND_OVER, roles=roles, now=now)
    earliest = states.midnight(found.start) - HAND_OVER_AHEAD
    if now < earliest:
        raise HandoverTooEarly(earliest)
    dates = {} if found.by_clock else _handed_over(found, now)
    move(found, action=states.HAND_OVER, by=by, roles=roles, now=now, reason=reason, delivery=dates)
    return found


def _handed_over(found: Reservation, now: datetime) -> dict[str, Any]:
    """With the end that silence would lead to."""
    given, deemed = now.date(), deemed_on(found, now)
    rest = open_gpus(found), _late_by(found, given, deemed)
    return {"handed_over_on": given, "delivered_on": deemed, **with_moved_end(found, [*_accepted(found), rest])}


def _late_by(found: Reservation, handed_over_on: date | None, day: date) -> int:
    """Days late, if what was handed over is accepted on that day."""
    return days_late(
        start=found.start, end=found.end, handed_over_on=handed_over_on, accepted_on=day, today=max(day, found.start)
    )


def _accepted(found: Reservation) -> list[tuple[int, int]]:
    """(GPUs, days late) of what was accepted in part."""
    return [(part["gpus"], part["late_days"]) for part in found.accepted_parts]


def deemed_on(found: Reservation, now: datetime) -> date:
    """As this day begins, silence has become acceptance: after whole days of the window, none before the first day."""
    first = max(found.start, now.date() + timedelta(days=1))
    return min(first + timedelta(days=found.quote.contract_terms.acceptance_days), found.end)


def accept_delivery(
    *, reservation: str, by: Actor, organisation_id: int | None, roles: Collection[str], reason: str = ""
) -> Reservation:
    """The customer, or staff for it, accepts all that was handed over. This cannot be undone.

    Raises ReservationNotFound, NotInThisState or NotYourRole.
    """
    found, now = lock_reservation(public_id=reservation, organisation_id=organisation_id)
    dates = {} if found.by_clock else _accepted_whole(found, accepted_on(found, now))
    move(found, action=states.ACCEPT_DELIVERY, by=by, roles=roles, now=now, reason=reason, delivery=dates)
    if not found.by_clock:
        give_back_surplus(found, now)
    return found


def _accepted_whole(found: Reservation, day: date) -> dict[str, Any]:
    rest = open_gpus(found), _late_by(found, found.handed_over_on, day)
    return {"delivered_on": day, **with_moved_end(found, [*_accepted(found), rest])}


def accept_part(
    *, reservation: str, gpus: int, by: Actor, organisation_id: int | None, roles: Collection[str], reason: str = ""
) -> Reservation:
    """Some nodes are accepted: their term runs, and the rest waits for another hand-over, late as it is.

    Raises what `accept_delivery` raises, or PartNotWhole.
    """
    found, now = lock_reservation(public_id=reservation, organisation_id=organisation_id)
    check(found, action=states.ACCEPT_PART, roles=roles, now=now, reason=reason)
    rest, lot = open_gpus(found), found.pool.lot
    if not 0 < gpus < rest or gpus % lot:
        raise PartNotWhole(gpus, lot, rest)
    parts = [*found.accepted_parts, _part(found, gpus, accepted_on(found, now))]
    late = [(part["gpus"], part["late_days"]) for part in parts]
    changed = {**NOT_HANDED_OVER, "accepted_parts": parts, **with_moved_end(found, late)}
    move(found, action=states.ACCEPT_PART, by=by, roles=roles, now=now, reason=reason, delivery=changed)
    return found


def _part(found: Reservation, gpus: int, day: date) -> dict[str, Any]:
    late = _late_by(found, found.handed_over_on, day)
    return {"gpus": gpus, "on": day.isoformat(), "late_days": late}


def accepted_on(found: Reservation, now: datetime) -> date:
    """The first day of the term: that of acceptance, and none before the agreed one."""
    return min(max(found.start, now.date()), found.end)


def reject_delivery(
    *, reservation: str, by: Actor, organisation_id: int | None, roles: Collection[str], reason: str
) -> Reservation:
    """The customer, or staff for it, does not accept what was handed over: it counts as not handed over, and is late.

    Raises what `accept_delivery` raises, or TransitionReasonMissing.
    """
    found, now = lock_reservation(public_id=reservation, organisation_id=organisation_id)
    check(found, action=states.REJECT_DELIVERY, roles=roles, now=now, reason=reason)
    to = states.DELIVERING if found.accepted_parts else states.SCHEDULED
    move(
        found,
        action=states.REJECT_DELIVERY,
        by=by,
        roles=roles,
        now=now,
        to=to,
        reason=reason,
        delivery={**NOT_HANDED_OVER, **with_moved_end(found, _accepted(found))},
    )
    return found
