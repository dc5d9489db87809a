"""From a need to a quote: priced, held, kept, and given back."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.capacity.ledger import InsufficientHeadroom
from marketplace.capacity.models import CapacityDay
from marketplace.capacity.queries import differences
from marketplace.change import change
from marketplace.journal.models import Entry
from marketplace.outbox.models import Event
from marketplace.units import clock
from pricing.curve.actions import publish_tape, solve_prices
from pricing.curve.models import PricePolicy, PriceVersion, Tape
from pricing.curve.queries import pool_prices
from pricing.quotes.actions import (
    ClientReferenceTaken,
    OfferExpired,
    PriceChanged,
    QuoteClosed,
    QuoteExpired,
    QuoteNotFound,
    expire_quote,
    release_quote,
    take_quote,
)
from pricing.quotes.in_force import MarketStale
from pricing.quotes.models import Quote
from pricing.quotes.need import BadNeed, parse_need
from pricing.quotes.offers import Offer, OfferInvalid
from pricing.quotes.queries import known_names
from pricing.quotes.search import Search, search
from tests.market import H100_LIMITS, Market, Party, later_today

pytestmark = pytest.mark.django_db


def ask(market: Market, party: Party, **changed: Any) -> Search:
    need = parse_need(market.need(**changed), today=clock.today(), known=known_names())
    return search(need=need, organisation_id=party.organisation.pk, now=clock.now())


def offer(market: Market, party: Party, **changed: Any) -> Offer:
    return ask(market, party, **changed).offers[0]


def take(market: Market, party: Party, **changed: Any) -> Quote:
    return quote_of(party, offer(market, party, **changed))


def quote_of(party: Party, chosen: Offer, **more: Any) -> Quote:
    by = party.buyer.as_actor(party.organisation.pk)
    return change.run(lambda: take_quote(offer=chosen.id, organisation=party.organisation, by=by, **more))


def held(market: Market) -> int:
    days = CapacityDay.objects.filter(pool=market.h100)
    return sum(day.firm_held + day.standard_held + day.standby_held for day in days)


def test_an_offer_names_its_price_and_what_it_is_made_of(market: Market) -> None:
    found = offer(market, market.bank)
    assert found.pool == market.h100
    assert found.terms.quantity == 64
    assert found.terms.period.start == market.day(10)
    assert found.ranks == ("cheapest", "soonest", "most_compute")
    parts = dict(found.breakdown)
    # 1.5 kW x PUE 1.2 x 0.05 USD/kWh = 0.09 USD per GPU-hour, over 64 GPUs x 30 days x 24 hours.
    assert parts["energy"].amount == Decimal("4147.20")
    assert parts["capital"].amount == Decimal("55296.00")
    assert sum(part.amount for part in parts.values()) == found.terms.total.amount
    assert found.delivery_confidence >= Decimal("0.9")


def test_the_calendar_has_the_best_total_for_every_start_of_the_window(market: Market) -> None:
    days = ask(market, market.bank).calendar
    assert [day.start for day in days] == [market.day(10 + offset) for offset in range(11)]
    assert min(day.total.amount for day in days) == offer(market, market.bank).terms.total.amount


def test_a_quantity_that_is_no_whole_number_of_lots_is_offered_rounded_up_and_says_so(market: Market) -> None:
    found = offer(market, market.bank, accelerators=["gb200"], quantity=100)
    assert (found.terms.asked_quantity, found.terms.quantity, found.rounded_up) == (100, 144, True)


def test_a_quote_holds_the_capacity_and_the_next_block_costs_more(market: Market) -> None:
    first = offer(market, market.bank, quantity=512)
    quote_of(market.bank, first)
    assert held(market) == 512 * 30
    assert offer(market, market.rival, quantity=512, start=window(first)).terms.total.amount > first.terms.total.amount


def window(chosen: Offer) -> dict[str, str]:
    start = chosen.terms.period.start.isoformat()
    return {"from": start, "to": start}


def test_a_quote_freezes_its_terms_its_spec_and_the_use_that_it_was_priced_at(market: Market) -> None:
    taken = take(market, market.bank)
    assert taken.terms_digest == taken.terms.digest
    assert taken.spec == market.h100.specs.get()
    assert taken.use == [0] * 30
    taken.total += 1
    with pytest.raises(IntegrityError), transaction.atomic():
        taken.save()


def test_any_past_price_can_be_computed_again_from_what_is_stored(market: Market) -> None:
    take(market, market.rival, quantity=512)
    taken = take(market, market.bank)
    prices = pool_prices([taken.price_version_id])[taken.pool_id]
    limit = prices.curve(taken.firmness, taken.period).limit
    room = (limit - taken.use).astype(int)
    again = prices.price(taken.firmness, taken.period, room, taken.quantity, quoted_on=taken.created_at.date())
    assert (again.listed.amount, again.total.amount) == (taken.list_total, taken.total)


def test_quote_and_event_and_journal_are_written_together(market: Market) -> None:
    taken = take(market, market.bank)
    event = Event.objects.visible_to(market.bank.organisation.pk).get(name="quote.created")
    assert event.data["quote"] == taken.public_id
    assert Entry.objects.get(subject=taken.public_id).actor == market.bank.buyer.email


def test_an_offer_is_worth_nothing_to_anybody_else(market: Market) -> None:
    with pytest.raises(OfferInvalid):
        quote_of(market.rival, offer(market, market.bank))
    assert held(market) == 0


@pytest.mark.parametrize("token", ["", "off_", "off_x.y", "nonsense"])
def test_a_token_that_we_did_not_sign_is_refused(market: Market, token: str) -> None:
    with pytest.raises(OfferInvalid):
        take_quote(offer=token, organisation=market.bank.organisation, by=market.bank.buyer.as_actor(None))


def test_an_offer_ends_when_it_says(market: Market) -> None:
    chosen = offer(market, market.bank)
    with clock.frozen(chosen.terms.valid_until), pytest.raises(OfferExpired):
        quote_of(market.bank, chosen)
    assert held(market) == 0


def test_a_dearer_price_holds_nothing_and_comes_with_the_new_offer(market: Market) -> None:
    chosen = offer(market, market.bank, quantity=512)
    take(market, market.rival, quantity=1024, start=window(chosen))
    with pytest.raises(PriceChanged) as changed:
        quote_of(market.bank, chosen)
    assert changed.value.offer.terms.total.amount > chosen.terms.total.amount
    assert held(market) == 1024 * 30
    again = quote_of(market.bank, changed.value.offer)
    assert again.total == changed.value.offer.terms.total.amount


def test_a_price_that_fell_since_the_offer_is_the_buyers_gain(market: Market) -> None:
    rivals = take(market, market.rival, quantity=1024)
    chosen = offer(market, market.bank, quantity=512, start={"from": str(rivals.start), "to": str(rivals.start)})
    by = market.rival.buyer.as_actor(market.rival.organisation.pk)
    release_quote(public_id=rivals.public_id, by=by, organisation_id=market.rival.organisation.pk)
    assert quote_of(market.bank, chosen).total < chosen.terms.total.amount


def test_what_is_gone_is_refused_and_nothing_is_held(market: Market) -> None:
    chosen = offer(market, market.bank, quantity=1536)
    take(market, market.rival, quantity=1024, start=window(chosen))
    with pytest.raises(InsufficientHeadroom):
        quote_of(market.bank, chosen)
    assert held(market) == 1024 * 30
    assert Quote.objects.of(market.bank.organisation.pk).count() == 0


def test_an_expired_hold_frees_its_capacity_even_if_every_worker_is_down(market: Market) -> None:
    rivals = take(market, market.rival, quantity=2048)
    with clock.frozen(rivals.expires_at):
        again = offer(market, market.bank, quantity=2048, start={"from": str(rivals.start), "to": str(rivals.start)})
        taken = quote_of(market.bank, again)
    assert taken.quantity == 2048
    assert held(market) == 2048 * 30
    assert differences() == []


def test_a_quote_is_expired_at_its_expiry_and_not_after_it(market: Market) -> None:
    taken = take(market, market.bank)
    just_before = taken.expires_at - timedelta(microseconds=1)
    assert (taken.state(just_before), taken.state(taken.expires_at)) == ("open", "expired")
    assert taken.allowed_actions(taken.expires_at) == []
    with clock.frozen(just_before):
        assert expire_quote(quote_id=taken.pk) is None
    with clock.frozen(taken.expires_at):
        assert expire_quote(quote_id=taken.pk) is not None
        assert expire_quote(quote_id=taken.pk) is None
    assert held(market) == 0


def test_only_its_owner_gives_a_quote_back_and_only_once(market: Market) -> None:
    taken = take(market, market.bank)
    rival, bank = market.rival, market.bank
    with pytest.raises(QuoteNotFound):
        release_quote(public_id=taken.public_id, by=rival.buyer.as_actor(None), organisation_id=rival.organisation.pk)
    by = bank.buyer.as_actor(bank.organisation.pk)
    release_quote(public_id=taken.public_id, by=by, organisation_id=bank.organisation.pk)
    assert held(market) == 0
    with pytest.raises(QuoteClosed):
        release_quote(public_id=taken.public_id, by=by, organisation_id=bank.organisation.pk)
    with clock.frozen(taken.expires_at), pytest.raises(QuoteClosed):
        release_quote(public_id=taken.public_id, by=by, organisation_id=bank.organisation.pk)


def test_a_lapsed_quote_cannot_be_given_back_either(market: Market) -> None:
    taken = take(market, market.bank)
    by = market.bank.buyer.as_actor(market.bank.organisation.pk)
    with clock.frozen(taken.expires_at), pytest.raises(QuoteExpired):
        release_quote(public_id=taken.public_id, by=by, organisation_id=market.bank.organisation.pk)


def test_a_client_reference_is_used_once(market: Market) -> None:
    quote_of(market.bank, offer(market, market.bank), client_reference="job 7")
    quote_of(market.rival, offer(market, market.rival), client_reference="job 7")
    with pytest.raises(ClientReferenceTaken):
        quote_of(market.bank, offer(market, market.bank), client_reference="job 7")


def test_no_new_quotes_on_a_projection_that_is_too_old(market: Market) -> None:
    later = clock.now() + timedelta(hours=73)
    with clock.frozen(later):
        found = offer(market, market.bank, start={"from": str(market.day(30)), "to": str(market.day(31))})
        with pytest.raises(MarketStale):
            quote_of(market.bank, found)
    assert held(market) == 0


def test_more_than_there_is_answers_with_what_does_fit_each_ready_to_ask(market: Market) -> None:
    take(market, market.rival, quantity=1024)
    refused = ask(market, market.bank, quantity=1536, start={"from": str(market.day(10)), "to": str(market.day(12))})
    assert refused.offers == ()
    assert refused.refusal is not None
    nearest = refused.refusal.nearest
    assert {"fewer": any(n.quantity.least == 1024 for n in nearest)} == {"fewer": True}
    assert any(n.start_from > market.day(12) and n.quantity.least == 1536 for n in nearest)
    assert any(n.firmness == "standard" for n in nearest)
    for need in nearest:
        again = parse_need(need.as_json(), today=clock.today(), known=known_names())
        assert search(need=again, organisation_id=market.bank.organisation.pk, now=clock.now()).offers


def test_more_than_the_market_will_ever_have_says_the_most_that_fits(market: Market) -> None:
    refused = ask(market, market.bank, quantity=100_000).refusal
    assert refused is not None
    assert refused.nearest[0].quantity.least == H100_LIMITS[0]


def test_the_tape_is_blind_to_a_hold_smaller_than_its_step(market: Market) -> None:
    before = published(market)
    take(market, market.bank, quantity=248)
    assert publish_next(market) == before
    # The twin: the exact figures, which only staff and the seller see, do tell.
    assert held(market) == 248 * 30


def test_the_tape_moves_with_a_large_one(market: Market) -> None:
    before = published(market)
    take(market, market.bank, quantity=1024)
    assert publish_next(market) != before


def published(market: Market) -> list[Any]:
    rows = Tape.objects.latest("tick").pools.order_by("pool_id")
    return [(row.pool_id, row.supply, row.limits, row.headroom, row.prices) for row in rows]


def publish_next(market: Market) -> list[Any]:
    with clock.frozen(later_today(6)):
        assert change.run(lambda: publish_tape(now=clock.now())) is not None
    return published(market)


def test_price_versions_are_never_edited(market: Market) -> None:
    version = PriceVersion.objects.first()
    assert version is not None
    with pytest.raises(IntegrityError), transaction.atomic():
        PriceVersion.objects.filter(pk=version.pk).update(reason="another")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE pricing_poolcurve SET cap = cap + 1")


def test_another_sellers_trades_never_move_a_sellers_prices(market: Market) -> None:
    before = offer(market, market.bank).terms.total
    take(market, market.rival, accelerators=["gb200"], quantity=720)
    seller = market.other_seller.organisation
    version = PriceVersion.objects.filter(seller=seller).latest("pk")
    policy = PricePolicy.objects.get()
    solve_prices(seller=seller, policy=policy, projection=version.projection, reason="test", now=clock.now())
    assert offer(market, market.bank).terms.total == before


def test_terms_are_lines_of_their_own_and_prepayment_is_the_buyers_choice(market: Market) -> None:
    without, whole = offer(market, market.bank), offer(market, market.bank, prepayment_percent=100)
    assert "term_prepayment" not in dict(without.breakdown)
    lines = {code: amount.amount for code, amount in whole.breakdown}
    assert lines["term_prepayment"] < 0
    assert sum(lines.values()) == whole.terms.total.amount < without.terms.total.amount
    taken = quote_of(market.bank, whole)
    assert (taken.total, taken.prepayment_percent) == (whole.terms.total.amount, 100)
    assert sum(Decimal(line["amount"]["amount"]) for line in taken.breakdown) == taken.total
    assert taken.list_total + sum(amount for code, amount in lines.items() if code.startswith("term")) == taken.total


def test_the_calendar_shows_totals_after_terms(market: Market) -> None:
    chosen = offer(market, market.bank, duration_days=90, prepayment_percent=50)
    days = ask(market, market.bank, duration_days=90, prepayment_percent=50).calendar
    assert min(day.total.amount for day in days) == chosen.terms.total.amount
    assert {code for code, _ in chosen.breakdown} >= {"term_tenor", "term_prepayment"}


def test_a_term_that_ends_between_offer_and_quote_is_a_price_that_changed(market: Market) -> None:
    """The first day of delivery leaves the lead-time step at midnight: nothing is held at a dearer price."""
    start = str(market.day(180))
    now = clock.now()
    before_midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(
        minutes=1
    )
    with clock.frozen(before_midnight):
        chosen = offer(market, market.bank, start={"from": start, "to": start}, quantity=512)
    with clock.frozen(before_midnight + timedelta(minutes=2)), pytest.raises(PriceChanged) as changed:
        quote_of(market.bank, chosen)
    assert changed.value.offer.terms.total.amount > chosen.terms.total.amount
    assert held(market) == 0


@pytest.mark.parametrize("percent", [-1, 101, "50", True, 2.5])
def test_a_share_paid_up_front_is_a_percentage(market: Market, percent: Any) -> None:
    with pytest.raises(BadNeed) as bad:
        parse_need(market.need(prepayment_percent=percent), today=clock.today(), known=known_names())
    assert [fault.pointer for fault in bad.value.faults] == ["/prepayment_percent"]
