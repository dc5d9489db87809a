"""Delivery is an act of the provider: until then a block is late, day by day, until it is accepted or deemed so."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.units import clock
from marketplace.units.period import Period
from pricing.quotes.contracts import ContractPolicy, publish_contract
from reservations.booking import delivery, states
from reservations.booking.late import (
    Portion,
    credit_so_far,
    days_late,
    is_late,
    late_days,
    late_portions,
    terms_running,
    with_late_days,
)
from reservations.booking.lifecycle import NotInThisState, NotYourRole, ReservationNotFound, TransitionReasonMissing
from reservations.booking.models import Reservation, ReservationTransition
from reservations.tasks import settle_due_reservations
from tests.market import Market, open_market
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept

pytestmark = pytest.mark.django_db
PROVIDER, BUYER = frozenset({states.PROVIDER}), frozenset({states.BUYER})
WHY = "Two nodes have failed the burn-in"


@pytest.fixture
def market() -> Market:
    found = open_market()
    now = clock.now()
    publish_contract(policy=ContractPolicy(starts_at=now, reason="by the provider"), by=SYSTEM, now=now)
    return found


@pytest.fixture
def block(market: Market) -> Reservation:
    """64 H100, eight nodes of 8, for 30 days."""
    return accept(market.bank, take(market, market.bank))


def at(block: Reservation, day: int, hours: int = 12) -> datetime:
    """A moment of the block's day, counted from 0."""
    return states.midnight(block.start + timedelta(days=day)) + timedelta(hours=hours)


def give(market: Market, block: Reservation, day: int) -> Reservation:
    with clock.frozen(at(block, day)):
        return change.run(
            lambda: delivery.hand_over(
                reservation=block.public_id, by=SYSTEM, roles=PROVIDER, seller_id=market.seller.organisation.pk
            )
        )


def answer(verb: str, block: Reservation, day: int, **said: object) -> Reservation:
    with clock.frozen(at(block, day)):
        return change.run(
            lambda: getattr(delivery, verb)(
                reservation=block.public_id,
                by=SYSTEM,
                organisation_id=block.organisation_id,
                roles=BUYER,
                **said,
            )
        )


def days_by_both(block: Reservation, now: datetime) -> Iterator[int]:
    """By the row itself, and by the database."""
    fresh = Reservation.objects.get(pk=block.pk)
    yield late_days(fresh, now)
    yield with_late_days(Reservation.objects.all(), now).get(pk=block.pk).late


def test_nobody_hands_over_and_the_block_is_late_by_the_day_until_its_end(block: Reservation) -> None:
    assert (block.handover, block.delivered_on) == ("provider", None)
    for day, late in ((-1, 0), (0, 0), (1, 1), (9, 9), (30, 30), (99, 30)):
        assert set(days_by_both(block, at(block, day))) == {late}, day
        assert Reservation.objects.filter(is_late(at(block, day))).exists() == (0 < day < 30)
    assert block.state(at(block, 29)) == states.SCHEDULED
    assert block.state(at(block, 30)) == states.ENDED
    assert list(terms_running(block, at(block, 29))) == []
    with clock.frozen(at(block, 30)):
        assert settle_due_reservations() == 1
    (step,) = ReservationTransition.objects.all()
    assert (step.action, step.before, step.after) == ("end", "scheduled", "ended")


def test_access_on_the_first_day_is_in_time_and_silence_accepts_it_though_no_sweep_ran(
    market: Market, block: Reservation
) -> None:
    given_over = give(market, block, 0)
    assert given_over.delivered_on == block.start + timedelta(days=4), "three whole days, the rest of this one before"
    for day, state in ((0, "delivering"), (3, "delivering"), (4, "delivered"), (30, "ended")):
        now = at(block, day)
        assert given_over.state(now) == state
        assert [name for name, _ in states.STATES if Reservation.objects.in_state(name, now).exists()] == [state]
        assert set(days_by_both(block, now)) == {0}
    assert list(terms_running(given_over, at(block, 3))) == []
    assert list(terms_running(given_over, at(block, 5))) == [(64, Period(given_over.delivered_on, block.end))]


def test_late_access_is_late_until_it_is_accepted_and_the_term_runs_from_then(
    market: Market, block: Reservation
) -> None:
    give(market, block, 5)
    assert set(days_by_both(block, at(block, 7))) == {7}
    done = answer("accept_delivery", block, 7)
    assert (done.status, done.delivered_on) == (states.DELIVERED, block.start + timedelta(days=7))
    assert set(days_by_both(block, at(block, 20))) == {7}
    assert list(terms_running(done, at(block, 20))) == [(64, Period(block.start + timedelta(days=7), block.end))]


def test_late_access_is_late_until_the_end_of_the_window_where_the_buyer_is_silent(
    market: Market, block: Reservation
) -> None:
    give(market, block, 5)
    assert set(days_by_both(block, at(block, 25))) == {9}
    with clock.frozen(at(block, 25)):
        assert settle_due_reservations() == 1
    assert set(days_by_both(block, at(block, 25))) == {9}


def test_what_is_rejected_was_not_handed_over(market: Market, block: Reservation) -> None:
    give(market, block, 0)
    back = answer("reject_delivery", block, 2, reason=WHY)
    assert (back.status, back.handed_over_on, back.delivered_on) == (states.SCHEDULED, None, None)
    assert set(days_by_both(block, at(block, 2))) == {2}
    give(market, block, 4)
    assert set(days_by_both(block, at(block, 20))) == {8}
    steps = ReservationTransition.objects.values_list("action", flat=True)
    assert list(steps) == ["hand_over", "reject_delivery", "hand_over"]


def test_in_part_the_rest_stays_late_and_is_owed_for_by_its_share(market: Market, block: Reservation) -> None:
    give(market, block, 0)
    part = answer("accept_part", block, 2, gpus=48)
    assert (part.status, part.handed_over_on) == (states.DELIVERING, None)
    now = at(block, 10)
    assert late_portions(part, now) == [Portion(48, 0), Portion(16, 10)]
    terms = part.quote.contract_terms.delay_terms
    assert terms is not None
    # 10 days less 2 of grace, half of a day's price, for a quarter of the GPUs; the cap is a tenth of that quarter.
    quarter = part.total / 4
    owed = min(quarter / 30 * 8 / 2, quarter / 10).quantize(Decimal("0.01"))
    assert credit_so_far(part, terms, now=now) == owed > 0
    assert list(terms_running(part, now)) == [(48, Period(block.start + timedelta(days=2), block.end))]
    give(market, block, 11)
    whole = answer("accept_delivery", block, 12)
    assert (whole.status, late_portions(whole, at(block, 20))) == ("delivered", [Portion(48, 0), Portion(16, 12)])
    assert [gpus for gpus, _ in terms_running(whole, at(block, 20))] == [48, 16]


def test_a_rest_that_never_comes_is_late_until_the_end(market: Market, block: Reservation) -> None:
    give(market, block, 0)
    part = answer("accept_part", block, 2, gpus=8)
    assert late_portions(part, at(block, 99)) == [Portion(8, 0), Portion(56, 30)]
    assert part.state(at(block, 30)) == states.ENDED
    back = give(market, block, 5)
    assert back.delivered_on == block.start + timedelta(days=9)
    rejected = answer("reject_delivery", block, 6, reason=WHY)
    assert (rejected.status, rejected.accepted_parts) == (states.DELIVERING, part.accepted_parts)


@pytest.mark.parametrize("gpus", [0, -8, 12, 64, 72])
def test_a_part_is_whole_nodes_and_not_all(market: Market, block: Reservation, gpus: int) -> None:
    give(market, block, 0)
    with pytest.raises(delivery.PartNotWhole, match="whole nodes of 8"):
        answer("accept_part", block, 1, gpus=gpus)
    assert Reservation.objects.get().accepted_parts == []


def test_who_may_do_what_and_when(market: Market, block: Reservation) -> None:
    def tried(roles: frozenset[str], seller: int | None, day: int = 0) -> None:
        with clock.frozen(at(block, day)):
            change.run(
                lambda: delivery.hand_over(reservation=block.public_id, by=SYSTEM, roles=roles, seller_id=seller)
            )

    with pytest.raises(ReservationNotFound):
        tried(PROVIDER, market.other_seller.organisation.pk)
    with pytest.raises(NotYourRole):
        tried(BUYER, None)
    with pytest.raises(delivery.HandoverTooEarly):
        tried(PROVIDER, market.seller.organisation.pk, day=-3)
    with pytest.raises(NotInThisState):
        answer("accept_delivery", block, 0)
    assert not ReservationTransition.objects.exists()
    give(market, block, 0)
    with pytest.raises(NotInThisState):
        tried(PROVIDER, market.seller.organisation.pk)
    with pytest.raises(TransitionReasonMissing):
        answer("reject_delivery", block, 1, reason="no")
    with pytest.raises(ReservationNotFound):
        change.run(
            lambda: delivery.accept_delivery(
                reservation=block.public_id, by=SYSTEM, organisation_id=market.rival.organisation.pk, roles=BUYER
            )
        )
    assert ReservationTransition.objects.count() == 1


def test_contracts_from_before_hand_over_by_the_clock_and_are_never_late() -> None:
    market = open_market()
    old = accept(market.bank, take(market, market.bank))
    assert (old.handover, old.state(at(old, 0))) == ("clock", states.DELIVERING)
    assert (late_days(old, at(old, 9)), list(with_late_days(Reservation.objects.all(), at(old, 9)))) == (0, [])
    with pytest.raises(NotInThisState):
        answer("reject_delivery", old, 0, reason=WHY)
    assert Reservation.objects.get().status == states.SCHEDULED


DAYS = st.none() | st.integers(-2, 40)
FIRST = date(2027, 3, 1)


@given(end=st.integers(1, 30), handed=DAYS, window=st.integers(0, 9), today=st.integers(-5, 50))
def test_lateness_grows_by_at_most_a_day_a_day_and_stops_at_acceptance(
    end: int, handed: int | None, window: int, today: int
) -> None:
    def on(day: int) -> int:
        return days_late(
            start=FIRST,
            end=FIRST + timedelta(days=end),
            handed_over_on=None if handed is None else FIRST + timedelta(days=handed),
            accepted_on=None if handed is None else FIRST + timedelta(days=max(0, handed) + window),
            today=FIRST + timedelta(days=day),
        )

    assert 0 <= on(today) <= on(today + 1) <= on(today) + 1
    assert on(today) <= min(end, max(0, today))
    if handed is not None:
        assert on(99) == (0 if handed <= 0 else min(end, handed + window))
