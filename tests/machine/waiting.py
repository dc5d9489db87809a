"""The waitlist: who waits is served in order, never without headroom, and nobody waits for what is there."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import multiple, rule

from pricing.quotes.need import Need, Range
from reservations.booking.waitlist.actions import EntryOver, join, withdraw
from reservations.booking.waitlist.models import WaitlistEntry, WaitlistOffer
from reservations.booking.waitlist.serving import MOST_UNANSWERED, OFFER_HOURS, REST
from reservations.tasks import serve_due_waitlist
from tests.machine.base import DAYS, Base, classes, deals, entries, lots, parties
from tests.machine.model import ACCEPTED, OPEN, RELEASED, Entry, block

CEILINGS = {True: Decimal("500"), False: Decimal("0.0001")}


class Waiting(Base):
    @rule(
        target=entries,
        who=parties,
        firmness=classes,
        start=st.integers(0, DAYS - 1),
        days=st.integers(1, DAYS),
        gpus=lots,
        affordable=st.sampled_from([True, True, True, False]),
    )
    def join(self, who: str, firmness: str, start: int, days: int, gpus: int, affordable: bool) -> Any:
        end, day = min(start + days, DAYS), self._day(start)
        if len(self.model.line) >= 40 or self.now >= self._midnight(start):
            return multiple()
        need = Need(Range(gpus, gpus), Range(end - start, end - start), day, day, firmness, accelerators=("h100",))
        party = self._party(who)
        common = {"by": self._by(party), "organisation_id": party.organisation.pk}
        made = self._attempt(lambda: join(need=need, max_unit_price=CEILINGS[affordable], **common))
        self.model.line.append(Entry(made.public_id, who, firmness, block(start, end, gpus), affordable))
        return made.public_id

    @rule(name=entries)
    def leave(self, name: str) -> None:
        """With the offer that it may have, whose capacity is free again."""
        entry = next((each for each in self.model.line if each.public_id == name), None)
        if entry is None:
            return
        party = self._party(entry.who)
        stands = self._stands(entry)
        found = self._attempt(
            lambda: withdraw(public_id=name, by=self._by(party), organisation_id=party.organisation.pk)
        )
        assert isinstance(found, WaitlistEntry if stands else EntryOver), found
        if stands:
            entry.ended = True
            if entry.offers and entry.offers[-1].quote_state(self.now) == OPEN:
                entry.offers[-1].status = RELEASED

    def _stands(self, entry: Entry) -> bool:
        if entry.ended:
            return False
        state = entry.offers[-1].quote_state(self.now) if entry.offers else ""
        return state == OPEN or (state != ACCEPTED and self.now < self._midnight(min(entry.gpus)))

    @rule(target=deals)
    def serve(self) -> Any:
        """One sweep: each offer goes to the first in line whom it fits; then nobody is left whom one would fit."""
        before = set(WaitlistOffer.objects.values_list("pk", flat=True))
        with self._clock():
            serve_due_waitlist()
        self._settle()
        made = []
        for offer in WaitlistOffer.objects.exclude(pk__in=before).order_by("pk").select_related("entry", "quote"):
            entry = next(each for each in self.model.line if each.public_id == offer.entry.public_id)
            assert self._next() is entry, "it was another's turn"
            assert offer.quote is not None
            made.append(self._new_deal(offer.quote, entry.who, held_for=timedelta(hours=OFFER_HOURS)))
            entry.offers.append(self.model.deals[made[-1]])
            entry.settled = False
        self.met["WaitlistOffer"] += len(made)
        assert self._next() is None, "somebody waits for what is there"
        return multiple(*made)

    def _settle(self) -> None:
        """What became of offers; an entry rests after one that it did not take, and ends after some of them."""
        for entry in self.model.line:
            if entry.ended:
                continue
            if entry.offers and entry.offers[-1].quote_state(self.now) != OPEN and not entry.settled:
                entry.settled = True
                entry.rests_until = self.now + REST
                taken = entry.offers[-1].quote_state(self.now) == ACCEPTED
                entry.ended = taken or len(entry.offers) >= MOST_UNANSWERED
            if self.now >= self._midnight(min(entry.gpus)) and not (entry.offers and not entry.settled):
                entry.ended = True

    def _next(self) -> Entry | None:
        """Who is to have the next offer: who joined first of those that wait and that something is there for."""
        able = (entry for entry in self.model.line if entry.waits(self.now) and entry.affordable)
        return next(
            (
                entry
                for entry in able
                if self.model.fits(entry.firmness, entry.gpus, self.now)
                and self.model.may_hold(entry.who, entry.gpus, self.now)
            ),
            None,
        )
