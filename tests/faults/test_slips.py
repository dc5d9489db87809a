"""kill -9 of the worker in the middle of what follows a slip: while it watches, plans and tells. The next run goes on.

A table that is locked against writes stops the worker at a known place; there it is killed. Afterwards every buyer is
told once, every plan can be made again to the bit, and the ledger's totals are the sum of its entries.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from marketplace.capacity.queries import differences
from marketplace.celery import PROJECT_SUPPLY, WATCH_SHORTFALLS
from marketplace.change import change
from reservations.allocation.models import Concern, Plan, PlannedReservation, Shortfall
from reservations.allocation.plans import replay
from reservations.allocation.remedies import Remedy
from reservations.booking.models import Reservation
from tests.faults.stand import Stand
from tests.faults.test_queue_and_clock import send
from tests.market import Market
from tests.slips import away, let_it_slip, reserved
from tests.waiting import wait_until

STOPPED = """
    SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE c.relname = %s AND NOT l.granted
"""
# Where it is stopped, in the order of the work: whom it concerns, the plan's reservations, the buyers' choices.
PLACES = ("reservations_concern", "reservations_plannedreservation", "reservations_remedychoice")


@dataclass(frozen=True)
class Slipping:
    stand: Stand
    market: Market


@pytest.fixture(scope="module")
def slipping(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[Slipping]:
    """A stand of its own: here limits fall below what is sold, which the other fault tests count as damage."""
    stand = Stand(tmp_path_factory.mktemp("slips"))
    try:
        with django_db_blocker.unblock():
            market = stand.open()
            with stand.database():
                let_it_slip(market)
            yield Slipping(stand, market)
    finally:
        stand.close()


def slip(slipping: Slipping, first_day: int) -> Reservation:
    """A block is sold, and then next to nothing is left of its pool on its days."""
    market, day = slipping.market, slipping.market.day(first_day).isoformat()
    with slipping.stand.database():
        block = reserved(market, start={"from": day, "to": day}, duration_days=10)
        change.run(lambda: away(market, market.h100, first_day - 2, first_day + 12, share="0.001"))
    return block


def kill_at(slipping: Slipping, table: str) -> None:
    """The worker is killed while it waits to write into that table."""
    stand = slipping.stand
    with stand.session() as session, session.transaction():
        session.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
        send(stand, [PROJECT_SUPPLY])
        wait_until(lambda: stand.execute(STOPPED, [table])[0][0] > 0, timeout=90)
        stand.kill("worker")


def told(slipping: Slipping, block: Reservation) -> bool:
    with slipping.stand.database():
        return Remedy.objects.filter(reservation=block).exists()


def goes_on(slipping: Slipping, block: Reservation) -> None:
    """Sent twice and twice over, as beat and a waking change may do it."""

    def look() -> bool:
        send(slipping.stand, [PROJECT_SUPPLY, WATCH_SHORTFALLS, WATCH_SHORTFALLS])
        time.sleep(0.5)
        return told(slipping, block)

    wait_until(look, timeout=90)


def test_killed_while_it_watches_plans_or_tells_the_next_run_goes_on(slipping: Slipping) -> None:
    stand = slipping.stand
    blocks = []
    for place, table in enumerate(PLACES):
        blocks.append(slip(slipping, 30 + 40 * place))
        stand.start_worker()
        kill_at(slipping, table)
        assert not told(slipping, blocks[-1])
        stand.start_worker()
        goes_on(slipping, blocks[-1])
        stand.stop("worker")
    with stand.database():
        assert [Remedy.objects.filter(reservation=block).count() for block in blocks] == [1] * len(PLACES)
        assert Shortfall.objects.open().count() == 1
        assert Concern.objects.count() == len(PLACES)
        assert not PlannedReservation.objects.filter(announced_at=None).exists()
        plans = list(Plan.objects.values_list("public_id", flat=True))
        assert len(plans) == len(PLACES)
        assert all(replay(public_id=each).is_the_same for each in plans)
        assert differences() == []
