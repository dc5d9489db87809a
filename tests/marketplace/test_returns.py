"""Part of a commitment is given back: totals, entries and lines stay together, and nobody gets more by it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from marketplace.capacity import ledger
from marketplace.capacity.ledger import HoldGone, Kept, Line
from marketplace.capacity.models import CapacityDay, Claim, ClaimLine, LedgerEntry
from marketplace.capacity.queries import claimed_days, differences
from marketplace.units import clock
from marketplace.units.firmness import FIRM
from marketplace.units.period import Period
from tests.market import Market

pytestmark = pytest.mark.django_db


def line(market: Market, first: int, end: int, gpus: int) -> Line:
    return Line(market.h100.pk, Period(market.day(first), market.day(end)), gpus)


def committed(market: Market, *lines: Line) -> int:
    return ledger.commit(holder="rsv_test", firmness=FIRM, lines=lines, now=clock.now()).claim_id


def on(market: Market, day: int) -> tuple[int, int]:
    found = CapacityDay.objects.get(pool=market.h100, day=market.day(day))
    return found.firm_held, found.firm_committed


def test_a_claim_is_cut_to_the_lines_that_it_keeps(market: Market) -> None:
    claim = committed(market, line(market, 10, 20, 64))
    ledger.amend(
        commit=None,
        kept=[Kept(claim, (line(market, 10, 14, 64), line(market, 14, 18, 16)))],
        now=clock.now(),
    )
    assert [on(market, day)[1] for day in (9, 10, 13, 14, 17, 18)] == [0, 64, 64, 16, 16, 0]
    assert [(each.start, each.quantity) for each in claimed_days(claim_ids=[claim])] == [
        (market.day(10), 64),
        (market.day(14), 16),
    ]
    cuts = LedgerEntry.objects.filter(claim_id=claim, committed__lt=0).order_by("start")
    assert [(each.start, each.end, each.committed) for each in cuts] == [
        (market.day(14), market.day(18), -48),
        (market.day(18), market.day(20), -64),
    ]
    assert differences() == []


def test_a_hold_is_committed_and_another_claim_cut_in_one_call(market: Market) -> None:
    claim, now = committed(market, line(market, 10, 20, 64)), clock.now()
    hold = ledger.hold(
        holder="qte_test", firmness=FIRM, lines=[line(market, 20, 25, 64)], expires_at=now + timedelta(1), now=now
    )
    ledger.amend(commit=hold.claim_id, kept=[Kept(claim, (line(market, 15, 20, 64),))], now=now)
    assert [on(market, day) for day in (14, 15, 20, 24)] == [(0, 0), (0, 64), (0, 64), (0, 64)]
    assert Claim.objects.get(pk=hold.claim_id).status == "committed"
    assert differences() == []


def test_a_claim_that_keeps_nothing_is_released(market: Market) -> None:
    claim = committed(market, line(market, 10, 20, 64))
    ledger.amend(commit=None, kept=[Kept(claim)], now=clock.now())
    assert (Claim.objects.get(pk=claim).status, ClaimLine.objects.filter(claim_id=claim).exists()) == (
        "released",
        False,
    )
    assert differences() == []


@pytest.mark.parametrize(("first", "end", "gpus"), [(10, 20, 72), (10, 21, 64), (9, 20, 64)])
def test_nobody_gets_more_by_giving_back(market: Market, first: int, end: int, gpus: int) -> None:
    claim = committed(market, line(market, 10, 20, 64))
    with pytest.raises(IntegrityError, match="more than it had"), transaction.atomic():
        ledger.amend(commit=None, kept=[Kept(claim, (line(market, first, end, gpus),))], now=clock.now())
    assert on(market, 10) == (0, 64)
    assert differences() == []


def test_what_is_gone_is_not_amended_and_nothing_else_is(market: Market) -> None:
    claim, other, now = (
        committed(market, line(market, 10, 20, 64)),
        committed(market, line(market, 10, 20, 8)),
        clock.now(),
    )
    ledger.release_commitment(claim_id=other, now=now)
    with pytest.raises(HoldGone):
        ledger.amend(commit=None, kept=[Kept(claim), Kept(other)], now=now)
    with pytest.raises(HoldGone):
        ledger.amend(commit=other, kept=[Kept(claim)], now=now)
    assert on(market, 10) == (0, 64)


def test_a_hold_is_prolonged_until_it_is_over(market: Market) -> None:
    now = clock.now()
    soon, later = now + timedelta(minutes=20), now + timedelta(hours=24)
    hold = ledger.hold(
        holder="qte_test", firmness=FIRM, lines=[line(market, 10, 20, 64)], expires_at=soon, now=now
    ).claim_id
    ledger.prolong_hold(claim_id=hold, expires_at=later, now=now)
    assert Claim.objects.get(pk=hold).expires_at == later
    with pytest.raises(HoldGone):
        ledger.prolong_hold(claim_id=hold, expires_at=later + timedelta(1), now=later)
    assert Claim.objects.get(pk=hold).expires_at == later
