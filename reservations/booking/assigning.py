"""Assigning a reservation to another organisation: offered by the holder, consented to by the seller, accepted by the
receiver. From then on the receiver holds it and owes for it; this cannot be undone.

What was due until then stays with who held it, and must be paid before. Both sides are screened twice: at the offer and
when capacity changes hands.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from marketplace.parties.budgets import give_back, spend
from marketplace.parties.models import Organisation
from marketplace.parties.signing import standing
from marketplace.screening.queries import check_cleared
from marketplace.units import clock
from marketplace.units.instants import rfc3339
from reservations.booking import states
from reservations.booking.amendments import (
    ASSIGNED,
    CONSENTED,
    DECLINED,
    GROUNDS,
    OFFERED,
    OPEN_STATUSES,
    OVER,
    REFUSED,
    WITHDRAWN,
    Assignment,
)
from reservations.booking.dues import balance
from reservations.booking.lifecycle import NotYourRole, check, lock_reservation
from reservations.booking.models import Reservation
from reservations.booking.ordering import order_form

SHORTEST_REASON = 10


class AssignmentNotFound(Exception):
    """There is no such assignment for this organisation."""


class ReceiverUnknown(ValueError):
    """The receiver is no other organisation of this market. Nothing was offered."""

    def __init__(self) -> None:
        super().__init__("Give the id of another organisation, as it stands on that organisation's page.")


class GroundsUnknown(ValueError):
    """The grounds are not among those of the contract. Nothing was offered."""

    def __init__(self) -> None:
        super().__init__(f"Give one of these grounds: {', '.join(name for name, _ in GROUNDS)}.")


class AssignmentOpen(Exception):
    """The reservation is offered to somebody already. Nothing was offered."""

    def __init__(self) -> None:
        super().__init__("This reservation is offered to another organisation already: withdraw that offer first.")


class AssignmentClosed(Exception):
    """The assignment is not open for this any more (or not yet); `status` says why. Nothing was changed."""

    def __init__(self, status: str) -> None:
        super().__init__(f"{SAID[status]} Nothing was changed.")
        self.status = status


class DuesOpen(Exception):
    """The holder still owes for the reservation. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("The holder still owes something for this reservation: it can be assigned once that is paid.")


class ConsentReasonMissing(ValueError):
    """Staff consent and refuse with a reason. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__(f"Say why, in {SHORTEST_REASON} characters or more.")


SAID = {
    OFFERED: "The seller has not consented yet.",
    CONSENTED: "The seller has consented already.",
    ASSIGNED: "This assignment was accepted already.",
    REFUSED: "The seller refused this assignment.",
    DECLINED: "The receiver declined this assignment.",
    WITHDRAWN: "This assignment was withdrawn.",
    OVER: "The time for this assignment is over.",
}


def offer_assignment(
    *,
    reservation: str,
    receiver: str,
    grounds: str,
    note: str,
    by: Actor,
    organisation_id: int,
    roles: Collection[str],
) -> Assignment:
    """Offers a reservation to another organisation. The receiver hears of it once the seller has consented.

    Raises ReservationNotFound, NotInThisState, NotYourRole, GroundsUnknown, ReceiverUnknown, AssignmentOpen, DuesOpen.
    """
    found, now = lock_reservation(public_id=reservation, organisation_id=organisation_id)
    check(found, action=states.ASSIGN, roles=roles, now=now)
    if grounds not in dict(GROUNDS):
        raise GroundsUnknown
    other = Organisation.objects.filter(public_id=receiver).exclude(pk=organisation_id).first()
    if other is None:
        raise ReceiverUnknown
    _may_change_hands(found, other, now)
    _close_what_is_over(found, now)
    days = found.quote.contract_terms.assignment_days
    made = Assignment.objects.create(
        reservation=found,
        giver_id=organisation_id,
        receiver=other,
        grounds=grounds,
        note=note.strip(),
        offered_at=now,
        offered_by=by.label,
        expires_at=now + timedelta(days=days),
    )
    _tell_of(made, "offered", by, now, [organisation_id])
    return made


def _may_change_hands(reservation: Reservation, receiver: Organisation, now: datetime) -> None:
    """What must hold both at the offer and at its acceptance."""
    if balance(reservation) > 0:
        raise DuesOpen
    _screened(reservation, [reservation.organisation_id, receiver.pk], now)


def _screened(reservation: Reservation, organisation_ids: list[int], now: datetime) -> None:
    """Both sides must be cleared for the pool that changes hands; the giver with the end customer that it buys for."""
    for organisation_id in organisation_ids:
        gives = organisation_id == reservation.organisation_id
        check_cleared(
            organisation_id=organisation_id,
            pool_id=reservation.pool_id,
            end_customer_id=reservation.end_customer_id if gives else None,
            now=now,
        )


def _close_what_is_over(reservation: Reservation, now: datetime) -> None:
    """The reservation is locked: an offer whose time is over makes room for another, one that stands does not."""
    open_ones = Assignment.objects.filter(reservation=reservation, status__in=OPEN_STATUSES)
    open_ones.filter(expires_at__lte=now).update(status=OVER, decided_at=now, decided_by="system")
    if open_ones.filter(expires_at__gt=now).exists():
        raise AssignmentOpen


def consent_to_assignment(*, assignment: str, agrees: bool, reason: str, by: Actor) -> Assignment:
    """The seller's consent or refusal, by staff. Raises AssignmentNotFound, AssignmentClosed, ConsentReasonMissing."""
    if len(reason.strip()) < SHORTEST_REASON:
        raise ConsentReasonMissing
    found, now = _lock(assignment, Q(), OFFERED)
    found.reason = reason.strip()
    if agrees:
        found.status, found.consented_at, found.consented_by = CONSENTED, now, by.label
        found.save(update_fields=["status", "consented_at", "consented_by", "reason"])
        _tell_of(found, "consented", by, now, [found.giver_id, found.receiver_id])
        return found
    return _decide(found, REFUSED, by, now, [found.giver_id])


def withdraw_assignment(*, assignment: str, by: Actor, organisation_id: int, roles: Collection[str]) -> Assignment:
    """The holder takes its offer back, as long as it stands."""
    _check_role(roles)
    found, now = _lock(assignment, Q(giver_id=organisation_id), *OPEN_STATUSES)
    told = [found.giver_id, *([found.receiver_id] if found.status == CONSENTED else [])]
    return _decide(found, WITHDRAWN, by, now, told)


def decline_assignment(*, assignment: str, by: Actor, organisation_id: int, roles: Collection[str]) -> Assignment:
    """The receiver says no."""
    _check_role(roles)
    found, now = _lock(assignment, _seen_by_receiver(organisation_id), CONSENTED)
    return _decide(found, DECLINED, by, now, [found.giver_id, found.receiver_id])


def accept_assignment(
    *, assignment: str, by: Actor, organisation_id: int, roles: Collection[str], cost_centre: str | None = None
) -> Assignment:
    """The receiver takes the reservation with all that is still to be paid and done. This cannot be undone.

    `cost_centre` is the receiver's that pays; its default one where none is named.

    Raises AssignmentNotFound, AssignmentClosed, NotYourRole, NotInThisState or DuesOpen; of the receiver
    ScreeningRequired, NoAgreement, NoAuthority, CostCentreNeeded or OverBudget.
    """
    _check_role(roles)
    found, now = _lock(assignment, _seen_by_receiver(organisation_id), CONSENTED)
    reservation, now = lock_reservation(public_id=found.reservation.public_id, organisation_id=found.giver_id)
    check(reservation, action=states.ASSIGN, roles=states.CUSTOMER, now=now)
    _may_change_hands(reservation, found.receiver, now)
    order_form(reservation=reservation)  # the giver's, before anything of it changes
    _take_on(reservation, found.receiver, cost_centre, by, now)
    reservation.organisation, reservation.assigned_at = found.receiver, now
    reservation.purchase_order = ""
    reservation.revision += 1  # what the giver has asked for is stale
    reservation.save(update_fields=["organisation", "assigned_at", "revision", "cost_centre", "purchase_order"])
    return _decide(found, ASSIGNED, by, now, [found.giver_id, found.receiver_id])


def _take_on(
    reservation: Reservation, receiver: Organisation, cost_centre: str | None, by: Actor, now: datetime
) -> None:
    """Who takes it over signs for the whole contract, and pays out of its own budget; the giver's is free again."""
    owed = reservation.money
    found = standing(
        organisation_id=receiver.pk,
        by=by,
        seller_id=reservation.pool.seller_id,
        amount=owed,
        now=now,
        cost_centre=cost_centre,
    )
    found.check_may_sign()
    centre = found.charged_to(cost_centre)
    give_back(holder=reservation.public_id, now=now)
    reservation.cost_centre = centre
    if centre is not None:
        spend(cost_centre=centre, holder=reservation.public_id, total=owed, block=reservation.period, now=now)


def _check_role(roles: Collection[str]) -> None:
    if states.CUSTOMER.isdisjoint(roles):
        raise NotYourRole(states.ASSIGN, states.CUSTOMER)


def _seen_by_receiver(organisation_id: int) -> Q:
    return Q(receiver_id=organisation_id, consented_at__isnull=False)


def _lock(public_id: str, whose: Q, *statuses: str) -> tuple[Assignment, datetime]:
    """Before the reservation, as a quote is. The clock is read after the lock."""
    found = Assignment.objects.filter(whose, public_id=public_id).select_for_update().first()
    if found is None:
        raise AssignmentNotFound
    now = clock.now()
    if found.state(now) not in statuses:
        raise AssignmentClosed(found.state(now))
    return found, now


def _decide(found: Assignment, status: str, by: Actor, now: datetime, told: list[int]) -> Assignment:
    found.status, found.decided_at, found.decided_by = status, now, by.label
    found.save(update_fields=["status", "decided_at", "decided_by", "reason"])
    _tell_of(found, status, by, now, told)
    return found


def _tell_of(found: Assignment, what: str, by: Actor, now: datetime, told: list[int]) -> None:
    data: dict[str, Any] = {"assignment": found.public_id, "reservation": found.reservation.public_id}
    record(
        by=by,
        verb=f"assignment.{what}",
        subject=found.public_id,
        now=now,
        after={**data, "giver": found.giver_id, "receiver": found.receiver_id, "grounds": found.grounds},
        reason=found.reason,
    )
    for organisation_id in told:
        emit(
            name=f"assignment.{what}",
            subject=found.public_id,
            organisation_id=organisation_id,
            data={**data, "expires_at": rfc3339(found.expires_at)},
            now=now,
        )
