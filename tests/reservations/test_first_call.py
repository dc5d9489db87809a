"""The holder is called before its block ends, once; where the contract says so, the days after are kept meanwhile."""

from datetime import timedelta

import pytest

from marketplace.capacity.models import Claim
from marketplace.outbox.models import Event
from marketplace.units import clock
from marketplace.units.period import Period
from pricing.curve.models import PricePolicy
from pricing.quotes.holds import lock_held
from pricing.quotes.models import Quote
from reservations.booking import states
from reservations.booking.models import Reservation
from reservations.tasks import call_due_holders
from tests.market import Market, block_taken
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept
from tests.reservations.test_changes import ask, make
from tests.reservations.test_payments import contract

pytestmark = pytest.mark.django_db


def block(market: Market) -> Reservation:
    return accept(market.bank, take(market, market.bank))


def called(market: Market) -> int:
    name = "reservation.extension_opened"
    return Event.objects.visible_to(market.bank.organisation.pk).filter(name=name).count()


def test_the_holder_is_told_once_and_not_before_its_time(market: Market) -> None:
    contract(first_call_days=30)
    reservation = block(market)
    assert reservation.call_at == states.midnight(reservation.start)
    assert (call_due_holders(), called(market)) == (0, 0)
    with clock.frozen(reservation.call_at):
        assert [call_due_holders(), call_due_holders()] == [1, 0]
    assert called(market) == 1
    assert Quote.objects.count() == 1


def test_the_days_after_are_kept_for_the_hours_of_the_contract(market: Market) -> None:
    contract(first_call_days=40, first_call_hours=48)
    reservation = block(market)
    Reservation.objects.update(call_at=clock.now())
    call_due_holders()
    kept = Quote.objects.get(kind="extend")
    assert kept.expires_at - kept.created_at == timedelta(hours=48)
    assert Claim.objects.get(holder=kept.public_id).status == "held"
    longer = make(market.bank, kept)
    assert (longer.end, longer.call_at) == (reservation.end + timedelta(days=40), states.midnight(reservation.end))


def test_a_call_that_nobody_answers_is_no_lapse(market: Market) -> None:
    contract(first_call_days=40, first_call_hours=24)
    block(market)
    Reservation.objects.update(call_at=clock.now())
    call_due_holders()
    kept = Quote.objects.get(kind="extend")
    held = lock_held(organisation_id=market.bank.organisation.pk, policy=PricePolicy.objects.get(), now=kept.expires_at)
    assert (held.plain, held.prolonged, held.lapses) == (0, 0, ())


def test_where_somebody_has_the_days_the_holder_is_told_all_the_same(market: Market) -> None:
    contract(first_call_days=40, first_call_hours=48)
    reservation = block(market)
    block_taken(market.h100, Period(reservation.end, reservation.end + timedelta(days=1)), 2048)
    Reservation.objects.update(call_at=clock.now())
    assert (call_due_holders(), called(market)) == (1, 1)
    assert not Quote.objects.filter(kind="extend").exists()


def test_a_change_counts_as_held_by_what_it_adds_alone(market: Market) -> None:
    reservation = block(market)
    quote = ask(market.bank, reservation, "extend", end=reservation.end + timedelta(days=2))
    ask(market.bank, reservation, "resize", quantity=32)
    assert quote.held_gpu_hours == 64 * 2 * 24
    held = lock_held(organisation_id=market.bank.organisation.pk, policy=PricePolicy.objects.get(), now=clock.now())
    assert held.plain == 64 * 2 * 24
