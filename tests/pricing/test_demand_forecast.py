"""What a seller's forecast is made of: wishes and what became of them, its own pools' alone, and never the future."""

from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.capacity.ledger import set_limits
from marketplace.catalogue.models import Pool
from marketplace.change import change
from marketplace.units import clock
from pricing.clearing.requests import Requests
from pricing.curve.constants import cost_of as curve_cost
from pricing.demand.actions import record_enquiry, record_standing_wish
from pricing.demand.evidence import Evidence
from pricing.demand.forecast import NotTheSellersPool, cost_of, expect, forecast_requests, read
from pricing.demand.models import LOST, OFFERED, QUOTED, REFUSED, TAKEN, WAITLIST, DemandForecast, Enquiry, PoolDemand
from pricing.demand.versions import forecast_if_due, sellers_due, store_forecast
from pricing.quotes.actions import expire_quote, release_quote, take_quote
from pricing.quotes.models import Quote
from pricing.quotes.need import Need, parse_need
from pricing.quotes.queries import known_names
from pricing.quotes.search import Search, search
from reservations.booking.actions import accept_quote
from tests.market import Market, Party, party

pytestmark = pytest.mark.django_db


def ask(market: Market, who: Party, **changed: Any) -> Search:
    """A search as the doors make it: answered, and written down."""
    now = clock.now()
    need = parse_need(market.need(**changed), today=clock.today(), known=known_names())
    found = search(need=need, organisation_id=who.organisation.pk, now=now)
    record_enquiry(found=found, organisation_id=who.organisation.pk, now=now)
    return found


def quote(market: Market, who: Party, **changed: Any) -> Quote:
    offer = ask(market, who, **changed).offers[0].id
    by = who.buyer.as_actor(who.organisation.pk)
    return change.run(lambda: take_quote(offer=offer, organisation=who.organisation, by=by))


def take(market: Market, who: Party, **changed: Any) -> None:
    made = quote(market, who, **changed)
    by = who.buyer.as_actor(who.organisation.pk)
    change.run(lambda: accept_quote(public_id=made.public_id, by=by, organisation_id=who.organisation.pk))


def let_go(made: Quote, who: Party) -> None:
    by = who.buyer.as_actor(who.organisation.pk)
    change.run(lambda: release_quote(public_id=made.public_id, by=by, organisation_id=who.organisation.pk))


def known(market: Market, now: datetime | None = None) -> Evidence:
    return read(seller_id=market.seller.organisation.pk, now=now or clock.now()).found.evidence


def coming(market: Market, now: datetime, seed: int = 1) -> Requests:
    pools = Pool.objects.filter(seller=market.seller.organisation).select_related("site", "accelerator")
    whose = market.seller.organisation.pk
    return forecast_requests(seller_id=whose, pools=list(pools), first_day=market.today, days=365, now=now, seed=seed)


def same(one: Any, other: Any) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))


def test_an_enquiry_costs_one_insert_and_keeps_what_was_asked_and_offered(market: Market) -> None:
    now = clock.now()
    need = parse_need(market.need(quantity={"min": 8, "max": 64}), today=clock.today(), known=known_names())
    found = search(need=need, organisation_id=market.bank.organisation.pk, now=now)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        row = record_enquiry(found=found, organisation_id=market.bank.organisation.pk, now=now)
    assert not queries, "its INSERT goes round Django's cursor, and there is nothing beside it"
    assert Enquiry.objects.get() == row
    assert (row.outcome, row.quantity, row.days, row.firmness, row.accelerators) == (OFFERED, 64, 30, "firm", ["h100"])
    assert row.offered_pools == [market.h100.pk]
    assert row.offered_prices == [float(found.offers[0].unit_price)]


def test_what_became_of_a_wish_is_written_where_it_happens(market: Market) -> None:
    ask(market, market.bank, quantity=100_000)
    released, lapsed, taken = (quote(market, market.bank, quantity=8 * 4**step) for step in range(3))
    assert list(outcomes()) == [REFUSED, QUOTED, QUOTED, QUOTED]
    let_go(released, market.bank)
    by = market.bank.buyer.as_actor(market.bank.organisation.pk)
    accepted = taken.public_id
    change.run(lambda: accept_quote(public_id=accepted, by=by, organisation_id=market.bank.organisation.pk))
    with clock.frozen(lapsed.expires_at):
        expire_quote(quote_id=lapsed.pk)
    assert list(outcomes()) == [REFUSED, LOST, LOST, TAKEN]
    row = Enquiry.objects.get(quote=taken.public_id)
    assert (row.pool, row.quantity, row.days) == (market.h100, taken.quantity, 30)
    assert row.unit_price is not None
    assert row.ended_at is not None


def outcomes() -> Any:
    return Enquiry.objects.order_by("pk").values_list("outcome", flat=True)


def test_a_quote_without_an_enquiry_is_a_wish_of_its_own(market: Market) -> None:
    made = quote(market, market.bank)
    assert Enquiry.objects.count() == 1
    second = ask(market, market.bank).offers[0].id
    Enquiry.objects.filter(outcome=OFFERED).delete()
    by = market.bank.buyer.as_actor(market.bank.organisation.pk)
    change.run(lambda: take_quote(offer=second, organisation=market.bank.organisation, by=by))
    assert list(outcomes()) == [QUOTED, QUOTED]
    assert Enquiry.objects.exclude(quote=made.public_id).get().source == "quote"


def test_a_buyer_who_asks_ten_times_wishes_once(market: Market) -> None:
    ask(market, market.bank, quantity=4000)
    once = known(market)
    for days in (30, 31, 29, 30, 28, 30, 30, 24, 30):
        ask(market, market.bank, quantity=3900, duration_days=days)
    assert (len(once), len(known(market))) == (1, 1)
    # The twin: another buyer's wish for the same, and another wish of the first, do count.
    ask(market, market.rival, quantity=4000)
    ask(market, market.bank, quantity=4000, duration_days=90)
    assert len(known(market)) == 3


def test_one_block_taken_after_three_tries_is_one_request_and_two_blocks_are_two(market: Market) -> None:
    for _ in range(2):
        let_go(quote(market, market.bank), market.bank)
    assert np.isfinite(known(market).most_worth).tolist() == [True]
    take(market, market.bank)
    assert known(market).gpus.tolist() == [64]
    assert known(market).least_worth.min() > 0
    take(market, market.bank)
    assert known(market).gpus.tolist() == [64, 64]


def test_what_is_taken_raises_the_forecast_and_what_was_only_looked_at_does_not(market: Market) -> None:
    before = read(seller_id=market.seller.organisation.pk, now=clock.now()).learnt.volume
    ask(market, market.bank)
    looked = read(seller_id=market.seller.organisation.pk, now=clock.now()).learnt.volume
    assert looked == pytest.approx(before, rel=1e-3)
    for _ in range(5):
        take(market, market.bank)
    assert read(seller_id=market.seller.organisation.pk, now=clock.now()).learnt.volume > before * 1.1


def test_refused_wishes_count_as_demand_in_part_and_standing_ones_in_full(market: Market) -> None:
    ask(market, market.bank, quantity=4000)
    assert known(market).weight == pytest.approx([0.25], rel=0.01)
    need = parse_need(market.need(quantity=2000), today=clock.today(), known=known_names())
    wait(need, market)
    assert known(market).weight == pytest.approx([0.25, 1.0], rel=0.01)
    assert known(market).least_worth == pytest.approx([0, 2])


def test_another_sellers_data_never_moves_a_forecast(market: Market) -> None:
    ask(market, market.bank, quantity=4000)
    take(market, market.bank)
    now = clock.now() + timedelta(hours=1)
    seller = market.seller.organisation.pk
    digest, requests = read(seller_id=seller, now=now).digest, coming(market, now)
    take(market, market.rival, accelerators=["gb200"], quantity=72)
    let_go(quote(market, market.bank, accelerators=["gb200"], quantity=144), market.bank)
    nothing = np.zeros((3, 100), dtype=np.int64)
    set_limits(pool_id=market.gb200.pk, first_day=market.today, limits=nothing)
    ask(market, market.rival, accelerators=["gb200"], quantity=720)
    store_forecast(seller=market.other_seller.organisation, now=now)
    assert read(seller_id=seller, now=now).digest == digest
    assert same(coming(market, now), requests)
    # The twin: the other seller's own forecast does follow.
    assert len(read(seller_id=market.other_seller.organisation.pk, now=now).found.evidence) == 3


def test_a_wish_for_which_two_sellers_would_do_counts_half_for_each_whatever_the_other_has(market: Market) -> None:
    ask(market, market.bank, accelerators=[], quantity=40_000)
    assert known(market).weight == pytest.approx([0.125], rel=0.01)
    let_go(quote(market, market.bank, accelerators=["gb200"], quantity=72), market.bank)
    assert known(market).weight == pytest.approx([0.125], rel=0.01)


def test_a_wish_for_one_seller_is_that_sellers_alone(market: Market) -> None:
    ask(market, market.bank, accelerators=[], quantity=4000, sellers=[market.seller.organisation.public_id])
    assert known(market).weight == pytest.approx([0.25], rel=0.01)
    assert len(read(seller_id=market.other_seller.organisation.pk, now=clock.now()).found.evidence) == 0


def test_a_wish_for_a_service_spec_is_nobodys_evidence(market: Market) -> None:
    ask(market, market.bank, quantity=4000, service={"delivery": "bare metal"})
    assert Enquiry.objects.count() == 1
    assert len(known(market)) == 0


def test_another_sellers_pool_is_refused(market: Market) -> None:
    with pytest.raises(NotTheSellersPool):
        forecast_requests(
            seller_id=market.seller.organisation.pk,
            pools=[market.gb200],
            first_day=market.today,
            days=30,
            now=clock.now(),
            seed=1,
        )


EVENTS = st.lists(st.sampled_from(["ask", "refused", "quote", "take", "let go", "forecast", "wait"]), max_size=6)


@given(events=EVENTS, later=st.integers(1, 40))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_forecast_never_reads_the_future(market: Market, events: list[str], later: int) -> None:
    """Whatever happens after `now`, the forecast as of `now` is the same to the bit."""
    if not Enquiry.objects.exists():
        ask(market, market.bank, quantity=4000)
        take(market, market.bank)
        quote(market, market.rival)  # still open at `now`; what becomes of it is the future
        store_forecast(seller=market.seller.organisation, now=clock.now())
    now = Enquiry.objects.earliest("pk").created_at + timedelta(minutes=3)
    seller = market.seller.organisation.pk
    digest, requests = read(seller_id=seller, now=now).digest, coming(market, now)
    with clock.frozen(now + timedelta(hours=later)):
        for number, event in enumerate(events):
            happen(event, market, 8 * (number + 1))
    assert read(seller_id=seller, now=now).digest == digest
    assert same(coming(market, now), requests)


def happen(event: str, market: Market, gpus: int) -> None:
    start = {"start": {"from": market.day(200).isoformat(), "to": market.day(210).isoformat()}}
    match event:
        case "ask":
            ask(market, market.bank, quantity=gpus, **start)
        case "refused":
            ask(market, market.rival, quantity=4000, **start)
        case "quote":
            quote(market, market.bank, quantity=gpus, **start)
        case "take":
            take(market, market.bank, quantity=gpus, **start)
        case "let go":
            for made in Quote.objects.filter(status="open"):
                expire_quote(quote_id=made.pk)
        case "forecast":
            store_forecast(seller=market.seller.organisation, now=clock.now())
        case "wait":
            need = parse_need(market.need(**start), today=clock.today(), known=known_names())
            wait(need, market)


def wait(need: Need, market: Market) -> None:
    """The rival's place on the waitlist, at twice the floor."""
    whose, limit = market.rival.organisation.pk, sum(curve_cost(market.h100), start=Decimal(0)) * 2
    record_standing_wish(need=need, organisation_id=whose, source=WAITLIST, limit_price=limit, now=clock.now())


def test_the_same_seed_gives_the_same_requests_and_another_seed_others(market: Market) -> None:
    now = clock.now()
    assert same(coming(market, now), coming(market, now))
    assert not same(coming(market, now, seed=2), coming(market, now))
    assert 1000 < len(coming(market, now)) < 10_000


def test_requests_come_from_the_stored_version_once_there_is_one(market: Market) -> None:
    take(market, market.bank)
    store_forecast(seller=market.seller.organisation, now=clock.now())
    before = coming(market, clock.now())
    for _ in range(3):
        take(market, market.bank)
    assert same(coming(market, clock.now()), before)
    store_forecast(seller=market.seller.organisation, now=clock.now())
    assert not same(coming(market, clock.now()), before)


def test_a_version_has_every_own_pool_and_orderly_figures(market: Market) -> None:
    take(market, market.bank)
    forecast = store_forecast(seller=market.seller.organisation, now=clock.now())
    (row,) = PoolDemand.objects.filter(forecast=forecast)
    low, mean, high = (np.array(values) for values in (row.low, row.expected, row.high))
    assert row.pool == market.h100
    assert mean.shape == (3, forecast.weeks)
    assert (low <= high).all()
    assert (mean >= 0).all()
    assert np.array(row.on_the_books).sum() == 64 * 30
    assert row.seen == {"quoted": 64 * 30, "taken": 64 * 30, "lost": 0, "refused": 0}
    busy = mean.sum(axis=0)[30:40] / (3072 * 7)
    assert 0.7 < busy.mean() < 1.3  # far ahead, all of the assumed load is still to come


def test_the_interval_narrows_as_more_is_seen(market: Market) -> None:
    now = clock.now()
    reading = read(seller_id=market.seller.organisation.pk, now=now)
    found = expect(reading)
    far = slice(30, 40)
    wide = (found.high - found.low)[:, 0, far].mean() / found.mean[:, 0, far].mean()
    object.__setattr__(reading.learnt, "sure", np.full(1, 10_000.0))
    sure = expect(reading)
    assert (sure.high - sure.low)[:, 0, far].mean() / sure.mean[:, 0, far].mean() < wide


def test_a_version_is_never_rewritten(market: Market) -> None:
    forecast = store_forecast(seller=market.seller.organisation, now=clock.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        DemandForecast.objects.filter(pk=forecast.pk).update(weeks=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        PoolDemand.objects.filter(forecast=forecast).update(volume=2)


def test_a_seller_is_forecast_once_a_day(market: Market) -> None:
    now = clock.now()
    sellers = {market.seller.organisation.pk, market.other_seller.organisation.pk}
    assert set(sellers_due(now=now)) == sellers
    made = [change.run(lambda pk=pk: forecast_if_due(seller_id=pk, now=now)) for pk in sorted(sellers)]  # type: ignore[misc]
    assert all(made)
    assert sellers_due(now=now) == []
    assert change.run(lambda: forecast_if_due(seller_id=market.seller.organisation.pk, now=now)) is None
    assert set(sellers_due(now=now + timedelta(days=1))) == sellers


def test_refused_demand_is_told_only_where_three_organisations_are_behind_it(market: Market) -> None:
    third = party("Third Labs")
    told = []
    for who in (market.bank, market.rival, third):
        ask(market, who, quantity=4000)
        told.append(read(seller_id=market.seller.organisation.pk, now=clock.now()).found.seen[0]["refused"])
    assert told == [None, None, 3 * 4000 * 30]


def test_worth_is_measured_in_the_curves_floor(market: Market) -> None:
    for pool in Pool.objects.all():
        assert cost_of(pool) == pytest.approx(float(sum(curve_cost(pool))))
