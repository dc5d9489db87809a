"""A change that takes capacity is signed, screened and charged as a purchase; one that gives it back is free to all."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.parties import budgets
from marketplace.parties.agreements import SigningAuthority
from marketplace.parties.chains import Step
from marketplace.parties.models import APPROVER, User
from marketplace.parties.signing import NoAuthority
from marketplace.parties.spending import CostCentre
from marketplace.screening.actions import publish_policy
from marketplace.screening.models import ScreeningPolicy
from marketplace.screening.queries import ScreeningRequired
from marketplace.units import clock
from pricing.quotes.models import Quote
from reservations.booking.actions import accept_quote
from reservations.booking.change_authority import ApprovalNeeded
from reservations.booking.changes import quote_change
from reservations.booking.models import Reservation
from reservations.booking.plans import Wish
from reservations.booking.states import CANCEL, EXTEND, roles_of_member
from tests.budgets import unequal
from tests.market import Market
from tests.pricing.test_quotes import take
from tests.reservations.test_approvals import accept, centre, chain, taken

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(market: Market) -> CostCentre:
    return centre(market)


@pytest.fixture
def block(market: Market, made: CostCentre) -> Reservation:
    return accept(market.bank, take(market, market.bank), cost_centre=made.public_id)


def quoted(market: Market, block: Reservation, wish: Wish) -> Quote:
    whose, user = market.bank.organisation.pk, market.bank.buyer
    by = user.as_actor(whose)
    return change.run(
        lambda: quote_change(
            reservation=block.public_id, wish=wish, by=by, organisation_id=whose, roles=roles_of_member("buyer")
        )
    )


def longer(block: Reservation) -> Wish:
    end: date = block.end + timedelta(days=10)
    return Wish(EXTEND, end=end)


def taken_by(user: User, quote: Quote) -> Reservation:
    whose = quote.organisation_id
    by = user.as_actor(whose)
    return change.run(lambda: accept_quote(public_id=quote.public_id, by=by, organisation_id=whose))


def test_an_extension_is_charged_and_a_cancellation_given_back_but_for_its_fee(
    market: Market, made: CostCentre, block: Reservation
) -> None:
    done = taken_by(market.bank.buyer, quoted(market, block, longer(block)))
    assert done.total > block.total
    assert taken(made) == (0, done.total)
    cancelled = quoted(market, block, Wish(CANCEL))
    taken_by(market.bank.buyer, cancelled)
    found = Reservation.objects.get()
    fee = found.changes.latest("pk").fee
    assert taken(made) == (0, max(found.total, Decimal(0)) + fee)
    assert unequal() == []


def test_an_extension_over_budget_changes_nothing(market: Market, made: CostCentre, block: Reservation) -> None:
    for budget in made.budgets.all():
        budgets.set_budget(cost_centre=made, start=budget.start, amount=budget.spent, by=SYSTEM, now=clock.now())
    quote = quoted(market, block, longer(block))
    with pytest.raises(budgets.OverBudget):
        taken_by(market.bank.buyer, quote)
    assert taken(made) == (0, block.total)
    assert Reservation.objects.get().end == block.end


def test_an_extension_needs_authority_and_the_last_step_of_its_chain(
    market: Market, made: CostCentre, block: Reservation
) -> None:
    chain(market, Step(role=APPROVER))
    quote = quoted(market, block, longer(block))
    with pytest.raises(ApprovalNeeded, match="let an approver accept it"):
        taken_by(market.bank.buyer, quote)
    SigningAuthority.objects.filter(user=market.bank.buyer).delete()
    with pytest.raises(NoAuthority):
        taken_by(market.bank.buyer, quote)
    assert taken_by(market.bank.approver, quote).end == block.end + timedelta(days=10)


def test_what_is_no_longer_clear_may_leave_and_not_grow(market: Market, made: CostCentre, block: Reservation) -> None:
    growing = quoted(market, block, longer(block))
    policy = ScreeningPolicy(starts_at=clock.now(), reason="tests", is_on=True)
    publish_policy(policy=policy, table="", by=SYSTEM, now=policy.starts_at)
    with pytest.raises(ScreeningRequired):
        taken_by(market.bank.buyer, growing)
    with pytest.raises(ScreeningRequired):
        quoted(market, block, longer(block))
    assert taken_by(market.bank.buyer, quoted(market, block, Wish(CANCEL))).status == "cancelled"
