"""The only place where a reservation goes from one state to another: guarded, journalled, told, and kept as a row.

The table itself is in `states.py`. Capacity follows the state here, so that no caller can forget it.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from marketplace.capacity import ledger
from marketplace.capacity.queries import claimed_days
from marketplace.journal.actions import record
from marketplace.journal.actor import SYSTEM as SYSTEM_ACTOR
from marketplace.journal.actor import Actor
from marketplace.outbox.actions import emit
from marketplace.parties.budgets import give_back, spend_reserved
from marketplace.units import clock
from marketplace.units.instants import rfc3339
from reservations.booking import states
from reservations.booking.dues import no_longer_due
from reservations.booking.models import Reservation, ReservationTransition

SHORTEST_REASON = 10
SYSTEM_ROLES = frozenset({states.SYSTEM})
NOTHING: Mapping[str, Any] = MappingProxyType({})
OF_DELIVERY = (
    "handed_over_on", "delivered_on", "accepted_parts", "pieces", "end", "moved_days", "revision",
)  # fmt: skip


class ReservationNotFound(Exception):
    """There is no such reservation for this organisation."""


class NotInThisState(Exception):
    """The action does not exist in the reservation's state; `state` says which that is. Nothing was changed."""

    def __init__(self, action: str, state: str) -> None:
        super().__init__(f"The reservation is {state.replace('_', ' ')}: {_sentence(action)} is not possible now.")
        self.action = action
        self.state = state


class NotYourRole(Exception):
    """The action exists in this state, and is for others to take. Nothing was changed."""

    def __init__(self, action: str, who: Collection[str]) -> None:
        super().__init__(f"{_sentence(action).capitalize()} is for: {', '.join(sorted(who))}.")
        self.action = action


class TransitionReasonMissing(ValueError):
    """The action needs a reason. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__(f"Say why, in {SHORTEST_REASON} characters or more: it is shown and journalled.")


def _sentence(action: str) -> str:
    return f"to {action.replace('_', ' ')}"


def lock_reservation(
    *, public_id: str, organisation_id: int | None, seller_id: int | None = None
) -> tuple[Reservation, datetime]:
    """Locks a reservation, brings it up to the clock, and returns it with the time, read after the lock.

    `organisation_id` is the tenant's wall, `seller_id` the provider's; both None for staff, who see all. Raises
    ReservationNotFound.
    """
    rows = Reservation.objects.all() if organisation_id is None else Reservation.objects.of(organisation_id)
    if seller_id is not None:
        rows = rows.sold_by(seller_id)
    reservation = rows.filter(public_id=public_id).select_for_update(of=("self",)).first()
    if reservation is None:
        raise ReservationNotFound
    now = clock.now()
    catch_up(reservation, now=now)
    return reservation, now


def catch_up(reservation: Reservation, *, now: datetime) -> list[ReservationTransition]:
    """Writes down what the clock has done already. The row is locked by the caller."""
    steps = list(states.clock_steps(reservation.status, reservation.schedule, now))
    return [
        _write(reservation, action, action.targets[0], by=SYSTEM_ACTOR, now=now, effective_at=due_at, reason="")
        for action, due_at in steps
    ]


def settle(*, reservation_id: int) -> Reservation | None:
    """The sweep's verb: writes down what the clock has done to one reservation; None where somebody else has it."""
    reservation = Reservation.objects.filter(pk=reservation_id).select_for_update(skip_locked=True).first()
    if reservation is None:
        return None
    catch_up(reservation, now=clock.now())
    return reservation


def move(
    reservation: Reservation,
    *,
    action: str,
    by: Actor,
    roles: Collection[str],
    now: datetime,
    to: str | None = None,
    deadline: datetime | None = None,
    reason: str = "",
    delivery: Mapping[str, Any] = NOTHING,
) -> ReservationTransition:
    """Takes one action of the table that changes the state, on a reservation locked and caught up by the caller.

    `to` where the action has several targets; `deadline` where the new state is a pending one; `delivery` is what
    becomes of its dates of delivery with it. Raises NotInThisState, NotYourRole or TransitionReasonMissing, and has
    then changed nothing.
    """
    rule = check(reservation, action=action, roles=roles, now=now, reason=reason)
    target = to or rule.targets[0]
    if target not in rule.targets:
        raise ValueError(f"{action} leads to {rule.targets}, not to {target}.")
    reservation.deadline = deadline
    for name, value in delivery.items():
        setattr(reservation, name, value)
    return _write(reservation, rule, target, by=by, now=now, effective_at=now, reason=reason.strip())


def check(
    reservation: Reservation, *, action: str, roles: Collection[str], now: datetime, reason: str = ""
) -> states.Action:
    """The rule of an action, if the state (by the clock) and the role have it. Raises what `move` raises."""
    rule = states.ACTIONS[action]
    state = reservation.state(now)
    if state not in rule.sources or action in _ruled_out(reservation, state):
        raise NotInThisState(action, state)
    if rule.who.isdisjoint(roles):
        raise NotYourRole(action, rule.who)
    if rule.needs_reason and len(reason.strip()) < SHORTEST_REASON:
        raise TransitionReasonMissing
    return rule


def allowed_actions(reservation: Reservation, roles: Collection[str], now: datetime) -> list[str]:
    """What these roles may do with it at this moment."""
    state = reservation.state(now)
    out = _ruled_out(reservation, state)
    return [action for action in states.allowed(state, roles) if action not in out]


def _ruled_out(reservation: Reservation, state: str) -> frozenset[str]:
    is_handed_over = reservation.handed_over_on is not None
    return states.ruled_out(state, by_clock=reservation.by_clock, is_handed_over=is_handed_over)


def _write(
    reservation: Reservation,
    rule: states.Action,
    target: str,
    *,
    by: Actor,
    now: datetime,
    effective_at: datetime,
    reason: str,
) -> ReservationTransition:
    before = reservation.status
    reservation.status = target
    reservation.next_at = reservation.schedule.due_at(target)
    reservation.save(update_fields=["status", "deadline", "next_at", *OF_DELIVERY])
    _budget_follows(reservation, before, now)
    _capacity_follows(reservation, before, now)
    if before == states.PENDING_PAYMENT and target in (states.CANCELLED, states.RELEASED):
        no_longer_due(reservation, now)
    written = ReservationTransition.objects.create(
        reservation=reservation,
        action=rule.name,
        before=before,
        after=target,
        at=now,
        effective_at=effective_at,
        by=by.label,
        by_user_id=by.user_id,
        by_key_id=by.key_id,
        reason=reason,
    )
    _tell_of(reservation, written, by)
    if rule.name == states.ACCEPT_DELIVERY and by == SYSTEM_ACTOR and not reservation.by_clock:
        _tell_of_silence(reservation, written)
    return written


def _budget_follows(reservation: Reservation, before: str, now: datetime) -> None:
    """Reserved until it is approved, spent from then on, given back with what is given up. Before the claim moves."""
    if reservation.cost_centre_id is None:
        return
    after, holder = reservation.status, reservation.public_id
    if after == states.RELEASED:  # a cancellation is charged what it costs by its quote
        give_back(holder=holder, now=now)  # what has expired was given back by whoever needed it
    elif before == states.PENDING_APPROVAL and not spend_reserved(holder=holder, now=now):
        raise ledger.HoldGone  # in the very moment of its deadline


def _capacity_follows(reservation: Reservation, before: str, now: datetime) -> None:
    """Pending: held until the deadline. Running: committed. Given up: back on sale. In no other place."""
    after, claim_id = reservation.status, reservation.claim_id
    if before in states.PENDING and after in states.PENDING:
        assert reservation.deadline is not None
        ledger.prolong_hold(claim_id=claim_id, expires_at=reservation.deadline, now=now)
    elif before in states.PENDING and after in states.COMMITTED:
        ledger.commit_hold(claim_id=claim_id, now=now)
    elif before in states.PENDING:
        ledger.release_hold(claim_id=claim_id, now=now)  # a sweep of the ledger may have been faster
    elif after in (states.CANCELLED, states.RELEASED):
        live = {line.claim_id for line in claimed_days(claim_ids=reservation.claim_ids)}
        ledger.amend(commit=None, kept=[ledger.Kept(each) for each in sorted(live)], now=now)


def _tell_of(reservation: Reservation, written: ReservationTransition, by: Actor) -> None:
    record(
        by=by,
        verb=f"reservation.{written.action}",
        subject=reservation.public_id,
        now=written.at,
        before={"status": written.before},
        after={"status": written.after},
        reason=written.reason,
    )
    emit(
        name=f"reservation.{EVENTS_OF.get(written.action) or EVENTS[written.after]}",
        subject=reservation.public_id,
        organisation_id=reservation.organisation_id,
        data={
            "reservation": reservation.public_id,
            "before": written.before,
            "after": written.after,
            "effective_at": rfc3339(written.effective_at),
        },
        now=written.at,
    )


def _tell_of_silence(reservation: Reservation, written: ReservationTransition) -> None:
    """Deemed accepted: both sides hear of it as they would of an answer."""
    for whose in {reservation.organisation_id, reservation.pool.seller_id}:
        emit(
            name="delivery.accepted",
            subject=reservation.public_id,
            organisation_id=whose,
            data={
                "reservation": reservation.public_id,
                "decision": "deemed",
                "effective_at": rfc3339(written.effective_at),
            },
            now=written.at,
        )


# Events are named `noun.past_participle`, by the state that was reached.
EVENTS = {
    states.PENDING_PAYMENT: "approved",
    states.SCHEDULED: "scheduled",
    states.DELIVERING: "handed_over",
    states.DELIVERED: "delivered",
    states.ENDED: "ended",
    states.CANCELLED: "cancelled",
    states.RELEASED: "released",
}
# Where the state alone would not say what happened.
EVENTS_OF = {states.ACCEPT_PART: "accepted_in_part", states.REJECT_DELIVERY: "rejected"}
