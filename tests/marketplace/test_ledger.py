"""The ledger as a specification: what a claim finds, takes, gives back and never does."""

from datetime import timedelta

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.capacity import ledger
from marketplace.capacity.actions import release_expired_holds
from marketplace.capacity.models import CapacityDay, Claim, ClaimLine, LedgerEntry
from marketplace.capacity.queries import differences, expired_claims, inventory
from marketplace.units.firmness import FIRM, STANDARD, STANDBY
from marketplace.units.period import Period
from tests.capacity import DAYS, FIRST, LATER, NOW, a_pool, block, commit, hold, limit, sold, total

pytestmark = pytest.mark.django_db
TOMORROW = NOW + timedelta(days=1)


def refused(*lines: ledger.Line, firmness: str = FIRM) -> ledger.InsufficientHeadroom:
    """The refusal of a hold, after which nothing has changed."""
    before = (Claim.objects.count(), ClaimLine.objects.count(), LedgerEntry.objects.count(), all_totals())
    with pytest.raises(ledger.InsufficientHeadroom) as caught, transaction.atomic():
        hold("qte_refused", *lines, firmness=firmness)
    assert before == (Claim.objects.count(), ClaimLine.objects.count(), LedgerEntry.objects.count(), all_totals())
    return caught.value


def all_totals() -> list[tuple[object, ...]]:
    return list(CapacityDay.objects.order_by("pool_id", "day").values_list())


def test_a_bank_holds_what_fits_and_a_rival_is_refused_the_rest() -> None:
    pool = a_pool(firm=80)
    hold("qte_bank", block(pool, 64))
    refusal = refused(block(pool, 24))
    assert (refusal.least, refusal.firmness, refusal.pool_ids) == (16, FIRM, [pool.pk])
    assert refusal.line == block(pool, 24)


def test_the_last_gpus_can_be_sold() -> None:
    pool = a_pool(firm=80)
    commit("rsv_bank", block(pool, 80))
    assert sold(pool.pk) == 80
    assert refused(block(pool, 1)).least == 0


def test_a_claim_returns_the_room_that_it_found_under_the_lock() -> None:
    pool = a_pool(firm=80)
    hold("qte_bank", block(pool, 24, start=10, days=5))
    (room,) = hold("qte_rival", block(pool, 8, start=8, days=4)).rooms
    assert room.tolist() == [80, 80, 56, 56]


def test_rooms_come_in_the_order_of_the_lines_and_without_the_turnaround() -> None:
    first, second = a_pool(firm=80), a_pool(firm=40)
    claimed = hold("qte_bank", block(second, 8, days=2), block(first, 8, start=5, days=3, turnaround=2))
    assert [room.tolist() for room in claimed.rooms] == [[40, 40], [80, 80, 80]]


def test_a_later_line_of_a_claim_finds_what_an_earlier_one_took() -> None:
    pool = a_pool(firm=80)
    claimed = hold("qte_bank", block(pool, 64, days=4), block(pool, 8, start=2, days=4))
    assert claimed.rooms[1].tolist() == [16, 16, 80, 80]


@pytest.mark.parametrize(("firmness", "room"), [(FIRM, 80), (STANDARD, 120), (STANDBY, 160)])
def test_each_class_has_its_own_limit(firmness: str, room: int) -> None:
    pool = a_pool(80, 120, 160)
    assert refused(block(pool, 161), firmness=firmness).least == room


def test_a_firm_block_takes_room_from_the_weaker_classes() -> None:
    pool = a_pool(80, 120, 160)
    commit("rsv_bank", block(pool, 72), firmness=FIRM)
    assert refused(block(pool, 200), firmness=STANDARD).least == 48
    assert refused(block(pool, 200), firmness=STANDBY).least == 88


def test_weaker_blocks_leave_a_firm_buyer_only_what_the_outer_limits_allow() -> None:
    pool = a_pool(80, 120, 160)
    commit("rsv_rival", block(pool, 104), firmness=STANDARD)
    commit("rsv_rival", block(pool, 50), firmness=STANDBY)
    assert refused(block(pool, 80), firmness=FIRM).least == 160 - 104 - 50


def test_the_room_of_a_read_is_the_room_of_a_claim_for_every_class() -> None:
    pool = a_pool(80, 120, 160)
    for quantity, firmness in ((8, FIRM), (16, STANDARD), (88, STANDBY)):
        hold("qte_bank", block(pool, quantity), firmness=firmness)
    found = inventory(pool_ids=[pool.pk], period=Period.of(FIRST, 1), now=NOW)
    rooms = [refused(block(pool, 500, days=1), firmness=firmness).least for firmness in (FIRM, STANDARD, STANDBY)]
    assert found.room()[0, :, 0].tolist() == rooms == [48, 48, 48]


def test_a_hold_that_is_committed_changes_no_sum() -> None:
    pool = a_pool(firm=80)
    claim = hold("qte_bank", block(pool, 80))
    ledger.commit_hold(claim_id=claim.claim_id, now=NOW)
    assert (total(pool.pk, "firm_held"), total(pool.pk, "firm_committed"), sold(pool.pk)) == (0, 80, 80)
    assert refused(block(pool, 8)).least == 0


def test_a_hold_is_committed_even_where_the_limit_has_fallen_below_it() -> None:
    pool = a_pool(80, 120, 160)
    claim = hold("qte_bank", block(pool, 80))
    limit(pool, 8, 8, 8)
    ledger.commit_hold(claim_id=claim.claim_id, now=NOW)
    assert total(pool.pk, "firm_committed") == 80


def test_a_released_hold_gives_its_capacity_back_once() -> None:
    pool = a_pool(firm=80)
    claim = hold("qte_bank", block(pool, 80))
    assert ledger.release_hold(claim_id=claim.claim_id, now=NOW)
    assert not ledger.release_hold(claim_id=claim.claim_id, now=NOW)
    assert total(pool.pk, "firm_held") == 0
    hold("qte_rival", block(pool, 80))


def test_a_released_hold_cannot_be_committed() -> None:
    pool = a_pool()
    claim = hold("qte_bank", block(pool, 8))
    ledger.release_hold(claim_id=claim.claim_id, now=NOW)
    with pytest.raises(ledger.HoldGone):
        ledger.commit_hold(claim_id=claim.claim_id, now=NOW)
    assert total(pool.pk, "firm_committed") == 0


def test_committed_capacity_is_not_a_hold_and_is_released_only_as_what_it_is() -> None:
    pool = a_pool()
    claim = commit("rsv_bank", block(pool, 8))
    assert not ledger.release_hold(claim_id=claim.claim_id, now=NOW)
    assert ledger.release_commitment(claim_id=claim.claim_id, now=NOW)
    assert sold(pool.pk) == total(pool.pk, "firm_committed") == 0


def test_a_bundle_is_claimed_as_a_whole_or_not_at_all() -> None:
    roomy, tight = a_pool(firm=80), a_pool(firm=8)
    refusal = refused(block(roomy, 64), block(tight, 16))
    assert (refusal.line.pool_id, refusal.pool_ids) == (tight.pk, [roomy.pk, tight.pk])
    claimed = hold("qte_bank", block(roomy, 64), block(tight, 8))
    assert ClaimLine.objects.filter(claim_id=claimed.claim_id).count() == 2


def test_turnaround_is_claimed_and_not_priced() -> None:
    pool = a_pool(firm=80)
    claimed = hold("qte_bank", block(pool, 80, days=10, turnaround=2))
    assert len(claimed.rooms[0]) == 10
    assert refused(block(pool, 8, start=11, days=5)).least == 0
    hold("qte_rival", block(pool, 80, start=12, days=5))


def test_a_day_without_a_row_has_no_headroom() -> None:
    pool = a_pool(firm=80)
    assert refused(block(pool, 8, start=DAYS - 1, days=2)).least == 0
    assert refused(block(pool, 8, start=DAYS - 1, days=1, turnaround=1)).least == 0


def test_blocks_side_by_side_do_not_meet() -> None:
    pool = a_pool(firm=80)
    hold("qte_bank", block(pool, 80, start=0, days=10))
    hold("qte_rival", block(pool, 80, start=10, days=10))
    assert sold(pool.pk) == 80


@pytest.mark.parametrize("quantity", [0, -8])
def test_a_claim_of_nothing_or_less_is_refused(quantity: int) -> None:
    pool = a_pool()
    with pytest.raises(IntegrityError), transaction.atomic():
        hold("qte_bank", block(pool, quantity))
    assert (Claim.objects.count(), total(pool.pk, "firm_held")) == (0, 0)


def test_a_limit_may_fall_below_what_is_sold_and_becomes_a_shortfall() -> None:
    pool = a_pool(80, 120, 160)
    commit("rsv_bank", block(pool, 72))
    limit(pool, 40, 120, 160)
    found = inventory(pool_ids=[pool.pk], period=Period.of(FIRST, 31), now=NOW)
    assert found.shortfall()[0, :, 0].tolist() == [32, 0, 0]
    assert found.shortfall()[0, :, 30].tolist() == [0, 0, 0]
    assert refused(block(pool, 8)).least == 0
    hold("qte_rival", block(pool, 48), firmness=STANDARD)


def test_a_block_in_shortfall_can_be_given_back_in_parts() -> None:
    pool = a_pool(firm=80)
    claims = [commit("rsv_bank", block(pool, 40)) for _ in range(2)]
    limit(pool, 8, 8, 8)
    ledger.release_commitment(claim_id=claims[0].claim_id, now=NOW)
    assert total(pool.pk, "firm_committed") == 40


def test_reads_leave_expired_holds_out_before_any_sweep() -> None:
    pool = a_pool(firm=80)
    hold("qte_bank", block(pool, 64, start=0, days=10))
    period = Period.of(FIRST, 11)
    before = inventory(pool_ids=[pool.pk], period=period, now=LATER - timedelta(microseconds=1))
    after = inventory(pool_ids=[pool.pk], period=period, now=LATER)
    assert before.nested[0, 0].tolist() == [64] * 10 + [0]
    assert after.nested[0, 0].tolist() == [0] * 11


def test_a_read_cuts_expired_holds_to_the_days_that_it_reads() -> None:
    pool = a_pool(firm=80)
    hold("qte_bank", block(pool, 64, start=0, days=10))
    hold("qte_rival", block(pool, 8, start=5, days=20), until=TOMORROW)
    found = inventory(pool_ids=[pool.pk], period=Period.of(FIRST + timedelta(days=4), 3), now=LATER)
    assert found.nested[0, 0].tolist() == [0, 8, 8]


def test_a_sweep_releases_what_has_expired_and_nothing_else() -> None:
    pool, other = a_pool(), a_pool()
    hold("qte_bank", block(pool, 8))
    hold("qte_bank", block(other, 8))
    kept = hold("qte_rival", block(pool, 16), until=TOMORROW)
    assert release_expired_holds(now=LATER, pool_ids=[pool.pk]) == 1
    assert (total(pool.pk, "firm_held"), total(other.pk, "firm_held")) == (16, 8)
    assert release_expired_holds(now=LATER) == 1
    assert release_expired_holds(now=LATER) == 0
    assert list(Claim.objects.filter(status="held").values_list("pk", flat=True)) == [kept.claim_id]
    assert expired_claims(now=LATER) == []


def test_every_movement_is_an_entry_and_the_entries_add_up_to_the_totals() -> None:
    pool = a_pool()
    claim = hold("qte_bank", block(pool, 8, days=3, turnaround=1))
    ledger.commit_hold(claim_id=claim.claim_id, now=LATER)
    ledger.release_commitment(claim_id=claim.claim_id, now=TOMORROW)
    rows = LedgerEntry.objects.order_by("pk").values_list("held", "committed", "start", "end", "at")
    span = (FIRST, FIRST + timedelta(days=4))
    assert list(rows) == [(8, 0, *span, NOW), (-8, 8, *span, LATER), (0, -8, *span, TOMORROW)]
    assert differences() == []


def test_entries_are_never_changed_or_deleted() -> None:
    hold("qte_bank", block(a_pool(), 8))
    for rewrite in ("UPDATE marketplace_ledgerentry SET held = 0", "DELETE FROM marketplace_ledgerentry"):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            connection.cursor().execute(rewrite)
    assert LedgerEntry.objects.get().held == 8


def test_limits_are_written_day_by_day_and_keep_what_is_sold() -> None:
    pool = a_pool(80, 120, 160)
    hold("qte_bank", block(pool, 8))
    limits = np.array([[8, 16, 24], [8, 16, 24], [8, 16, 24]], dtype=np.int64)
    ledger.set_limits(pool_id=pool.pk, first_day=FIRST + timedelta(days=1), limits=limits)
    assert [total(pool.pk, "limit_firm", offset) for offset in range(5)] == [80, 8, 16, 24, 80]
    assert total(pool.pk, "firm_held", 1) == 8


def test_limits_that_are_not_nested_are_refused() -> None:
    pool = a_pool(80, 120, 160)
    with pytest.raises(IntegrityError, match="limits_are_nested"), transaction.atomic():
        limit(pool, 80, 72, 160)
    assert total(pool.pk, "limit_standard") == 120
