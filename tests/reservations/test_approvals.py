"""Approval: asked for by one, given by others in order, in time; capacity and budget wait, and are free again after."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum

from marketplace.capacity.models import CapacityDay, Claim
from marketplace.capacity.queries import differences, inventory
from marketplace.change import change
from marketplace.journal.actor import SYSTEM, Actor
from marketplace.journal.models import Entry
from marketplace.outbox.models import Event
from marketplace.parties import budgets
from marketplace.parties.agreements import SigningAuthority
from marketplace.parties.chains import Step, set_chain
from marketplace.parties.models import ADMIN, APPROVER, BUYER, ApiKey, User
from marketplace.parties.signing import NoAgreement, NoAuthority, end_agreement
from marketplace.parties.spending import Budget, CostCentre
from marketplace.units import clock
from marketplace.units.money import Money
from pricing.quotes.models import Quote
from reservations.booking import states
from reservations.booking.actions import accept_quote
from reservations.booking.approving import (
    ApprovalExpired,
    NotYourTurn,
    OwnRequest,
    approve,
    decline,
    is_turn_of,
    waiting,
    withdraw,
)
from reservations.booking.lifecycle import NotInThisState, ReservationNotFound, TransitionReasonMissing
from reservations.booking.models import Reservation
from reservations.tasks import settle_due_reservations
from tests.budgets import unequal
from tests.market import Market, Party, key, member
from tests.pricing.test_quotes import take

pytestmark = pytest.mark.django_db
DAY = timedelta(hours=24)


@pytest.fixture
def cfo(market: Market) -> User:
    return member(market.bank.organisation, "cfo@first.example", ADMIN)


@pytest.fixture
def asked(market: Market, cfo: User) -> Reservation:
    """A request that an approver has to approve, and then the CFO by name."""
    chain(market, Step(role=APPROVER), Step(user_id=cfo.pk))
    return accept(market.bank, take(market, market.bank))


def chain(market: Market, *steps: Step, above: int = 0) -> None:
    bank, now = market.bank.organisation, clock.now()
    set_chain(organisation=bank, above=Money(Decimal(above)), steps=steps, by=SYSTEM, now=now)


def centre(market: Market, amount: int = 10**9, years: int = 3) -> CostCentre:
    bank, now = market.bank.organisation, clock.now()
    made = budgets.open_cost_centre(organisation=bank, code="4711", name="Risk", period="year", by=SYSTEM, now=now)
    for year in range(now.year, now.year + years):
        start = now.date().replace(year=year, month=1, day=1)
        budgets.set_budget(cost_centre=made, start=start, amount=Decimal(amount), by=SYSTEM, now=now)
    return made


def accept(party: Party, quote: Quote, user: User | None = None, **named: str) -> Reservation:
    whose = party.organisation.pk
    by = (user or party.buyer).as_actor(whose)
    return change.run(lambda: accept_quote(public_id=quote.public_id, by=by, organisation_id=whose, **named))


def roles(user: User) -> frozenset[str]:
    return states.roles_of_member(user.memberships.get().role)


def say_yes(user: User, reservation: Reservation) -> Reservation:
    whose = reservation.organisation_id
    by = user.as_actor(whose)
    return change.run(lambda: approve(public_id=reservation.public_id, by=by, roles=roles(user), organisation_id=whose))


def say_no(user: User, reservation: Reservation, reason: str = "Not this quarter, please") -> Reservation:
    whose = reservation.organisation_id
    by = user.as_actor(whose)
    return change.run(
        lambda: decline(public_id=reservation.public_id, by=by, roles=roles(user), organisation_id=whose, reason=reason)
    )


def standing(reservation: Reservation) -> str:
    return Reservation.objects.get(pk=reservation.pk).state(clock.now())


def day_of(reservation: Reservation) -> CapacityDay:
    return CapacityDay.objects.get(pool=reservation.pool, day=reservation.start)


def taken(made: CostCentre) -> tuple[int | Decimal, int | Decimal]:
    found = Budget.objects.filter(cost_centre=made).aggregate(r=Sum("reserved"), s=Sum("spent"))
    return found["r"], found["s"]


def test_a_request_keeps_its_capacity_until_the_deadline_of_the_policy(market: Market, asked: Reservation) -> None:
    assert standing(asked) == "pending_approval"
    assert asked.deadline == asked.accepted_at + DAY
    claim = Claim.objects.get(pk=asked.claim_id)
    assert (claim.status, claim.expires_at) == ("held", asked.deadline)
    assert (day_of(asked).firm_held, day_of(asked).firm_committed) == (64, 0)
    assert [stage.who for stage in asked.stages.all()] == ["An approver", "Cfo"]


def test_the_last_approval_commits(market: Market, asked: Reservation, cfo: User) -> None:
    say_yes(market.bank.approver, asked)
    assert standing(asked) == "pending_approval"
    done = say_yes(cfo, asked)
    assert done.state(clock.now()) == standing(asked) == "scheduled"
    assert (day_of(asked).firm_held, day_of(asked).firm_committed) == (0, 64)
    assert [stage.decided_by for stage in asked.stages.all()] == [market.bank.approver.email, cfo.email]
    assert differences() == []
    told = Event.objects.visible_to(market.bank.organisation.pk).filter(subject=asked.public_id)
    assert {"approval.approved", "reservation.scheduled"} <= set(told.values_list("name", flat=True))
    assert Entry.objects.filter(subject=asked.public_id, verb="approval.approved").count() == 2


def test_steps_are_taken_in_order(market: Market, asked: Reservation, cfo: User) -> None:
    other = member(market.bank.organisation, "other@first.example", APPROVER)
    with pytest.raises(NotYourTurn, match="waits for an approver"):
        say_yes(market.bank.buyer, asked)
    say_yes(market.bank.approver, asked)
    with pytest.raises(NotYourTurn, match="waits for Cfo"):
        say_yes(other, asked)
    assert asked.stages.filter(decision=None).count() == 1


def test_nobody_takes_two_steps(market: Market) -> None:
    chain(market, Step(role=APPROVER), Step(role=APPROVER))
    asked = accept(market.bank, take(market, market.bank))
    say_yes(market.bank.approver, asked)
    with pytest.raises(NotYourTurn, match="needs somebody else"):
        say_yes(market.bank.approver, asked)
    assert standing(asked) == "pending_approval"


def test_who_asks_does_not_approve(market: Market) -> None:
    chain(market, Step(role=APPROVER))
    asked = accept(market.bank, take(market, market.bank), market.bank.approver)
    with pytest.raises(OwnRequest, match="somebody else has to agree"):
        say_yes(market.bank.approver, asked)
    with pytest.raises(OwnRequest):
        say_no(market.bank.approver, asked)
    assert standing(asked) == "pending_approval"


def test_nor_through_a_key_of_theirs(market: Market) -> None:
    chain(market, Step(role=APPROVER))
    asked = accept(market.bank, take(market, market.bank))
    whose = market.bank.organisation.pk
    key(market.bank.organisation, "commit", "admin")
    mine = ApiKey.objects.latest("pk")
    ApiKey.objects.filter(pk=mine.pk).update(created_by=market.bank.buyer)
    can = states.roles_of_key(mine.scopes)
    with pytest.raises(OwnRequest):
        approve(public_id=asked.public_id, by=mine.as_actor(), roles=can, organisation_id=whose)
    ApiKey.objects.filter(pk=mine.pk).update(created_by=market.bank.approver)
    done = approve(public_id=asked.public_id, by=mine.as_actor(), roles=can, organisation_id=whose)
    assert done.status == "scheduled"


def test_a_key_without_the_scope_admin_is_no_approver(market: Market) -> None:
    chain(market, Step(role=APPROVER))
    asked = accept(market.bank, take(market, market.bank))
    actor, can = Actor("key", key_id=1), states.roles_of_key(["read", "quote", "commit"])
    with pytest.raises(NotYourTurn):
        approve(public_id=asked.public_id, by=actor, roles=can, organisation_id=market.bank.organisation.pk)


def test_at_its_deadline_capacity_and_budget_are_free_though_every_worker_is_down(market: Market) -> None:
    made = centre(market)
    chain(market, Step(role=APPROVER))
    asked = accept(market.bank, take(market, market.bank), cost_centre=made.public_id)
    assert taken(made) == (asked.total, 0)
    assert asked.deadline is not None
    with clock.frozen(asked.deadline):
        assert standing(asked) == "released"
        with pytest.raises(ApprovalExpired, match="free again"):
            say_yes(market.bank.approver, asked)
        room = inventory(pool_ids=[asked.pool_id], period=asked.period, now=clock.now()).room()[0, 0]
        assert int(room.min()) == 2048
        assert settle_due_reservations() == 1
        assert standing(asked) == "released"
    assert taken(made) == (0, 0)
    assert Claim.objects.get(pk=asked.claim_id).status == "released"
    assert differences() == []
    assert unequal() == []


def test_a_second_before_its_deadline_it_is_still_approved(market: Market) -> None:
    chain(market, Step(role=APPROVER))
    asked = accept(market.bank, take(market, market.bank))
    assert asked.deadline is not None
    with clock.frozen(asked.deadline - timedelta(seconds=1)):
        assert say_yes(market.bank.approver, asked).status == "scheduled"


def test_a_declined_request_frees_capacity_and_budget_and_keeps_the_reason(market: Market) -> None:
    made = centre(market)
    chain(market, Step(role=APPROVER), Step(role=ADMIN))
    asked = accept(market.bank, take(market, market.bank), cost_centre=made.public_id)
    with pytest.raises(TransitionReasonMissing):
        say_no(market.bank.approver, asked, "no")
    assert standing(asked) == "pending_approval"
    say_no(market.bank.approver, asked)
    assert standing(asked) == "released"
    assert (day_of(asked).firm_held, day_of(asked).firm_committed, taken(made)) == (0, 0, (0, 0))
    stage = asked.stages.get(position=1)
    assert (stage.decision, stage.note) == ("declined", "Not this quarter, please")
    with pytest.raises(NotInThisState):
        say_yes(market.bank.approver, asked)


def test_a_request_can_be_withdrawn(market: Market, asked: Reservation) -> None:
    whose, by = market.bank.organisation.pk, market.bank.buyer.as_actor(market.bank.organisation.pk)
    withdraw(public_id=asked.public_id, by=by, roles=frozenset({BUYER}), organisation_id=whose)
    assert standing(asked) == "released"
    assert day_of(asked).firm_held == 0


def test_a_strangers_request_is_like_none_at_all(market: Market, asked: Reservation) -> None:
    by = market.rival.approver.as_actor(market.rival.organisation.pk)
    with pytest.raises(ReservationNotFound):
        approve(
            public_id=asked.public_id,
            by=by,
            roles=frozenset({APPROVER}),
            organisation_id=market.rival.organisation.pk,
        )
    assert list(waiting(market.rival.organisation.pk, clock.now())) == []


def test_the_inbox_shows_what_waits_and_for_whom(market: Market, asked: Reservation, cfo: User) -> None:
    (found,) = waiting(market.bank.organisation.pk, clock.now())
    assert found == asked
    people = (market.bank.buyer, market.bank.approver, cfo)
    turn = [is_turn_of(found, user_id=who.pk, key_id=None, roles=roles(who)) for who in people]
    assert turn == [False, True, True]  # an administrator may do what an approver may
    assert asked.deadline is not None
    assert list(waiting(market.bank.organisation.pk, asked.deadline)) == []


def test_below_the_amount_nobody_is_asked(market: Market) -> None:
    chain(market, Step(role=APPROVER), above=10**8)
    assert accept(market.bank, take(market, market.bank)).status == "scheduled"


def test_who_asks_needs_no_authority_and_who_approves_last_does(market: Market) -> None:
    chain(market, Step(role=APPROVER))
    SigningAuthority.objects.all().delete()
    asked = accept(market.bank, take(market, market.bank))
    with pytest.raises(NoAuthority):
        say_yes(market.bank.approver, asked)
    assert standing(asked) == "pending_approval"
    assert asked.stages.filter(decision=None).count() == 1


def test_without_an_agreement_nothing_is_asked_or_accepted(market: Market) -> None:
    quote = take(market, market.bank)
    signed = market.bank.organisation.agreements.get()
    end_agreement(agreement=signed, until=clock.today(), reason="merger", by=SYSTEM, now=clock.now())
    for steps in ((), (Step(role=APPROVER),)):
        if steps:
            chain(market, *steps)
        with pytest.raises(NoAgreement):
            accept(market.bank, quote)
    assert Quote.objects.get().status == "open"
    assert not Reservation.objects.exists()


def test_a_purchase_spends_its_cost_centres_budget_and_names_its_order(market: Market) -> None:
    made = centre(market)
    bought = accept(market.bank, take(market, market.bank), cost_centre=made.public_id, purchase_order="PO 4500012")
    assert (bought.cost_centre, bought.purchase_order) == (made, "PO 4500012")
    assert taken(made) == (0, bought.total)


def test_over_budget_nothing_is_accepted_and_the_hold_stays(market: Market) -> None:
    made, quote = centre(market, amount=100), take(market, market.bank)
    with pytest.raises(budgets.OverBudget, match=r"has 100\.00 USD left"):
        accept(market.bank, quote, cost_centre=made.public_id)
    assert (Quote.objects.get().status, Claim.objects.get(holder=quote.public_id).status) == ("open", "held")
    assert taken(made) == (0, 0)


def test_where_cost_centres_are_kept_a_purchase_names_one(market: Market) -> None:
    centre(market)
    with pytest.raises(budgets.CostCentreNeeded):
        accept(market.bank, take(market, market.bank))
    with pytest.raises(budgets.CostCentreNeeded):
        accept(market.bank, Quote.objects.get(), cost_centre="cst_none")
    assert not Reservation.objects.exists()


def test_approval_turns_what_was_reserved_into_spent(market: Market) -> None:
    made = centre(market)
    chain(market, Step(role=APPROVER))
    asked = accept(market.bank, take(market, market.bank), cost_centre=made.public_id)
    say_yes(market.bank.approver, asked)
    assert taken(made) == (0, asked.total)
    assert unequal() == []


def test_accepting_asks_few_questions(market: Market, django_assert_max_num_queries: object) -> None:
    made, quote = centre(market), take(market, market.bank)
    with django_assert_max_num_queries(24):  # type: ignore[operator]
        accept(market.bank, quote, cost_centre=made.public_id)
