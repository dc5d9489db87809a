"""Unpaid capacity goes back on sale by the clock; what was paid is never lost."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from marketplace.capacity.models import CapacityDay, Claim
from marketplace.capacity.queries import differences
from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.journal.models import Entry
from marketplace.outbox.models import Event
from marketplace.units import clock
from pricing.quotes.contracts import ContractPolicy, ContractRefused, contract_of, publish_contract
from pricing.quotes.exits import SHIPPED, faults
from reservations.booking import states
from reservations.booking.actions import accept_quote
from reservations.booking.dues import balance
from reservations.booking.lifecycle import ReservationNotFound, settle
from reservations.booking.models import Reservation
from reservations.booking.money import Due, Receipt
from reservations.booking.payments import AmountNotPositive, BankReferenceTaken, WrongCurrency, record_receipt
from tests.market import Market
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept

pytestmark = pytest.mark.django_db


def contract(**said: Any) -> ContractPolicy:
    now = clock.now()
    return publish_contract(policy=ContractPolicy(starts_at=now, reason="tests", **said), by=SYSTEM, now=now)


def unpaid(market: Market, **changed: Any) -> Reservation:
    contract(deposit_percent=50, payment_days=2)
    return accept(market.bank, take(market, market.bank, **changed))


def came(block: Reservation, amount: Any, reference: str = "BANK-1", **changed: Any) -> Receipt:
    said: dict[str, Any] = {"currency": "USD", "received_on": clock.today(), **changed}
    return change.run(
        lambda: record_receipt(
            reservation=block.public_id, bank_reference=reference, amount=Decimal(amount), by=SYSTEM, **said
        )
    )


def test_what_is_due_up_front_holds_until_its_deadline(market: Market) -> None:
    block = unpaid(market)
    assert (block.status, block.deadline) == (states.PENDING_PAYMENT, block.accepted_at + timedelta(days=2))
    claim, due = Claim.objects.get(pk=block.claim_id), Due.objects.get()
    assert (claim.status, claim.expires_at) == ("held", block.deadline)
    assert (due.reason, due.due_at) == ("up_front", block.deadline)
    assert Event.objects.visible_to(market.bank.organisation.pk).filter(name="due.created").count() == 1


def test_the_deadline_is_never_after_the_start_but_leaves_time_to_pay(market: Market) -> None:
    contract(deposit_percent=10, payment_days=200)
    block = accept(market.bank, take(market, market.bank))
    assert block.deadline == states.midnight(block.start)
    tomorrow = market.day(1)
    with clock.frozen(max(states.midnight(tomorrow) - timedelta(hours=1), clock.now())):
        start = {"from": tomorrow.isoformat(), "to": tomorrow.isoformat()}
        at_once = accept(market.bank, take(market, market.bank, start=start))
    assert at_once.deadline == at_once.accepted_at + timedelta(hours=4)
    assert at_once.state(states.midnight(tomorrow)) == states.PENDING_PAYMENT


def test_paid_in_full_it_is_scheduled_and_committed(market: Market) -> None:
    block = unpaid(market)
    owed = balance(block)
    came(block, owed - 100)
    block.refresh_from_db()
    assert (block.status, balance(block)) == (states.PENDING_PAYMENT, Decimal(100))
    came(block, 130, "BANK-2")
    block.refresh_from_db()
    assert (block.status, block.deadline, balance(block)) == (states.SCHEDULED, None, Decimal(-30))
    assert Claim.objects.get(pk=block.claim_id).status == "committed"
    assert block.transitions.get().action == states.PAY
    assert Entry.objects.filter(verb="receipt.recorded", subject=block.public_id).count() == 2
    assert differences() == []


def test_a_transfer_is_recorded_once(market: Market) -> None:
    block = unpaid(market)
    first = came(block, 100)
    assert came(block, 100) == first
    others: tuple[dict[str, Any], ...] = ({"amount": 200}, {"received_on": clock.today() - timedelta(days=1)})
    for other in others:
        with pytest.raises(BankReferenceTaken, match="recorded once"):
            came(block, **{"amount": 100, **other})
    assert Receipt.objects.count() == 1
    assert balance(block) == Due.objects.get().amount - 100


def test_what_is_no_receipt_is_refused(market: Market) -> None:
    block = unpaid(market)
    with pytest.raises(AmountNotPositive):
        came(block, 0)
    with pytest.raises(WrongCurrency, match="in USD"):
        came(block, 5, currency="EUR")
    with pytest.raises(ReservationNotFound):
        record_receipt(
            reservation="rsv_none",
            bank_reference="B",
            amount=Decimal(1),
            currency="USD",
            received_on=clock.today(),
            by=SYSTEM,
        )
    assert not Receipt.objects.exists()


def test_unpaid_it_is_free_by_the_clock_with_no_worker_anywhere(market: Market) -> None:
    block = unpaid(market, quantity=2048)
    assert block.deadline is not None
    came(block, 1000)
    with clock.frozen(block.deadline):
        others = accept(market.rival, take(market, market.rival, quantity=2048))
        assert others.start == block.start
        settle(reservation_id=block.pk)
        block.refresh_from_db()
        assert (block.status, balance(block)) == (states.RELEASED, Decimal(-1000))
        late = came(block, 500, "BANK-2")
    assert (late.applied, balance(block)) == (False, Decimal(-1500))
    back = Due.objects.get(reason="late_payment")
    assert (back.amount, back.organisation) == (Decimal(-500), market.bank.organisation)
    assert not CapacityDay.objects.filter(pool=block.pool, firm_held__gt=2048).exists()
    assert differences() == []


def test_money_that_comes_at_the_deadline_is_too_late(market: Market) -> None:
    block = unpaid(market)
    assert block.deadline is not None
    owed = balance(block)
    with clock.frozen(block.deadline):
        assert came(block, owed).applied is False
    block.refresh_from_db()
    assert block.status == states.RELEASED


def test_a_prepayment_that_the_buyer_chose_is_due_too(market: Market) -> None:
    quote = take(market, market.bank, prepayment_percent=30)
    by = market.bank.buyer.as_actor(market.bank.organisation.pk)
    block = change.run(
        lambda: accept_quote(public_id=quote.public_id, by=by, organisation_id=market.bank.organisation.pk)
    )
    assert block.status == states.PENDING_PAYMENT
    assert balance(block) == (block.total * 30 / 100).quantize(Decimal("0.01"), rounding="ROUND_HALF_EVEN")


def test_a_quote_keeps_the_contract_that_it_named(market: Market) -> None:
    first = contract(deposit_percent=0, payment_days=9)
    quote = take(market, market.bank)
    contract(deposit_percent=100)
    block = accept(market.bank, quote)
    assert (quote.contract, block.status) == (first, states.SCHEDULED)
    assert contract_of(quote.contract_id).payment_days == 9


def test_a_contract_that_makes_no_sense_is_not_published(market: Market) -> None:
    now = clock.now()
    wrong = ContractPolicy(starts_at=now - timedelta(hours=1), deposit_percent=101, change_minutes=0, exits={})
    with pytest.raises(ContractRefused) as refused:
        publish_contract(policy=wrong, by=SYSTEM, now=now)
    assert set(refused.value.faults) == {"starts_at", "deposit_percent", "change_minutes", "exits"}
    assert not ContractPolicy.objects.exists()


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"fee": [[0, 100], [30, 200]]}, "never rises"),
        ({"fee": [[30, 100], [30, 100]]}, "never rises"),
        ({"fee": [[0, 10001]]}, "up to 10000"),
        ({"fee": "none"}, "list of"),
        ({"notice_days": -1}, "from 0 to 366"),
        ({"refund": True}, "whole percentage"),
    ],
)
def test_exits_are_checked_one_by_one(terms: dict[str, Any], said: str) -> None:
    wrong = {**SHIPPED, "breach": {**SHIPPED["breach"], **terms}}
    assert [said in each for each in faults(wrong)] == [True]
    assert list(faults(SHIPPED)) == []
