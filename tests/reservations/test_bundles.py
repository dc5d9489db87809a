"""A bundle is accepted whole: every part a reservation, or none."""

import pytest

from marketplace.capacity.models import CapacityDay, Claim
from marketplace.capacity.queries import differences
from marketplace.change import change
from marketplace.journal.actor import Actor
from marketplace.journal.models import Entry
from marketplace.outbox.models import Event
from marketplace.parties.agreements import MasterAgreement, SigningAuthority
from marketplace.parties.chains import Step
from marketplace.parties.models import ADMIN, APPROVER
from marketplace.parties.signing import NoAuthority
from marketplace.units import clock
from pricing.quotes.actions import PartOfBundle, QuoteClosed, QuoteExpired, QuoteNotFound
from pricing.quotes.bundles import Bundle
from reservations.booking import actions
from reservations.booking.actions import Acceptance, accept_quote
from reservations.booking.bundles import accept_bundle
from reservations.booking.models import Reservation
from reservations.booking.on_behalf import ReasonMissing, accept_bundle_for_customer
from tests.market import Market, Party, member
from tests.pricing.test_bundles import offer, ramp, release, take, two_blocks
from tests.reservations.test_approvals import chain, say_no, say_yes, standing

pytestmark = pytest.mark.django_db


@pytest.fixture
def bundle(market: Market) -> Bundle:
    return take(market.bank, offer(market, market.bank, two_blocks(market)))


def accept(party: Party, bundle: Bundle) -> list[Reservation]:
    by = party.buyer.as_actor(party.organisation.pk)
    return change.run(lambda: accept_bundle(public_id=bundle.public_id, by=by, organisation_id=party.organisation.pk))


def nothing_is_reserved() -> bool:
    committed = CapacityDay.objects.filter(firm_committed__gt=0).exists()
    return not committed and not Reservation.objects.exists()


def test_every_part_becomes_a_reservation_at_its_price(market: Market, bundle: Bundle) -> None:
    made = accept(market.bank, bundle)
    assert [each.quote for each in made] == bundle.quotes
    assert sum(each.total for each in made) == bundle.total
    assert {claim.status for claim in Claim.objects.all()} == {"committed"}
    assert differences() == []


def test_it_is_told_once_as_a_bundle_and_once_a_part(market: Market, bundle: Bundle) -> None:
    accept(market.bank, bundle)
    own = Event.objects.visible_to(market.bank.organisation.pk)
    assert len(own.get(name="bundle.accepted").data["reservations"]) == 3
    assert own.filter(name="quote.accepted").count() == 3
    assert Entry.objects.filter(subject=bundle.public_id, verb="bundle.accepted").count() == 1


def test_a_part_alone_is_not_accepted(market: Market, bundle: Bundle) -> None:
    by = market.bank.buyer.as_actor(market.bank.organisation.pk)
    part = bundle.quotes[0].public_id
    with pytest.raises(PartOfBundle, match=bundle.public_id):
        change.run(lambda: accept_quote(public_id=part, by=by, organisation_id=market.bank.organisation.pk))
    assert nothing_is_reserved()


def test_a_bundle_is_accepted_once(market: Market, bundle: Bundle) -> None:
    accept(market.bank, bundle)
    with pytest.raises(QuoteClosed, match="accepted"):
        accept(market.bank, bundle)
    with pytest.raises(QuoteClosed, match="accepted"):
        release(market.bank, bundle)
    assert Reservation.objects.count() == 3


def test_an_expired_or_released_bundle_is_never_accepted(market: Market, bundle: Bundle) -> None:
    with clock.frozen(bundle.expires_at), pytest.raises(QuoteExpired):
        accept(market.bank, bundle)
    release(market.bank, bundle)
    with pytest.raises(QuoteClosed, match="released"):
        accept(market.bank, bundle)
    assert nothing_is_reserved()


def test_a_stranger_hears_that_there_is_no_such_bundle(market: Market, bundle: Bundle) -> None:
    with pytest.raises(QuoteNotFound):
        accept(market.rival, bundle)
    assert nothing_is_reserved()


class NotThisOne(Exception):
    pass


def test_a_check_that_refuses_one_part_refuses_all_and_hears_the_whole_amount(
    market: Market, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []

    def check(accepting: Acceptance) -> None:
        heard.append(accepting.amount)
        if accepting.quote.pool == market.gb200:
            raise NotThisOne

    monkeypatch.setattr(actions, "CHECKS", (check,))
    with pytest.raises(NotThisOne):
        accept(market.bank, bundle)
    assert set(heard) == {bundle.money}
    assert nothing_is_reserved()
    assert Bundle.objects.get().state(clock.now()) == "open"


def test_staff_accept_a_bundle_for_a_customer_with_a_reason(market: Market, bundle: Bundle) -> None:
    whose = market.bank.organisation.pk
    by = Actor("sales@headroom.test", 1, whose, is_staff=True)
    with pytest.raises(ReasonMissing):
        accept_bundle_for_customer(public_id=bundle.public_id, by=by, organisation_id=whose, reason="yes")
    assert nothing_is_reserved()
    made = accept_bundle_for_customer(
        public_id=bundle.public_id, by=by, organisation_id=whose, reason="Ms Weber, by phone"
    )
    assert len(made) == 3
    assert Entry.objects.get(verb="bundle.accepted_for_customer").reason == "Ms Weber, by phone"


def test_a_ramp_is_reserved_layer_by_layer(market: Market) -> None:
    made = accept(market.bank, take(market.bank, offer(market, market.bank, ramp(market, 64, 128))))
    assert [(each.quantity, each.period.days) for each in made] == [(64, 60), (64, 30)]


def test_a_bundle_waits_for_one_approval_of_the_whole_amount(market: Market, bundle: Bundle) -> None:
    """Above the total of any part, so that nobody would be asked for a part alone."""
    cfo = member(market.bank.organisation, "cfo@first.example", ADMIN)
    most = int(max(quote.total for quote in bundle.quotes))
    chain(market, Step(user_id=cfo.pk), above=most + 1)
    made = accept(market.bank, bundle)
    assert {each.status for each in made} == {"pending_approval"}
    assert len({each.deadline for each in made}) == 1
    say_yes(cfo, made[1])
    assert [standing(each) for each in made] == ["scheduled"] * 3
    assert {claim.status for claim in Claim.objects.all()} == {"committed"}
    assert differences() == []


def test_who_approves_a_bundle_needs_authority_for_all_of_it(market: Market, bundle: Bundle) -> None:
    cfo = member(market.bank.organisation, "cfo@first.example", ADMIN)
    chain(market, Step(user_id=cfo.pk))
    made = accept(market.bank, bundle)
    most = max(quote.total for quote in bundle.quotes)
    SigningAuthority.objects.filter(user=cfo).delete()
    agreement = MasterAgreement.objects.filter(organisation=market.bank.organisation)[0]
    SigningAuthority.objects.create(
        agreement=agreement, user=cfo, amount=most + 1, currency="USD", granted_at=clock.now(), granted_by="tests"
    )
    with pytest.raises(NoAuthority):
        say_yes(cfo, made[0])
    assert [standing(each) for each in made] == ["pending_approval"] * 3


def test_a_bundle_that_is_declined_is_declined_whole(market: Market, bundle: Bundle) -> None:
    chain(market, Step(role=APPROVER))
    made = accept(market.bank, bundle)
    say_no(market.bank.approver, made[2])
    assert len({standing(each) for each in made}) == 1
    assert {claim.status for claim in Claim.objects.all()} == {"released"}
    assert differences() == []
