"""Where the end moves with the start, it moves over days that are claimed for it, by as many as were lost."""

from datetime import timedelta

import pytest
from django.db import transaction

from marketplace.capacity import ledger
from marketplace.capacity.queries import claimed_days, differences
from marketplace.units import clock
from marketplace.units.period import Period
from reservations.booking.pieces import parts, pieces_of
from reservations.tasks import settle_due_reservations
from tests.delivery.conftest import NODES, Site, results

pytestmark = pytest.mark.django_db
WHY = "Two nodes have failed the burn-in"


@pytest.fixture
def kept(site: Site) -> Site:
    """Ten days after the end are claimed for the reservation."""
    block = site.block
    with transaction.atomic():
        claimed = ledger.commit(
            holder=block.public_id,
            firmness=block.firmness,
            lines=[ledger.Line(block.pool_id, Period(block.end, block.end + timedelta(days=10)), 64)],
            now=clock.now(),
        )
    block.more_claims = [claimed.claim_id]
    block.save(update_fields=["more_claims"])
    return site


def end(site: Site) -> int:
    """The end now, in days after the agreed one."""
    return (site.fresh().end - site.block.end).days


def claimed(site: Site) -> int:
    """GPU-days that the claims hold."""
    lines = claimed_days(claim_ids=site.fresh().claim_ids)
    return sum(line.quantity * (line.occupied_end - line.start).days for line in lines)


def test_without_claimed_days_the_end_stays(site: Site) -> None:
    site.give(5)
    site.customer("accept", 6)
    assert (end(site), site.fresh().pieces, site.fresh().revision) == (0, None, 0)


def test_as_many_days_as_were_lost_and_the_rest_of_what_was_claimed_is_free_again(kept: Site) -> None:
    before, total = claimed(kept), kept.block.total
    kept.give(5)
    assert end(kept) == 9, "with silence"
    kept.customer("accept", 6)
    assert (end(kept), kept.fresh().moved_days, kept.fresh().total) == (6, 6, total)
    assert claimed(kept) == before - 4 * 64
    assert differences() == []
    assert sum(part.quantity * part.period.days for part in parts(kept.fresh())) == 36 * 64
    assert sum(piece.cents for piece in pieces_of(kept.fresh())) == int(total * 100)


def test_silence_moves_the_end_by_the_clock(kept: Site) -> None:
    kept.give(5)
    block = kept.fresh()
    assert (block.state(kept.at(38)), block.state(kept.at(39, 0))) == ("delivered", "ended")
    with clock.frozen(kept.at(39)):
        settle_due_reservations()
    assert kept.fresh().status == "ended"


def test_no_more_than_is_claimed(kept: Site) -> None:
    kept.give(15)
    kept.customer("accept", 16)
    assert end(kept) == 10


def test_in_time_nothing_moves_and_the_days_are_free_again(kept: Site) -> None:
    kept.give(0)
    kept.customer("accept", 1)
    assert (end(kept), claimed(kept)) == (0, 30 * 64)
    assert differences() == []


def test_a_rejection_takes_the_days_back_and_a_later_acceptance_has_more(kept: Site) -> None:
    kept.give(2)
    assert end(kept) == 6
    kept.customer("post_results", 3, results=results("node-1"))
    kept.customer("reject", 3, tests=["burn_in_hours"], reason=WHY)
    assert end(kept) == 0
    kept.give(7)
    kept.customer("accept", 8)
    assert end(kept) == 8


def test_in_part_each_portion_has_its_own_days(kept: Site) -> None:
    kept.give(1)
    kept.customer("post_results", 2, results=results())
    kept.customer("accept", 2, nodes=NODES[:6])
    assert end(kept) == 2
    kept.give(7)
    kept.customer("accept", 8)
    tail = [(part.period.days, part.quantity) for part in parts(kept.fresh())]
    assert tail == [(32, 64), (6, 16)]
    assert differences() == []
