"""What may be held unbought: a limit in GPU-hours, a cool-down after lapses, and long holds at a fee."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from marketplace.capacity.actions import release_expired_holds
from marketplace.capacity.models import CapacityDay
from marketplace.capacity.queries import differences
from marketplace.change import change
from marketplace.journal.models import Entry
from marketplace.outbox.models import Event
from marketplace.units import clock
from marketplace.units.money import Money
from pricing.curve.models import PricePolicy
from pricing.curve.policies import NoticeTooShort, check_policy
from pricing.quotes.actions import QuoteClosed, QuoteExpired, QuoteNotFound, expire_quote, release_quote
from pricing.quotes.holds import HoldCooldown, HoldLimit, OpenHold, cooldown_ends, to_release
from pricing.quotes.long_holds import FeeChanged, LongHold, LongHoldTooLong, LongHoldUnavailable, hold_longer
from pricing.quotes.models import Quote
from tests.holding import BLOCK, claim_of, held, rules
from tests.market import Market, Party

pytestmark = pytest.mark.django_db


def gpus_held(market: Market) -> int:
    return sum(day.firm_held for day in CapacityDay.objects.filter(pool=market.h100))


def test_holds_are_limited_in_gpu_hours_and_the_refusal_says_what_would_fit(market: Market) -> None:
    rules(market, hold_limit_gpu_hours=2 * BLOCK + 16 * 30 * 24)
    first, second = held(market, market.bank), held(market, market.bank, quantity=32)
    before = gpus_held(market)
    with pytest.raises(HoldLimit) as refused:
        held(market, market.bank)
    said = refused.value
    assert (said.held, said.limit, said.asked, said.fits) == (BLOCK * 3 // 2, 2 * BLOCK + 11520, BLOCK, 48)
    assert [each.quote for each in said.release] == [second.public_id]
    assert "48 GPUs for 30 days would fit" in str(said)
    assert second.public_id in str(said)
    assert gpus_held(market) == before
    assert held(market, market.bank, quantity=said.fits).quantity == 48
    assert first.public_id not in str(said)


def test_a_block_above_the_limit_on_its_own_says_what_fits_and_names_nothing_to_release(market: Market) -> None:
    rules(market, hold_limit_gpu_hours=BLOCK)
    with pytest.raises(HoldLimit) as refused:
        held(market, market.bank, quantity=72)
    assert (refused.value.fits, refused.value.release) == (64, ())


def test_the_limit_is_each_organisations_own_and_over_all_its_holds(market: Market) -> None:
    rules(market, hold_limit_gpu_hours=BLOCK)
    held(market, market.bank, accelerators=["gb200"], quantity=72, duration_days=1)
    with pytest.raises(HoldLimit):
        held(market, market.bank)
    assert held(market, market.rival).status == "open"


def test_what_was_released_or_ran_out_is_no_longer_held_whoever_is_down(market: Market) -> None:
    rules(market, hold_limit_gpu_hours=BLOCK)
    taken = held(market, market.bank)
    by = market.bank.buyer.as_actor(market.bank.organisation.pk)
    change.run(lambda: release_quote(public_id=taken.public_id, by=by, organisation_id=market.bank.organisation.pk))
    second = held(market, market.bank)
    with clock.frozen(second.expires_at - timedelta(microseconds=1)), pytest.raises(HoldLimit):
        held(market, market.bank)
    with clock.frozen(second.expires_at):
        assert Quote.objects.get(pk=second.pk).status == "open"  # nobody has swept
        assert held(market, market.bank).status == "open"


def test_no_limit_where_policy_has_none(market: Market) -> None:
    rules(market, hold_limit_gpu_hours=None, lapses_to_cooldown=None)
    assert held(market, market.bank, quantity=2048, duration_days=300).quantity == 2048


def lapse(market: Market, party: Party, times: int, start: datetime) -> datetime:
    """So many holds in a row, each left to run out; when the last one did."""
    at = start
    for _ in range(times):
        with clock.frozen(at):
            at = held(market, party, quantity=8, duration_days=1).expires_at
    return at


def test_lapses_begin_a_cool_down_that_ends_at_the_time_it_names(market: Market) -> None:
    rules(market, lapses_to_cooldown=3, lapse_window_hours=2, cooldown_minutes=30)
    over = lapse(market, market.bank, 3, clock.now())
    before = gpus_held(market)
    with clock.frozen(over), pytest.raises(HoldCooldown) as refused:
        held(market, market.bank)
    assert (refused.value.ends_at, refused.value.lapses) == (over + timedelta(minutes=30), 3)
    assert "3 of your holds ran out within 2 hours" in str(refused.value)
    assert gpus_held(market) == before
    with clock.frozen(over):
        assert held(market, market.rival).status == "open"
    with clock.frozen(refused.value.ends_at - timedelta(microseconds=1)), pytest.raises(HoldCooldown):
        held(market, market.bank)
    with clock.frozen(refused.value.ends_at):
        assert held(market, market.bank).status == "open"


def test_a_cool_down_is_the_same_whether_or_not_a_sweep_wrote_the_lapses_down(market: Market) -> None:
    rules(market, lapses_to_cooldown=2, lapse_window_hours=2, cooldown_minutes=30)
    over = lapse(market, market.bank, 2, clock.now())
    with clock.frozen(over):
        for pk in Quote.objects.values_list("pk", flat=True):
            assert expire_quote(quote_id=pk) is not None
        with pytest.raises(HoldCooldown) as refused:
            held(market, market.bank)
    assert refused.value.ends_at == over + timedelta(minutes=30)


def test_lapses_far_apart_and_releases_begin_none(market: Market) -> None:
    rules(market, lapses_to_cooldown=2, lapse_window_hours=1)
    over = lapse(market, market.bank, 1, clock.now())
    over = lapse(market, market.bank, 1, over + timedelta(hours=1))
    with clock.frozen(over):
        assert held(market, market.bank).status == "open"


@given(st.lists(st.integers(0, 500), max_size=12), st.integers(1, 4), st.integers(1, 5), st.integers(1, 300))
def test_a_cool_down_ends_after_the_last_lapse_that_filled_a_window(
    minutes: list[int], needed: int, hours: int, cooldown: int
) -> None:
    policy = PricePolicy(lapses_to_cooldown=needed, lapse_window_hours=hours, cooldown_minutes=cooldown)
    start = datetime(2027, 1, 1, tzinfo=UTC)
    lapses = sorted(start + timedelta(minutes=each) for each in minutes)
    filled = [
        at
        for number, at in enumerate(lapses)
        if sum(at - timedelta(hours=hours) < each <= at for each in lapses[: number + 1]) >= needed
    ]
    expected = filled[-1] + timedelta(minutes=cooldown) if filled else None
    assert cooldown_ends(lapses, policy) == expected


@given(st.lists(st.integers(1, 100), max_size=6), st.integers(1, 300))
def test_what_to_release_is_enough_and_no_one_of_it_could_stay(sizes: list[int], too_much: int) -> None:
    holds = [OpenHold(f"qte_{number}", size, datetime(2027, 1, 1, tzinfo=UTC)) for number, size in enumerate(sizes)]
    chosen = [each.gpu_hours for each in to_release(holds, too_much)]
    if sum(sizes) < too_much:
        assert chosen == []
    else:
        assert sum(chosen) >= too_much
        assert all(sum(chosen) - each < too_much for each in chosen)


def longer(market: Market, quote: Quote, days: int, party: Party | None = None, **more: Any) -> LongHold:
    who = party or market.bank
    by = who.buyer.as_actor(who.organisation.pk)
    return change.run(
        lambda: hold_longer(public_id=quote.public_id, days=days, by=by, organisation_id=who.organisation.pk, **more)
    )


def test_a_long_hold_keeps_price_and_capacity_for_its_fee(market: Market) -> None:
    rules(market, long_hold_percent_a_day=Decimal("0.05"), long_hold_minimum=Decimal(250))
    quote = held(market, market.bank)
    before = gpus_held(market)
    found = longer(market, quote, 5)
    quote.refresh_from_db()
    expected = max(quote.total * Decimal("0.0005") * 5, Decimal(250)).quantize(Decimal("0.01"))
    assert (found.fee.amount, quote.hold_fee, quote.hold_days) == (expected, expected, 5)
    assert quote.expires_at == found.expires_at == claim_of(quote).expires_at
    with clock.frozen(found.expires_at - timedelta(seconds=1)):
        assert quote.state(clock.now()) == "open"
        assert release_expired_holds(now=clock.now()) == 0
    assert gpus_held(market) == before
    assert Entry.objects.filter(subject=quote.public_id, verb="quote.held_longer").count() == 1
    event = Event.objects.get(name="quote.held_longer")
    assert event.data["fee"] == found.fee.as_json()


def test_held_again_it_costs_what_both_together_would_have(market: Market) -> None:
    rules(market, long_hold_percent_a_day=Decimal("0.05"), long_hold_minimum=Decimal(0))
    quote = held(market, market.bank, start={"from": str(market.day(40)), "to": str(market.day(40))})
    first, second = longer(market, quote, 10), longer(market, quote, 20)
    quote.refresh_from_db()
    assert second.expires_at - first.expires_at == timedelta(days=20)
    assert quote.hold_fee == (quote.total * Decimal("0.0005") * 30).quantize(Decimal("0.01"))
    with pytest.raises(LongHoldTooLong) as refused:
        longer(market, quote, 1)
    assert refused.value.most_days == 0


@pytest.mark.parametrize("days", [0, -1, 31, 10])
def test_no_longer_than_policy_or_the_start_of_the_block(market: Market, days: int) -> None:
    quote = held(market, market.bank)  # starts in 10 days: 9 whole days are left
    with pytest.raises(LongHoldTooLong) as refused:
        longer(market, quote, days)
    assert refused.value.most_days == 9
    kept = Quote.objects.get(pk=quote.pk)
    assert (kept.expires_at, kept.hold_fee) == (quote.expires_at, Decimal(0))


def test_a_policy_may_have_no_long_holds(market: Market) -> None:
    rules(market, long_hold_days=0)
    quote = held(market, market.bank)
    with pytest.raises(LongHoldUnavailable):
        longer(market, quote, 5)


def test_a_fee_above_the_one_agreed_to_is_refused(market: Market) -> None:
    quote = held(market, market.bank)
    with pytest.raises(FeeChanged) as refused:
        longer(market, quote, 5, agreed_fee=Money(Decimal("249.99")))
    assert refused.value.fee.amount >= 250
    assert Quote.objects.get(pk=quote.pk).hold_fee == 0
    assert longer(market, quote, 5, agreed_fee=refused.value.fee).fee == refused.value.fee


def test_only_its_owner_and_only_while_it_is_open(market: Market) -> None:
    quote = held(market, market.bank)
    with pytest.raises(QuoteNotFound):
        longer(market, quote, 5, market.rival)
    with clock.frozen(quote.expires_at), pytest.raises(QuoteExpired):
        longer(market, quote, 5)
    by = market.bank.buyer.as_actor(market.bank.organisation.pk)
    change.run(lambda: release_quote(public_id=quote.public_id, by=by, organisation_id=market.bank.organisation.pk))
    with pytest.raises(QuoteClosed):
        longer(market, quote, 5)
    assert Quote.objects.get(pk=quote.pk).hold_fee == 0


def test_long_holds_count_against_the_limit_where_policy_says_so(market: Market) -> None:
    rules(market, hold_limit_gpu_hours=BLOCK)
    longer(market, held(market, market.bank), 5)
    with pytest.raises(HoldLimit):
        held(market, market.bank)
    rules(market, hold_limit_gpu_hours=BLOCK, long_holds_count=False)
    assert held(market, market.bank).status == "open"


def test_a_long_hold_that_ran_out_frees_its_capacity_without_a_sweep_and_is_no_lapse(market: Market) -> None:
    rules(market, lapses_to_cooldown=1)
    quote = held(market, market.bank, quantity=2048)
    found = longer(market, quote, 1)
    with clock.frozen(found.expires_at):
        assert held(market, market.bank, quantity=2048).status == "open"
        assert differences() == []


def test_a_sweep_that_looked_before_the_hold_was_prolonged_leaves_it(market: Market) -> None:
    """The sweep lists what has expired, and releases it one by one: what was prolonged in between has not."""
    from marketplace.capacity import ledger

    quote = held(market, market.bank)
    found = longer(market, quote, 1)
    assert not ledger.release_expired_hold(claim_id=quote.claim_id or 0, now=quote.expires_at)
    assert claim_of(quote).status == "held"
    assert ledger.release_expired_hold(claim_id=quote.claim_id or 0, now=found.expires_at)


@pytest.mark.parametrize(
    "changed",
    [
        "total = total - 1",
        "expires_at = expires_at - interval '1 hour'",
        "quantity = 8",
        "hold_fee = 1, status = 'expired'",
    ],
)
def test_the_database_lets_nothing_else_of_a_quote_move(market: Market, changed: str) -> None:
    quote = held(market, market.bank)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE pricing_quote SET {changed} WHERE id = %s", [quote.pk])


def test_a_dearer_fee_needs_notice(market: Market) -> None:
    now = clock.now()
    draft = PricePolicy(
        seller=market.seller.organisation, version=9, starts_at=now, long_hold_percent_a_day=Decimal("0.06")
    )
    with pytest.raises(NoticeTooShort) as refused:
        check_policy(draft, now=now)
    assert "long hold" in str(refused.value)
