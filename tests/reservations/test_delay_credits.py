"""What is owed for being late is the contract's formula, whatever excuses it, and is written once."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.capacity.queries import differences
from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.outbox.models import Event
from marketplace.parties.models import User
from marketplace.units import clock
from pricing.quotes.delays import LABOUR, OUTAGE, SHIPPED, WEATHER
from reservations.allocation.causes import REDUCED, UPHELD, WITHDRAWN, CauseDispute, DelayCause
from reservations.allocation.leaving import LongStopNotReached, NoLongStop, leave_at_long_stop
from reservations.allocation.stating import (
    CauseConfirmed,
    CauseNotFound,
    CauseRefused,
    DisputeClosed,
    DisputeNotFound,
    DisputeOpen,
    NothingSaid,
    OutcomeUnknown,
    SecondPersonConfirms,
    confirm_cause,
    open_dispute,
    post_to_dispute,
    resolve_dispute,
    state_cause,
)
from reservations.booking import states
from reservations.booking.lifecycle import NotYourRole
from reservations.booking.models import Reservation
from reservations.booking.money import Due
from reservations.tasks import settle_due_remedies, write_delay_credits
from tests.cockpit import staff
from tests.market import Market, open_market
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept
from tests.slipping import contracts, told, wait

pytestmark = pytest.mark.django_db
LATE = 20


@pytest.fixture
def market() -> Market:
    return open_market()


def late_block(market: Market, **said: Any) -> Reservation:
    """The bank's block, 20 days late by a remedy that took effect; its price is 1/30 a day."""
    contracts(market, delay={**SHIPPED, "cap_percent": 50, **said})
    block = accept(market.bank, take(market, market.bank))
    remedy = told(block, wait(block, LATE))
    with clock.frozen(remedy.deadline):
        settle_due_remedies()
    return block


@pytest.fixture
def block(market: Market) -> Reservation:
    return late_block(market)


def credited(block: Reservation) -> Decimal:
    return -sum((due.amount for due in Due.objects.filter(reservation=block, reason="delay_credit")), Decimal(0))


def by_hand(block: Reservation, late: int, excused: int = 0, grace: int = 2, cap: int = 50) -> Decimal:
    """Half of a day's price for every late day that counts, to the cent; `block` is as it was agreed."""
    counted = max(late - min(excused, late) - grace, 0)
    owed = min(block.total * counted / 30 / 2, block.total * cap / 100)
    return owed.quantize(Decimal("0.01"))


def on_late_day(block: Reservation, day: int) -> Any:
    """The end of that late day, if no other was late before it."""
    return clock.frozen(states.midnight(block.start + timedelta(days=day)))


def two_people() -> tuple[User, User]:
    return staff("planner"), staff("second")


def cause(market: Market, days: int, kind: str = WEATHER, *, confirmed: bool = True, **said: Any) -> DelayCause:
    now = clock.now()
    people = User.objects.filter(is_staff=True).order_by("pk")[:2]
    one, two = people if len(people) == 2 else two_people()
    values: dict[str, Any] = {
        "kind": kind, "days": days, "began": now.date(), "notice_at": now, "statement": "Ice on the lines",
        "evidence": "Met office 12", "site": market.h100.site, "by": one.as_actor(None), "now": now,
    }  # fmt: skip
    made = change.run(lambda: state_cause(**{**values, **said}))
    if confirmed:
        change.run(lambda: confirm_cause(cause=made.public_id, by=two.as_actor(None)))
    return made


def test_it_grows_day_by_day_and_is_written_once(market: Market, block: Reservation) -> None:
    for day in (1, 2, 3, 7, 7, 20, 25):
        with on_late_day(block, day):
            write_delay_credits()
            assert credited(block) == by_hand(block, min(day, LATE))
    keys = list(
        Due.objects.filter(reservation=block, reason="delay_credit").order_by("pk").values_list("key", flat=True)
    )
    assert keys == [f"{block.public_id}:delay_credit:{place}" for place in (1, 2, 3)]
    assert Event.objects.filter(name="delay_credit.created").count() == 3


def test_it_ends_at_the_cap(market: Market) -> None:
    block = late_block(market, cap_percent=10)
    with on_late_day(block, LATE):
        write_delay_credits()
    assert credited(block) == by_hand(block, LATE, cap=10) == (block.total / 10).quantize(Decimal("0.01"))


def test_a_contract_without_terms_on_delay_owes_nothing_by_formula(market: Market) -> None:
    block = accept(market.bank, take(market, market.bank))
    remedy = told(block, wait(block, LATE))
    assert [each.credit for each in remedy.choices.all()] == [0]
    with clock.frozen(remedy.deadline):
        settle_due_remedies()
    with on_late_day(block, 9):
        assert write_delay_credits() == 0


def test_a_confirmed_cause_excuses_its_days_and_no_more_than_the_contract_says(
    market: Market, block: Reservation
) -> None:
    cause(market, 5)
    cause(market, 60, LABOUR)
    cause(market, 9, OUTAGE)
    cause(market, 9, confirmed=False)
    with on_late_day(block, LATE):
        write_delay_credits()
    assert credited(block) == by_hand(block, LATE, excused=5 + 14)


def test_notice_that_came_too_late_excuses_nothing(market: Market, block: Reservation) -> None:
    began = clock.now().date()
    with clock.frozen(clock.now() + timedelta(days=11)):
        cause(market, 5, began=began)
    with on_late_day(block, LATE):
        write_delay_credits()
    assert credited(block) == by_hand(block, LATE)


def test_what_was_known_when_the_contract_was_made_excuses_nothing(market: Market, block: Reservation) -> None:
    cause(market, 5, began=clock.now().date() - timedelta(days=1))
    with on_late_day(block, LATE):
        write_delay_credits()
    assert credited(block) == by_hand(block, LATE)


def test_a_cause_that_is_confirmed_later_is_a_row_of_its_own(market: Market, block: Reservation) -> None:
    made = cause(market, 5, confirmed=False)
    second = User.objects.filter(is_staff=True).order_by("pk")[1].as_actor(None)
    with on_late_day(block, LATE):
        write_delay_credits()
        before = credited(block)
        change.run(lambda: confirm_cause(cause=made.public_id, by=second))
        write_delay_credits()
        write_delay_credits()
    assert (before, credited(block)) == (by_hand(block, LATE), by_hand(block, LATE, excused=5))
    assert Due.objects.filter(reservation=block, reason="delay_credit", amount__gt=0).count() == 1


def test_who_states_a_cause_does_not_confirm_it(market: Market) -> None:
    made = cause(market, 5, confirmed=False)
    one, two = User.objects.filter(is_staff=True).order_by("pk")
    with pytest.raises(SecondPersonConfirms):
        change.run(lambda: confirm_cause(cause=made.public_id, by=one.as_actor(None)))
    with pytest.raises(SecondPersonConfirms):
        change.run(lambda: confirm_cause(cause=made.public_id, by=SYSTEM))
    with pytest.raises(IntegrityError), transaction.atomic():
        DelayCause.objects.update(confirmed_at=clock.now(), confirmed_by="x", confirmed_by_user_id=one.pk)
    made.refresh_from_db()
    assert not made.is_confirmed
    change.run(lambda: confirm_cause(cause=made.public_id, by=two.as_actor(None)))
    with pytest.raises(CauseConfirmed):
        change.run(lambda: confirm_cause(cause=made.public_id, by=two.as_actor(None)))


def test_a_cause_that_makes_no_sense_is_refused_field_by_field(market: Market) -> None:
    now = clock.now()
    with pytest.raises(CauseRefused) as refused:
        cause(
            market, 0, "boredom", began=now.date() + timedelta(days=1), notice_at=now + timedelta(days=2),
            statement=" ", evidence="", site=None,
        )  # fmt: skip
    assert set(refused.value.faults) == {"kind", "days", "began", "notice_at", "statement", "evidence", "site"}
    assert not DelayCause.objects.exists()


def disputed(market: Market, block: Reservation, made: DelayCause, text: str = "It was mild") -> CauseDispute:
    bank = market.bank
    return change.run(
        lambda: open_dispute(
            reservation=block.public_id,
            cause=made.public_id,
            text=text,
            by=bank.buyer.as_actor(bank.organisation.pk),
            organisation_id=bank.organisation.pk,
            roles={states.BUYER},
        )
    )


def resolved(dispute: CauseDispute, outcome: str, days: int | None = None) -> CauseDispute:
    by = User.objects.filter(is_staff=True).first()
    assert by is not None
    return change.run(
        lambda: resolve_dispute(
            dispute=dispute.public_id, outcome=outcome, days=days, text="We looked", by=by.as_actor(None)
        )
    )


@pytest.mark.parametrize(("outcome", "days", "excused"), [(UPHELD, None, 5), (WITHDRAWN, None, 0), (REDUCED, 2, 2)])
def test_the_outcome_of_a_dispute_is_credited_at_once_and_never_twice(
    market: Market, block: Reservation, outcome: str, days: int | None, excused: int
) -> None:
    made = cause(market, 5)
    with on_late_day(block, LATE):
        write_delay_credits()
        dispute = disputed(market, block, made)
        write_delay_credits()
        assert credited(block) == by_hand(block, LATE, excused=5), "it stands until it is resolved"
        resolved(dispute, outcome, days)
        assert credited(block) == by_hand(block, LATE, excused=excused)
        assert write_delay_credits() == 0
        with pytest.raises(DisputeClosed):
            resolved(dispute, WITHDRAWN)


def test_a_dispute_is_a_thread_of_the_buyer_and_staff(market: Market, block: Reservation) -> None:
    made = cause(market, 5)
    dispute = disputed(market, block, made)
    bank, rival = market.bank, market.rival
    with pytest.raises(DisputeOpen):
        disputed(market, block, made)
    with pytest.raises(NothingSaid):
        change.run(lambda: post_to_dispute(dispute=dispute.public_id, text=" ", by=SYSTEM, organisation_id=None))
    by = rival.buyer.as_actor(rival.organisation.pk)
    with pytest.raises(DisputeNotFound):
        change.run(
            lambda: post_to_dispute(
                dispute=dispute.public_id,
                text="me too",
                by=by,
                organisation_id=rival.organisation.pk,
                roles={states.BUYER},
            )
        )
    with pytest.raises(NotYourRole):
        change.run(
            lambda: post_to_dispute(
                dispute=dispute.public_id, text="I look", by=SYSTEM, organisation_id=bank.organisation.pk
            )
        )
    with pytest.raises(OutcomeUnknown):
        resolved(dispute, REDUCED, 5)
    answer = "We will ask the met office"
    change.run(lambda: post_to_dispute(dispute=dispute.public_id, text=answer, by=SYSTEM, organisation_id=None))
    assert [(post.text, post.is_staff) for post in dispute.posts.all()] == [("It was mild", False), (answer, True)]
    with pytest.raises(IntegrityError), transaction.atomic():
        dispute.posts.update(text="nothing")


def test_a_cause_elsewhere_cannot_be_disputed(market: Market, block: Reservation) -> None:
    made = cause(market, 5, site=market.gb200.site)
    with pytest.raises(CauseNotFound):
        disputed(market, block, made)


CAUSES = st.lists(
    st.tuples(st.sampled_from([WEATHER, LABOUR, OUTAGE]), st.integers(1, 40), st.none() | st.integers(0, 39)),
    max_size=4,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(causes=CAUSES, days=st.lists(st.integers(0, 30), min_size=1, max_size=5))
def test_credits_are_the_contracts_formula_caps_and_excuses_included(
    market: Market, causes: list[tuple[str, int, int | None]], days: list[int]
) -> None:
    with transaction.atomic():
        block = late_block(market, cap_percent=20)
        excused = dict.fromkeys((WEATHER, LABOUR, OUTAGE), 0)
        for kind, stated, after in causes:
            made = cause(market, stated, kind)
            counts = stated
            if after is not None and after < stated:
                resolved(disputed(market, block, made), REDUCED, after)
                counts = after
            excused[kind] += counts
        most = {WEATHER: 30, LABOUR: 14, OUTAGE: 0}
        whole = sum(min(excused[kind], most[kind]) for kind in most)
        for day in sorted(days):
            with on_late_day(block, day):
                write_delay_credits()
                assert credited(block) == by_hand(block, min(day, LATE), excused=whole, cap=20)
        transaction.set_rollback(True)


def test_a_buyer_may_leave_from_the_long_stop_date_on_and_keeps_its_credits(market: Market) -> None:
    block = late_block(market, long_stop_days=10)
    bank = market.bank

    def go() -> Reservation:
        return change.run(
            lambda: leave_at_long_stop(
                reservation=block.public_id,
                by=bank.buyer.as_actor(bank.organisation.pk),
                organisation_id=bank.organisation.pk,
                roles={states.BUYER},
            )
        )

    with on_late_day(block, 9), pytest.raises(LongStopNotReached):
        go()
    with on_late_day(block, 10):
        left = go()
        assert write_delay_credits() == 0
    assert (left.status, left.total) == (states.CANCELLED, Decimal(0))
    assert credited(block) == by_hand(block, 10)
    assert differences() == []


def test_a_contract_without_a_long_stop_is_left_by_its_other_ways_out(market: Market) -> None:
    block = accept(market.bank, take(market, market.bank))
    with pytest.raises(NoLongStop):
        change.run(
            lambda: leave_at_long_stop(
                reservation=block.public_id, by=SYSTEM, organisation_id=None, roles={states.STAFF}
            )
        )
