"""Whatever arrives, is freed, is left and lapses: the queue keeps its order, or says why it did not."""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from marketplace.capacity.models import CapacityDay
from marketplace.capacity.queries import differences
from marketplace.units import clock
from pricing.tasks import expire_lapsed_quotes
from reservations.booking.waitlist.models import WaitlistEntry, WaitlistOffer
from reservations.booking.waitlist.serving import OFFER_HOURS
from reservations.tasks import serve_due_waitlist
from tests.holding import rules
from tests.market import Market, open_market
from tests.reservations.test_waitlist import accept, free, leave, quote_of, sold_out, standing, wish

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.integers(1, 30), st.sampled_from(["0.01", "50"])),
        st.tuples(st.just("free"), st.integers(1, 20), st.none()),
        st.tuples(st.just("accept"), st.integers(0, 9), st.none()),
        st.tuples(st.just("expire"), st.none(), st.none()),
        st.tuples(st.just("leave"), st.integers(0, 9), st.none()),
        st.tuples(st.just("twice"), st.none(), st.none()),
    ),
    min_size=4,
    max_size=14,
)


class Queue(TestCase):
    """Random arrivals, releases, acceptances and expiries: no offer exceeds headroom, and the order is kept."""

    @settings(max_examples=12, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def test_the_order_is_kept_unless_a_reason_is_on_record(self, steps: list[tuple[str, Any, Any]]) -> None:
        market = open_market()
        rules(market, lapses_to_cooldown=0)
        sold_out(market)
        entries: list[WaitlistEntry] = []
        now = clock.now()
        for number, (what, how, price) in enumerate(steps):
            now += timedelta(minutes=1)
            with clock.frozen(now):
                if what == "join":
                    party = (market.bank, market.rival)[number % 2]
                    entries.append(wish(market, party, quantity=8 * how, ceiling=price))
                elif what == "free":
                    free(market, 8 * how)
                elif what == "expire":
                    now += timedelta(hours=OFFER_HOURS)
                elif entries and what in ("accept", "leave"):
                    self.act(market, entries[how % len(entries)], what)
            with clock.frozen(now):
                expire_lapsed_quotes()
                before = set(WaitlistOffer.objects.values_list("pk", flat=True))
                for _ in range(2 if what == "twice" else 1):
                    serve_due_waitlist()
                self.check(WaitlistOffer.objects.exclude(pk__in=before), now)

    def act(self, market: Market, entry: WaitlistEntry, what: str) -> None:
        party = market.bank if entry.organisation_id == market.bank.organisation.pk else market.rival
        state = standing(entry)
        if what == "leave" and state in ("waiting", "offered"):
            leave(party, entry)
        elif what == "accept" and state == "offered":
            accept(party, quote_of(entry))

    def check(self, made: Any, now: Any) -> None:
        assert differences() == []
        for day in CapacityDay.objects.filter(firm_held__gt=0):
            assert day.firm_held + day.firm_committed <= day.limit_firm
        for offer in made.select_related("entry"):
            ahead = WaitlistEntry.objects.filter(status="waiting", joined_at__lt=offer.entry.joined_at)
            for other in ahead:
                latest = other.passes.order_by("-pk").first()
                assert latest is not None, "passed over without a word"
                assert latest.since <= now <= latest.until
        open_offers = WaitlistOffer.objects.filter(outcome="")
        assert len({each.entry_id for each in open_offers}) == len(open_offers)
