"""The waitlist: one queue, one offer at a time, never without headroom, and a reason for everybody passed over."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from marketplace.capacity.models import CapacityDay
from marketplace.capacity.queries import differences
from marketplace.change import change
from marketplace.outbox.models import Event
from marketplace.supply.models import Projection
from marketplace.units import clock
from marketplace.units.period import Period
from pricing.demand.models import Enquiry
from pricing.quotes.actions import QuoteExpired, release_quote
from pricing.quotes.models import Quote
from pricing.quotes.need import BadNeed
from pricing.quotes.queries import known_names
from pricing.tasks import expire_lapsed_quotes
from reservations.booking.actions import accept_quote
from reservations.booking.waitlist import actions
from reservations.booking.waitlist.actions import EntryNotFound, EntryOver, WaitlistFull, join, parse_wish, withdraw
from reservations.booking.waitlist.models import WaitlistEntry, WaitlistOffer
from reservations.booking.waitlist.serving import MOST_UNANSWERED, OFFER_HOURS, REST
from reservations.tasks import serve_due_waitlist
from tests.holding import rules
from tests.market import Market, Party, block_taken

pytestmark = pytest.mark.django_db
ALL = 2048


def wish(market: Market, party: Party, *, ceiling: str = "50", **changed: Any) -> WaitlistEntry:
    body = market.need(**changed) | {"max_unit_price": ceiling}
    need, most = parse_wish(body, now=clock.now(), known=known_names())
    by = party.buyer.as_actor(party.organisation.pk)
    whose = party.organisation.pk
    return change.run(lambda: join(need=need, max_unit_price=most, by=by, organisation_id=whose))


def sold_out(market: Market, days: int = 60) -> None:
    block_taken(market.h100, Period.of(market.day(0), days), ALL)


def free(market: Market, gpus: int) -> None:
    """A later projection finds so many GPUs more."""
    for day in CapacityDay.objects.filter(pool=market.h100):
        CapacityDay.objects.filter(pool=market.h100, day=day.day).update(
            limit_firm=day.limit_firm + gpus, limit_standard=day.limit_standard + gpus,
            limit_standby=day.limit_standby + gpus,
        )  # fmt: skip


def standing(entry: WaitlistEntry) -> str:
    return WaitlistEntry.objects.get(pk=entry.pk).state(clock.now())


def reasons(entry: WaitlistEntry) -> list[str]:
    return [row.reason for row in entry.passes.order_by("pk")]


def accept(party: Party, quote: Quote) -> None:
    by = party.buyer.as_actor(party.organisation.pk)
    whose = party.organisation.pk
    change.run(lambda: accept_quote(public_id=quote.public_id, by=by, organisation_id=whose))


def leave(party: Party, entry: WaitlistEntry) -> WaitlistEntry:
    by, whose = party.buyer.as_actor(party.organisation.pk), party.organisation.pk
    return change.run(lambda: withdraw(public_id=entry.public_id, by=by, organisation_id=whose))


def quote_of(entry: WaitlistEntry) -> Quote:
    offer = WaitlistOffer.objects.filter(entry=entry).latest("pk")
    assert offer.quote is not None
    return offer.quote


def test_a_wish_that_fits_is_offered_as_a_quote_that_holds_it(market: Market) -> None:
    entry = wish(market, market.bank)
    assert serve_due_waitlist() == 1
    quote = quote_of(entry)
    assert (quote.organisation, quote.quantity, quote.status) == (market.bank.organisation, 64, "open")
    held_for = quote.expires_at - quote.created_at
    assert abs(held_for - timedelta(hours=OFFER_HOURS)) < timedelta(minutes=1)
    assert standing(entry) == "offered"
    events = Event.objects.visible_to(market.bank.organisation.pk)
    assert events.get(name="waitlist.offered").data["quote"] == quote.public_id
    assert not Event.objects.visible_to(market.rival.organisation.pk).exists()
    accept(market.bank, quote)
    assert standing(entry) == "served"
    serve_due_waitlist()
    assert WaitlistEntry.objects.get().status == "served"


def test_demand_hears_of_the_wish_with_its_ceiling(market: Market) -> None:
    wish(market, market.bank, ceiling="2.25")
    heard = Enquiry.objects.get()
    assert (heard.source, heard.limit_price, heard.outcome) == ("waitlist", Decimal("2.2500"), "refused")


def test_nothing_is_offered_without_headroom_and_the_reason_is_on_record_once(market: Market) -> None:
    sold_out(market)
    entry = wish(market, market.bank)
    assert [serve_due_waitlist() for _ in range(3)] == [0, 0, 0]
    assert (standing(entry), reasons(entry)) == ("waiting", ["no_room"])
    free(market, 64)
    assert serve_due_waitlist() == 1


def test_a_task_delivered_twice_offers_once(market: Market) -> None:
    entry = wish(market, market.bank)
    assert (serve_due_waitlist(), serve_due_waitlist()) == (1, 0)
    assert WaitlistOffer.objects.filter(entry=entry).count() == Quote.objects.count() == 1


def test_who_joined_first_is_served_first(market: Market) -> None:
    sold_out(market)
    first, second = wish(market, market.bank), wish(market, market.rival)
    free(market, 64)
    assert serve_due_waitlist() == 1
    assert (standing(first), standing(second), reasons(second)) == ("offered", "waiting", ["no_room"])


def test_who_needs_more_than_there_is_is_passed_over_for_who_needs_less(market: Market) -> None:
    sold_out(market)
    large, small = wish(market, market.bank, quantity=128), wish(market, market.rival)
    free(market, 64)
    assert serve_due_waitlist() == 1
    assert (standing(large), reasons(large), standing(small)) == ("waiting", ["no_room"], "offered")


def test_all_or_part(market: Market) -> None:
    sold_out(market)
    wish(market, market.bank, quantity={"min": 8, "max": 256})
    free(market, 100)
    assert serve_due_waitlist() == 1
    assert Quote.objects.get().quantity == 96


def test_above_its_ceiling_nothing_is_offered_and_the_price_is_said(market: Market) -> None:
    entry = wish(market, market.bank, ceiling="0.01")
    assert serve_due_waitlist() == 0
    assert reasons(entry) == ["too_dear"]
    assert "above its ceiling of 0.0100" in entry.passes.get().detail


def test_an_offer_that_runs_out_passes_on_and_never_comes_back(market: Market) -> None:
    sold_out(market)
    first, second = wish(market, market.bank), wish(market, market.rival)
    free(market, 64)
    serve_due_waitlist()
    old = quote_of(first)
    with clock.frozen(old.expires_at):
        assert standing(first) == "waiting"
        expire_lapsed_quotes()
        assert serve_due_waitlist() == 1
        assert (standing(second), reasons(first)) == ("offered", ["ran_out"])
        with pytest.raises(QuoteExpired):
            accept(market.bank, old)
    # Written down, it is over even if the clock were moved back.
    with clock.frozen(old.created_at), pytest.raises(QuoteExpired):
        accept(market.bank, old)
    assert WaitlistOffer.objects.get(entry=first).outcome == "expired"


def test_an_offer_that_is_let_go_passes_on_and_its_entry_rests(market: Market) -> None:
    first, second = wish(market, market.bank, quantity=ALL), wish(market, market.rival, quantity=ALL)
    serve_due_waitlist()
    by, whose = market.bank.buyer.as_actor(market.bank.organisation.pk), market.bank.organisation.pk
    change.run(lambda: release_quote(public_id=quote_of(first).public_id, by=by, organisation_id=whose))
    assert serve_due_waitlist() == 1
    assert (standing(first), reasons(first), standing(second)) == ("waiting", ["let_go"], "offered")
    leave(market.rival, second)
    assert serve_due_waitlist() == 0
    with clock.frozen(clock.now() + REST):
        assert serve_due_waitlist() == 1


def test_after_three_offers_that_nobody_took_an_entry_lapses(market: Market) -> None:
    rules(market, lapses_to_cooldown=0)
    day = market.day(200).isoformat()
    entry = wish(market, market.bank, start={"from": day, "to": day})
    now = clock.now()
    for _ in range(MOST_UNANSWERED):
        with clock.frozen(now):
            renewed(market)
            assert serve_due_waitlist() == 1
        now = quote_of(entry).expires_at
        with clock.frozen(now):
            serve_due_waitlist()
        now += REST
    assert WaitlistEntry.objects.get().status == "lapsed"


def renewed(market: Market) -> None:
    """The projection behind the limits is of now."""
    Projection.objects.update(created_at=clock.now())


def test_a_withdrawn_entry_gives_its_offer_back_and_is_over(market: Market) -> None:
    entry = wish(market, market.bank)
    serve_due_waitlist()
    leave(market.bank, entry)
    assert (standing(entry), quote_of(entry).status) == ("withdrawn", "released")
    assert differences() == []
    with pytest.raises(EntryOver, match="withdrawn"):
        leave(market.bank, entry)
    assert serve_due_waitlist() == 0


def test_an_entry_whose_offer_was_taken_cannot_be_withdrawn(market: Market) -> None:
    entry = wish(market, market.bank)
    serve_due_waitlist()
    accept(market.bank, quote_of(entry))
    with pytest.raises(EntryOver, match="served"):
        leave(market.bank, entry)


def test_a_stranger_hears_that_there_is_no_such_entry(market: Market) -> None:
    entry = wish(market, market.bank)
    with pytest.raises(EntryNotFound):
        leave(market.rival, entry)
    assert standing(entry) == "waiting"


def test_an_entry_ends_with_its_last_start(market: Market) -> None:
    sold_out(market)
    entry = wish(market, market.bank)
    with clock.frozen(clock.now() + timedelta(days=20)):
        assert standing(entry) == "lapsed"
        serve_due_waitlist()
    assert WaitlistEntry.objects.get().status == "lapsed"


def test_above_what_it_may_hold_an_organisation_is_passed_over_and_the_next_is_served(market: Market) -> None:
    rules(market, hold_limit_gpu_hours=64 * 30 * 24)
    first, second = wish(market, market.bank, quantity=128), wish(market, market.rival)
    assert serve_due_waitlist() == 1
    assert (reasons(first), standing(second)) == (["hold_limit"], "offered")


def test_an_organisation_has_a_number_of_entries(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MOST_ENTRIES", 1)
    wish(market, market.bank)
    with pytest.raises(WaitlistFull):
        wish(market, market.bank)
    assert WaitlistEntry.objects.count() == 1


def test_a_divisible_wish_is_served_by_a_split(market: Market) -> None:
    entry = wish(market, market.bank, accelerators=[], quantity=2192, divisible=True)
    assert serve_due_waitlist() == 1
    offer = WaitlistOffer.objects.get(entry=entry)
    assert offer.bundle is not None
    assert standing(entry) == "offered"
    leave(market.bank, entry)
    assert set(Quote.objects.values_list("status", flat=True)) == {"released"}


@pytest.mark.parametrize("ceiling", [None, 2, "0", "-1", "2.00001", "nan", "1e9", "x"])
def test_a_ceiling_is_a_price(market: Market, ceiling: Any) -> None:
    with pytest.raises(BadNeed) as bad:
        parse_wish(market.need() | {"max_unit_price": ceiling}, now=clock.now(), known=known_names())
    assert [fault.pointer for fault in bad.value.faults] == ["/max_unit_price"]
