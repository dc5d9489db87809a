"""Bundles, which are all or none, and negotiations, in which a quote is replaced by another one."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import multiple, rule

from marketplace.capacity import ledger
from marketplace.parties.budgets import OverBudget
from pricing.negotiation.actions import counter_quote, take
from pricing.negotiation.counters import Wish
from pricing.negotiation.models import Negotiation
from pricing.quotes.actions import PriceChanged
from pricing.quotes.asked_together import parse_together
from pricing.quotes.bundles import Bundle
from pricing.quotes.bundling import BundlePriceChanged, release_bundle, take_bundle
from pricing.quotes.holds import HoldLimit
from pricing.quotes.queries import known_names
from pricing.quotes.together import answer_bundle
from reservations.booking.bundles import accept_bundle
from tests.machine.base import BUDGET, DAYS, Base, bundles, classes, deals, hours, lots, parties
from tests.machine.model import EXPIRED, OPEN, RELEASED, REPLACED, Deal, block

terms = st.sampled_from(["prepayment", "prepayment", "quantity", "cheaper"])


class Together(Base):
    @rule(target=bundles, who=parties, firmness=classes, start=st.integers(0, DAYS - 2), gpus=lots, more=lots)
    def hold_a_bundle(self, who: str, firmness: str, start: int, gpus: int, more: int) -> Any:
        """Two blocks that share a day: both are held, or neither."""
        if self.now >= self._midnight(start):
            return multiple()
        both = [block(start, start + 2, gpus), block(start + 1, min(start + 3, DAYS), more)]
        whole = {day: sum(part.get(day, 0) for part in both) for day in range(start, start + 3)}
        whole = {day: quantity for day, quantity in whole.items() if quantity}
        party, fits = self._party(who), self.model.fits(firmness, whole, self.now)
        asked = parse_together(
            {"parts": [self._part(part, firmness) for part in both]}, today=self.now.date(), known=known_names()
        )
        with self._clock():
            found = answer_bundle(asked=asked, organisation_id=party.organisation.pk, now=self.now)  # type: ignore[arg-type]
        assert bool(found.offers) == fits, found
        if not found.offers:
            return multiple()
        offer = found.offers[0].id
        held = self._attempt(lambda: take_bundle(offer=offer, organisation=party.organisation, by=self._by(party)))
        if not self.model.may_hold(who, block(0, 1, hours(both[0]) // 24 + hours(both[1]) // 24), self.now):
            assert isinstance(held, HoldLimit), held
            return multiple()
        assert isinstance(held, Bundle | BundlePriceChanged), held
        if not isinstance(held, Bundle):
            return multiple()
        for quote in held.quotes:
            self._new_deal(quote, who, bundle=held.public_id)
        return held.public_id

    def _part(self, gpus: dict[int, int], firmness: str) -> dict[str, Any]:
        day = self._day(min(gpus)).isoformat()
        return {
            "accelerators": ["h100"],
            "quantity": max(gpus.values()),
            "duration_days": len(gpus),
            "start": {"from": day, "to": day},
            "firmness": firmness,
        }

    @rule(name=bundles, accepts=st.sampled_from([True, True, False]))
    def end_a_bundle(self, name: str, accepts: bool) -> None:
        """It is accepted as a whole, or released as a whole, once."""
        parts = [deal for deal in self.model.deals.values() if deal.bundle == name]
        if not parts:
            return
        (before,) = {deal.quote_state(self.now) for deal in parts}
        party = self._party(parts[0].buyer)
        verb: Any = accept_bundle if accepts else release_bundle
        named = {"cost_centre": self.centre} if accepts and parts[0].buyer == "rival" else {}
        common = {"public_id": name, "by": self._by(party), "organisation_id": party.organisation.pk, **named}
        found = self._attempt(lambda: verb(**common))
        whole = sum((deal.price for deal in parts), Decimal(0))
        if before != OPEN:
            self._is_closed(found, before)
        elif isinstance(found, OverBudget):
            assert self.model.budget_used("rival", self.now) + whole > BUDGET
        elif accepts:
            assert isinstance(found, list), found
            for made in found:
                self._is_bought(self.model.deals[made.quote.public_id], made, agreed=whole)
        else:
            for deal in parts:
                deal.status = RELEASED

    @rule(target=deals, name=deals, term=terms, gpus=lots, takes=st.booleans())
    def negotiate(self, name: str, term: str, gpus: int, takes: bool) -> Any:
        """Agreed, one quote stands in place of another, and at no moment both or none; else nothing has happened."""
        deal = self.model.deals.get(name)
        if deal is None or deal.bundle or deal.quote_state(self.now) == EXPIRED:
            return multiple()
        party, before = self._party(deal.buyer), deal.quote_state(self.now)
        cheaper = (deal.price * Decimal("0.97")).quantize(Decimal("0.01"))
        wish = {
            "prepayment": Wish(prepayment_percent=50),
            "quantity": Wish(quantity=gpus),
            "cheaper": Wish(total=cheaper),
        }[term]
        whose = party.organisation.pk
        found = self._attempt(
            lambda: counter_quote(public_id=name, wish=wish, by=self._by(party), organisation_id=whose)
        )
        if before != OPEN:
            self._is_closed(found, before)
            return multiple()
        if not isinstance(found, Negotiation):
            self._may_be_refused(found, deal, gpus if term == "quantity" else 0)
            return multiple()
        trades = found.steps.last().trades  # type: ignore[union-attr]
        if found.quote.public_id == name and trades and takes:
            named, trade = found.public_id, trades[0]["id"]
            taken = self._attempt(lambda: take(public_id=named, trade=trade, by=self._by(party), organisation_id=whose))
            found = taken if isinstance(taken, Negotiation) else found
        return self._replaced(deal, found)

    def _may_be_refused(self, found: Any, deal: Deal, gpus: int) -> None:
        """For its hold limit or for room, and only where that is so."""
        if not isinstance(found, ledger.InsufficientHeadroom | HoldLimit):
            assert not isinstance(found, PriceChanged) or gpus, found
            return
        deal.status = REPLACED
        wanted = block(deal.start, deal.end, gpus)
        if isinstance(found, HoldLimit):
            assert not self.model.may_hold(deal.buyer, wanted, self.now)
        else:
            assert not self.model.fits(deal.firmness, wanted, self.now)
        deal.status = OPEN

    def _replaced(self, deal: Deal, found: Negotiation) -> Any:
        quote = found.quote
        if quote.public_id == deal.quote:
            return multiple()
        deal.status = REPLACED
        gpus = block((quote.start - self._day(0)).days, (quote.end - self._day(0)).days, quote.quantity)
        assert self.model.fits(quote.firmness, gpus, self.now) or gpus == deal.gpus
        return self._new_deal(quote, deal.buyer, held_for=None)
