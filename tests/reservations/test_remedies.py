"""When supply slips the buyer chooses, or says nothing and waits: what was offered is kept, and settled by time."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.capacity.models import Claim
from marketplace.capacity.queries import differences
from marketplace.change import change
from marketplace.outbox.models import Event
from marketplace.parties.agreements import SigningAuthority
from marketplace.parties.models import VIEWER
from marketplace.parties.signing import NoAuthority
from marketplace.units import clock
from marketplace.units.period import Period
from pricing.quotes.delays import SHIPPED
from reservations.allocation.announcing import Announcement, NotAnnounced, ProposalRefused
from reservations.allocation.choosing import (
    ChoiceUnknown,
    DeadlineNotLater,
    OverrideReasonMissing,
    RemedyClosed,
    RemedyNotFound,
    RemedyStale,
    choose,
    choose_for,
    extend_deadline,
)
from reservations.allocation.deciding import OPEN, SETTLED
from reservations.allocation.remedies import EXIT, MOVE, REDUCE, SUBSTITUTE, WAIT, Remedy, RemedyChoice
from reservations.booking import states
from reservations.booking.dues import balance
from reservations.booking.lifecycle import NotYourRole
from reservations.booking.models import Reservation
from reservations.booking.money import Due
from reservations.booking.payments import record_receipt
from reservations.booking.states import roles_of_member
from reservations.tasks import settle_due_remedies
from tests.cockpit import staff
from tests.market import Market, block_taken, member, open_market
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept
from tests.reservations.test_changes import ask, holds_together, make
from tests.slipping import (
    LEAVE,
    WHY,
    choice,
    chosen,
    contracts,
    fewer,
    line,
    move,
    second_hall,
    substitute,
    told,
    told_all,
    wait,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> Market:
    return open_market()


@pytest.fixture
def block(market: Market) -> Reservation:
    """64 GPUs for 30 days from day 10, under the shipped terms on delay."""
    contracts(market)
    return accept(market.bank, take(market, market.bank))


def half_paid(market: Market, **said: Any) -> Reservation:
    """The same with half of it due up front, and paid."""
    contracts(market, deposit_percent=50, **said)
    block = accept(market.bank, take(market, market.bank))
    due = Due.objects.get(reservation=block)
    change.run(
        lambda: record_receipt(
            reservation=block.public_id,
            amount=due.amount,
            currency=due.currency,
            bank_reference="SEPA 1",
            received_on=market.today,
            by=staff("finance").as_actor(None),
        )
    )
    block.refresh_from_db()
    return block


def status_of(made: RemedyChoice) -> str:
    return Claim.objects.get(pk=made.hold).status


def after(remedy: Remedy, **ahead: float) -> Any:
    return clock.frozen(remedy.deadline + timedelta(**ahead))


def test_choices_are_stored_with_a_hold_each_and_waiting_is_the_default(market: Market, block: Reservation) -> None:
    hall = second_hall(market)
    remedy = told(block, wait(block, 11), substitute(block, hall), move(block, 60), fewer(block, 32), LEAVE)
    kinds = [each.kind for each in remedy.choices.all()]
    assert kinds == [WAIT, SUBSTITUTE, MOVE, REDUCE, EXIT]
    assert (remedy.default.kind, remedy.state(clock.now()), remedy.chosen) == (WAIT, OPEN, None)
    assert remedy.deadline - remedy.announced_at == timedelta(hours=120)
    held = {each.kind: [(c.quantity, c.start) for c in Claim.objects.get(pk=each.hold).lines.all()]
            for each in remedy.choices.exclude(claim_id=None)}  # fmt: skip
    assert held == {WAIT: [(64, block.end)], SUBSTITUTE: [(64, block.start)], MOVE: [(64, block.start + timedelta(60))]}
    # 11 late days, 2 of grace, half a day's price each: 9/60 of the total, and the cap is a tenth.
    credit = (block.total / 10).quantize(Decimal("0.01"))
    assert choice(remedy, WAIT).credit == credit
    assert choice(remedy, SUBSTITUTE).credit == choice(remedy, REDUCE).credit == 0
    assert choice(remedy, REDUCE).refund == pytest.approx(block.total / 2, abs=Decimal("0.01"))
    assert choice(remedy, EXIT).opens_on == block.start + timedelta(days=90)
    told_of = Event.objects.get(name="remedy.announced")
    assert told_of.organisation_id == market.bank.organisation.pk
    assert [each["kind"] for each in told_of.data["choices"]] == kinds
    assert differences() == []


def test_silence_means_to_wait_by_time_and_the_end_moves_with_the_start(market: Market, block: Reservation) -> None:
    hall = second_hall(market)
    remedy = told(block, wait(block, 11), substitute(block, hall))
    with after(remedy, seconds=1):
        seen = Remedy.objects.shown().get(pk=remedy.pk)
        assert (seen.state(clock.now()), seen.standing.kind, seen.settled_at) == (SETTLED, WAIT, None)
        assert settle_due_remedies() == 1
        assert settle_due_remedies() == 0
    start, total = block.start, block.total
    block.refresh_from_db()
    assert (block.start, block.period.days, block.total) == (start + timedelta(days=11), 30, total)
    assert status_of(choice(remedy, WAIT)) == "committed"
    assert status_of(choice(remedy, SUBSTITUTE)) == "released"
    holds_together(block)


def test_the_default_is_kept_for_days_though_no_sweep_runs(market: Market, block: Reservation) -> None:
    remedy = told(block, wait(block, 11))
    with after(remedy, days=3):
        assert choice(remedy, WAIT).claim_id in Claim.objects.filter(expires_at__gt=clock.now()).values_list(
            "pk", flat=True
        )
        assert settle_due_remedies() == 1
    holds_together(block)


def test_a_substitute_is_another_pool_at_the_same_price(market: Market, block: Reservation) -> None:
    hall = second_hall(market, spec={"delivery": "bare metal", "spares": "2 %", "nvlink_domain_gpus": 8})
    remedy = told(block, wait(block, 11), substitute(block, hall))
    assert choice(remedy, SUBSTITUTE).comparison == [
        {"field": "delivery", "has": "bare metal", "offers": "bare metal", "verdict": "equal"},
        {"field": "nvlink_domain_gpus", "has": None, "offers": 8, "verdict": "better"},
        {"field": "spares", "has": "2 %", "offers": "2 %", "verdict": "equal"},
    ]
    chosen(market.bank, remedy, SUBSTITUTE)
    block.refresh_from_db()
    assert block.pool == market.h100, "nothing moves before the deadline"
    with after(remedy):
        assert settle_due_remedies() == 1
    total = block.total
    block.refresh_from_db()
    assert (block.pool, block.total, block.revision) == (hall, total, 1)
    assert Claim.objects.get(holder=block.quote.public_id).status == "released"
    assert status_of(choice(remedy, WAIT)) == "released"
    holds_together(block)
    assert [each.name for each in Event.objects.filter(subject=remedy.public_id).order_by("pk")] == [
        "remedy.announced",
        "remedy.chosen",
        "remedy.settled",
    ]


def test_a_choice_can_be_changed_until_the_deadline_and_not_after_it(market: Market, block: Reservation) -> None:
    hall = second_hall(market)
    remedy = told(block, wait(block, 11), substitute(block, hall))
    chosen(market.bank, remedy, SUBSTITUTE)
    chosen(market.bank, remedy, WAIT)
    with after(remedy), pytest.raises(RemedyClosed):
        chosen(market.bank, remedy, SUBSTITUTE)
    with after(remedy):
        settle_due_remedies()
    block.refresh_from_db()
    assert (block.pool, status_of(choice(remedy, SUBSTITUTE))) == (market.h100, "released")
    holds_together(block)


def test_fewer_gpus_cost_less_and_what_was_paid_for_them_comes_back(market: Market) -> None:
    block = half_paid(market)
    remedy = told(block, fewer(block, 32))
    chosen(market.bank, remedy, REDUCE)
    with after(remedy):
        settle_due_remedies()
    made, total = choice(remedy, REDUCE), block.total
    block.refresh_from_db()
    assert (block.quantity, block.total) == (32, total - made.refund)
    due = Due.objects.get(reservation=block, reason="returned")
    assert due.amount == pytest.approx(-made.refund / 2, abs=Decimal("0.01"))
    holds_together(block)


def test_what_was_paid_comes_back_when_the_buyer_leaves_at_the_long_stop(market: Market) -> None:
    block = half_paid(market, delay={**SHIPPED, "long_stop_days": 3, "choice_hours": 24 * 14})
    remedy = told(block, wait(block, 40), LEAVE)
    chosen(market.bank, remedy, EXIT)
    remedy.refresh_from_db()
    assert remedy.settles_at == max(states.midnight(block.start + timedelta(days=3)), remedy.deadline)
    Remedy.objects.update(
        settles_at=states.midnight(block.start) - timedelta(hours=1)
    )  # before the clock hands it over
    with clock.frozen(states.midnight(block.start) - timedelta(minutes=30)):
        assert settle_due_remedies() == 1
    block.refresh_from_db()
    assert (block.status, block.total) == (states.CANCELLED, Decimal(0))
    assert balance(block) == -sum(receipt.amount for receipt in block.receipts.all()) < 0
    assert Due.objects.filter(reservation=block, reason="long_stop").count() == 1
    assert not Claim.objects.filter(status__in=("held", "committed")).exists()
    assert differences() == []


def test_what_begins_before_the_deadline_takes_effect_at_once(market: Market) -> None:
    contracts(market)
    start = {"from": market.day(2).isoformat(), "to": market.day(2).isoformat()}
    block = accept(market.bank, take(market, market.bank, start=start))
    hall = second_hall(market)
    remedy = told(block, substitute(block, hall))
    chosen(market.bank, remedy, SUBSTITUTE)
    block.refresh_from_db()
    remedy.refresh_from_db()
    assert (block.pool, remedy.settled_at is not None) == (hall, True)
    holds_together(block)


@pytest.mark.parametrize(
    ("hall", "why"),
    [
        ({"jurisdiction": "US"}, "does not allow this jurisdiction"),
        ({"spec": {"delivery": "virtual machine", "spares": "2 %"}}, "worse than agreed in delivery"),
        ({"spec": {"delivery": "bare metal"}}, "worse than agreed in spares"),
    ],
)
def test_what_the_reservation_does_not_allow_is_refused(
    market: Market, block: Reservation, hall: dict[str, Any], why: str
) -> None:
    elsewhere = second_hall(market, **hall)
    with pytest.raises(ProposalRefused) as refused:
        told(block, substitute(block, elsewhere))
    assert why in str(refused.value)
    assert not Remedy.objects.exists()
    assert not Claim.objects.filter(status="held").exists()


def test_another_sellers_accelerator_is_refused(market: Market, block: Reservation) -> None:
    with pytest.raises(ProposalRefused):
        told(block, substitute(block, market.gb200))


def test_what_cannot_be_kept_is_not_offered(market: Market, block: Reservation) -> None:
    hall = second_hall(market, limit=32)
    block_taken(market.h100, Period(block.end, block.end + timedelta(days=2)), 2048)
    remedy = told(block, wait(block, 11), substitute(block, hall))
    assert [(each.kind, each.changes_days, each.claim_id) for each in remedy.choices.all()] == [(WAIT, False, None)]


def test_one_remedy_is_open_for_a_reservation(market: Market, block: Reservation) -> None:
    told(block, wait(block, 11))
    with pytest.raises(NotAnnounced):
        told(block, wait(block, 12))
    assert Remedy.objects.count() == 1


def test_many_are_told_in_one_change(market: Market, block: Reservation) -> None:
    others = [accept(market.rival, take(market, market.rival)) for _ in range(3)]
    hall = second_hall(market, limit=128)
    done = told_all([Announcement(each, (wait(each, 5), substitute(each, hall)), WHY) for each in (block, *others)])
    assert len(done.remedies) == 4
    assert sum(remedy.choices.filter(kind=SUBSTITUTE).count() for remedy in done.remedies) == 2
    assert len(done.full) == 2
    assert differences() == []


def test_who_may_choose(market: Market, block: Reservation) -> None:
    hall = second_hall(market)
    remedy = told(block, wait(block, 11), substitute(block, hall))
    wanted = choice(remedy, SUBSTITUTE).public_id
    bank = market.bank.organisation
    viewer = member(bank, "viewer@first.example", VIEWER)
    unsigned = member(bank, "new@first.example", "buyer")
    unsigned_actor = unsigned.as_actor(bank.pk)
    SigningAuthority.objects.filter(user=unsigned).update(revoked_at=clock.now())

    def attempt(by: Any, organisation_id: int, roles: Any, which: str = wanted) -> None:
        change.run(
            lambda: choose(remedy=remedy.public_id, choice=which, by=by, organisation_id=organisation_id, roles=roles)
        )

    with pytest.raises(NotYourRole):
        attempt(viewer.as_actor(bank.pk), bank.pk, roles_of_member(VIEWER))
    rival = market.rival
    with pytest.raises(RemedyNotFound):
        attempt(rival.buyer.as_actor(rival.organisation.pk), rival.organisation.pk, {states.BUYER})
    with pytest.raises(ChoiceUnknown):
        attempt(market.bank.buyer.as_actor(bank.pk), bank.pk, {states.BUYER}, "rmc_none")
    with pytest.raises(NoAuthority):
        attempt(unsigned_actor, bank.pk, {states.BUYER})
    remedy.refresh_from_db()
    assert remedy.chosen is None


def test_what_was_announced_never_gets_worse(market: Market, block: Reservation) -> None:
    remedy = told(block, wait(block, 11))
    made = choice(remedy, WAIT)
    earlier = remedy.deadline - timedelta(hours=1)
    worse: list[tuple[str, Any]] = [
        ("UPDATE reservations_remedy SET deadline = %s", earlier),
        ("UPDATE reservations_remedy SET happened = %s", "nothing"),
        ("UPDATE reservations_remedychoice SET credit = %s", made.credit - 1),
        ("UPDATE reservations_remedychoice SET is_default = %s", False),
        ("UPDATE reservations_remedychoice SET claim_id = NULL WHERE credit > %s", 0),
        ("DELETE FROM reservations_remedychoice WHERE credit > %s", 0),
    ]
    for statement, value in worse:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [value])
    RemedyChoice.objects.update(credit=made.credit + 1)
    Remedy.objects.update(deadline=remedy.deadline + timedelta(hours=1))


def test_the_holder_who_changes_the_block_meanwhile_keeps_what_it_made(market: Market, block: Reservation) -> None:
    hall = second_hall(market)
    remedy = told(block, wait(block, 11), substitute(block, hall))
    quote = ask(market.bank, block, "resize", quantity=32)
    make(market.bank, quote)
    with pytest.raises(RemedyStale):
        chosen(market.bank, remedy, SUBSTITUTE)
    with after(remedy):
        settle_due_remedies()
    remedy.refresh_from_db()
    block.refresh_from_db()
    assert (block.quantity, "stays as it is" in remedy.note) == (32, True)
    assert not Claim.objects.filter(status="held").exists()
    holds_together(block)


def test_staff_override_with_a_reason_and_it_is_listed(market: Market, block: Reservation) -> None:
    hall = second_hall(market)
    remedy = told(block, wait(block, 11), substitute(block, hall))
    by = staff("sales").as_actor(None)
    later: datetime = remedy.deadline + timedelta(days=2)

    def extend(deadline: datetime, reason: str) -> Remedy:
        return change.run(lambda: extend_deadline(remedy=remedy.public_id, deadline=deadline, reason=reason, by=by))

    with pytest.raises(OverrideReasonMissing):
        extend(later, "no")
    with pytest.raises(DeadlineNotLater):
        extend(remedy.deadline, "their board meets later")
    extend(later, "their board meets later")
    wanted = choice(remedy, SUBSTITUTE)
    assert Claim.objects.get(pk=wanted.hold).expires_at == later
    change.run(
        lambda: choose_for(
            remedy=remedy.public_id, choice=wanted.public_id, reason="asked for by their CFO by phone", by=by
        )
    )
    assert [each.what for each in remedy.overrides.all()] == ["chosen", "extended"]
    remedy.refresh_from_db()
    assert (remedy.chosen, remedy.deadline) == (wanted, later)
    assert line(hall, block).quantity == 64
