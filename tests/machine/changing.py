"""Extending, resizing, moving, ending early, cancelling, assigning: each asked for by a quote first, but the last."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import multiple, rule

from marketplace.capacity import ledger
from marketplace.journal.actor import SYSTEM
from marketplace.parties.budgets import OverBudget
from pricing.quotes.holds import HoldLimit
from pricing.quotes.models import Quote
from reservations.booking import states
from reservations.booking.actions import accept_quote
from reservations.booking.amendments import Assignment, ReservationChange
from reservations.booking.assigning import (
    DuesOpen,
    accept_assignment,
    consent_to_assignment,
    offer_assignment,
    withdraw_assignment,
)
from reservations.booking.change_authority import ApprovalNeeded
from reservations.booking.changed import ChangeStale
from reservations.booking.changes import Locked, quote_change
from reservations.booking.lifecycle import NotInThisState, ReservationNotFound
from reservations.booking.models import Reservation
from reservations.booking.plans import Wish, WrongWish
from tests.machine.base import BUDGET, DAYS, NEEDS_APPROVAL, Base, changes, deals, lots, parties
from tests.machine.model import ACCEPTED, DAY, OPEN, SOURCES, Change, Deal, Gpus, block

LOCKED = ("resize", "move", "cancel")
BUYER = states.roles_of_member(states.BUYER)
kinds = st.sampled_from(["extend", "resize", "move", "end_early", "cancel"])


class Changing(Base):
    @rule(target=changes, name=deals, kind=kinds, day=st.integers(0, DAYS), gpus=lots)
    def ask_for_a_change(self, name: str, kind: str, day: int, gpus: int) -> Any:
        """A quote that holds what it adds, made exactly where the change makes sense, is allowed and fits."""
        deal = self.model.deals.get(name)
        if deal is None or not deal.reservation or (kind == "move" and day + deal.end - deal.start > DAYS):
            return multiple()
        before, after = deal.reservation_state(self.now), self._after(deal, kind, day, gpus)
        party = self._party(deal.who)
        found = self._attempt(
            lambda: quote_change(
                reservation=deal.reservation,
                wish=self._wish(kind, day, gpus),
                roles=BUYER,
                by=self._by(party),
                organisation_id=party.organisation.pk,
            )
        )
        more = {on: number - deal.gpus.get(on, 0) for on, number in (after or {}).items()}
        added = {on: number for on, number in more.items() if number > 0}
        expected = self._refusal(deal, kind, before, after, added)
        assert isinstance(found, expected), (found, expected)
        if not isinstance(found, Quote):
            return multiple()
        assert after is not None
        assert found.expires_at == self.now + timedelta(minutes=20)
        made = Change(found.public_id, deal.who, deal, kind, after, added, found.expires_at, deal.revision)
        self.model.changes[made.quote] = made
        return made.quote

    def _wish(self, kind: str, day: int, gpus: int) -> Wish:
        on = self._day(day)
        more: dict[str, Any] = {"quantity": gpus, "starting": on} if kind == "resize" else {}
        if kind != "cancel" and not more:
            more = {"start": on} if kind == "move" else {"end": on}
        return Wish(kind, **more)

    def _after(self, deal: Deal, kind: str, day: int, gpus: int) -> Gpus | None:
        """GPUs by day as they would be; None where the wish makes no sense."""
        start, end, had = deal.start, deal.end, deal.gpus
        tomorrow = max(start, self._today + 1)
        if kind == "extend":
            after = {**had, **block(end, day, had[end - 1])} if day > end else None
        elif kind == "move":
            after = {on + day - start: n for on, n in had.items()} if day >= self._today else None
        elif kind == "resize":
            after = {**had, **block(day, end, gpus)} if tomorrow <= day < end else None
        elif kind == "end_early":
            sensible = max(start, self._today) < day < end
            after = {on: n for on, n in had.items() if on < day} if sensible else None
        else:
            return {}
        return None if after == had else after

    def _refusal(self, deal: Deal, kind: str, before: str, after: Gpus | None, added: Gpus) -> type:
        """What has to come of it."""
        if before not in SOURCES[kind]:
            return NotInThisState
        if kind in LOCKED and before not in states.RUNNING and self.now >= deal.first + deal.start * DAY - DAY:
            return Locked
        if after is None:
            return WrongWish
        if added and not self.model.may_hold(deal.who, added, self.now):
            return HoldLimit
        return Quote if self.model.fits(deal.firmness, added, self.now) else ledger.InsufficientHeadroom

    @rule(name=deals, kind=kinds, day=st.integers(0, DAYS), gpus=lots)
    def change_at_once(self, name: str, kind: str, day: int, gpus: int) -> None:
        """Both, so that there are more blocks that were changed."""
        asked = self.ask_for_a_change(name, kind, day, gpus)
        if isinstance(asked, str):
            self.make_the_change(asked, True)

    @rule(name=changes, by_approver=st.booleans())
    def make_the_change(self, name: str, by_approver: bool) -> None:
        """All of it, once, for the reservation as it was when it was asked for."""
        if (asked := self.model.changes.get(name)) is None:
            return
        deal, before = asked.deal, asked.quote_state(self.now)
        party = self._party(asked.who)
        by = (party.approver if by_approver else party.buyer).as_actor(party.organisation.pk)
        found = self._attempt(lambda: accept_quote(public_id=name, by=by, organisation_id=party.organisation.pk))
        if before != OPEN:
            self._is_closed(found, before)
        elif deal.who != asked.who:
            assert isinstance(found, ReservationNotFound), found
        elif deal.revision != asked.revision:
            assert isinstance(found, ChangeStale), found
        elif deal.reservation_state(self.now) not in SOURCES[asked.kind]:
            assert isinstance(found, NotInThisState), found
        else:
            self._is_made(asked, found, by_approver)

    def _is_made(self, asked: Change, found: Any, by_approver: bool) -> None:
        deal, row = asked.deal, ReservationChange.objects.get(quote__public_id=asked.quote)
        total = deal.total + row.added - row.returned
        dearer = row.added - row.returned + row.fee
        takes = asked.kind in ("extend", "resize", "move")
        charged = max(total + row.fee, Decimal(0))
        if takes and asked.who == "bank" and dearer > NEEDS_APPROVAL and not by_approver:
            assert isinstance(found, ApprovalNeeded), found
        elif isinstance(found, OverBudget):
            assert asked.who == "rival"
            assert self.model.budget_used("rival", self.now) - deal.charged + charged > BUDGET
        else:
            assert isinstance(found, Reservation), found
            assert found.total == total
            asked.status = ACCEPTED
            deal.total, deal.charged, deal.revision = total, charged, deal.revision + 1
            if asked.kind == "cancel":
                deal.state, deal.deadline = "cancelled", None
            else:
                deal.gpus = asked.after

    @rule(name=deals, receiver=parties, accepts=st.sampled_from([True, True, False]))
    def assign(self, name: str, receiver: str, accepts: bool) -> None:
        """The holder offers, the seller consents, the receiver accepts: then it has the block and owes for it."""
        deal = self.model.deals.get(name)
        if deal is None or not deal.reservation or deal.who == receiver:
            return
        giver, taker = self._party(deal.who), self._party(receiver)
        found = self._attempt(
            lambda: offer_assignment(
                reservation=deal.reservation,
                receiver=taker.organisation.public_id,
                grounds="affiliate",
                note="",
                by=self._by(giver),
                organisation_id=giver.organisation.pk,
                roles=BUYER,
            )
        )
        if deal.reservation_state(self.now) not in SOURCES["assign"]:
            assert isinstance(found, NotInThisState), found
        elif not isinstance(found, DuesOpen):
            assert isinstance(found, Assignment), found
            self._decide_on(found, deal, receiver, accepts)

    def _decide_on(self, offered: Assignment, deal: Deal, receiver: str, accepts: bool) -> None:
        name, taker, giver = offered.public_id, self._party(receiver), self._party(deal.who)
        self._attempt(
            lambda: consent_to_assignment(assignment=name, agrees=True, reason="Known to us for years", by=SYSTEM)
        )
        taken: Any = None
        if accepts:
            whose = taker.organisation.pk
            named: dict[str, Any] = {"cost_centre": self.centre} if receiver == "rival" else {}
            taken = self._attempt(
                lambda: accept_assignment(
                    assignment=name, by=self._by(taker), organisation_id=whose, roles=BUYER, **named
                )
            )
        if isinstance(taken, Assignment):
            deal.who, deal.charged, deal.revision = receiver, deal.total, deal.revision + 1
        else:
            if taken is not None:
                assert isinstance(taken, OverBudget), taken
                assert receiver == "rival"
                assert self.model.budget_used("rival", self.now) + deal.total > BUDGET
            back = self._attempt(
                lambda: withdraw_assignment(
                    assignment=name, by=self._by(giver), organisation_id=giver.organisation.pk, roles=BUYER
                )
            )
            assert isinstance(back, Assignment), back
