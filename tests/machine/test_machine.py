"""Thousands of random actions by several organisations against the model of the rules; what it finds, it shrinks.

A new rule of the market is one method with `@rule` here, and what it changes in the model. In the suite the run is
short and the same each time; HEADROOM_MACHINE is a number of longer, random runs:

    HEADROOM_MACHINE=300 ./headroom test tests/machine
"""

import os
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from marketplace.capacity import ledger
from marketplace.capacity.queries import differences, inventory
from marketplace.journal.actor import SYSTEM
from marketplace.outbox.models import Event
from marketplace.parties import budgets
from marketplace.parties.budgets import OverBudget
from marketplace.parties.chains import Step, set_chain
from marketplace.parties.models import APPROVER
from marketplace.parties.spending import Budget
from marketplace.tasks import release_expired
from marketplace.units import clock
from marketplace.units.money import Money
from marketplace.units.period import Period
from pricing.curve.models import PricePolicy
from pricing.quotes.actions import (
    OfferExpired,
    PartOfBundle,
    PriceChanged,
    QuoteExpired,
    QuoteNotFound,
    release_quote,
    take_quote,
)
from pricing.quotes.holds import HoldLimit
from pricing.quotes.models import Quote
from pricing.quotes.need import Need, Range
from pricing.quotes.offers import OfferInvalid
from pricing.quotes.search import search
from pricing.tasks import expire_lapsed_quotes
from reservations.booking import states
from reservations.booking.actions import accept_quote
from reservations.booking.approving import ApprovalExpired, NotYourTurn, approve, decline, withdraw
from reservations.booking.lifecycle import NotInThisState, ReservationNotFound
from reservations.booking.models import Reservation
from reservations.booking.on_behalf import accept_for_customer
from reservations.booking.payments import record_receipt
from reservations.tasks import settle_due_reservations
from tests.budgets import unequal
from tests.machine.base import (
    BUDGET,
    CENTRE,
    DAYS,
    FIRST,
    HOLD_LIMIT,
    LIMITS,
    NEEDS_APPROVAL,
    PARTIES,
    Base,
    classes,
    deals,
    lots,
    offers,
    parties,
)
from tests.machine.changing import Changing
from tests.machine.model import CLASSES, EXPIRED, HOLD, OPEN, PENDING, RELEASED, Deal, Model, block
from tests.machine.together import Together, terms
from tests.machine.waiting import Waiting
from tests.market import H100_LIMITS, Market, open_market

RUNS = int(os.environ.get("HEADROOM_MACHINE") or 0)
MET = {
    *("Quote", "Reservation", "Bundle", "list", "Negotiation", "Assignment", "WaitlistEntry", "WaitlistOffer"),
    *("QuoteExpired", "QuoteClosed", "NotInThisState"),
}


def prepare(market: Market) -> str:
    """What all runs start from: a small window, a hold limit, an approval chain, a budget: its cost centre."""
    now = clock.now()
    PricePolicy.objects.create(
        version=2,
        starts_at=now,
        published_by="tests",
        hold_limit_gpu_hours=HOLD_LIMIT,
        lapses_to_cooldown=None,
        projection_max_age_hours=9999,
    )
    chain = [Step(role=APPROVER)]
    set_chain(organisation=market.bank.organisation, above=Money(NEEDS_APPROVAL), steps=chain, by=SYSTEM, now=now)
    centre = budgets.open_cost_centre(
        organisation=market.rival.organisation, code=CENTRE, name="Risk", period="year", by=SYSTEM, now=now
    )
    for year in (market.day(FIRST).year, market.day(FIRST + DAYS).year):
        start = now.date().replace(year=year, month=1, day=1)
        budgets.set_budget(cost_centre=centre, start=start, amount=BUDGET, by=SYSTEM, now=now)
    return centre.public_id


class MarketMachine(Changing, Together, Waiting, Base):
    """Every run starts in the same world, in a transaction that is rolled back at its end."""

    market: Market
    centre: str
    met: Counter[str]  # how often an action came to what, in all runs

    def __init__(self) -> None:
        super().__init__()
        self._block = transaction.atomic()
        self._block._from_testcase = True  # type: ignore[attr-defined]  # sweeps open durable transactions
        self._block.__enter__()
        self.now = clock.now()
        self.model = Model(DAYS, LIMITS, H100_LIMITS, HOLD_LIMIT, BUDGET)
        self._set_limits(LIMITS)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._block.__exit__(None, None, None)

    # Buying

    @rule(
        target=offers,
        who=parties,
        firmness=classes,
        start=st.integers(0, DAYS - 1),
        days=st.integers(1, DAYS),
        gpus=lots,
        prepay=st.sampled_from([0, 0, 0, 50]),
    )
    def ask(self, who: str, firmness: str, start: int, days: int, gpus: int, prepay: int) -> Any:
        """Offers are made exactly where the block fits."""
        if self.now >= self._midnight(start):
            return multiple()  # no door takes such a wish: a start is tomorrow or later
        end = min(start + days, DAYS)
        day = self.market.day(FIRST + start)
        need = Need(
            Range(gpus, gpus),
            Range(end - start, end - start),
            day,
            day,
            firmness,
            accelerators=("h100",),
            prepayment=prepay,
        )
        with self._clock():
            found = search(need=need, organisation_id=self._party(who).organisation.pk, now=self.now)
        fits = self.model.fits(firmness, block(start, end, gpus), self.now)
        assert bool(found.offers) == fits, found.refusal
        if not found.offers:
            return multiple()
        return who, firmness, start, end, gpus, found.offers[0]

    @rule(target=deals, asked=offers, thief=st.sampled_from([False] * 7 + [True]))
    def take(self, asked: Any, thief: bool) -> Any:
        """A quote at no more than was offered, or a refusal that holds nothing."""
        who, firmness, start, end, gpus, offer = asked
        if thief:
            return self._steal_offer(who, offer)
        in_time = self.now < offer.terms.valid_until
        days = block(start, end, gpus)
        within = self.model.may_hold(who, days, self.now)
        fits = self.model.fits(firmness, days, self.now)
        party = self._party(who)
        found = self._attempt(lambda: take_quote(offer=offer.id, organisation=party.organisation, by=self._by(party)))
        if isinstance(found, Quote):
            assert (in_time, within, fits) == (True, True, True)
            assert found.total <= offer.terms.total.amount
            assert found.expires_at == self.now + HOLD
            return self._new_deal(found, who)
        expected: tuple[type[Exception], ...] = (PriceChanged,)
        if not in_time:
            expected = (OfferExpired,)
        elif not (within and fits):
            expected = (HoldLimit,) * (not within) + (ledger.InsufficientHeadroom,) * (not fits)
        assert isinstance(found, expected), found
        assert not isinstance(found, PriceChanged) or found.offer.terms.total.amount > offer.terms.total.amount
        return multiple()

    def _steal_offer(self, who: str, offer: Any) -> Any:
        thief = self._party(next(name for name in PARTIES if name != who))
        with pytest.raises(OfferInvalid), self._clock():
            self._run(lambda: take_quote(offer=offer.id, organisation=thief.organisation, by=self._by(thief)))
        return multiple()

    @rule(name=deals, by_staff=st.booleans())
    def accept(self, name: str, by_staff: bool) -> None:
        """An open quote can always be accepted, whatever the limits have become; a budget alone may say no."""
        if (deal := self.model.deals.get(name)) is None:
            return
        before = deal.quote_state(self.now)
        found = self._attempt(lambda: self._accept(deal, by_staff))
        if deal.bundle and before in (OPEN, EXPIRED):
            assert isinstance(found, PartOfBundle | QuoteExpired), found
        elif isinstance(found, Reservation):
            assert before == OPEN
            self._is_bought(deal, found)
        elif isinstance(found, OverBudget):
            assert (before, deal.who) == (OPEN, "rival")
            assert self.model.budget_used("rival", self.now) + deal.price > BUDGET
        else:
            self._is_closed(found, before)

    def _accept(self, deal: Deal, by_staff: bool) -> Reservation:
        party = self._party(deal.buyer)
        named = {"cost_centre": self.centre} if deal.buyer == "rival" else {}
        common = {"public_id": deal.quote, "by": self._by(party), "organisation_id": party.organisation.pk, **named}
        if by_staff and not named:
            return accept_for_customer(**common, reason="Anna Berg by phone, order 4711")
        return accept_quote(**common)

    @rule(
        target=deals,
        who=parties,
        firmness=classes,
        start=st.integers(0, DAYS - 1),
        days=st.integers(1, DAYS),
        gpus=lots,
        prepay=st.sampled_from([0, 0, 50]),
    )
    def buy(self, who: str, firmness: str, start: int, days: int, gpus: int, prepay: int) -> Any:
        """All at once: so that there is more to do something with."""
        asked = self.ask(who, firmness, start, days, gpus, prepay)
        if not isinstance(asked, tuple):
            return asked
        name = self.take(asked, False)
        if isinstance(name, str):
            self.accept(name, False)
        return name

    @rule(
        target=deals,
        who=parties,
        firmness=classes,
        start=st.integers(0, DAYS - 2),
        gpus=lots,
        term=terms,
        other=lots,
        takes=st.booleans(),
    )
    def bargain(self, who: str, firmness: str, start: int, gpus: int, term: str, other: int, takes: bool) -> Any:
        """For a quote of now: so that more is negotiated."""
        asked = self.ask(who, firmness, start, 2, gpus, 0)
        name = self.take(asked, False) if isinstance(asked, tuple) else asked
        if not isinstance(name, str):
            return name
        made = self.negotiate(name, term, other, takes)
        return made if isinstance(made, str) else name

    @rule(name=deals)
    def release(self, name: str) -> None:
        if (deal := self.model.deals.get(name)) is None:
            return
        before, party = deal.quote_state(self.now), self._party(deal.buyer)
        whose = party.organisation.pk
        found = self._attempt(lambda: release_quote(public_id=name, by=self._by(party), organisation_id=whose))
        if deal.bundle and before in (OPEN, EXPIRED):
            assert isinstance(found, PartOfBundle | QuoteExpired), found
        elif isinstance(found, Quote):
            assert before == OPEN
            deal.status = RELEASED
        else:
            self._is_closed(found, before)

    # Approval and payment

    @rule(name=deals, verb=st.sampled_from([approve, approve, decline, withdraw]), by_approver=st.booleans())
    def decide(self, name: str, verb: Any, by_approver: bool) -> None:
        """Somebody else than who asked decides, in time, once; what is not approved is free again."""
        deal = self.model.deals.get(name)
        if deal is None or not deal.reservation:
            return
        before, party = deal.reservation_state(self.now), self._party(deal.who)
        user = party.approver if by_approver else party.buyer
        role = states.APPROVER if by_approver else states.BUYER
        more = {"reason": "Not this quarter, please"} if verb is decline else {}
        found = self._attempt(
            lambda: verb(
                public_id=deal.reservation,
                by=user.as_actor(party.organisation.pk),
                roles=states.roles_of_member(role),
                organisation_id=party.organisation.pk,
                **more,
            )
        )
        if isinstance(found, Reservation):
            assert before == "pending_approval"
            assert by_approver or verb is withdraw
            deal.state, deal.deadline = found.status, found.deadline
            assert (verb is approve) == (found.status in ("scheduled", "pending_payment"))
        elif before == "pending_approval":
            assert isinstance(found, NotYourTurn), found
            assert (verb is withdraw, by_approver) == (False, False)
        elif (deal.state, before) == ("pending_approval", "released"):
            assert isinstance(found, ApprovalExpired | NotInThisState), found
        else:
            assert isinstance(found, NotInThisState), found

    @rule(name=deals, share=st.sampled_from([1, 1, 2]))
    def pay(self, name: str, share: int) -> None:
        """All of what is due makes it the customer's for good; money for what was released is owed back."""
        deal = self.model.deals.get(name)
        if deal is None or not deal.reservation:
            return
        before = deal.reservation_state(self.now)
        due = (deal.price / 2 / share).quantize(Decimal("0.01")) + (Decimal("0.01") if share == 1 else 0)
        with self._clock():
            self._run(
                lambda: record_receipt(
                    reservation=deal.reservation,
                    bank_reference=f"bank {len(self.paid)}",
                    amount=due,
                    currency="USD",
                    received_on=self.now.date(),
                    by=SYSTEM,
                )
            )
        self.paid.append((deal.reservation, due))
        received = sum(amount for reservation, amount in self.paid if reservation == deal.reservation)
        if before == "pending_payment" and received >= (deal.price / 2).quantize(Decimal("0.01")):
            deal.state, deal.deadline = "scheduled", None

    @property
    def paid(self) -> list[tuple[str, Decimal]]:
        return self.__dict__.setdefault("_paid", [])

    # The world

    @rule(minutes=st.sampled_from([1, 5, 10, 20, 20, 60 * 24, 60 * 24, 60 * 24 * 7, 60 * 24 * 55]))
    def wait(self, minutes: int) -> None:
        if self.now + timedelta(minutes=minutes) < self._last_moment:
            self.now += timedelta(minutes=minutes)

    @property
    def _last_moment(self) -> datetime:
        """When the window is over, and what was sold in it has ended."""
        return clock.now() + timedelta(days=FIRST + DAYS + 2)

    @rule(parts=st.sampled_from([0, 2, 4, 6, 8, 8, 10]))
    def supply_changes(self, parts: int) -> None:
        """A slip lowers all limits, be it below what is sold; a phase that comes earlier raises them."""
        firm, standard, standby = (limit * parts // 8 for limit in LIMITS)
        limits = firm, standard, standby
        self._set_limits(limits)
        self.model.limits = limits

    @rule(which=st.sampled_from([expire_lapsed_quotes, release_expired, settle_due_reservations]))
    def sweep(self, which: Any) -> None:
        """Sweeps write down what is true already: nothing that can be seen changes."""
        with self._clock():
            which()

    @rule(name=deals, who=parties)
    def trespass(self, name: str, who: str) -> None:
        """To another organisation it does not exist."""
        deal, party = self.model.deals.get(name), self._party(who)
        if deal is None or who in (deal.who, deal.buyer):
            return
        common = {"by": self._by(party), "organisation_id": party.organisation.pk}
        with self._clock():
            for verb in (accept_quote, release_quote):
                with pytest.raises(QuoteNotFound):
                    self._run(lambda verb=verb: verb(public_id=deal.quote, **common))
            if deal.reservation:
                with pytest.raises(ReservationNotFound):
                    self._run(
                        lambda: approve(public_id=deal.reservation, roles=states.roles_of_member(APPROVER), **common)
                    )

    # What must hold after each action

    @invariant()
    def totals_are_the_sum_of_the_entries(self) -> None:
        assert differences() == []
        assert unequal() == []

    @invariant()
    def the_ledger_has_what_the_model_has(self) -> None:
        period = Period(self.market.day(FIRST), self.market.day(FIRST + DAYS))
        found = inventory(pool_ids=[self.market.h100.pk], period=period, now=self.now)
        for number in range(3):
            expected = [self.model.use(number, day, self.now) for day in range(DAYS)]
            assert found.nested[0, number].tolist() == expected, CLASSES[number]

    @invariant()
    def states_and_money_are_the_models(self) -> None:
        deals = self.model.deals
        for quote in Quote.objects.filter(public_id__in=deals).prefetch_related("reservation"):
            deal = deals[quote.public_id]
            assert (quote.state(self.now), quote.total) == (deal.quote_state(self.now), deal.price)
            assert sum(Decimal(part["amount"]["amount"]) for part in quote.breakdown) == quote.total
        kept = Reservation.objects.filter(quote__public_id__in=deals).select_related("quote")
        assert {each.public_id for each in kept} == {deal.reservation for deal in deals.values() if deal.reservation}
        for each in kept:
            deal = deals[each.quote.public_id]
            assert each.state(self.now) == deal.reservation_state(self.now)
            assert (each.total, each.revision) == (deal.total, deal.revision)
        for change in self.model.changes.values():
            assert Quote.objects.get(public_id=change.quote).state(self.now) == change.quote_state(self.now)

    @invariant()
    def the_budget_is_what_was_bought_with_it(self) -> None:
        for budget in Budget.objects.filter(cost_centre__code=CENTRE):
            assert budget.reserved == 0
            assert budget.spent == (self._charged() if self._is_the_windows(budget) else 0)

    def _charged(self) -> Decimal:
        """Until a sweep has written down that a block lapsed, it stands in the books."""
        lapsed = {deal.reservation: deal.charged for deal in self.model.deals.values() if deal.who == "rival"}
        late = Reservation.objects.filter(public_id__in=lapsed, status__in=PENDING, deadline__lte=self.now)
        still = sum((lapsed[public_id] for public_id in late.values_list("public_id", flat=True)), Decimal(0))
        return self.model.budget_used("rival", self.now) + still

    def _is_the_windows(self, budget: Budget) -> bool:
        """Of its one or two years."""
        return budget.start.year == self.market.day(FIRST).year

    @invariant()
    def everybody_sees_their_own_and_nothing_else(self) -> None:
        for who in PARTIES:
            whose = self._party(who).organisation.pk
            own = {deal.quote for deal in self.model.deals.values() if deal.buyer == who}
            own |= {change.quote for change in self.model.changes.values() if change.who == who}
            assert set(Quote.objects.of(whose).values_list("public_id", flat=True)) == own
            told = Event.objects.visible_to(whose).filter(organisation_id__isnull=False)
            subjects = set(told.filter(subject__startswith="qte_").values_list("subject", flat=True))
            assert subjects <= own


@pytest.mark.django_db
def test_the_market_does_what_the_model_does() -> None:
    with clock.frozen(clock.now()):
        market = open_market()
        machine: Any = type(
            "Machine", (MarketMachine,), {"market": market, "centre": prepare(market), "met": Counter()}
        )
        examples, steps = (RUNS, 60) if RUNS else (18, 40)
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                derandomize=not RUNS,
                suppress_health_check=list(HealthCheck),
                report_multiple_bugs=False,
            ),
        )
    print(machine.met)
    assert set(machine.met) >= MET, "the runs met too little to prove anything"
