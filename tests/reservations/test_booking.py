"""A quote is kept: accepted at its price, by its owner, once, and never after its expiry."""

import pytest

from marketplace.capacity.models import CapacityDay, Claim
from marketplace.capacity.queries import differences
from marketplace.change import change
from marketplace.journal.models import Entry
from marketplace.outbox.models import Event
from marketplace.units import clock
from pricing.quotes.actions import QuoteClosed, QuoteExpired, QuoteNotFound, release_quote
from pricing.quotes.models import Quote
from reservations.booking.actions import accept_quote
from reservations.booking.models import Reservation
from tests.market import Market, Party
from tests.pricing.test_quotes import take

pytestmark = pytest.mark.django_db


def accept(party: Party, quote: Quote) -> Reservation:
    by = party.buyer.as_actor(party.organisation.pk)
    return change.run(lambda: accept_quote(public_id=quote.public_id, by=by, organisation_id=party.organisation.pk))


def test_an_accepted_quote_is_a_reservation_at_its_price(market: Market) -> None:
    quote = take(market, market.bank)
    reservation = accept(market.bank, quote)
    assert (reservation.total, reservation.quantity, reservation.start) == (quote.total, quote.quantity, quote.start)
    assert reservation.accepted_by == market.bank.buyer.email
    assert reservation.accepted_by_user_id == market.bank.buyer.pk
    assert reservation.terms_digest == quote.terms_digest


def test_the_hold_becomes_a_commitment_and_no_sum_changes(market: Market) -> None:
    quote = take(market, market.bank)
    accept(market.bank, quote)
    day = CapacityDay.objects.get(pool=market.h100, day=quote.start)
    assert (day.firm_held, day.firm_committed) == (0, 64)
    assert Claim.objects.get(holder=quote.public_id).status == "committed"
    assert differences() == []


def test_it_is_told_to_its_owner_and_journalled(market: Market) -> None:
    quote = take(market, market.bank)
    reservation = accept(market.bank, quote)
    event = Event.objects.visible_to(market.bank.organisation.pk).get(name="quote.accepted")
    assert event.data["reservation"] == reservation.public_id
    assert not Event.objects.visible_to(market.rival.organisation.pk).exists()
    assert Entry.objects.filter(subject=quote.public_id, verb="quote.accepted").count() == 1


def test_a_quote_is_accepted_once(market: Market) -> None:
    quote = take(market, market.bank)
    accept(market.bank, quote)
    with pytest.raises(QuoteClosed, match="accepted"):
        accept(market.bank, quote)
    assert Reservation.objects.count() == 1


def test_a_stranger_hears_that_there_is_no_such_quote(market: Market) -> None:
    quote = take(market, market.bank)
    with pytest.raises(QuoteNotFound):
        accept(market.rival, quote)
    assert Reservation.objects.count() == 0


def test_an_expired_quote_is_never_accepted(market: Market) -> None:
    quote = take(market, market.bank)
    with clock.frozen(quote.expires_at), pytest.raises(QuoteExpired):
        accept(market.bank, quote)
    assert Reservation.objects.count() == 0


def test_a_quote_that_was_let_go_is_never_accepted(market: Market) -> None:
    quote = take(market, market.bank)
    by = market.bank.buyer.as_actor(market.bank.organisation.pk)
    release_quote(public_id=quote.public_id, by=by, organisation_id=market.bank.organisation.pk)
    with pytest.raises(QuoteClosed, match="released"):
        accept(market.bank, quote)
    assert Reservation.objects.count() == 0


def test_an_unexpired_quote_can_be_accepted_though_the_limit_fell_below_it(market: Market) -> None:
    quote = take(market, market.bank)
    CapacityDay.objects.filter(pool=market.h100).update(limit_firm=0)
    assert accept(market.bank, quote).quantity == 64
