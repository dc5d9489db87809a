"""What every rule of the machine works with: who acts, the clock, and how an action comes out."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine

from marketplace.capacity import ledger
from marketplace.change import change
from marketplace.parties.budgets import CostCentreNeeded, OverBudget
from marketplace.units import clock
from pricing.negotiation.actions import NegotiationClosed, TooManySteps, TradeDearer, TradeGone
from pricing.negotiation.counters import BadCounter
from pricing.quotes.actions import OfferExpired, PartOfBundle, PriceChanged, QuoteClosed, QuoteExpired
from pricing.quotes.bundling import BundlePriceChanged
from pricing.quotes.holds import HoldLimit
from pricing.quotes.models import Quote
from reservations.booking import states
from reservations.booking.approving import ApprovalExpired, NotYourTurn
from reservations.booking.assigning import DuesOpen
from reservations.booking.change_authority import ApprovalNeeded
from reservations.booking.changed import ChangeStale
from reservations.booking.changes import Locked, NoticeTooShort
from reservations.booking.lifecycle import NotInThisState, ReservationNotFound
from reservations.booking.models import Reservation
from reservations.booking.plans import WrongWish
from reservations.booking.waitlist.actions import EntryOver
from tests.machine.model import ACCEPTED, EXPIRED, HOLD, OPEN, Deal, Gpus, Model, block
from tests.market import Market, Party

FIRST, DAYS = 60, 6  # the window of days that is sold here, far ahead of all deadlines
LIMITS = (64, 96, 128)
HOLD_LIMIT = 64 * DAYS * 24  # GPU-hours
BUDGET = Decimal(60_000)
NEEDS_APPROVAL = Decimal(4_000)  # of the bank; above it an approver has to agree
PARTIES = ("bank", "rival", "other_seller")
CENTRE = "4711"  # the rival's only cost centre
REFUSALS = (
    OfferExpired,
    HoldLimit,
    ledger.InsufficientHeadroom,
    PriceChanged,
    BundlePriceChanged,
    PartOfBundle,
    QuoteExpired,
    QuoteClosed,
    OverBudget,
    CostCentreNeeded,
    ApprovalExpired,
    ApprovalNeeded,
    NotInThisState,
    NotYourTurn,
    Locked,
    NoticeTooShort,
    WrongWish,
    ChangeStale,
    ReservationNotFound,
    DuesOpen,
    EntryOver,
    BadCounter,
    NegotiationClosed,
    TooManySteps,
    TradeGone,
    TradeDearer,
)
offers: Bundle[Any] = Bundle("offers")
deals: Bundle[str] = Bundle("deals")
changes: Bundle[str] = Bundle("changes")
bundles: Bundle[str] = Bundle("bundles")
entries: Bundle[str] = Bundle("entries")
parties, classes = st.sampled_from(PARTIES), st.sampled_from(("firm", "standard", "standby"))
lots = st.sampled_from([8, 8, 16, 24, 40, 64])


class Base(RuleBasedStateMachine):
    market: Market
    centre: str
    met: Counter[str]  # how often an action came to what, in all runs
    model: Model
    now: datetime

    @contextmanager
    def _clock(self) -> Iterator[None]:
        with clock.frozen(self.now):
            yield

    def _run(self, action: Any) -> Any:
        return change.run(action)

    def _attempt(self, action: Any) -> Any:
        """What came of it: a value, or the refusal."""
        try:
            with self._clock():
                found = change.run(action)
        except REFUSALS as refused:
            found = refused
        self.met[type(found).__name__] += 1
        return found

    def _party(self, who: str) -> Party:
        found: Party = getattr(self.market, who)
        return found

    def _by(self, party: Party) -> Any:
        return party.buyer.as_actor(party.organisation.pk)

    def _set_limits(self, limits: tuple[int, ...]) -> None:
        rows = np.repeat(np.array(limits, dtype=np.int64)[:, None], DAYS, axis=1)
        ledger.set_limits(pool_id=self.market.h100.pk, first_day=self.market.day(FIRST), limits=rows)

    def _day(self, offset: int) -> date:
        return self.market.day(FIRST + offset)

    def _midnight(self, offset: int) -> datetime:
        return states.midnight(self._day(offset))

    @property
    def _today(self) -> int:
        return (self.now.date() - self._day(0)).days

    # What follows for the model

    def _new_deal(self, quote: Quote, who: str, *, bundle: str = "", held_for: timedelta | None = HOLD) -> str:
        """Remembers a quote that was made just now."""
        assert held_for is None or quote.expires_at == self.now + held_for
        first = (quote.start - self._day(0)).days
        gpus = block(first, first + (quote.end - quote.start).days, quote.quantity)
        deal = Deal(
            quote.public_id, who, quote.firmness, gpus, quote.total, quote.expires_at, self._midnight(0), bundle=bundle
        )
        self.model.deals[deal.quote] = deal
        return deal.quote

    def _is_bought(self, deal: Deal, made: Reservation, agreed: Decimal | None = None) -> None:
        """The reservation opens as it should; `agreed` is the amount that approval looks at."""
        deal.status, deal.reservation = ACCEPTED, made.public_id
        deal.state, deal.deadline = made.status, made.deadline
        deal.total = deal.charged = deal.price
        if deal.who == "bank" and (agreed or deal.price) > NEEDS_APPROVAL:
            expected = "pending_approval"
        else:
            expected = "pending_payment" if made.quote.prepayment_percent else "scheduled"
        assert made.status == expected, (made.status, expected)
        assert (made.deadline is not None) == (expected != "scheduled")
        assert made.deadline is None or made.deadline > self.now
        if deal.who == "rival":
            assert self.model.budget_used("rival", self.now) <= BUDGET

    def _is_closed(self, found: Any, before: str) -> None:
        """Why an open quote was wanted, and none was there."""
        if before == EXPIRED:
            assert isinstance(found, QuoteExpired), found
        else:
            assert isinstance(found, QuoteClosed), found
            assert before == found.status != OPEN


def hours(gpus: Gpus) -> int:
    return sum(gpus.values()) * 24
