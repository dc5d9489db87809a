"""The life of a reservation: one table, guarded, written down, and right by the clock though no sweep ran."""

from datetime import date, timedelta

import pytest

from marketplace.capacity.models import CapacityDay, Claim
from marketplace.capacity.queries import differences
from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.journal.models import Entry
from marketplace.outbox.models import Event
from marketplace.parties import models as parties
from marketplace.units import clock
from reservations.booking import states
from reservations.booking.lifecycle import (
    SYSTEM_ROLES,
    NotInThisState,
    NotYourRole,
    ReservationNotFound,
    TransitionReasonMissing,
    allowed_actions,
    lock_reservation,
    move,
    settle,
)
from reservations.booking.models import Reservation, ReservationTransition
from reservations.tasks import settle_due_reservations
from tests.market import Market
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept

pytestmark = pytest.mark.django_db
BUYER = frozenset({states.BUYER})
DAY = date(2027, 3, 1)


@pytest.fixture
def block(market: Market) -> Reservation:
    return accept(market.bank, take(market, market.bank))


def pending(reservation: Reservation, status: str) -> Reservation:
    """The same, as if it had been accepted with something left to do within an hour."""
    deadline = clock.now() + timedelta(hours=1)
    Claim.objects.filter(pk=reservation.claim_id).update(status="held", expires_at=deadline)
    for day in CapacityDay.objects.filter(pool=reservation.pool, day__gte=reservation.start, day__lt=reservation.end):
        CapacityDay.objects.filter(pool=day.pool_id, day=day.day).update(
            firm_held=reservation.quantity, firm_committed=0
        )
    reservation.status, reservation.deadline, reservation.next_at = status, deadline, deadline
    reservation.save()
    return reservation


def test_the_words_of_the_table_are_those_of_the_parties() -> None:
    assert {parties.BUYER, parties.APPROVER, parties.ADMIN} == states.CUSTOMER
    assert set(states.OF_MEMBER) == {role for role, _ in parties.ROLES}
    assert set(states.OF_SCOPE) <= set(parties.SCOPES)


def test_every_state_but_the_final_ones_is_left_by_somebody_and_by_the_clock() -> None:
    names = {name for name, _ in states.STATES}
    for state in names - set(states.FINAL):
        for by_clock in (True, False):
            schedule = states.Schedule(DAY, None, DAY + timedelta(days=9), states.midnight(DAY), by_clock)
            step = schedule.next_step(state)
            assert step is not None
            assert step[0].name in states.allowed(state, {states.SYSTEM})
    assert all(
        states.allowed(state, {*states.CUSTOMER, states.STAFF, states.FINANCE, states.SYSTEM}) == []
        for state in states.FINAL
    )
    assert {state for action in states.TABLE for state in (*action.sources, *action.targets)} == names


def test_the_state_is_right_by_the_clock_though_no_sweep_ran(market: Market, block: Reservation) -> None:
    by_day = {
        block.start - timedelta(days=1): states.SCHEDULED,
        block.start: states.DELIVERING,
        block.start + timedelta(days=1): states.DELIVERED,
        block.end: states.ENDED,
    }
    for day, state in by_day.items():
        now = states.midnight(day)
        assert block.state(now) == state
        found = [name for name, _ in states.STATES if Reservation.objects.in_state(name, now).exists()]
        assert found == [state]
    assert block.state(states.midnight(block.start) - timedelta(microseconds=1)) == states.SCHEDULED
    assert Reservation.objects.get().status == states.SCHEDULED


def test_a_sweep_writes_down_each_step_with_the_time_it_took_effect(block: Reservation) -> None:
    assert block.delivered_on is not None
    with clock.frozen(states.midnight(block.end) + timedelta(hours=3)):
        assert (settle_due_reservations(), settle_due_reservations()) == (1, 0)
    written = ReservationTransition.objects.values_list("action", "before", "after", "effective_at", "by")
    assert list(written) == [
        ("hand_over", "scheduled", "delivering", states.midnight(block.start), "system"),
        ("accept_delivery", "delivering", "delivered", states.midnight(block.delivered_on), "system"),
        ("end", "delivered", "ended", states.midnight(block.end), "system"),
    ]
    ended = Reservation.objects.get()
    assert (ended.status, ended.next_at) == (states.ENDED, None)
    assert Entry.objects.filter(subject=block.public_id).count() == 3
    assert Event.objects.filter(name="reservation.ended", subject=block.public_id).exists()
    assert differences() == []


@pytest.mark.parametrize("status", states.PENDING)
def test_a_deadline_that_passes_frees_the_capacity_before_any_sweep(market: Market, status: str) -> None:
    block = pending(accept(market.bank, take(market, market.bank, quantity=2048)), status)
    assert block.deadline is not None
    with clock.frozen(block.deadline):
        assert block.state(clock.now()) == states.RELEASED
        take(market, market.rival, quantity=2048)
        settle(reservation_id=block.pk)
    block.refresh_from_db()
    assert (block.status, Claim.objects.get(pk=block.claim_id).status) == (states.RELEASED, "released")


def test_an_action_is_refused_where_the_table_does_not_have_it(block: Reservation) -> None:
    now = clock.now()
    with pytest.raises(NotInThisState, match="scheduled"):
        move(block, action=states.PAY, by=SYSTEM, roles=SYSTEM_ROLES, now=now)
    with pytest.raises(NotYourRole, match="provider, staff, system"):
        move(block, action=states.HAND_OVER, by=SYSTEM, roles=BUYER, now=now)
    waiting = pending(block, states.PENDING_APPROVAL)
    with pytest.raises(TransitionReasonMissing):
        move(waiting, action=states.DECLINE, by=SYSTEM, roles={states.APPROVER}, now=now, reason="no")
    assert not ReservationTransition.objects.exists()
    assert Reservation.objects.get().status == states.PENDING_APPROVAL


def test_what_is_approved_too_late_has_lapsed(market: Market, block: Reservation) -> None:
    pending(block, states.PENDING_APPROVAL)
    assert block.deadline is not None
    with clock.frozen(block.deadline):
        found, now = lock_reservation(public_id=block.public_id, organisation_id=market.bank.organisation.pk)
        with pytest.raises(NotInThisState, match="released"):
            move(found, action=states.APPROVE, by=SYSTEM, roles={states.APPROVER}, now=now, to=states.SCHEDULED)


def test_capacity_follows_the_state(market: Market, block: Reservation) -> None:
    pending(block, states.PENDING_APPROVAL)
    found, now = lock_reservation(public_id=block.public_id, organisation_id=market.bank.organisation.pk)
    roles = {states.APPROVER}
    later = now + timedelta(days=2)
    move(found, action="approve", by=SYSTEM, roles=roles, now=now, to=states.PENDING_PAYMENT, deadline=later)
    claim = Claim.objects.get(pk=block.claim_id)
    assert (claim.status, claim.expires_at) == ("held", later)
    move(found, action=states.PAY, by=SYSTEM, roles=SYSTEM_ROLES, now=now)
    assert Claim.objects.get(pk=block.claim_id).status == "committed"
    assert (found.deadline, found.next_at) == (None, states.midnight(block.start))
    move(found, action=states.CANCEL, by=SYSTEM, roles=BUYER, now=now)
    assert Claim.objects.get(pk=block.claim_id).status == "released"
    day = CapacityDay.objects.get(pool=market.h100, day=block.start)
    assert (day.firm_held, day.firm_committed) == (0, 0)


def test_a_stranger_hears_that_there_is_no_such_reservation(market: Market, block: Reservation) -> None:
    with pytest.raises(ReservationNotFound):
        lock_reservation(public_id=block.public_id, organisation_id=market.rival.organisation.pk)
    assert change.run(lambda: lock_reservation(public_id=block.public_id, organisation_id=None))[0] == block


def test_what_each_role_may_do(block: Reservation) -> None:
    now = clock.now()
    assert allowed_actions(block, states.roles_of_member("viewer"), now) == []
    assert allowed_actions(block, states.roles_of_key(["read", "quote"]), now) == []
    assert allowed_actions(block, states.roles_of_key(["commit"]), now) == [
        "cancel", "extend", "resize", "move", "assign",
    ]  # fmt: skip
    assert "hand_over" in allowed_actions(block, {states.STAFF}, now)
    assert allowed_actions(block, states.CUSTOMER, states.midnight(block.end)) == []
